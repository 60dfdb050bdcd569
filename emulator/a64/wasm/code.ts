// SPDX-License-Identifier: GPL-2.0-only
/**
 * Generator of one WebAssembly function. Knows nothing of A64.
 *
 * Expressions (expressions.ts) are emitted where they are used. Loads and calls are evaluated into
 * a local at once, in the order of the calls here, so a later store does not change them.
 */

import { CONTROL, EMPTY_BLOCK, STORE, unsigned, type ValueType } from './binary.ts';
import { Bytes } from './bytes.ts';
import { after, type I32, loaded, local, type Value } from './expressions.ts';
import type { FunctionBody } from './module.ts';
import { simd, type V128 } from './simd.ts';

/** Open block or loop. */
export type Label = number;

/** Local of a function. */
export interface Variable<T extends ValueType> {
  readonly get: Value<T>;
  set(value: Value<T>): void;
}

/** Body of a function under construction. */
export class Code {
  private bytes = new Bytes();
  /** Goes in front of `bytes`. */
  private prologue: Bytes | null = null;
  private readonly locals: ValueType[] = [];
  private readonly parameters: number;
  /** Number of open blocks. */
  private depth = 0;

  /** @param parameters number of parameters of the function */
  constructor(parameters: number) {
    this.parameters = parameters;
  }

  get body(): FunctionBody {
    const code = this.prologue === null ? [this.bytes.all] : [this.prologue.all, this.bytes.all];
    return { locals: this.locals, code };
  }

  parameter<T extends ValueType>(type: T, index: number): Value<T> {
    return local(type, index);
  }

  /** New variable, initially 0. */
  variable<T extends ValueType>(type: T): Variable<T> {
    return this.variableAt(type, this.newLocal(type));
  }

  /** Variable without an initial value. */
  protected unset<T extends ValueType>(type: T): Variable<T> {
    return this.variableAt(type, this.newLocal(type));
  }

  /** Local `index` of the function; parameters count as locals. */
  protected variableAt<T extends ValueType>(type: T, index: number): Variable<T> {
    return {
      get: local(type, index),
      set: (value) => {
        value.put(this.bytes);
        this.bytes.byte(CONTROL.localSet);
        this.bytes.unsigned(index);
      },
    };
  }

  /** New, unused local. */
  protected newLocal(type: ValueType): number {
    return this.parameters + this.locals.push(type) - 1;
  }

  /** Evaluates `value` here, once. */
  let<T extends ValueType>(value: Value<T>): Value<T> {
    if (value.constant !== null || value.isLocal) return value;
    const variable = this.variableAt(value.type, this.newLocal(value.type));
    variable.set(value);
    return variable.get;
  }

  /** Loads `bytes` (1, 2, 4 or 8) from `address` + `offset`, zero-extended. */
  load<T extends ValueType>(type: T, address: I32, offset: number, bytes: number = type === 'i32' ? 4 : 8): Value<T> {
    return this.let(loaded(type, address, offset, bytes));
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
    this.bytes.byte(STORE[value.type][bytes] as number);
    this.bytes.byte(0);
    this.bytes.unsigned(offset);
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
    this.bytes.byte(CONTROL.call);
    this.bytes.unsigned(index);
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
    this.bytes.byte(CONTROL.if);
    this.bytes.byte(EMPTY_BLOCK);
    this.depth++;
    then();
    if (otherwise !== undefined) {
      this.bytes.byte(CONTROL.else);
      otherwise();
    }
    this.depth--;
    this.bytes.byte(CONTROL.end);
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
    this.bytes.byte(CONTROL[kind]);
    this.bytes.byte(EMPTY_BLOCK);
    return ++this.depth;
  }

  /** Closes the block or loop opened last. */
  close(): void {
    this.depth--;
    this.bytes.byte(CONTROL.end);
  }

  /** Branches to the label of an open block or loop. */
  jump(label: Label): void {
    this.bytes.byte(CONTROL.br);
    this.bytes.unsigned(this.depth - label);
  }

  /** Branches to the label at place `index`, or to the last one when there is none. */
  jumpTable(index: I32, labels: readonly Label[]): void {
    index.put(this.bytes);
    this.bytes.byte(CONTROL.brTable);
    this.bytes.unsigned(labels.length - 1);
    for (const label of labels) this.bytes.unsigned(this.depth - label);
  }

  /** Moves the instructions that `action` appends to the front of the function; once. */
  protected first(action: () => void): void {
    const rest = this.bytes;
    this.bytes = new Bytes();
    action();
    this.prologue = this.bytes;
    this.bytes = rest;
  }

  return(value: Value): void {
    value.put(this.bytes);
    this.bytes.byte(CONTROL.return);
  }

  /** Returns from a function without results. */
  end(): void {
    this.bytes.byte(CONTROL.return);
  }

  /** Ends the function with a result. */
  result(value: Value): void {
    value.put(this.bytes);
  }
}
