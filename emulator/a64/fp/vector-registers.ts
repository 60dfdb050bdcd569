// SPDX-License-Identifier: GPL-2.0-only
/**
 * Vector registers V0 to V31 as bytes, with views of lanes of every type.
 *
 * The bytes are little-endian: this program runs only on little-endian hosts.
 */

import type { FpEnvironment } from './environment.ts';

/**
 * Value of a lane: a number in lanes of 8, 16 and 32 bits, a bigint in lanes of 64 bits. The type
 * checker does not know of the bigint. The operators + - * & | ^ < > and unary minus take two
 * operands of either kind, so an operation on lanes is written once. Constants and shifts come from
 * the LaneType.
 */
export type Lane = number;

export interface LaneView {
  [index: number]: Lane;
}

export const REGISTER_BYTES = 16;

export class VectorRegisters {
  readonly u8: Uint8Array;
  readonly s8: Int8Array;
  readonly u16: Uint16Array;
  readonly s16: Int16Array;
  readonly u32: Uint32Array;
  readonly s32: Int32Array;
  readonly u64: BigUint64Array;
  readonly s64: BigInt64Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;

  /** Views `count` registers that start at `offset` of the buffer, a multiple of 8. */
  constructor(buffer: ArrayBufferLike, offset = 0, count = 32) {
    const bytes = count * REGISTER_BYTES;
    this.u8 = new Uint8Array(buffer, offset, bytes);
    this.s8 = new Int8Array(buffer, offset, bytes);
    this.u16 = new Uint16Array(buffer, offset, bytes / 2);
    this.s16 = new Int16Array(buffer, offset, bytes / 2);
    this.u32 = new Uint32Array(buffer, offset, bytes / 4);
    this.s32 = new Int32Array(buffer, offset, bytes / 4);
    this.u64 = new BigUint64Array(buffer, offset, bytes / 8);
    this.s64 = new BigInt64Array(buffer, offset, bytes / 8);
    this.f32 = new Float32Array(buffer, offset, bytes / 4);
    this.f64 = new Float64Array(buffer, offset, bytes / 8);
  }
}

/** State that SIMD and FP instructions read and write, besides memory. */
export interface SimdState extends FpEnvironment {
  readonly v: VectorRegisters;
  /** NZCV as four bits. */
  nzcv: number;
  /** X0 to X30; register 31 reads as zero and ignores writes. */
  getX(index: number): bigint;
  setX(index: number, value: bigint): void;
}

/** Effect of a decoded instruction. */
export type Operation = (state: SimdState) => void;

/** Lane type, with the arithmetic that differs between numbers and bigints. */
export interface LaneType {
  readonly bits: 8 | 16 | 32 | 64;
  readonly bytes: number;
  readonly signed: boolean;
  /** Number of lanes in a 128-bit register. */
  readonly perRegister: number;
  readonly zero: Lane;
  readonly one: Lane;
  readonly least: Lane;
  readonly greatest: Lane;
  view(registers: VectorRegisters): LaneView;
  /** Converts a value of any lane type to this type's kind; the value stays. */
  from(value: Lane): Lane;
  /** value * 2^count, exact: not yet truncated to a lane. */
  shiftLeft(value: Lane, count: number): Lane;
  /** value / 2^count, rounded down. */
  shiftRight(value: Lane, count: number): Lane;
  /** Low byte, signed. */
  lowByte(value: Lane): number;
}

type Kind = Pick<LaneType, 'zero' | 'one' | 'from' | 'shiftLeft' | 'shiftRight' | 'lowByte'>;

const NUMBERS: Kind = {
  zero: 0,
  one: 1,
  from: Number,
  shiftLeft: (value, count) => value * 2 ** count,
  // Exact, because 2^count is a power of two.
  shiftRight: (value, count) => Math.floor(value / 2 ** count),
  lowByte: (value) => (value << 24) >> 24,
};

/** Casts between the two kinds for the type checker. */
export const lane = (value: bigint): Lane => value as unknown as Lane;
export const wide = (value: Lane): bigint => value as unknown as bigint;

const BIGINTS: Kind = {
  zero: lane(0n),
  one: lane(1n),
  from: (value) => lane(BigInt(value)),
  shiftLeft: (value, count) => lane(wide(value) << BigInt(count)),
  shiftRight: (value, count) => lane(wide(value) >> BigInt(count)),
  lowByte: (value) => Number(BigInt.asIntN(8, wide(value))),
};

function laneType(bits: 8 | 16 | 32 | 64, signed: boolean, view: (registers: VectorRegisters) => unknown): LaneType {
  const least = signed ? -(2n ** BigInt(bits - 1)) : 0n;
  const greatest = 2n ** BigInt(signed ? bits - 1 : bits) - 1n;
  const kind = bits === 64 ? BIGINTS : NUMBERS;
  return {
    ...kind,
    bits,
    bytes: bits / 8,
    signed,
    perRegister: 128 / bits,
    least: kind.from(lane(least)),
    greatest: kind.from(lane(greatest)),
    view: view as LaneType['view'],
  };
}

/** Lane types by log2 of their bytes. */
export const UNSIGNED: readonly LaneType[] = [
  laneType(8, false, (registers) => registers.u8),
  laneType(16, false, (registers) => registers.u16),
  laneType(32, false, (registers) => registers.u32),
  laneType(64, false, (registers) => registers.u64),
];
export const SIGNED: readonly LaneType[] = [
  laneType(8, true, (registers) => registers.s8),
  laneType(16, true, (registers) => registers.s16),
  laneType(32, true, (registers) => registers.s32),
  laneType(64, true, (registers) => registers.s64),
];

/** Lane type of 2^`size` bytes. */
export function laneTypeOf(size: number, signed: boolean): LaneType {
  const type = (signed ? SIGNED : UNSIGNED)[size];
  if (type === undefined) throw new RangeError(`there are no lanes of 2^${size} bytes`);
  return type;
}

/** Buffer for results, because the destination may also be a source. */
export const result: VectorRegisters = new VectorRegisters(new ArrayBuffer(REGISTER_BYTES), 0, 1);

/** Writes the first `bytes` (8 or fewer, or 16) of the result to register `d`, and zeros above. */
export function commit(registers: VectorRegisters, d: number, bytes: number): void {
  const { u64 } = result;
  let low = u64[0] ?? 0n;
  if (bytes < 8) low &= (1n << BigInt(bytes * 8)) - 1n;
  registers.u64[d * 2] = low;
  registers.u64[d * 2 + 1] = bytes > 8 ? (u64[1] ?? 0n) : 0n;
}

/** Operation on one lane: operands from Rn and Rm, and the old value of Rd. */
export type LaneOperation = (n: Lane, m: Lane, state: SimdState, d: Lane) => Lane;

export const at = (view: LaneView, index: number): Lane => view[index] as Lane;

/** Number of lanes: one for the scalar forms, else those of 64 or 128 bits. */
export const lanesOf = (type: LaneType, scalar: boolean, q: number): number =>
  scalar ? 1 : type.perRegister >> (q === 1 ? 0 : 1);

/** Computes Rd lane by lane from Rn and Rm. */
export function lanewise(
  type: LaneType,
  lanes: number,
  { Rd, Rn, Rm }: { Rd: number; Rn: number; Rm: number },
  operation: LaneOperation,
): Operation {
  const [d, n, m] = [Rd * type.perRegister, Rn * type.perRegister, Rm * type.perRegister];
  const bytes = lanes * type.bytes;
  return (state) => {
    const from = type.view(state.v);
    const to = type.view(result);
    for (let i = 0; i < lanes; i += 1) to[i] = operation(at(from, n + i), at(from, m + i), state, at(from, d + i));
    commit(state.v, Rd, bytes);
  };
}
