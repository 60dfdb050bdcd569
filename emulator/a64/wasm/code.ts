// SPDX-License-Identifier: GPL-2.0-only
/**
 * Generator of one WebAssembly function from expressions. Knows nothing of A64.
 *
 * A pure expression is a tree that is emitted where it is used; its constant parts are folded here.
 * So one description gives a general function when its operands are read at run time, and a short
 * one when they are known. Loads and calls are evaluated into a local at once, in the order of the
 * calls here, so a later store does not change them.
 */

import {
  BINARY,
  COMPARE,
  CONST,
  CONTROL,
  EMPTY_BLOCK,
  EQZ,
  EXTEND32_S,
  EXTEND_S,
  EXTEND_U,
  LOAD,
  signed,
  STORE,
  UNARY,
  unsigned,
  type ValueType,
  WRAP,
} from './binary.ts';
import type { FunctionBody } from './module.ts';
import { simd, type V128 } from './simd.ts';

/**
 * Value that can be used any number of times. Constants are kept as signed numbers of their width.
 */
export interface Value<T extends ValueType = ValueType> {
  readonly type: T;
  readonly constant: bigint | null;
  /** True when the value is already a local. */
  readonly isLocal?: boolean;
  /** Appends the instructions that leave the value on the stack. */
  put(to: number[]): void;
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

/** Cache of constants: the same few are used again and again. */
const KNOWN = { i32: new Map<number | bigint, I32>(), i64: new Map<number | bigint, I64>() };

function constantValue<T extends ValueType>(type: T, value: number | bigint): Value<T> {
  const known = KNOWN[type].get(value);
  if (known !== undefined) return known as Value<T>;
  const constant = BigInt.asIntN(WIDTH[type], BigInt(value));
  const bytes = [CONST[type], ...signed(constant)];
  const made: Value<T> = { type, constant, put: (to) => void to.push(...bytes) };
  if (typeof value === 'number') (KNOWN[type] as Map<number | bigint, Value>).set(value, made);
  return made;
}

export const i32 = (value: number): I32 => constantValue('i32', value);
export const i64 = (value: number | bigint): I64 => constantValue('i64', value);

const plain = <T extends ValueType>(type: T, put: Value['put']): Value<T> => ({ type, constant: null, put });
/** Value of these instructions after `values` on the stack: for operations that `op` lacks. */
export const after = <T extends ValueType>(type: T, values: readonly Value[], ...bytes: readonly number[]): Value<T> =>
  plain(type, (to) => {
    for (const value of values) value.put(to);
    to.push(...bytes);
  });
const local = <T extends ValueType>(type: T, index: number): Value<T> => ({
  type,
  constant: null,
  isLocal: true,
  put: (to) => void to.push(CONTROL.localGet, ...unsigned(index)),
});

const constantOf = <T extends ValueType>(type: T, value: bigint): Value<T> => constantValue(type, value);

function binary<T extends ValueType>(name: BinaryName, a: Value<T>, b: Value<T>): Value<T> {
  const { type } = a;
  const fold = FOLD[name];
  if (fold !== undefined && a.constant !== null && b.constant !== null) {
    return constantOf(type, fold(a.constant, b.constant, WIDTH[type]));
  }
  if (b.constant === 0n && NEUTRAL_ZERO.has(name)) return a;
  if (a.constant === 0n && (name === 'add' || name === 'or' || name === 'xor')) return b;
  if (name === 'and' && (a.constant === 0n || b.constant === 0n)) return constantOf(type, 0n);
  if (name === 'and' && b.constant === -1n) return a;
  return after(type, [a, b], BINARY[name][type]);
}

function compare<T extends ValueType>(name: CompareName, a: Value<T>, b: Value<T>): I32 {
  const { type } = a;
  if (a.constant !== null && b.constant !== null) {
    return i32(HOLDS[name](a.constant, b.constant, WIDTH[type]) ? 1 : 0);
  }
  return after('i32', [a, b], COMPARE[name][type]);
}

const convert = <T extends ValueType>(
  type: T,
  value: Value,
  opcode: number,
  folded: (a: bigint) => bigint,
): Value<T> => (value.constant === null ? after(type, [value], opcode) : constantOf(type, folded(value.constant)));

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
    return after('i32', [a], EQZ[a.type]);
  },

  /** Leading zeros; the width for 0. */
  clz<T extends ValueType>(a: Value<T>): Value<T> {
    return after(a.type, [a], UNARY.clz[a.type]);
  },

  /** Trailing zeros; the width for 0. */
  ctz<T extends ValueType>(a: Value<T>): Value<T> {
    return after(a.type, [a], UNARY.ctz[a.type]);
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
 * Load from `address` + `offset` at every use of the value: only for memory that does not change
 * meanwhile. Other reads use {@link Code.load}.
 */
export function loaded<T extends ValueType>(type: T, address: I32, offset: number): Value<T> {
  const bytes = type === 'i32' ? 4 : 8;
  return after(type, [address], LOAD[type][bytes] as number, 0, ...unsigned(offset));
}

/** Open block or loop. */
export type Label = number;

/** Local of a function. */
export interface Variable<T extends ValueType> {
  readonly get: Value<T>;
  set(value: Value<T>): void;
}

/** Body of a function under construction. */
export class Code {
  private bytes: number[] = [];
  private readonly locals: ValueType[] = [];
  private readonly parameters: number;
  /** Number of open blocks. */
  private depth = 0;

  /** @param parameters number of parameters of the function */
  constructor(parameters: number) {
    this.parameters = parameters;
  }

  get body(): FunctionBody {
    return { locals: this.locals, code: this.bytes };
  }

  parameter<T extends ValueType>(type: T, index: number): Value<T> {
    return local(type, index);
  }

  /** New variable, initially 0. */
  variable<T extends ValueType>(type: T): Variable<T> {
    return this.variableAt(type, this.newLocal(type));
  }

  /** Local `index` of the function; parameters count as locals. */
  protected variableAt<T extends ValueType>(type: T, index: number): Variable<T> {
    return {
      get: local(type, index),
      set: (value) => {
        value.put(this.bytes);
        this.bytes.push(CONTROL.localSet, ...unsigned(index));
      },
    };
  }

  /** New, unused local. */
  protected newLocal(type: ValueType): number {
    return this.parameters + this.locals.push(type) - 1;
  }

  /** Evaluates `value` here, once. */
  let<T extends ValueType>(value: Value<T>): Value<T> {
    if (value.constant !== null || value.isLocal === true) return value;
    const variable = this.variableAt(value.type, this.newLocal(value.type));
    variable.set(value);
    return variable.get;
  }

  /** Loads `bytes` (1, 2, 4 or 8) from `address` + `offset`, zero-extended. */
  load<T extends ValueType>(type: T, address: I32, offset: number, bytes: number = type === 'i32' ? 4 : 8): Value<T> {
    return this.let(after(type, [address], LOAD[type][bytes] as number, 0, ...unsigned(offset)));
  }

  /** Stores the low `bytes` of `value` at `address` + `offset`. */
  store<T extends ValueType>(
    address: I32,
    offset: number,
    value: Value<T>,
    bytes: number = value.type === 'i32' ? 4 : 8,
  ): void {
    address.put(this.bytes);
    value.put(this.bytes);
    this.bytes.push(STORE[value.type][bytes] as number, 0, ...unsigned(offset));
  }

  /** Stores 128 bits at `address` + `offset`. */
  storeVector(address: I32, offset: number, value: V128): void {
    simd.store(this.bytes, address, offset, value);
  }

  /** Calls function `index`, which has one result. */
  call<T extends ValueType>(type: T, index: number, args: readonly Value[]): Value<T> {
    return this.let(after(type, args, CONTROL.call, ...unsigned(index)));
  }

  /** Calls function `index`, which has no result. */
  invoke(index: number, args: readonly Value[]): void {
    for (const arg of args) arg.put(this.bytes);
    this.bytes.push(CONTROL.call, ...unsigned(index));
  }

  /** Calls the function at place `at` of the table, which has one result. */
  callIndirect<T extends ValueType>(result: T, type: number, at: I32, args: readonly Value[]): Value<T> {
    return this.let(after(result, [...args, at], CONTROL.callIndirect, ...unsigned(type), 0));
  }

  /** Runs one of the two branches; a constant condition decides at once. */
  if(condition: I32, then: () => void, otherwise?: () => void): void {
    if (condition.constant !== null) {
      if (condition.constant !== 0n) then();
      else otherwise?.();
      return;
    }
    condition.put(this.bytes);
    this.bytes.push(CONTROL.if, EMPTY_BLOCK);
    this.depth++;
    then();
    if (otherwise !== undefined) {
      this.bytes.push(CONTROL.else);
      otherwise();
    }
    this.depth--;
    this.bytes.push(CONTROL.end);
  }

  /** Repeats `body` until it returns from the function or calls `leave`. */
  loop(body: (again: () => void, leave: () => void) => void): void {
    const outside = this.open('block');
    const inside = this.open('loop');
    body(
      () => this.jump(inside),
      () => this.jump(outside),
    );
    this.jump(inside);
    this.close();
    this.close();
  }

  /** Opens a block, whose label is its end, or a loop, whose label is its start. */
  open(kind: 'block' | 'loop'): Label {
    this.bytes.push(CONTROL[kind], EMPTY_BLOCK);
    return ++this.depth;
  }

  /** Closes the block or loop opened last. */
  close(): void {
    this.depth--;
    this.bytes.push(CONTROL.end);
  }

  /** Branches to the label of an open block or loop. */
  jump(label: Label): void {
    this.bytes.push(CONTROL.br, ...unsigned(this.depth - label));
  }

  /** Branches to the label at place `index`, or to the last one when there is none. */
  jumpTable(index: I32, labels: readonly Label[]): void {
    index.put(this.bytes);
    const depths = labels.map((label) => unsigned(this.depth - label));
    this.bytes.push(CONTROL.brTable, ...unsigned(labels.length - 1), ...depths.flat());
  }

  /** Moves the instructions that `action` appends to the front of the function. */
  protected first(action: () => void): void {
    const rest = this.bytes;
    this.bytes = [];
    action();
    for (const byte of rest) this.bytes.push(byte);
  }

  return(value: Value): void {
    value.put(this.bytes);
    this.bytes.push(CONTROL.return);
  }

  /** Returns from a function without results. */
  end(): void {
    this.bytes.push(CONTROL.return);
  }

  /** Ends the function with a result. */
  result(value: Value): void {
    value.put(this.bytes);
  }
}
