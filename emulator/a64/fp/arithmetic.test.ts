// SPDX-License-Identifier: GPL-2.0-only
/**
 * Arithmetic against the host's own: doubles, and singles through Math.fround, which is innocuous
 * for one operation. What the host has not (modes, flags, fused multiply-add) is held by laws, and
 * by QEMU's results in tests/a64-simd.test.ts.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fpAdd, type FpBinary, fpDivide, fpMultiply, fpMultiplyAdd, fpSquareRoot, fpSubtract } from './arithmetic.ts';
import { fpMaximum, fpMinimum } from './compare.ts';
import { fixedToFp, fpConvert, fpRoundInt, fpToFixed } from './convert.ts';
import { DOUBLE, type FpEnvironment, type FpFormat, FPCR, FPSR, HALF, ROUNDING, SINGLE } from './environment.ts';

const cell = new DataView(new ArrayBuffer(8));
function bitsOf(format: FpFormat, value: number): bigint {
  if (format === DOUBLE) cell.setFloat64(0, value);
  else cell.setFloat32(0, value);
  return format === DOUBLE ? cell.getBigUint64(0) : BigInt(cell.getUint32(0));
}
function numberOf(format: FpFormat, bits: bigint): number {
  if (format === DOUBLE) cell.setBigUint64(0, bits);
  else cell.setUint32(0, Number(bits));
  return format === DOUBLE ? cell.getFloat64(0) : cell.getFloat32(0);
}

const environment = (fpcr = 0): FpEnvironment => ({ fpcr, fpsr: 0 });
const mode = (rounding: number): number => rounding << FPCR.RMODE_SHIFT;
const identity = (value: number): number => value;
const FORMATS = [
  ['double', DOUBLE, fc.double(), identity],
  ['single', SINGLE, fc.float(), Math.fround],
] as const;

const BINARY: readonly (readonly [string, FpBinary, (a: number, b: number) => number])[] = [
  ['FADD', fpAdd, (a, b) => a + b],
  ['FSUB', fpSubtract, (a, b) => a - b],
  ['FMUL', fpMultiply, (a, b) => a * b],
  ['FDIV', fpDivide, (a, b) => a / b],
  ['FMAX', fpMaximum, Math.max],
  ['FMIN', fpMinimum, Math.min],
];

describe.each(FORMATS)('in %s precision, to nearest', (_name, format, numbers, fit) => {
  it.each(BINARY)('%s gives what the host gives', (_operation, operation, host) => {
    fc.assert(
      fc.property(numbers, numbers, (a, b) => {
        const result = operation(format, bitsOf(format, a), bitsOf(format, b), environment());
        expect(numberOf(format, result)).toBe(fit(host(a, b)));
      }),
      { numRuns: 1000 },
    );
  });

  it('FSQRT gives what the host gives', () => {
    fc.assert(
      fc.property(numbers, (a) => {
        expect(numberOf(format, fpSquareRoot(format, bitsOf(format, a), environment()))).toBe(fit(Math.sqrt(a)));
      }),
      { numRuns: 1000 },
    );
  });

  it('FMADD of 0 is FMUL, and by 1 it is FADD', () => {
    const one = bitsOf(format, 1);
    fc.assert(
      fc.property(numbers, numbers, (a, b) => {
        const [x, y] = [bitsOf(format, a), bitsOf(format, b)];
        const [sum, fused] = [environment(), environment()];
        expect(fpMultiplyAdd(format, y, x, one, fused)).toBe(fpAdd(format, y, x, sum));
        expect(fused.fpsr).toBe(sum.fpsr);
        const product = numberOf(format, fpMultiplyAdd(format, 0n, x, y, environment()));
        expect(product + 0).toBe(fit(a * b) + 0);
      }),
    );
  });

  it.each([
    ['FRINTZ', ROUNDING.towardZero, Math.trunc],
    ['FRINTM', ROUNDING.towardMinusInfinity, Math.floor],
    ['FRINTP', ROUNDING.towardPlusInfinity, Math.ceil],
  ] as const)('%s gives what the host gives', (_operation, rounding, host) => {
    fc.assert(
      fc.property(numbers, (a) => {
        const result = fpRoundInt(format, bitsOf(format, a), rounding, true, environment());
        expect(numberOf(format, result)).toBe(host(a));
      }),
    );
  });
});

describe.each([
  ['half', HALF],
  ['single', SINGLE],
  ['double', DOUBLE],
] as const)('laws in %s precision', (_name, format) => {
  const numbers = fc.bigInt({ min: 0n, max: (1n << BigInt(format.bits)) - 1n });
  /** Signed, so that the order of bits is the order of numbers. */
  const order = (bits: bigint): bigint => ((bits & format.signBit) === 0n ? bits : -(bits & ~format.signBit));

  it.each([
    ['FADD', fpAdd],
    ['FMUL', fpMultiply],
    ['FDIV', fpDivide],
  ] as const)('%s: nearest lies between down and up, which differ where it is inexact', (_operation, operation) => {
    fc.assert(
      fc.property(numbers, numbers, (a, b) => {
        const inMode = (rounding: number): [bigint, number] => {
          const used = environment(mode(rounding));
          return [operation(format, a, b, used), used.fpsr];
        };
        const [down, flags] = inMode(ROUNDING.towardMinusInfinity);
        const [up] = inMode(ROUNDING.towardPlusInfinity);
        const [nearest] = inMode(ROUNDING.tiesToEven);
        if ((nearest & format.infinity) === format.infinity && (flags & FPSR.OFC) === 0) return;
        expect(order(down) <= order(nearest) && order(nearest) <= order(up)).toBe(true);
        expect(order(down) !== order(up)).toBe((flags & FPSR.IXC) !== 0);
      }),
      { numRuns: 1000 },
    );
  });

  it('a conversion to double and back changes nothing but signalling NaNs', () => {
    fc.assert(
      fc.property(numbers, (bits) => {
        const wide = fpConvert(format, DOUBLE, bits, ROUNDING.tiesToEven, environment());
        const isNaN = (bits & ~format.signBit) > format.infinity;
        const back = fpConvert(DOUBLE, format, wide, ROUNDING.tiesToEven, environment());
        expect(back).toBe(isNaN ? bits | format.quietBit : bits);
      }),
    );
  });

  it('an integer that comes back from a number was rounded as the host rounds', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (integer) => {
        const used = environment();
        const bits = fixedToFp(format, integer, 0, ROUNDING.tiesToEven, used);
        if (format === DOUBLE) expect(numberOf(DOUBLE, bits)).toBe(Number(integer));
        const back = BigInt.asIntN(64, fpToFixed(format, bits, 0, false, 64, ROUNDING.towardZero, environment()));
        if ((used.fpsr & FPSR.IXC) === 0) expect(back).toBe(integer);
        else expect(back).not.toBe(integer);
      }),
    );
  });
});

describe('flags', () => {
  const tiny = 1n;
  const least = 1n << 52n;
  it.each([
    ['an inexact subnormal result', fpMultiply, least | 1n, bitsOf(DOUBLE, 0.5), 0, FPSR.UFC | FPSR.IXC],
    ['an exact subnormal result', fpMultiply, least, bitsOf(DOUBLE, 0.5), 0, 0],
    ['a flushed result', fpMultiply, least, bitsOf(DOUBLE, 0.5), FPCR.FZ, FPSR.UFC],
    ['a flushed operand', fpAdd, tiny, least, FPCR.FZ, FPSR.IDC],
    ['0 / 0', fpDivide, 0n, 0n, 0, FPSR.IOC],
    ['1 / 0', fpDivide, bitsOf(DOUBLE, 1), 0n, 0, FPSR.DZC],
    ['an overflow', fpAdd, DOUBLE.largestNormal, DOUBLE.largestNormal, 0, FPSR.OFC | FPSR.IXC],
    ['a quiet NaN', fpAdd, DOUBLE.defaultNaN, 0n, 0, 0],
    ['a signalling NaN', fpAdd, DOUBLE.infinity | 1n, 0n, 0, FPSR.IOC],
  ] as const)('%s', (_name, operation, a, b, fpcr, flags) => {
    const used = environment(fpcr);
    operation(DOUBLE, a, b, used);
    expect(used.fpsr).toBe(flags);
  });
});
