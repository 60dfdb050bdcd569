// SPDX-License-Identifier: GPL-2.0-only
/**
 * When the engine's buffer for translated code is full, all code is dropped and translated again,
 * and nothing else changes. Here the buffer fills about thirty times in each pass, in programs
 * whose result is known.
 */

import { afterEach, expect } from 'vitest';
import { type CpuEngine, LONGEST_OVERRUN } from '#emulator/engine/engine.ts';
import { createUnicornEngine } from '#emulator/engine/unicorn.ts';
import { engineLibrary } from './support/guest-machine.ts';
import { describe, it } from './support/on-unicorn.ts';

const RAM = 0x4000_0000;
const RAM_BYTES = 0x10_0000;
const BLOCKS = 60_000;
const PASSES = 3;

/** Instructions of a block. x3 = RAM, after the code. */
const BLOCK = [
  0x9100_04a5, // add x5, x5, #1
  0xf900_2065, // str x5, [x3, #64]
  0x1400_0001, // b .+4
] as const;
/** Behind all blocks: sub x6, x6, #1; cbnz x6, start; wfi */
const loopEnd = (words: number): number[] => [
  0xd100_04c6,
  0xb500_0006 | (((-(words + 1) & 0x7_ffff) << 5) >>> 0),
  0xd503_207f,
];
const INSTRUCTIONS = PASSES * (BLOCKS * BLOCK.length + 2) + 1;

const engines: CpuEngine[] = [];
afterEach(() => {
  for (const engine of engines.splice(0)) engine.close();
});

function openWithProgram(counting: 'fastest' | 'engine'): CpuEngine {
  const engine = createUnicornEngine({
    library: engineLibrary(),
    counting,
    codeBufferBytes: 2 ** 20,
    callbacks: { exception: (number) => engine.setPc(BigInt(number)), unmapped: () => false, block: () => false },
  });
  engines.push(engine);
  const bytes = new Uint8Array(RAM_BYTES);
  const words = new Uint32Array(bytes.buffer);
  for (let block = 0; block < BLOCKS; block++) words.set(BLOCK, BLOCK.length * block);
  words.set(loopEnd(BLOCKS * BLOCK.length), BLOCKS * BLOCK.length);
  engine.mapMemory(RAM, bytes, 'rwx');
  engine.setX(3, BigInt(RAM + RAM_BYTES - 4096));
  engine.setX(6, BigInt(PASSES));
  engine.setPc(BigInt(RAM));
  return engine;
}

/** Slices until WFI; returns the instructions executed in all. */
function runToWfi(engine: CpuEngine, slice: number, exactly: boolean): number {
  let executed = 0;
  for (;;) {
    const end = exactly ? engine.run(slice) : engine.runBlocks(slice);
    executed += engine.executed;
    if (end.kind !== 'count') return executed;
    if (exactly) expect(engine.executed).toBe(slice);
    else expect(engine.executed - slice).toBeLessThanOrEqual(LONGEST_OVERRUN);
  }
}

describe.each(['fastest', 'engine'] as const)('a full code buffer, counting: %s', (counting) => {
  it.each([
    ['one slice', 2 ** 30, false],
    ['slices of blocks', 10_000, false],
    ['exact slices', 9_999, true],
    ['short exact slices', 301, true],
  ])('%s', (_name, slice, exactly) => {
    const engine = openWithProgram(counting);
    expect(runToWfi(engine, slice, exactly)).toBe(INSTRUCTIONS);
    expect(engine.getX(5)).toBe(BigInt(PASSES * BLOCKS));
    expect(engine.getPc()).toBe(BigInt(RAM + 4 * (BLOCKS * BLOCK.length + 3)));
  });
});
