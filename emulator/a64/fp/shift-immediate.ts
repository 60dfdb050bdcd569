// SPDX-License-Identifier: GPL-2.0-only
/** Advanced SIMD shift by immediate and its scalar form. Arm ARM DDI 0487, C4.1.96. */

import { fixedToFp, fpToFixed } from './convert.ts';
import { fpcrRounding, ROUNDING } from './environment.ts';
import { bitsOf, formatOfSize, laneOf } from './fp-lanes.ts';
import { saturate, shiftedRight } from './lanes.ts';
import { narrow, narrowingShift } from './long-operations.ts';
import {
  at,
  commit,
  type LaneOperation,
  type LaneType,
  lanesOf,
  laneTypeOf,
  lanewise,
  type Operation,
  result,
} from './vector-registers.ts';

export interface ShiftImmediate {
  readonly scalar: boolean;
  readonly Q: number;
  readonly U: number;
  readonly immh: number;
  readonly immb: number;
  readonly opcode: number;
  readonly Rn: number;
  readonly Rd: number;
}

/** Lane types and shift count of one instruction. */
interface Shift {
  readonly type: LaneType;
  /** Lane types of the same size, signed and unsigned. */
  readonly signed: LaneType;
  readonly unsigned: LaneType;
  readonly left: number;
  readonly right: number;
}

/** Row whose lanes keep their width. U gives their signedness, unless `signed` does. */
interface SameRow {
  readonly kind: 'same';
  readonly operation: (shift: Shift) => LaneOperation;
  readonly signed?: true;
  /** Scalar form: only of doublewords, or of every size. */
  readonly scalar: 'D' | 'all';
}

interface NarrowRow {
  readonly kind: 'narrow';
  readonly rounding: boolean;
  /** Signedness of the source and of the saturated result; null: the result is truncated. */
  readonly saturates: { readonly from: boolean; readonly to: boolean } | null;
}

interface LongRow {
  readonly kind: 'long';
}

interface FpRow {
  readonly kind: 'to fp' | 'from fp';
}

/** Bits of the old lane that a shift-and-insert keeps. */
const inserted = (type: LaneType, value: number, old: number, count: number, left: boolean): number => {
  // Computed in bigints: masks of doublewords exceed a number.
  const bits = BigInt(type.bits);
  const mask = left ? (1n << BigInt(count)) - 1n : ((1n << bits) - 1n) ^ ((1n << (bits - BigInt(count))) - 1n);
  const shifted = left ? BigInt(value) << BigInt(count) : BigInt(value) >> BigInt(count);
  const merged = (shifted & ~mask) | (BigInt(old) & mask);
  return type.from(BigInt.asUintN(type.bits, merged) as unknown as number);
};

const same = (operation: (shift: Shift) => LaneOperation, scalar: 'D' | 'all' = 'D', signed?: true): SameRow => ({
  kind: 'same',
  operation,
  scalar,
  ...(signed === undefined ? {} : { signed }),
});

const narrowing = (rounding: boolean, from: boolean | null = null, to = false): NarrowRow => ({
  kind: 'narrow',
  rounding,
  saturates: from === null ? null : { from, to },
});

const right = (rounding: boolean, accumulates: boolean): SameRow =>
  same(({ type, right }) => (n, _m, _state, d) => {
    const shifted = shiftedRight(type, n, right, rounding);
    return accumulates ? d + shifted : shifted;
  });

const SATURATING_LEFT = same(
  ({ type, left }) =>
    (n, _m, state) =>
      saturate(type, type.shiftLeft(n, left), state),
  'all',
);

type Row = SameRow | NarrowRow | LongRow | FpRow;

/** Rows by opcode; [U = 0, U = 1]. */
const ROWS: Readonly<Record<number, readonly [Row | null, Row | null]>> = {
  0b00000: [right(false, false), right(false, false)], // SSHR, USHR
  0b00010: [right(false, true), right(false, true)], // SSRA, USRA
  0b00100: [right(true, false), right(true, false)], // SRSHR, URSHR
  0b00110: [right(true, true), right(true, true)], // SRSRA, URSRA
  0b01000: [
    null,
    same(
      ({ unsigned, right }) =>
        (n, _m, _state, d) =>
          inserted(unsigned, n, d, right, false),
    ), // SRI
  ],
  0b01010: [
    same(
      ({ type, left }) =>
        (n) =>
          type.shiftLeft(n, left),
    ), // SHL
    same(
      ({ unsigned, left }) =>
        (n, _m, _state, d) =>
          inserted(unsigned, n, d, left, true),
    ), // SLI
  ],
  0b01100: [
    null,
    same(
      ({ unsigned, signed, left }) =>
        (n, _m, state) =>
          saturate(unsigned, signed.shiftLeft(n, left), state),
      'all',
      true,
    ), // SQSHLU
  ],
  0b01110: [SATURATING_LEFT, SATURATING_LEFT], // SQSHL, UQSHL
  0b10000: [narrowing(false), narrowing(false, true, false)], // SHRN, SQSHRUN
  0b10001: [narrowing(true), narrowing(true, true, false)], // RSHRN, SQRSHRUN
  0b10010: [narrowing(false, true, true), narrowing(false, false, false)], // SQSHRN, UQSHRN
  0b10011: [narrowing(true, true, true), narrowing(true, false, false)], // SQRSHRN, UQRSHRN
  0b10100: [{ kind: 'long' }, { kind: 'long' }], // SSHLL, USHLL
  0b11100: [{ kind: 'to fp' }, { kind: 'to fp' }], // SCVTF, UCVTF
  0b11111: [{ kind: 'from fp' }, { kind: 'from fp' }], // FCVTZS, FCVTZU
};

/** `immh` is not 0: that encoding belongs to another class, or is UNDEFINED. */
export function decodeShiftImmediate(fields: ShiftImmediate): Operation | null {
  const { scalar, Q, U, immh, immb, opcode, Rn, Rd } = fields;
  const row = ROWS[opcode]?.[U === 0 ? 0 : 1];
  if (row === undefined || row === null || immh === 0) return null;
  const size = 31 - Math.clz32(immh);
  const bits = 8 << size;
  const amount = (immh << 3) | immb;
  const left = amount - bits;
  const right = 2 * bits - amount;
  const isDoubleword = size === 3;
  const registers = { Rd, Rn, Rm: Rn };
  switch (row.kind) {
    case 'same': {
      if (scalar ? row.scalar === 'D' && !isDoubleword : isDoubleword && Q === 0) return null;
      const [unsigned, signed] = [laneTypeOf(size, false), laneTypeOf(size, true)];
      const type = row.signed === true || U === 0 ? signed : unsigned;
      return lanewise(
        type,
        lanesOf(type, scalar, Q),
        registers,
        row.operation({ type, signed, unsigned, left, right }),
      );
    }
    case 'narrow': {
      if (isDoubleword || (scalar && row.saturates === null)) return null;
      const { rounding, saturates } = row;
      const to = saturates === null ? null : laneTypeOf(size, saturates.to);
      const from = saturates?.from ?? false;
      return narrow(size, from, { ...registers, Q, scalar }, narrowingShift(size, from, right, rounding, to));
    }
    case 'long':
      return isDoubleword || scalar ? null : shiftLong(size, U === 0, Q, Rd, Rn, left);
    case 'to fp':
    case 'from fp': {
      if (size === 0 || (!scalar && isDoubleword && Q === 0)) return null;
      const type = laneTypeOf(size, false);
      const operation = row.kind === 'to fp' ? toFp(size, U === 1, right) : fromFp(size, U === 1, right);
      return lanewise(type, lanesOf(type, scalar, Q), registers, operation);
    }
  }
}

/** SSHLL and USHLL. */
function shiftLong(size: number, signed: boolean, Q: number, Rd: number, Rn: number, count: number): Operation {
  const narrowType = laneTypeOf(size, signed);
  const wide = laneTypeOf(size + 1, signed);
  const n = Rn * narrowType.perRegister + Q * wide.perRegister;
  return (state) => {
    const from = narrowType.view(state.v);
    const to = wide.view(result);
    for (let i = 0; i < wide.perRegister; i += 1) to[i] = wide.shiftLeft(wide.from(at(from, n + i)), count);
    commit(state.v, Rd, 16);
  };
}

/** Lanes are read unsigned. */
export function toFp(size: number, unsigned: boolean, fractionBits: number): LaneOperation {
  const format = formatOfSize(size);
  return (n, _m, state) => {
    const bits = bitsOf(format, n);
    const integer = unsigned ? bits : BigInt.asIntN(format.bits, bits);
    return laneOf(format, fixedToFp(format, integer, fractionBits, fpcrRounding(state.fpcr), state));
  };
}

function fromFp(size: number, unsigned: boolean, fractionBits: number): LaneOperation {
  const format = formatOfSize(size);
  return (n, _m, state) =>
    laneOf(
      format,
      fpToFixed(format, bitsOf(format, n), fractionBits, unsigned, format.bits, ROUNDING.towardZero, state),
    );
}
