// SPDX-License-Identifier: GPL-2.0-only
/**
 * Unlikely programs: a system instruction, a gate of the kernel or any word at all,
 * and then exit. Whatever EL0 executes ends its process at most: the machine continues, and every
 * frame is freed.
 */

import { expect, it } from 'vitest';
import { GATE_KMAIN } from '#kernel-ts/kernel/kernel.ts';
import { elfBytes } from '#kernel-ts/kernel/process/testing/elf-bytes.ts';
import { writeCpio } from '#scripts/guests/cpio.ts';
import { createMachine } from '#workbench/index.ts';
import { seededRandom } from './support/seeded-random.ts';

const PROGRAMS = 150;
const ENTRY = 0x1_0000n;

/** Arm ARM DDI 0487 K.a, C4.1: where system instructions, HLT and SVC lie. */
const SYSTEM = 0xd500_0000;
const SYSTEM_BITS = 22;
const HLT = 0xd440_0000;
/** MOV X8, #7 (yield); MOV X8, #2 (exit); SVC #0. */
const YIELD_NUMBER = 0xd280_00e8;
const EXIT_NUMBER = 0xd280_0048;
const SVC = 0xd400_0001;

function hostilePrograms(): Uint8Array {
  const random = seededRandom(4);
  const instruction = (index: number): number => {
    if (index % 8 === 0) return (HLT | ((GATE_KMAIN + (index % 64)) << 5)) >>> 0;
    if (index % 8 === 1) return random() * 2 ** 32;
    return SYSTEM + Math.floor(random() * 2 ** SYSTEM_BITS);
  };
  return writeCpio(
    Array.from({ length: PROGRAMS }, (_, index) => {
      const words = Uint32Array.of(YIELD_NUMBER, instruction(index), EXIT_NUMBER, SVC);
      const content = elfBytes(ENTRY, [{ address: ENTRY, bytes: new Uint8Array(words.buffer) }]);
      return { kind: 'file', path: `p${index}`, mode: 0o755, content };
    }),
  );
}

it.each(['pixel6', 'qemu-virt'])('%s: any instruction at EL0 ends its program at most', (board) => {
  const machine = createMachine({ board, initrd: hostilePrograms() });
  expect(machine.run({ timeoutNs: 10e9 }).outcome).toBe('steady');
  const { buddy, heap } = machine.kernel.memory!;
  const before = [buddy.buddyinfo(), heap.stats()];
  for (let index = 0; index < PROGRAMS; index++) machine.type(`run p${index}\n`);
  expect(machine.run({ timeoutNs: 100e9 }), machine.serial.text.slice(-500)).toMatchObject({ outcome: 'steady' });
  const log = machine.serial.text;
  const endings = [...log.matchAll(/pid (\d+) \(p\d+\) (?:has ended|is ended)/g)].map(([, pid]) => Number(pid));
  expect(endings).toEqual(Array.from({ length: PROGRAMS }, (_, index) => index + 1));
  expect(log).toContain('has ended, exit status');
  expect(log.match(/Stage 1/g)).toHaveLength(1);
  expect([buddy.buddyinfo(), heap.stats()]).toEqual(before);
  machine.close();
});
