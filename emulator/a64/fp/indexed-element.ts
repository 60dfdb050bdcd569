// SPDX-License-Identifier: GPL-2.0-only
/** Advanced SIMD vector x indexed element and its scalar form. Arm ARM DDI 0487, C4.1.96. */

import { fpMultiply, fpMultiplyExtended } from './arithmetic.ts';
import { binary, type FpLaneOperationOf, formatOfSize, multiplyAdd } from './fp-lanes.ts';
import {
  doublingMultiplyHigh,
  type LaneOperationOf,
  multiply,
  multiplyAdd as integerMultiplyAdd,
  multiplySubtract,
  roundingDoublingMultiplyAddHigh,
  roundingDoublingMultiplyHigh,
  roundingDoublingMultiplySubtractHigh,
} from './lanes.ts';
import {
  doublingMultiplyAddLong,
  doublingMultiplyLong,
  doublingMultiplySubtractLong,
  long,
  type LongOperationOf,
  multiplyAddLong,
  multiplyLong,
  multiplySubtractLong,
} from './long-operations.ts';
import { dotProduct } from './three-same.ts';
import {
  at,
  commit,
  type LaneOperation,
  type LaneType,
  lanesOf,
  laneTypeOf,
  type Operation,
  result,
} from './vector-registers.ts';

export interface IndexedElement {
  readonly scalar: boolean;
  readonly Q: number;
  readonly U: number;
  readonly size: number;
  readonly L: number;
  readonly M: number;
  readonly Rm: number;
  readonly opcode: number;
  readonly H: number;
  readonly Rn: number;
  readonly Rd: number;
}

type Row =
  | { readonly kind: 'integer'; readonly operation: LaneOperationOf; readonly scalar?: true }
  | { readonly kind: 'long'; readonly operation: LongOperationOf; readonly scalar?: true }
  | { readonly kind: 'fp'; readonly operation: FpLaneOperationOf; readonly scalar: true }
  | { readonly kind: 'dot'; readonly scalar?: true };

const SCALAR = { scalar: true } as const;

/** Rows by U and opcode. */
const ROWS: Readonly<Record<number, Row>> = {
  0b0_0001: { kind: 'fp', operation: multiplyAdd(false), ...SCALAR }, // FMLA
  0b0_0010: { kind: 'long', operation: multiplyAddLong }, // SMLAL
  0b0_0011: { kind: 'long', operation: doublingMultiplyAddLong, ...SCALAR }, // SQDMLAL
  0b0_0101: { kind: 'fp', operation: multiplyAdd(true), ...SCALAR }, // FMLS
  0b0_0110: { kind: 'long', operation: multiplySubtractLong }, // SMLSL
  0b0_0111: { kind: 'long', operation: doublingMultiplySubtractLong, ...SCALAR }, // SQDMLSL
  0b0_1000: { kind: 'integer', operation: multiply }, // MUL
  0b0_1001: { kind: 'fp', operation: binary(fpMultiply), ...SCALAR }, // FMUL
  0b0_1010: { kind: 'long', operation: multiplyLong }, // SMULL
  0b0_1011: { kind: 'long', operation: doublingMultiplyLong, ...SCALAR }, // SQDMULL
  0b0_1100: { kind: 'integer', operation: doublingMultiplyHigh, ...SCALAR }, // SQDMULH
  0b0_1101: { kind: 'integer', operation: roundingDoublingMultiplyHigh, ...SCALAR }, // SQRDMULH
  0b0_1110: { kind: 'dot' }, // SDOT
  0b1_0000: { kind: 'integer', operation: integerMultiplyAdd }, // MLA
  0b1_0010: { kind: 'long', operation: multiplyAddLong }, // UMLAL
  0b1_0100: { kind: 'integer', operation: multiplySubtract }, // MLS
  0b1_0110: { kind: 'long', operation: multiplySubtractLong }, // UMLSL
  0b1_1001: { kind: 'fp', operation: binary(fpMultiplyExtended), ...SCALAR }, // FMULX
  0b1_1010: { kind: 'long', operation: multiplyLong }, // UMULL
  0b1_1101: { kind: 'integer', operation: roundingDoublingMultiplyAddHigh, ...SCALAR }, // SQRDMLAH
  0b1_1110: { kind: 'dot' }, // UDOT
  // SQRDMLSH.
  0b1_1111: { kind: 'integer', operation: roundingDoublingMultiplySubtractHigh, ...SCALAR },
};

/** Combines each lane of Rn with one lane of Rm. */
function byElement(
  type: LaneType,
  lanes: number,
  { Rd, Rn, Rm }: { Rd: number; Rn: number; Rm: number },
  index: number,
  operation: LaneOperation,
): Operation {
  const [d, n, m] = [Rd * type.perRegister, Rn * type.perRegister, Rm * type.perRegister + index];
  return (state) => {
    const from = type.view(state.v);
    const to = type.view(result);
    const element = at(from, m);
    for (let i = 0; i < lanes; i += 1) to[i] = operation(at(from, n + i), element, state, at(from, d + i));
    commit(state.v, Rd, lanes * type.bytes);
  };
}

/** Element that H, L, M and Rm select, for lanes of 2^`size` bytes; null when unallocated. */
function elementOf({ H, L, M, Rm }: IndexedElement, size: number): { Rm: number; index: number } | null {
  if (size === 1) return { Rm, index: (H << 2) | (L << 1) | M };
  if (size === 2) return { Rm: (M << 4) | Rm, index: (H << 1) | L };
  return size === 3 && L === 0 ? { Rm: (M << 4) | Rm, index: H } : null;
}

export function decodeIndexedElement(fields: IndexedElement): Operation | null {
  const { scalar, Q, U, size, opcode, Rd, Rn } = fields;
  const row = ROWS[(U << 4) | opcode];
  if (row === undefined || (scalar && row.scalar !== true)) return null;
  // Floating-point rows: size 00 means halves, and 01 is unallocated.
  const laneSize = row.kind !== 'fp' ? size : size === 0 ? 1 : size === 1 ? 0 : size;
  const element = elementOf(fields, laneSize);
  if (element === null) return null;
  const { Rm, index } = element;
  switch (row.kind) {
    case 'fp': {
      if (laneSize === 3 && !scalar && Q === 0) return null;
      const type = laneTypeOf(laneSize, false);
      return byElement(type, lanesOf(type, scalar, Q), { Rd, Rn, Rm }, index, row.operation(formatOfSize(laneSize)));
    }
    case 'dot':
      return size === 2 ? dotProduct(U === 0, Q, { Rd, Rn, Rm }, index) : null;
    case 'long':
      return size === 3 ? null : long(size, U === 0, { Rd, Rn, Rm, Q, scalar }, row.operation, false, index);
    case 'integer': {
      if (size === 3) return null;
      const type = laneTypeOf(size, true);
      return byElement(type, lanesOf(type, scalar, Q), { Rd, Rn, Rm }, index, row.operation(type));
    }
  }
}
