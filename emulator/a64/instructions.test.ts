// SPDX-License-Identifier: GPL-2.0-only
/** The decode tables: what every word is, and a first program on the interpreter. */

import { describe, expect, it } from 'vitest';
import { variantsOf } from './decode/decoder.ts';
import { BareCore, UNDEFINED } from './testing/bare-core.ts';
import { INSTRUCTIONS } from './instructions/all.ts';
import { handlers, instructionDecoder } from './runtime.ts';
import { selectionOf } from './decode/decoder.ts';

const CODE = 0x10000;

function run(words: readonly number[], registers: Readonly<Record<number, bigint>> = {}): BareCore {
  const core = new BareCore(CODE, 0x4000);
  words.forEach((word, i) => new DataView(core.bytes.buffer, core.bytes.byteOffset).setUint32(4 * i, word, true));
  core.state.pc = BigInt(CODE);
  for (const [n, value] of Object.entries(registers)) core.state.x[Number(n)] = value;
  core.run(words.length);
  return core;
}

describe('the tables', () => {
  it('name no encoding twice', () => {
    expect(new Set(INSTRUCTIONS.map(({ name }) => name)).size).toBe(INSTRUCTIONS.length);
  });

  it('have a handler for every word that they decode', () => {
    let word = 1;
    let decoded = 0;
    for (let i = 0; i < 50_000; i++) {
      word = (Math.imul(word, 1664525) + 1013904223) | 0;
      const found = instructionDecoder().decode(word ^ (word >>> 16), () => true);
      if (found === null) continue;
      decoded++;
      expect(handlers().placeOf(found, selectionOf(found, word ^ (word >>> 16)))).toBeGreaterThan(0);
    }
    expect(decoded).toBeGreaterThan(10_000);
    expect(INSTRUCTIONS.every((instruction) => variantsOf(instruction).length > 0)).toBe(true);
  });
});

describe('the interpreter', () => {
  it.each<[string, number[], Record<number, bigint>, Record<number, bigint>]>([
    ['add x0, x1, x2, lsl #4', [0x8b021020], { 1: 5n, 2: 3n }, { 0: 53n }],
    ['sub w0, w1, w2', [0x4b020020], { 1: 1n, 2: 2n }, { 0: 0xffff_ffffn }],
    ['movz x3, #0x1234, lsl #32; movk x3, #1', [0xd2c24683, 0xf2800023], {}, { 3: 0x1234_0000_0001n }],
    ['cmp x1, x2; cset x0, hi', [0xeb02003f, 0x9a9f97e0], { 1: 9n, 2: 8n }, { 0: 1n }],
    ['bl +4; nop', [0x94000001, 0xd503201f], {}, { 30: BigInt(CODE + 4) }],
    ['str x1, [x2, #8]; ldrsw x0, [x2, #8]', [0xf9000441, 0xb9800840], { 1: 0xffff_fff0n, 2: 0x11000n }, { 0: -16n }],
    ['udiv x0, x1, xzr', [0x9adf0820], { 1: 7n }, { 0: 0n }],
    ['umulh x0, x1, x1', [0x9bc17c20], { 1: 2n ** 64n - 1n }, { 0: 2n ** 64n - 2n }],
    ['crc32b w0, w1, w2', [0x1ac24020], { 1: 0xffff_ffffn, 2: 0x61n }, { 0: 0x1748_41bcn }],
    ['ldxr x0, [x1]; stxr w3, x2, [x1]', [0xc85f7c20, 0xc8037c22], { 1: 0x11000n, 2: 5n, 3: 7n }, { 3: 0n }],
  ])('%s', (_text, words, before, after) => {
    const core = run(words, before);
    expect(core.exception).toBeNull();
    for (const [n, value] of Object.entries(after)) {
      expect(core.state.x[Number(n)]).toBe(BigInt.asUintN(64, value));
    }
    expect(core.state.pc).toBe(BigInt(CODE + 4 * words.length));
  });

  it('stops at an instruction that is none, and at an access outside memory, with the registers as they were', () => {
    expect(run([0]).exception).toEqual({ esr: UNDEFINED, far: null });
    const aborted = run([0xf8408420], { 0: 1n, 1: 0x9000n });
    expect(aborted.exception).toEqual({ esr: 0x9600_0004, far: 0x9000n });
    expect([aborted.state.x[0], aborted.state.x[1], aborted.state.pc]).toEqual([1n, 0x9000n, BigInt(CODE)]);
  });
});
