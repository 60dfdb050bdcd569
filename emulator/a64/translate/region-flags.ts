// SPDX-License-Identifier: GPL-2.0-only
/**
 * N, Z, C and V in the locals of a region, in a form that is cheap to set, because most flags are
 * never read.
 *
 *     negative, overflow: the sign of 64 bits     zero: 64 bits that are 0     carry: 0 or 1
 *
 * A 64-bit result stands for N and Z as it is. Within a block a condition that follows a comparison
 * is a comparison of the same operands.
 */

import { LAYOUT } from '#emulator/a64/layout.ts';
import type { ValueType } from '#emulator/a64/wasm/binary.ts';
import { type Variable } from '#emulator/a64/wasm/code.ts';
import { i32, type I32, i64, type I64, op, type Value } from '#emulator/a64/wasm/expressions.ts';

export interface FlagAccess {
  kept<T extends ValueType>(type: T): Variable<T>;
  /** Loads a word of the core's block. */
  load(offset: number): I32;
  store(offset: number, value: I32): void;
}

interface Locals {
  readonly negative: Variable<'i64'>;
  readonly zero: Variable<'i64'>;
  readonly carry: Variable<'i32'>;
  readonly overflow: Variable<'i64'>;
}

const HALF = i64(32);
const inUpperHalf = (word: I32): I64 => op.shl(op.extendU(word), HALF);
const upperHalf = (value: I64): I32 => op.wrap(op.shrU(value, HALF));

export class RegionFlags {
  private readonly access: FlagAccess;
  private locals: Locals | null = null;
  private isWritten = false;
  /** Operands of the comparison that set the flags, if it is in this block. */
  private compared: readonly [Value, Value] | null = null;
  private readonly operands = new Map<ValueType, readonly [Variable<ValueType>, Variable<ValueType>]>();

  constructor(access: FlagAccess) {
    this.access = access;
  }

  /** Loads the flags from memory at the start of the region, if the region uses them. */
  loadUsed(): void {
    if (this.locals !== null) this.load();
  }

  /** Loads the flags from memory. */
  load(): void {
    const { access } = this;
    const { negative, zero, carry, overflow } = this.used();
    this.compared = null;
    negative.set(inUpperHalf(access.load(LAYOUT.negative)));
    zero.set(op.extendU(access.load(LAYOUT.zero)));
    carry.set(access.load(LAYOUT.carry));
    overflow.set(inUpperHalf(access.load(LAYOUT.overflow)));
  }

  /** Stores the flags to memory, if they were written so far. */
  store(): void {
    if (this.locals === null || !this.isWritten) return;
    const { access } = this;
    const { negative, zero, carry, overflow } = this.locals;
    access.store(LAYOUT.negative, upperHalf(negative.get));
    access.store(LAYOUT.zero, op.or(op.wrap(zero.get), upperHalf(zero.get)));
    access.store(LAYOUT.carry, carry.get);
    access.store(LAYOUT.overflow, upperHalf(overflow.get));
  }

  /** Begins a block. It may have several predecessors, so the comparison is forgotten. */
  begin(): void {
    this.compared = null;
  }

  set<T extends ValueType>(
    result: Value<T>,
    carry: I32,
    overflow: Value<T> | null,
    compared: readonly [Value<T>, Value<T>] | null,
  ): void {
    const all = this.written();
    const isWide = result.type === 'i64';
    const sign = (value: Value<T>): I64 => (isWide ? (value as I64) : inUpperHalf(value as I32));
    all.carry.set(carry);
    all.overflow.set(overflow === null ? i64(0) : sign(overflow));
    all.negative.set(sign(result));
    all.zero.set(isWide ? (result as I64) : op.extendU(result as I32));
    this.compared = null;
    if (compared === null) return;
    const [left, right] = this.operandsOf(result.type);
    left.set(compared[0]);
    right.set(compared[1]);
    this.compared = [left.get, right.get];
  }

  /** Sets the flags from bits 3:0 of a local. */
  setNzcv(bits: I32): void {
    const all = this.written();
    all.negative.set(inUpperHalf(op.shl(bits, i32(28))));
    all.zero.set(op.extendU(op.xor(op.and(bits, i32(4)), i32(4))));
    all.carry.set(op.and(op.shrU(bits, i32(1)), i32(1)));
    all.overflow.set(inUpperHalf(op.shl(bits, i32(31))));
    this.compared = null;
  }

  get carry(): I32 {
    return this.used().carry.get;
  }

  /** 1 when the condition holds, else 0. Arm ARM C1.2.4. */
  holds(condition: number): I32 {
    if (condition >= 14) return i32(1);
    const holds =
      (this.compared === null ? null : comparison(condition >> 1, this.compared)) ?? this.flag(condition >> 1);
    return (condition & 1) === 0 ? holds : op.isZero(holds);
  }

  private flag(pair: number): I32 {
    const { negative, zero, carry, overflow } = this.used();
    const isNegative = (value: I64): I32 => op.ltS(value, i64(0));
    const differ = (): I32 => isNegative(op.xor(negative.get, overflow.get));
    switch (pair) {
      case 0:
        return op.isZero(zero.get);
      case 1:
        return carry.get;
      case 2:
        return isNegative(negative.get);
      case 3:
        return isNegative(overflow.get);
      case 4:
        return op.and(carry.get, op.isZero(op.isZero(zero.get)));
      case 5:
        return op.isZero(differ());
      default:
        return op.isZero(op.or(op.isZero(zero.get), differ()));
    }
  }

  private operandsOf(type: ValueType): readonly [Variable<ValueType>, Variable<ValueType>] {
    let operands = this.operands.get(type);
    if (operands === undefined) {
      operands = [this.access.kept(type), this.access.kept(type)];
      this.operands.set(type, operands);
    }
    return operands;
  }

  private used(): Locals {
    const { access } = this;
    this.locals ??= {
      negative: access.kept('i64'),
      zero: access.kept('i64'),
      carry: access.kept('i32'),
      overflow: access.kept('i64'),
    };
    return this.locals;
  }

  private written(): Locals {
    this.isWritten = true;
    return this.used();
  }
}

/** Condition EQ, CS, HI, GE or GT as a comparison of its operands; null: the flags must be used. */
function comparison(pair: number, [left, right]: readonly [Value, Value]): I32 | null {
  switch (pair) {
    case 0:
      return op.eq(left, right);
    case 1:
      return op.geU(left, right);
    case 4:
      return op.gtU(left, right);
    case 5:
      return op.geS(left, right);
    case 6:
      return op.ltS(right, left);
    default:
      return null;
  }
}
