// SPDX-License-Identifier: GPL-2.0-only
/**
 * Scalar floating point as WebAssembly code, for the frequent case: FPCR rounds to nearest and
 * flushes nothing, no operand is a NaN, no result overflows or is subnormal. Every other case falls
 * back to the helpers of simd-fp.ts, which are always exact.
 *
 * In the frequent case the host's result is right, and only the cumulative flag IXC (inexact)
 * remains to be found. It follows from the rounding error of the operation, which is itself a
 * number, or from the lengths of the significands: a product has as many bits as its factors
 * together, or one less.
 */

import type { A64Code } from '#emulator/a64/a64-code.ts';
import { instruction, type Instruction } from '#emulator/a64/decode/instruction.ts';
import { fpImmediate } from '#emulator/a64/fp/convert.ts';
import { DOUBLE, type FpFormat, FPCR, FPSR, SINGLE } from '#emulator/a64/fp/environment.ts';
import { LAYOUT } from '#emulator/a64/layout.ts';
import { i32, type I32, i64, type I64, op, type Value } from '#emulator/a64/wasm/expressions.ts';
import { float, type FloatBinary, type FloatUnary } from '#emulator/a64/wasm/float.ts';

type Bits = 'i32' | 'i64';

/** Constants of a precision. */
interface Precision {
  readonly type: Bits;
  readonly format: FpFormat;
  readonly sign: Value<Bits>;
  readonly magnitude: Value<Bits>;
}

function precision(format: FpFormat): Precision {
  const type = format === DOUBLE ? 'i64' : 'i32';
  return {
    type,
    format,
    sign: op.constant(type, format.signBit),
    magnitude: op.constant(type, format.signBit - 1n),
  };
}

const PRECISIONS = [precision(SINGLE), precision(DOUBLE)] as const;
const of = (double: number): Precision => PRECISIONS[double === 1 ? 1 : 0];

const NOT_PLAIN = i32(FPCR.FZ | (3 << FPCR.RMODE_SHIFT));
const IXC_SHIFT = i32(Math.log2(FPSR.IXC));
const ONE = i32(1);

const read = (code: A64Code, { type }: Precision, n: I32): Value<Bits> =>
  code.let<Bits>(type === 'i64' ? code.v(n, 0) : op.wrap(code.v(n, 0)));

const write = (code: A64Code, n: I32, bits: Value<Bits>): void =>
  code.setV(n, bits.type === 'i64' ? (bits as I64) : op.extendU(bits as I32), i64(0));

const all = (...conditions: readonly I32[]): I32 => conditions.reduce((a, b) => op.and(a, b));

/** True when FPCR rounds to nearest and flushes nothing. */
const isPlain = (code: A64Code): I32 => op.isZero(op.and(code.word(LAYOUT.fpcr), NOT_PLAIN));
/** 1 when IXC is already set. */
const wasInexact = (code: A64Code): I32 => op.and(op.shrU(code.word(LAYOUT.fpsr), IXC_SHIFT), ONE);

/** Sets IXC where `inexact` is 1. */
function note(code: A64Code, inexact: I32): void {
  code.setWord(LAYOUT.fpsr, op.or(code.word(LAYOUT.fpsr), op.shl(inexact, IXC_SHIFT)));
}

/** least <= |bits| < limit, compared as bit patterns: NaNs are above every limit. */
function inRange({ type, magnitude }: Precision, bits: Value<Bits>, least: bigint, limit: bigint): I32 {
  const from = op.constant(type, least);
  return op.ltU(op.sub(op.and(bits, magnitude), from), op.constant(type, limit - least));
}

const fraction = ({ format }: Precision): bigint => BigInt(format.fractionBits);
/** Normal numbers: the lengths of their significands are known. */
const isNormal = (p: Precision, bits: Value<Bits>): I32 => inRange(p, bits, 1n << fraction(p), p.format.infinity);
/** Results that are neither subnormal nor rounded up from a subnormal. */
const isLarge = (p: Precision, bits: Value<Bits>): I32 => inRange(p, bits, 2n << fraction(p), p.format.infinity);
/** Operands so small that their sum, and the sums that find its error, cannot overflow. */
const isSummand = (p: Precision, bits: Value<Bits>): I32 =>
  inRange(p, bits, 0n, p.format.infinity - (3n << fraction(p)));
const isNumber = (p: Precision, bits: Value<Bits>): I32 => inRange(p, bits, 0n, p.format.infinity + 1n);

/** True for zeros of both signs. */
const isZero = (p: Precision, bits: Value<Bits>): I32 => op.isZero(op.and(bits, p.magnitude));

/** Runs the fast case when `condition` holds, else the helper. */
const when = (code: A64Code, condition: I32, fast: () => void): void => code.if(condition, fast, () => code.fallback());

/** Result of an operation: its bits, whether they are right, and whether they are inexact. */
interface Result {
  readonly bits: Value<Bits>;
  readonly isRight: I32;
  readonly inexact: I32;
}

/** Exact rounding error of a sum of doubles: Knuth, The Art of Computer Programming 2, 4.2.2. */
function sumError(code: A64Code, a: I64, b: I64, sum: I64): I64 {
  const other = code.let(float.binary('sub', sum, a));
  return float.binary('add', float.binary('sub', a, float.binary('sub', sum, other)), float.binary('sub', b, other));
}

const ZERO = i64(0);
const isInexactSum = (code: A64Code, a: I64, b: I64, sum: I64): I32 =>
  float.compare('ne', sumError(code, a, b, sum), ZERO);

function sum(code: A64Code, p: Precision, a: Value<Bits>, b: Value<Bits>): Result {
  const isRight = op.and(isSummand(p, a), isSummand(p, b));
  if (p.type === 'i64') {
    const bits = code.let(float.binary('add', a as I64, b as I64));
    return { bits, isRight, inexact: isInexactSum(code, a as I64, b as I64, bits) };
  }
  const [wideA, wideB] = [code.let(float.promote(a as I32)), code.let(float.promote(b as I32))];
  const wide = code.let(float.binary('add', wideA, wideB));
  const bits = code.let(float.demote(wide));
  const isRounded = float.compare('ne', float.promote(bits), wide);
  return { bits, isRight, inexact: op.or(isRounded, isInexactSum(code, wideA, wideB, wide)) };
}

/** Trailing zeros of both significands together: by so many bits they fall short of 53 each. */
function shortness(a: I64, b: I64): I64 {
  const hidden = i64(1n << 52n);
  return op.add(op.ctz(op.or(a, hidden)), op.ctz(op.or(b, hidden)));
}

/** Significand bits of a double. A product is exact when its factors fall short by as many bits. */
const SIGNIFICAND = i64(53);

/**
 * True when the lengths do not tell whether the product of two doubles is exact: one bit decides.
 */
const isOpen = (short: I64): I32 => op.eq(short, i64(52));

function product(code: A64Code, p: Precision, a: Value<Bits>, b: Value<Bits>): Result {
  if (p.type === 'i64') {
    const bits = code.let(float.binary('mul', a as I64, b as I64));
    const short = code.let(shortness(a as I64, b as I64));
    const isKnown = op.or(op.isZero(isOpen(short)), wasInexact(code));
    const isRight = all(isNormal(p, a), isNormal(p, b), isLarge(p, bits), isKnown);
    return { bits, isRight, inexact: op.ltU(short, SIGNIFICAND) };
  }
  // A product of singles is exact as a double.
  const wide = code.let(float.binary('mul', float.promote(a as I32), float.promote(b as I32)));
  const bits = code.let(float.demote(wide));
  const isRight = op.or(isLarge(p, bits), isZero(of(1), wide));
  return { bits, isRight, inexact: float.compare('ne', float.promote(bits), wide) };
}

/** Singles: true when `result` times `factor`, as doubles, differs from `whole`. */
const isInexactSingle = (result: I32, factor: I64, whole: I64): I32 =>
  float.compare('ne', float.binary('mul', float.promote(result), factor), whole);

/** Doubles, as isInexactSingle: [whether this is known, whether it is inexact]. */
function inexactDouble(code: A64Code, result: I64, factor: I64, whole: I64): readonly [I32, I32] {
  const short = code.let(shortness(result, factor));
  const differs = float.compare('ne', float.binary('mul', result, factor), whole);
  return [op.or(op.isZero(isOpen(short)), wasInexact(code)), op.or(op.ltU(short, SIGNIFICAND), differs)];
}

function quotient(code: A64Code, p: Precision, a: Value<Bits>, b: Value<Bits>): Result {
  if (p.type === 'i64') {
    const bits = code.let(float.binary('div', a as I64, b as I64));
    const [isKnown, inexact] = inexactDouble(code, bits, b as I64, a as I64);
    return { bits, isRight: all(isNormal(p, a), isNormal(p, b), isLarge(p, bits), isKnown), inexact };
  }
  const [wideA, wideB] = [code.let(float.promote(a as I32)), code.let(float.promote(b as I32))];
  const bits = code.let(float.demote(float.binary('div', wideA, wideB)));
  const isRight = op.and(isLarge(p, bits), isNormal(p, b));
  return { bits, isRight, inexact: isInexactSingle(bits, wideB, wideA) };
}

function squareRoot(code: A64Code, p: Precision, a: Value<Bits>): Result {
  const isPositive = op.geS(a, op.constant(p.type, 0n));
  if (p.type === 'i64') {
    const bits = code.let(float.unary('sqrt', a as I64));
    const [isKnown, inexact] = inexactDouble(code, bits, bits, a as I64);
    return { bits, isRight: all(isPositive, isNormal(p, a), isKnown), inexact };
  }
  const wide = code.let(float.promote(a as I32));
  const bits = code.let(float.demote(float.unary('sqrt', wide)));
  return {
    bits,
    isRight: op.and(isPositive, isNormal(p, a)),
    inexact: isInexactSingle(bits, float.promote(bits), wide),
  };
}

const exact = (bits: Value<Bits>, isRight: I32): Result => ({ bits, isRight, inexact: i32(0) });

type TwoSource = (code: A64Code, p: Precision, a: Value<Bits>, b: Value<Bits>) => Result;

const extreme =
  (name: FloatBinary): TwoSource =>
  (_code, p, a, b) =>
    exact(float.binary(name, a, b), op.and(isNumber(p, a), isNumber(p, b)));

/** Operations with two sources, by opcode. */
const TWO_SOURCE: readonly TwoSource[] = [
  product, // FMUL
  quotient, // FDIV
  sum, // FADD
  (code, p, a, b) => sum(code, p, a, code.let(op.xor(b, p.sign))), // FSUB
  extreme('max'), // FMAX
  extreme('min'), // FMIN
  extreme('max'), // FMAXNM
  extreme('min'), // FMINNM
  // FNMUL
  (code, p, a, b) => {
    const { bits, ...rest } = product(code, p, a, b);
    return { bits: op.xor(bits, p.sign), ...rest };
  },
];

/** Roundings by the low three bits of FRINT's opcode; FRINTA (100) has no counterpart. */
const ROUND: readonly (FloatUnary | null)[] = ['nearest', 'ceil', 'floor', 'trunc', null, null, 'nearest', 'nearest'];
const FRINTX = 6;

/** Roundings of conversions to integers, by rmode. */
const TO_INTEGER = ['nearest', 'ceil', 'floor', 'trunc'] as const satisfies readonly FloatUnary[];

/** Bit pattern of 2^`exponent`. */
const powerOfTwo = ({ format }: Precision, exponent: number): bigint =>
  BigInt(exponent + 1 - format.minimumExponent) << BigInt(format.fractionBits);

function finish(code: A64Code, Rd: I32, { bits, isRight, inexact }: Result): void {
  const value = code.let(bits);
  when(code, op.and(isPlain(code), isRight), () => {
    note(code, inexact);
    write(code, Rd, value);
  });
}

function compare(code: A64Code, p: Precision, a: Value<Bits>, b: Value<Bits>): void {
  when(code, all(isPlain(code), isNumber(p, a), isNumber(p, b)), () => {
    const equal = op.shl(float.compare('eq', a, b), i32(2));
    code.setNzcv(op.select(float.compare('lt', a, b), i32(0b1000), op.or(equal, i32(0b0010))));
  });
}

/** True when the integer's highest and lowest set bits lie within one significand. */
function isExactInteger(code: A64Code, p: Precision, integer: Value<Bits>, isSigned: boolean): I32 {
  const { type } = integer;
  const width = type === 'i64' ? 64 : 32;
  const least = width - p.format.fractionBits - 1;
  if (least <= 0) return ONE;
  const isNegative = op.ltS(integer, op.constant(type, 0n));
  const magnitude = code.let(isSigned ? op.select(isNegative, op.neg(integer), integer) : integer);
  const length = op.add(op.clz(magnitude), op.ctz(magnitude));
  // For zero, clz and ctz both count the whole width, which is large enough.
  return op.geU(length, op.constant(type, BigInt(least)));
}

export const FP_CODE: readonly Instruction[] = [
  instruction(
    'FADD, FSUB, FMUL, FDIV, FMAX, FMIN, FMAXNM, FMINNM, FNMUL (scalar)',
    '00011110 0 double 1 Rm opcode:4 10 Rn Rd',
    { fp: true, fallback: true, where: ({ opcode }) => opcode < TWO_SOURCE.length },
    (code, f) => {
      const p = of(f.double);
      const operation = TWO_SOURCE[f.opcode] as TwoSource;
      finish(code, f.Rd, operation(code, p, read(code, p, f.Rn), read(code, p, f.Rm)));
    },
  ),
  instruction('FSQRT (scalar)', '00011110 0 double 1 000011 10000 Rn Rd', { fp: true, fallback: true }, (code, f) => {
    const p = of(f.double);
    finish(code, f.Rd, squareRoot(code, p, read(code, p, f.Rn)));
  }),
  instruction(
    'FMOV, FABS, FNEG (scalar)',
    '00011110 0 double 1 0000 opcode:2 10000 Rn Rd',
    { fp: true, where: ({ opcode }) => opcode < 3 },
    (code, f) => {
      const p = of(f.double);
      const bits = read(code, p, f.Rn);
      write(code, f.Rd, f.opcode === 0 ? bits : f.opcode === 1 ? op.and(bits, p.magnitude) : op.xor(bits, p.sign));
    },
  ),
  instruction(
    'FRINTN, FRINTP, FRINTM, FRINTZ, FRINTX, FRINTI (scalar)',
    '00011110 0 double 1 001 opcode:3 10000 Rn Rd',
    { fp: true, fallback: true, where: ({ opcode }) => ROUND[opcode] !== null },
    (code, f) => {
      const p = of(f.double);
      const a = read(code, p, f.Rn);
      const bits = code.let(float.unary(ROUND[f.opcode] as FloatUnary, a));
      const inexact = f.opcode === FRINTX ? float.compare('ne', bits, a) : i32(0);
      finish(code, f.Rd, { bits, isRight: isNumber(p, a), inexact });
    },
  ),
  instruction(
    'FCVT (double to single)',
    '00011110 01 1 000100 10000 Rn Rd',
    { fp: true, fallback: true },
    (code, f) => {
      const a = read(code, of(1), f.Rn) as I64;
      const bits = code.let(float.demote(a));
      const isRight = op.or(isLarge(of(0), bits), isZero(of(1), a));
      finish(code, f.Rd, { bits, isRight, inexact: float.compare('ne', float.promote(bits), a) });
    },
  ),
  instruction(
    'FCVT (single to double)',
    '00011110 00 1 000101 10000 Rn Rd',
    { fp: true, fallback: true },
    (code, f) => {
      const a = read(code, of(0), f.Rn) as I32;
      finish(code, f.Rd, exact(float.promote(a), isNumber(of(0), a)));
    },
  ),
  instruction(
    'FCMP, FCMPE',
    '00011110 0 double 1 Rm 00 1000 Rn ~signals 0000',
    { fp: true, fallback: true },
    (code, f) => {
      const p = of(f.double);
      compare(code, p, read(code, p, f.Rn), read(code, p, f.Rm));
    },
  ),
  instruction(
    'FCMP, FCMPE (with zero)',
    '00011110 0 double 1 Rm 00 1000 Rn ~signals 1000',
    { fp: true, fallback: true },
    (code, f) => {
      const p = of(f.double);
      compare(code, p, read(code, p, f.Rn), op.constant(p.type, 0n));
    },
  ),
  instruction('FCSEL', '00011110 0 double 1 Rm ~cond:4 11 Rn Rd', { fp: true }, (code, f) => {
    const p = of(f.double);
    write(code, f.Rd, op.select(code.condition(f.cond), read(code, p, f.Rn), read(code, p, f.Rm)));
  }),
  instruction(
    'FMOV (scalar, immediate)',
    '00011110 0 ~double 1 imm8:8 100 00000 Rd',
    { fp: true, immediate: ({ double, imm8 }) => fpImmediate(double === 1 ? DOUBLE : SINGLE, imm8) },
    (code, f) => {
      code.setV(f.Rd, code.immediate, i64(0));
    },
  ),
  instruction(
    'FMOV (general)',
    'sf 0011110 0 double 1 00 11 to 000000 Rn Rd',
    { fp: true, where: ({ sf, double }) => sf === double },
    (code, f) => {
      // opcode<0> = 1: to the FP register.
      const width = f.sf === 1 ? 64 : 32;
      if (f.to === 0) code.setReg(f.Rd, width === 64 ? code.v(f.Rn, 0) : op.wrap(code.v(f.Rn, 0)));
      else write(code, f.Rd, code.reg(f.Rn, width));
    },
  ),
  instruction(
    'SCVTF, UCVTF (scalar, integer)',
    'sf 0011110 0 double 1 00 01 U 000000 Rn Rd',
    { fp: true, fallback: true },
    (code, f) => {
      const p = of(f.double);
      const integer = code.let<Bits>(code.reg(f.Rn, f.sf === 1 ? 64 : 32));
      const isExact = code.let(isExactInteger(code, p, integer, f.U === 0));
      const bits = float.fromInteger(integer, p.type, f.U === 0);
      finish(code, f.Rd, { bits, isRight: ONE, inexact: op.isZero(isExact) });
    },
  ),
  instruction(
    'FCVTNS, FCVTPS, FCVTMS, FCVTZS, FCVTNU … (scalar, integer)',
    'sf 0011110 0 double 1 rmode:2 00 U 000000 Rn Rd',
    { fp: true, fallback: true },
    (code, f) => {
      const p = of(f.double);
      const a = read(code, p, f.Rn);
      const rounded = code.let(float.unary(TO_INTEGER[f.rmode] as FloatUnary, a));
      const width = f.sf === 1 ? 64 : 32;
      // Values from 2^width on do not fit, or from half of that when signed. Negative values do not
      // fit an unsigned integer.
      const limit = powerOfTwo(p, f.U === 1 ? width : width - 1);
      const fits = inRange(p, rounded, 0n, limit);
      const isRight = f.U === 1 ? op.and(fits, op.geS(rounded, op.constant(p.type, 0n))) : fits;
      when(code, op.and(isPlain(code), isRight), () => {
        note(code, float.compare('ne', rounded, a));
        code.setReg(f.Rd, float.toInteger(rounded, width === 64 ? 'i64' : 'i32', f.U === 0));
      });
    },
  ),
];
