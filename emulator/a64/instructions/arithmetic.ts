// SPDX-License-Identifier: GPL-2.0-only
/**
 * Computations that several classes of instructions share: sums and differences with flags, logical
 * operations, shifted and extended registers.
 */

import type { A64Code, Width } from '#emulator/a64/a64-code.ts';
import { i32, type I32, i64, op, type Value } from '#emulator/a64/wasm/expressions.ts';

/** Operand width by the field sf. */
export const widthOf = (sf: number): Width => (sf === 1 ? 64 : 32);

/** a + b, or a - b; sets NZCV when `flags` is true. */
export function addSubtract(code: A64Code, left: Value, right: Value, subtract: boolean, flags: boolean): Value {
  const [a, b] = [code.let(left), code.let(right)];
  const result = code.let(subtract ? op.sub(a, b) : op.add(a, b));
  if (!flags) return result;
  const carry = subtract ? op.geU(a, b) : op.ltU(result, a);
  const changed = op.xor(a, result);
  const overflow = subtract ? op.and(op.xor(a, b), changed) : op.and(changed, op.xor(b, result));
  code.setFlags(result, carry, overflow, subtract ? [a, b] : null);
  return result;
}

/** a + b + PSTATE.C; sets NZCV when `flags` is true. */
export function addWithCarry(code: A64Code, left: Value, right: Value, flags: boolean): Value {
  const [a, b] = [code.let(left), code.let(right)];
  const carry = code.carry;
  const wide = a.type === 'i64' ? op.extendU(carry) : carry;
  const result = code.let(op.add(op.add(a, b), wide as Value));
  if (!flags) return result;
  const overflow = op.and(op.xor(a, result), op.xor(b, result));
  code.setFlags(result, op.select(carry, op.leU(result, a), op.ltU(result, a)), overflow);
  return result;
}

export type LogicalOperation = 'and' | 'or' | 'xor';

/** Logical operation; with flags, C and V are cleared. */
export function logical(code: A64Code, name: LogicalOperation, a: Value, b: Value, flags: boolean): Value {
  const result = code.let(op[name](a, b));
  if (flags) code.setFlags(result, i32(0), null);
  return result;
}

/** Shift count, converted to the type of `of`. */
export const countFor = (of: Value, count: I32): Value => (of.type === 'i64' ? op.extendU(count) : count);

/** LSL, LSR, ASR, ROR by `type` 0 to 3. */
export function shifted(value: Value, type: number, count: I32): Value {
  const name = (['shl', 'shrU', 'shrS', 'rotr'] as const)[type & 3] as 'shl' | 'shrU' | 'shrS' | 'rotr';
  return op[name](value, countFor(value, count));
}

/** Register `n`, extended by `option` (UXTB to SXTX) and shifted left, in `width` bits. */
export function extended(code: A64Code, n: I32, option: number, shift: I32, width: Width): Value {
  const bits = 8 << (option & 3);
  const isSigned = (option & 4) !== 0;
  const extend = <T extends 'i32' | 'i64'>(value: Value<T>): Value<T> =>
    isSigned ? op.signExtend(value, bits) : op.zeroExtend(value, bits);
  if (width === 32) return op.shl(extend(code.reg(n, 32)), shift);
  return op.shl(extend(code.x(n)), op.extendU(shift));
}

/** Upper 64 bits of the product. */
export function multiplyHigh(code: A64Code, left: Value<'i64'>, right: Value<'i64'>, isSigned: boolean): Value<'i64'> {
  const [a, b] = [code.let(left), code.let(right)];
  const low = i64(0xffff_ffff);
  const [half, shift] = [i64(32), isSigned ? op.shrS : op.shrU];
  const [aLow, bLow] = [op.and(a, low), op.and(b, low)];
  const [aHigh, bHigh] = [code.let(shift(a, half)), code.let(shift(b, half))];
  const middle = code.let(op.add(op.mul(aHigh, bLow), op.shrU(op.mul(aLow, bLow), half)));
  const other = code.let(op.add(op.mul(aLow, bHigh), op.and(middle, low)));
  return op.add(op.add(op.mul(aHigh, bHigh), shift(middle, half)), shift(other, half));
}
