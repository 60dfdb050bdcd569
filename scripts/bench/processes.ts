// SPDX-License-Identifier: GPL-2.0-only
/**
 * Costs of processes on a booted pixel6: a system call and its return, a page on demand, and a
 * process from spawn to the end of its parent's wait. Small programs repeat each many times. All
 * times are host microseconds for one.
 */

import { writeCpio } from '#scripts/guests/cpio.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import { boot } from './booted.ts';
import type { Section } from './section.ts';

const BASE = 0x1_0000;
const PROGRAM_HEADER_OFFSET = 64;
const PROGRAM_HEADER_BYTES = 56;
const CODE_OFFSET = 128;
const PATH_OFFSET = 512;
const FILE_BYTES = 1024;
const CHILD = 'child';

/** Instructions of the programs (Arm ARM DDI 0487 K.a, C6.2). */
const SVC = 0xd400_0001;
const SUBS_X19_1 = 0xf100_0673;
const STR_XZR_X0 = 0xf900_001f;
const ADD_X0_PAGE = 0x9140_0400;
const ADD_X0_PATH = 0x9100_0000 + PATH_OFFSET * 2 ** 10;
const movz = (register: number, value: number, shift = 0): number =>
  (0xd280_0000 + (shift / 16) * 2 ** 21 + value * 32 + register) >>> 0;
/**
 * Branches back over `instructions` instructions, itself not counted, while the last result was not
 * zero.
 */
const loop = (instructions: number): number => (0x5400_0001 + ((2 ** 19 - instructions) % 2 ** 19) * 32) >>> 0;
const exit: readonly number[] = [movz(0, 0), movz(8, 2), SVC];

/** `body` done `times` times (1 to 65535), then exit. x19 counts. */
function repeat(times: number, body: readonly number[], before: readonly number[] = []): readonly number[] {
  return [...before, movz(19, times), ...body, SUBS_X19_1, loop(body.length + 1), ...exit];
}

/**
 * A static program: header, one program header, instructions, and the child's name at PATH_OFFSET.
 * All of it is one segment that may be executed (ELF-64 Object File Format 1.5).
 */
function program(instructions: readonly number[]): Uint8Array {
  const file = new Uint8Array(FILE_BYTES);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // ELFCLASS64, ELFDATA2LSB, EV_CURRENT
  view.setUint16(16, 2, true); // ET_EXEC
  view.setUint16(18, 183, true); // EM_AARCH64
  view.setBigUint64(24, BigInt(BASE + CODE_OFFSET), true);
  view.setBigUint64(32, BigInt(PROGRAM_HEADER_OFFSET), true);
  view.setUint16(54, PROGRAM_HEADER_BYTES, true);
  view.setUint16(56, 1, true);
  view.setUint32(PROGRAM_HEADER_OFFSET, 1, true); // PT_LOAD
  view.setUint32(PROGRAM_HEADER_OFFSET + 4, 5, true); // PF_R | PF_X
  view.setBigUint64(PROGRAM_HEADER_OFFSET + 16, BigInt(BASE), true);
  view.setBigUint64(PROGRAM_HEADER_OFFSET + 32, BigInt(FILE_BYTES), true);
  view.setBigUint64(PROGRAM_HEADER_OFFSET + 40, BigInt(FILE_BYTES), true);
  for (const [index, word] of instructions.entries()) view.setUint32(CODE_OFFSET + index * 4, word, true);
  file.set(new TextEncoder().encode(CHILD), PATH_OFFSET);
  return file;
}

interface Load {
  readonly name: string;
  readonly what: string;
  readonly times: number;
  readonly instructions: (times: number) => readonly number[];
}

const LOADS: readonly Load[] = [
  { name: 'calls', what: 'getpid, there and back', times: 20_000, instructions: (n) => repeat(n, [movz(8, 3), SVC]) },
  {
    name: 'faults',
    what: 'a heap page by demand, given back at the end',
    times: 4096,
    instructions: (n) => repeat(n, [STR_XZR_X0, ADD_X0_PAGE], [movz(0, n / 16, 16), movz(8, 4), SVC]),
  },
  {
    name: 'spawns',
    what: 'spawn to the end of wait',
    times: 400,
    instructions: (n) =>
      repeat(n, [movz(0, BASE / 65_536, 16), ADD_X0_PATH, movz(1, CHILD.length), movz(8, 5), SVC, movz(8, 9), SVC]),
  },
];

export const processes: Section = {
  name: 'processes',
  run: ({ short, report }) => {
    const initrd = writeCpio([
      { kind: 'file', path: CHILD, mode: 0o755, content: program(exit) },
      ...LOADS.map(({ name, times, instructions }) => ({
        kind: 'file' as const,
        path: name,
        mode: 0o755,
        content: program(instructions(times)),
      })),
    ]);
    const { machine, memory } = boot('pixel6', { initrd });
    runProgram(machine, CHILD);
    const before = memory.buddy.buddyinfo().join();
    for (const { name, what, times } of LOADS) {
      runProgram(machine, name);
      const samples = Array.from({ length: short ? 3 : 9 }, () => (runProgram(machine, name) * 1000) / times);
      report({ section: processes.name, what, unit: 'us', samples, bar: null, limit: null });
    }
    const holds = memory.buddy.buddyinfo().join() === before;
    report({ section: processes.name, what: 'as before the first process afterwards', holds });
    machine.close();
  },
};

/**
 * Milliseconds from the command in the maintenance shell to the steady state after it.
 * @throws Error when the program did not end with 0
 */
function runProgram(machine: LevitateMachine, name: string): number {
  const from = machine.serial.text.length;
  machine.type(`run ${name}\n`);
  const began = performance.now();
  machine.run();
  const took = performance.now() - began;
  const text = machine.serial.text.slice(from);
  if (!text.includes('has ended, exit status 0')) throw new Error(`run ${name}: ${text}`);
  return took;
}
