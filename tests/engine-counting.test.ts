// SPDX-License-Identifier: GPL-2.0-only
/**
 * Counting inside translated code (inline-count.ts) against the engine's own counting, which is
 * slow and exact: the same code, the same instruction counts, registers and events, at every length
 * of a slice.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, expect } from 'vitest';
import { type CpuEngine, LONGEST_OVERRUN } from '#emulator/engine/engine.ts';
import { COUNT_X64 } from '#emulator/engine/native/count-x64.ts';
import { SYSTEM_REGISTERS } from '#emulator/engine/system-registers.ts';
import { createUnicornEngine } from '#emulator/engine/unicorn.ts';
import { packageRoot } from '#workbench/package-root.ts';
import { engineLibrary } from './support/guest-machine.ts';
import { describe, it } from './support/on-unicorn.ts';

const RAM = 0x4000_0000;
const RAM_BYTES = 0x1_0000;
const DEVICE = 0x4100_0000;
const NOTHING = 0x4200_0000;
const READ_ONLY = 0x4300_0000;
const VECTOR = RAM + 0x8000;

/** x1 = a device, x2 = nothing, x3 = RAM, x4 = read-only memory. */
const INSTRUCTIONS = {
  nop: 0xd503_201f,
  'add x5, x5, #1': 0x9100_04a5,
  'add x6, x6, x5': 0x8b05_00c6,
  'b .+4': 0x1400_0001,
  'b .+8': 0x1400_0002,
  'cbz x7, .+8': 0xb400_0047,
  'ldr x8, [x3, #64]': 0xf940_2068,
  'str x5, [x3, #64]': 0xf900_2065,
  'ldr w9, [x1]': 0xb940_0029,
  'str w5, [x1, #4]': 0xb900_0425,
  'ldr x10, [x2]': 0xf940_004a,
  'str x5, [x2, #8]': 0xf900_0445,
  'strb w5, [x4]': 0x3900_0085,
  'svc #0': 0xd400_0001,
  'mrs x11, cntvct_el0': 0xd53b_e04b,
} as const;
const WORDS = Object.values(INSTRUCTIONS);

const engines: CpuEngine[] = [];
afterEach(() => {
  for (const engine of engines.splice(0)) engine.close();
});

/** Runs `code` in slices of the given lengths and returns everything that happened. */
function transcript(code: readonly number[], slices: readonly number[], counting: 'fastest' | 'engine'): string[] {
  const told: string[] = [];
  const say = (what: string) => told.push(`${what} at ${engine.getPc().toString(16)}, ${engine.executed} executed`);
  const engine = createUnicornEngine({
    library: engineLibrary(),
    counting,
    callbacks: {
      exception: (number) => {
        say(`exception ${number}`);
        engine.setPc(BigInt(VECTOR));
      },
      unmapped: ({ type, address, size }) => {
        say(`${type} ${size} at ${address.toString(16)}`);
        return false;
      },
      intercepted: ({ rt }) => {
        say('mrs');
        engine.setX(rt, BigInt(engine.executed));
        return true;
      },
      block: () => false,
    },
  });
  engines.push(engine);
  const bytes = new Uint8Array(RAM_BYTES);
  const words = new Uint32Array(bytes.buffer);
  words.fill(INSTRUCTIONS.nop);
  words.set(code);
  // The vector goes on after the code.
  words[(VECTOR - RAM) / 4] = 0x9100_0463;
  words[(VECTOR - RAM) / 4 + 1] = 0x17ff_ffff - (VECTOR - RAM) / 4 + code.length;
  engine.mapMemory(RAM, bytes, 'rwx');
  engine.mapMemory(READ_ONLY, new Uint8Array(0x1000), 'rx');
  engine.mapDevices(DEVICE, 0x1000, {
    read: (address, size) => {
      say(`device read ${size} at ${address.toString(16)}`);
      return 5n;
    },
    write: (address, size, value) => {
      say(`device write ${size} at ${address.toString(16)}: ${value}`);
    },
  });
  engine.setSystemRegister(SYSTEM_REGISTERS.SCR_EL3, 0x531n);
  engine.setSystemRegister(SYSTEM_REGISTERS.HCR_EL2, 1n << 31n);
  engine.setPstate(0x3c5);
  engine.setSystemRegister(SYSTEM_REGISTERS.SCTLR_EL1, 0x30d0_0800n);
  code.forEach((word, index) => {
    if (word === INSTRUCTIONS['mrs x11, cntvct_el0']) engine.intercept(BigInt(RAM + 4 * index), 'mrs');
  });
  [DEVICE, NOTHING, RAM + 0x4000, READ_ONLY].forEach((address, index) => engine.setX(1 + index, BigInt(address)));
  engine.setPc(BigInt(RAM));
  for (const count of slices) {
    const end = engine.run(count);
    say(end.kind);
    if (end.kind === 'unmapped') engine.setPc(engine.getPc() + 4n);
  }
  told.push(Array.from({ length: 12 }, (_, index) => engine.getX(index).toString(16)).join(' '));
  return told;
}

describe('exact slices', () => {
  it('count, stop and report alike by both ways of counting', () => {
    const code = fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 40 });
    const slices = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(code, slices, (words, lengths) => {
        expect(transcript(words, lengths, 'fastest')).toEqual(transcript(words, lengths, 'engine'));
        for (const engine of engines.splice(0)) engine.close();
      }),
      { numRuns: 60 },
    );
  });

  it('of more than the longest block end at their count too', () => {
    const code = Array.from({ length: 2000 }, () => INSTRUCTIONS['add x5, x5, #1']);
    expect(transcript(code, [600, 1, 700], 'fastest')).toEqual(transcript(code, [600, 1, 700], 'engine'));
  });
});

describe('slices of whole blocks', () => {
  it('end between two blocks, at the first end at or after their count', () => {
    const engine = createUnicornEngine({
      library: engineLibrary(),
      callbacks: { exception: () => engine.stop(), unmapped: () => false },
    });
    engines.push(engine);
    const bytes = new Uint8Array(RAM_BYTES);
    const words = new Uint32Array(bytes.buffer);
    // Blocks of 10 instructions.
    for (let i = 0; i < 4000; i++) words[i] = i % 10 === 9 ? INSTRUCTIONS['b .+4'] : INSTRUCTIONS['add x5, x5, #1'];
    engine.mapMemory(RAM, bytes, 'rwx');
    engine.setPc(BigInt(RAM));
    let executed = 0;
    for (const count of [1, 10, 11, 95, 100]) {
      expect(engine.runBlocks(count)).toEqual({ kind: 'count' });
      expect(engine.executed).toBeGreaterThanOrEqual(count);
      expect(engine.executed).toBeLessThanOrEqual(count + LONGEST_OVERRUN);
      executed += engine.executed;
      expect(engine.getPc()).toBe(BigInt(RAM + 4 * executed));
    }
  });
});

const haveAssembler = process.arch === 'x64' && process.platform === 'linux' && found('as') && found('ld');
it.skipIf(!haveAssembler)('the machine code is what its source assembles to', () => {
  const folder = mkdtempSync(join(tmpdir(), 'levitate-native-'));
  try {
    const [object, elf, binary] = ['count.o', 'count.elf', 'count.bin'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    execFileSync('as', ['-o', object, join(packageRoot(), 'emulator', 'engine', 'native', 'count-x64.S')]);
    execFileSync('ld', ['-Ttext=0', '-e', '0', '-o', elf, object]);
    execFileSync('objcopy', ['-O', 'binary', '-j', '.text', elf, binary]);
    expect(readFileSync(binary).toString('base64')).toBe(COUNT_X64);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

function found(tool: string): boolean {
  try {
    execFileSync(tool, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
