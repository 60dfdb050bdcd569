// SPDX-License-Identifier: GPL-2.0-only
/** Advanced SIMD across lanes, and scalar pairwise. Arm ARM DDI 0487, C4.1.96. */

import { type FpBinary, fpAdd } from './arithmetic.ts';
import { fpMaximum, fpMaximumNumber, fpMinimum, fpMinimumNumber } from './compare.ts';
import { binary, formatOfSize } from './fp-lanes.ts';
import type { TwoRegister } from './two-register-misc.ts';
import {
  at,
  commit,
  type Lane,
  type LaneOperation,
  lanesOf,
  laneTypeOf,
  type Operation,
  result,
  type SimdState,
} from './vector-registers.ts';

/**
 * Operation of an FP reduction: FMAXNM (01100), FADD (01101) or FMAX (01111); size<1> selects the
 * minima.
 */
function fpReduction(opcode: number, minimum: boolean): FpBinary | null {
  if (opcode === 0b01100) return minimum ? fpMinimumNumber : fpMaximumNumber;
  if (opcode === 0b01111) return minimum ? fpMinimum : fpMaximum;
  return opcode === 0b01101 && !minimum ? fpAdd : null;
}

export function decodeAcrossLanes({ Q, U, size, opcode, Rn, Rd }: TwoRegister): Operation | null {
  if (opcode === 0b01100 || opcode === 0b01111) {
    // Only four singles, or four or eight halves (U = 0).
    if ((size & 1) !== 0 || (U === 1 && Q === 0)) return null;
    const laneSize = U === 1 ? 2 : 1;
    const operation = fpReduction(opcode, size >= 2);
    return operation === null ? null : reduceHalves(laneSize, Q, Rd, Rn, binary(operation)(formatOfSize(laneSize)));
  }
  if (size === 3 || (size === 2 && Q === 0)) return null;
  switch (opcode) {
    case 0b00011: // SADDLV, UADDLV
      return reduceInteger(size, U === 0, Q, Rd, Rn, 1, (sum, value) => sum + value);
    case 0b01010: // SMAXV, UMAXV
      return reduceInteger(size, U === 0, Q, Rd, Rn, 0, (best, value) => (value > best ? value : best));
    case 0b11010: // SMINV, UMINV
      return reduceInteger(size, U === 0, Q, Rd, Rn, 0, (best, value) => (value < best ? value : best));
    case 0b11011: // ADDV
      return U === 1 ? null : reduceInteger(size, false, Q, Rd, Rn, 0, (sum, value) => sum + value);
    default:
      return null;
  }
}

/** Reduces from the first lane to the last, into a lane 2^`widening` times as wide. */
function reduceInteger(
  size: number,
  signed: boolean,
  Q: number,
  Rd: number,
  Rn: number,
  widening: number,
  operation: (sum: Lane, value: Lane) => Lane,
): Operation {
  const type = laneTypeOf(size, signed);
  const target = laneTypeOf(size + widening, signed);
  const lanes = lanesOf(type, false, Q);
  return (state) => {
    const from = type.view(state.v);
    let sum = at(from, Rn * type.perRegister);
    for (let i = 1; i < lanes; i += 1) sum = operation(sum, at(from, Rn * type.perRegister + i));
    target.view(result)[0] = target.from(sum);
    commit(state.v, Rd, target.bytes);
  };
}

/** Reduce() of the Arm ARM: combines the results of the lower and the upper half. */
function reduceHalves(size: number, Q: number, Rd: number, Rn: number, operation: LaneOperation): Operation {
  const type = laneTypeOf(size, false);
  const lanes = lanesOf(type, false, Q);
  const reduce = (state: SimdState, first: number, count: number): Lane => {
    if (count === 1) return at(type.view(state.v), Rn * type.perRegister + first);
    const half = count / 2;
    const low = reduce(state, first, half);
    return operation(low, reduce(state, first + half, half), state, 0);
  };
  return (state) => {
    type.view(result)[0] = reduce(state, 0, lanes);
    commit(state.v, Rd, type.bytes);
  };
}

/** Scalar pairwise operations on two lanes of Rn. */
export function decodeScalarPairwise({ U, size, opcode, Rn, Rd }: TwoRegister): Operation | null {
  const registers = { Rd, Rn, Rm: Rn };
  // ADDP.
  if (opcode === 0b11011) return U === 0 && size === 3 ? firstLane(3, registers, (n, m) => n + m) : null;
  const operation = fpReduction(opcode, size >= 2);
  if (operation === null || (U === 0 && (size & 1) !== 0)) return null;
  const laneSize = U === 0 ? 1 : 2 + (size & 1);
  return firstLane(laneSize, registers, binary(operation)(formatOfSize(laneSize)));
}

/** First lane of the pairwise form. */
function firstLane(
  size: number,
  registers: { readonly Rd: number; readonly Rn: number; readonly Rm: number },
  operation: LaneOperation,
): Operation {
  const type = laneTypeOf(size, false);
  const n = registers.Rn * type.perRegister;
  return (state) => {
    const from = type.view(state.v);
    type.view(result)[0] = operation(at(from, n), at(from, n + 1), state, type.zero);
    commit(state.v, registers.Rd, type.bytes);
  };
}
