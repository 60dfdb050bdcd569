// SPDX-License-Identifier: GPL-2.0-only
/**
 * Pure expressions of WebAssembly: trees that are emitted where they are used; their constant parts
 * are folded here. So one description gives a general function when its operands are read at run
 * time, and a short one when they are known. Knows nothing of A64.
 */

import {
  BINARY,
  COMPARE,
  CONST,
  CONTROL,
  EQZ,
  EXTEND32_S,
  EXTEND_S,
  EXTEND_U,
  LOAD,
  UNARY,
  type ValueType,
  WRAP,
} from './binary.ts';
import type { Bytes } from './bytes.ts';

/**
 * Value that can be used any number of times. Constants are kept as signed numbers of their width.
 */
export interface Value<T extends ValueType = ValueType> {
  readonly type: T;
  readonly constant: bigint | null;
  /** True when the value is already a local. */
  readonly isLocal: boolean;
  /** Appends the instructions that leave the value on the stack. */
  put(to: Bytes): void;
}

export type I32 = Value<'i32'>;
export type I64 = Value<'i64'>;

const WIDTH: Readonly<Record<ValueType, number>> = { i32: 32, i64: 64 };

type BinaryName = keyof typeof BINARY;
type CompareName = keyof typeof COMPARE;

const modulo = (b: bigint, width: number): bigint => BigInt.asUintN(width, b) % BigInt(width);

/** Constant folding by operation; divisions are left to run time. */
const FOLD: Readonly<Partial<Record<BinaryName, (a: bigint, b: bigint, width: number) => bigint>>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b, width) => a << modulo(b, width),
  shrS: (a, b, width) => a >> modulo(b, width),
  shrU: (a, b, width) => BigInt.asUintN(width, a) >> modulo(b, width),
  rotr: (a, b, width) => {
    const by = modulo(b, width);
    const bits = BigInt.asUintN(width, a);
    return (bits >> by) | (bits << (BigInt(width) - by));
  },
};

const HOLDS: Readonly<Record<CompareName, (a: bigint, b: bigint, width: number) => boolean>> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  ltS: (a, b) => a < b,
  gtS: (a, b) => a > b,
  leS: (a, b) => a <= b,
  geS: (a, b) => a >= b,
  ltU: (a, b, width) => BigInt.asUintN(width, a) < BigInt.asUintN(width, b),
  gtU: (a, b, width) => BigInt.asUintN(width, a) > BigInt.asUintN(width, b),
  leU: (a, b, width) => BigInt.asUintN(width, a) <= BigInt.asUintN(width, b),
  geU: (a, b, width) => BigInt.asUintN(width, a) >= BigInt.asUintN(width, b),
};

/** Operations that return `a` unchanged when the other operand is 0. */
const NEUTRAL_ZERO: ReadonlySet<BinaryName> = new Set(['add', 'sub', 'or', 'xor', 'shl', 'shrS', 'shrU', 'rotr']);

class Constant<T extends ValueType> implements Value<T> {
  readonly type: T;
  readonly constant: bigint;
  readonly isLocal = false;

  constructor(type: T, constant: bigint) {
    this.type = type;
    this.constant = constant;
  }

  put(to: Bytes): void {
    to.byte(CONST[this.type]);
    const number = Number(this.constant);
    if (number === (number | 0)) to.signed(number);
    else to.wide(this.constant);
  }
}

class Local<T extends ValueType> implements Value<T> {
  readonly type: T;
  readonly constant = null;
  readonly isLocal = true;
  private readonly index: number;

  constructor(type: T, index: number) {
    this.type = type;
    this.index = index;
  }

  put(to: Bytes): void {
    to.byte(CONTROL.localGet);
    to.unsigned(this.index);
  }
}

/** Operation on one operand. */
class Unary<T extends ValueType> implements Value<T> {
  readonly type: T;
  readonly constant = null;
  readonly isLocal = false;
  private readonly a: Value;
  private readonly opcode: number;

  constructor(type: T, a: Value, opcode: number) {
    this.type = type;
    this.a = a;
    this.opcode = opcode;
  }

  put(to: Bytes): void {
    this.a.put(to);
    to.byte(this.opcode);
  }
}

/** Operation on two operands. */
class Binary<T extends ValueType> implements Value<T> {
  readonly type: T;
  readonly constant = null;
  readonly isLocal = false;
  private readonly a: Value;
  private readonly b: Value;
  private readonly opcode: number;

  constructor(type: T, a: Value, b: Value, opcode: number) {
    this.type = type;
    this.a = a;
    this.b = b;
    this.opcode = opcode;
  }

  put(to: Bytes): void {
    this.a.put(to);
    this.b.put(to);
    to.byte(this.opcode);
  }
}

/** Load at every use of the value. */
class Load<T extends ValueType> implements Value<T> {
  readonly type: T;
  readonly constant = null;
  readonly isLocal = false;
  private readonly address: I32;
  private readonly opcode: number;
  private readonly offset: number;

  constructor(type: T, address: I32, opcode: number, offset: number) {
    this.type = type;
    this.address = address;
    this.opcode = opcode;
    this.offset = offset;
  }

  put(to: Bytes): void {
    this.address.put(to);
    to.byte(this.opcode);
    to.byte(0);
    to.unsigned(this.offset);
  }
}

/** Any operands, then any bytes. */
class Sequence<T extends ValueType> implements Value<T> {
  readonly type: T;
  readonly constant = null;
  readonly isLocal = false;
  private readonly values: readonly Value[];
  private readonly bytes: readonly number[];

  constructor(type: T, values: readonly Value[], bytes: readonly number[]) {
    this.type = type;
    this.values = values;
    this.bytes = bytes;
  }

  put(to: Bytes): void {
    for (const value of this.values) value.put(to);
    to.bytes(this.bytes);
  }
}

/** Cache of constants by number, from 0 on: the same few are used again and again. */
const KNOWN: Readonly<Record<ValueType, (Constant<ValueType> | undefined)[]>> = { i32: [], i64: [] };
const MOST_KNOWN = 4096;

function constantOf<T extends ValueType>(type: T, value: bigint): Value<T> {
  return new Constant(type, BigInt.asIntN(WIDTH[type], value));
}

function numberOf<T extends ValueType>(type: T, value: number): Value<T> {
  if (value < 0 || value >= MOST_KNOWN) return constantOf(type, BigInt(value));
  const known = KNOWN[type];
  return (known[value] ??= new Constant<ValueType>(type, BigInt(value))) as Value as Value<T>;
}

export const i32 = (value: number): I32 => numberOf('i32', value);
export const i64 = (value: number | bigint): I64 =>
  typeof value === 'number' ? numberOf('i64', value) : constantOf('i64', value);

/** Value of these instructions after `values` on the stack: for operations that `op` lacks. */
export const after = <T extends ValueType>(type: T, values: readonly Value[], ...bytes: readonly number[]): Value<T> =>
  new Sequence(type, values, bytes);

export const local = <T extends ValueType>(type: T, index: number): Value<T> => new Local(type, index);

function binary<T extends ValueType>(name: BinaryName, a: Value<T>, b: Value<T>): Value<T> {
  const { type } = a;
  if (a.constant !== null || b.constant !== null) {
    const fold = FOLD[name];
    if (fold !== undefined && a.constant !== null && b.constant !== null) {
      return constantOf(type, fold(a.constant, b.constant, WIDTH[type]));
    }
    if (b.constant === 0n && NEUTRAL_ZERO.has(name)) return a;
    if (a.constant === 0n && (name === 'add' || name === 'or' || name === 'xor')) return b;
    if (name === 'and' && (a.constant === 0n || b.constant === 0n)) return constantOf(type, 0n);
    if (name === 'and' && b.constant === -1n) return a;
  }
  return new Binary(type, a, b, BINARY[name][type]);
}

function compare<T extends ValueType>(name: CompareName, a: Value<T>, b: Value<T>): I32 {
  const { type } = a;
  if (a.constant !== null && b.constant !== null) {
    return i32(HOLDS[name](a.constant, b.constant, WIDTH[type]) ? 1 : 0);
  }
  return new Binary('i32', a, b, COMPARE[name][type]);
}

const convert = <T extends ValueType>(
  type: T,
  value: Value,
  opcode: number,
  folded: (a: bigint) => bigint,
): Value<T> => (value.constant === null ? new Unary(type, value, opcode) : constantOf(type, folded(value.constant)));

type Operation = <T extends ValueType>(a: Value<T>, b: Value<T>) => Value<T>;
type Comparison = <T extends ValueType>(a: Value<T>, b: Value<T>) => I32;
const operation =
  (name: BinaryName): Operation =>
  (a, b) =>
    binary(name, a, b);
const comparison =
  (name: CompareName): Comparison =>
  (a, b) =>
    compare(name, a, b);

/** Pure operations. Both operands have the same type; shifts take the count modulo the width. */
export const op = {
  add: operation('add'),
  sub: operation('sub'),
  mul: operation('mul'),
  divS: operation('divS'),
  divU: operation('divU'),
  and: operation('and'),
  or: operation('or'),
  xor: operation('xor'),
  shl: operation('shl'),
  shrS: operation('shrS'),
  shrU: operation('shrU'),
  rotr: operation('rotr'),
  eq: comparison('eq'),
  ne: comparison('ne'),
  ltS: comparison('ltS'),
  ltU: comparison('ltU'),
  gtU: comparison('gtU'),
  geU: comparison('geU'),
  leU: comparison('leU'),
  geS: comparison('geS'),

  constant: constantOf,
  not: <T extends ValueType>(a: Value<T>): Value<T> => binary('xor', a, constantOf(a.type, -1n)),
  neg: <T extends ValueType>(a: Value<T>): Value<T> => binary('sub', constantOf(a.type, 0n), a),

  /** 1 when the operand is 0, else 0. */
  isZero(a: Value): I32 {
    if (a.constant !== null) return i32(a.constant === 0n ? 1 : 0);
    return new Unary('i32', a, EQZ[a.type]);
  },

  /** Leading zeros; the width for 0. */
  clz<T extends ValueType>(a: Value<T>): Value<T> {
    return new Unary(a.type, a, UNARY.clz[a.type]);
  },

  /** Trailing zeros; the width for 0. */
  ctz<T extends ValueType>(a: Value<T>): Value<T> {
    return new Unary(a.type, a, UNARY.ctz[a.type]);
  },

  wrap: (a: I64): I32 => convert('i32', a, WRAP, (value) => value),
  extendU: (a: I32): I64 => convert('i64', a, EXTEND_U, (value) => BigInt.asUintN(32, value)),
  extendS: (a: I32): I64 => convert('i64', a, EXTEND_S, (value) => value),

  /** Low `bits` (8, 16, 32 or 64) as a signed number. */
  signExtend<T extends ValueType>(a: Value<T>, bits: number): Value<T> {
    if (bits >= WIDTH[a.type]) return a;
    const opcode = bits === 8 ? UNARY.extend8S[a.type] : bits === 16 ? UNARY.extend16S[a.type] : EXTEND32_S;
    return convert(a.type, a, opcode, (value) => BigInt.asIntN(bits, value));
  },

  /** Low `bits` as an unsigned number. */
  zeroExtend<T extends ValueType>(a: Value<T>, bits: number): Value<T> {
    if (bits >= WIDTH[a.type]) return a;
    return binary('and', a, constantOf(a.type, (1n << BigInt(bits)) - 1n));
  },

  /** `a` where `condition` is not 0, else `b`; both are evaluated. */
  select<T extends ValueType>(condition: I32, a: Value<T>, b: Value<T>): Value<T> {
    if (condition.constant !== null) return condition.constant === 0n ? b : a;
    return after(a.type, [a, b, condition], CONTROL.select);
  },
};

/**
 * Load of `bytes` from `address` + `offset` at every use of the value: only for memory that does
 * not change meanwhile. Other reads use {@link Code.load}.
 */
export function loaded<T extends ValueType>(
  type: T,
  address: I32,
  offset: number,
  bytes: number = type === 'i32' ? 4 : 8,
): Value<T> {
  return new Load(type, address, LOAD[type][bytes] as number, offset);
}
