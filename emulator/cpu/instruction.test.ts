// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accessAddress, haltImmediate, isInterruptMaskChange, leastLevel, systemRegisterMove } from './instruction.ts';

const PC = 0x4000_1000n;
/** Register n holds n * 0x1_0000_0100; 31 is the stack pointer. */
const x = (index: number): bigint => BigInt(index) * 0x1_0000_0100n;

describe('accessAddress', () => {
  it.each([
    // encodings by GNU as 2.40
    ['ldr x0, [x1]', 0xf940_0020, x(1)],
    ['ldr x0, [x1, #32760]', 0xf97f_fc20, x(1) + 32760n],
    ['ldrb w0, [x1, #4095]', 0x397f_fc20, x(1) + 4095n],
    ['ldr q0, [x1, #32]', 0x3dc0_0820, x(1) + 32n],
    ['ldr b0, [x1, #1]', 0x3d40_0420, x(1) + 1n],
    ['ldur x0, [x1, #-8]', 0xf85f_8020, x(1) - 8n],
    ['ldr x0, [x1, #16]!', 0xf841_0c20, x(1) + 16n],
    ['ldr x0, [x1], #16', 0xf841_0420, x(1)],
    ['str w0, [sp, #4]', 0xb900_07e0, x(31) + 4n],
    ['ldp x2, x3, [x1, #16]', 0xa941_0c22, x(1) + 16n],
    ['ldp x2, x3, [x1], #16', 0xa8c1_0c22, x(1)],
    ['ldp w2, w3, [x1, #-8]!', 0x29ff_0c22, x(1) - 8n],
    ['ldpsw x2, x3, [x1, #8]', 0x6941_0c22, x(1) + 8n],
    ['ldp q0, q1, [x1, #32]', 0xad41_0420, x(1) + 32n],
    ['ldr x0, [x1, x2, lsl #3]', 0xf862_7820, x(1) + (x(2) << 3n)],
    ['ldrb w0, [x1, x2]', 0x3862_6820, x(1) + x(2)],
    ['ldr w0, [x1, w2, uxtw #2]', 0xb862_5820, x(1) + (0x200n << 2n)],
    ['ldr x0, [x1, xzr]', 0xf87f_6820, x(1)],
    ['ldxr x0, [x1]', 0xc85f_7c20, x(1)],
    ['ldar w0, [x1]', 0x88df_fc20, x(1)],
    ['ld1 {v0.16b}, [x1], #16', 0x4cdf_7020, x(1)],
    ['ldadd x2, x0, [x1]', 0xf822_0020, x(1)],
    ['ldr x0, .+8', 0x5800_0040, PC + 8n],
    ['ldr w0, .-4', 0x18ff_ffe0, PC - 4n],
    ['dc zva, x1', 0xd50b_7421, x(1)],
  ])('%s', (_text, instruction, address) => {
    expect(accessAddress(instruction, PC, x)).toBe(address);
  });

  it('extends the sign of a 32-bit offset', () => {
    const registers = (index: number): bigint => (index === 2 ? 0xffff_fff0n : 0x4000_0000n);
    // str w0, [x1, w2, sxtw]
    expect(accessAddress(0xb822_c820, PC, registers)).toBe(0x3fff_fff0n);
  });

  it('wraps at 64 bits', () => {
    expect(accessAddress(0xf85f_8020, PC, () => 0n)).toBe(0xffff_ffff_ffff_fff8n);
  });

  it.each([
    ['nop', 0xd503_201f],
    ['add x0, x1, x2', 0x8b02_0020],
    ['b .', 0x1400_0000],
    ['fmov d0, x1', 0x9e67_0020],
    ['dc cvac, x1', 0xd50b_7a21],
  ])('knows that %s accesses nothing', (_text, instruction) => {
    expect(accessAddress(instruction, PC, x)).toBeNull();
  });

  it('is an address of 64 bits, or null, for any word', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffff_ffff }),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        (word, value) => {
          const address = accessAddress(word, PC, () => value);
          expect(address === null || (address >= 0n && address < 2n ** 64n)).toBe(true);
        },
      ),
    );
  });
});

describe('haltImmediate', () => {
  it('reads the immediate of HLT and of nothing else', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffff }),
        (immediate) => haltImmediate(0xd440_0000 + immediate * 32) === immediate,
      ),
    );
    for (const other of [0xd440_0001, 0xd420_0000, 0xd400_0001, 0xd503_201f]) expect(haltImmediate(other)).toBeNull();
  });
});

describe('system registers', () => {
  it('decodes MRS and MSR', () => {
    // mrs x3, sctlr_el1
    expect(systemRegisterMove(0xd538_1003)).toEqual({ read: true, encoding: [3, 0, 1, 0, 0], rt: 3 });
    // msr cnthctl_el2, x10
    expect(systemRegisterMove(0xd51c_e10a)).toEqual({ read: false, encoding: [3, 4, 14, 1, 0], rt: 10 });
    expect(systemRegisterMove(0xd503_42df)).toBeNull(); // msr daifset, #2
    expect(systemRegisterMove(0xd50b_7421)).toBeNull(); // dc zva, x1
  });

  it.each([
    [0, 1],
    [2, 1],
    [3, 0],
    [4, 2],
    [5, 2],
    [6, 3],
    [7, 1],
  ] as const)('gives registers of op1 %i to level %i and above', (op1, level) => {
    expect(leastLevel([3, op1, 1, 0, 0])).toBe(level);
  });

  it('tells DAIFSet and DAIFClr from the rest', () => {
    expect([0xd503_42df, 0xd503_4fdf, 0xd503_41ff].map(isInterruptMaskChange)).toEqual([true, true, true]);
    // msr spsel, #1; msr pan, #1; nop
    expect([0xd500_41bf, 0xd500_419f, 0xd503_201f].map(isInterruptMaskChange)).toEqual([false, false, false]);
  });
});
