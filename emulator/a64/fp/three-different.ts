// SPDX-License-Identifier: GPL-2.0-only
/** Advanced SIMD three different and its scalar form. Arm ARM DDI 0487, C4.1.96. */

import {
  absoluteDifferenceAddLong,
  absoluteDifferenceLong,
  addLong,
  doublingMultiplyAddLong,
  doublingMultiplyLong,
  doublingMultiplySubtractLong,
  highHalf,
  long,
  type LongOperationOf,
  multiplyAddLong,
  multiplyLong,
  multiplySubtractLong,
  narrow,
  polynomialMultiplyDoubleword,
  polynomialMultiplyLong,
  subtractLong,
} from './long-operations.ts';
import type { ThreeSame } from './three-same.ts';
import type { Operation } from './vector-registers.ts';

interface LongRow {
  readonly name: string;
  readonly operation: LongOperationOf;
  /** True when Rn already has wide lanes. */
  readonly wideFirst?: true;
  /** Saturating doubling rows: signed only, not for bytes, also scalar. */
  readonly doubling?: true;
}

const WIDE = { wideFirst: true } as const;
const DOUBLING = { doubling: true } as const;

/** Rows by opcode. ADDHN (0100), SUBHN (0110) and PMULL (1110) are handled separately. */
const LONG: Readonly<Record<number, LongRow>> = {
  0b0000: { name: 'ADDL', operation: addLong },
  0b0001: { name: 'ADDW', operation: addLong, ...WIDE },
  0b0010: { name: 'SUBL', operation: subtractLong },
  0b0011: { name: 'SUBW', operation: subtractLong, ...WIDE },
  0b0101: { name: 'ABAL', operation: absoluteDifferenceAddLong },
  0b0111: { name: 'ABDL', operation: absoluteDifferenceLong },
  0b1000: { name: 'MLAL', operation: multiplyAddLong },
  0b1001: { name: 'SQDMLAL', operation: doublingMultiplyAddLong, ...DOUBLING },
  0b1010: { name: 'MLSL', operation: multiplySubtractLong },
  0b1011: { name: 'SQDMLSL', operation: doublingMultiplySubtractLong, ...DOUBLING },
  0b1100: { name: 'MULL', operation: multiplyLong },
  0b1101: { name: 'SQDMULL', operation: doublingMultiplyLong, ...DOUBLING },
};

export function decodeThreeDifferent(fields: ThreeSame): Operation | null {
  const { scalar, U, size, opcode } = fields;
  if (opcode === 0b1110) return scalar ? null : decodePolynomial(fields);
  if (size === 3) return null;
  if (opcode === 0b0100 || opcode === 0b0110) {
    return scalar ? null : narrow(size, false, fields, highHalf(size, opcode === 0b0110, U === 1));
  }
  const found = LONG[opcode];
  if (found === undefined) return null;
  if (found.doubling === true ? U === 1 || size === 0 : scalar) return null;
  return long(size, U === 0, fields, found.operation, found.wideFirst);
}

function decodePolynomial(fields: ThreeSame): Operation | null {
  if (fields.U === 1) return null;
  if (fields.size === 0) return long(0, false, fields, polynomialMultiplyLong);
  return fields.size === 3 ? polynomialMultiplyDoubleword(fields) : null;
}
