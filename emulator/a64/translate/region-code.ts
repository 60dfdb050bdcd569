// SPDX-License-Identifier: GPL-2.0-only
/**
 * Code generator of a region: meanings of instructions, with the guest's registers and flags in
 * locals.
 *
 *     (core, block) ─► registers to locals ─► blocks … ─► locals to registers ─┬─ 0: go on at PC
 *                                                                              └─ 1: interpret what is at PC
 *
 * Rare cases are left to the interpreter before the instruction has changed anything: an access
 * that misses in the TLB, an exception, FP that is trapped or unusual, a slice that ends inside a
 * block. So the only calls out of WebAssembly are helpers, which end their blocks; at a call, the
 * core's block in memory is as the interpreter would have it.
 */

import { A64Code, type Calls, fetchEntry, type TypeOf, type Width } from '#emulator/a64/a64-code.ts';
import { RegionFlags } from './region-flags.ts';
import { FETCH_ENTRY, LAYOUT, STACK_ALIGNMENT, STACK_POINTER, ZERO_REGISTER } from '#emulator/a64/layout.ts';
import { Code, type Label, type Variable } from '#emulator/a64/wasm/code.ts';
import { i32, type I32, i64, type I64, op, type Value } from '#emulator/a64/wasm/expressions.ts';
import type { ValueType } from '#emulator/a64/wasm/binary.ts';

/** Results of a region function. */
export const ANSWER = { goOn: 0, interpret: 1 } as const;

const PARAMETERS = 2;

export class RegionCode extends A64Code {
  /** Block at which the dispatcher continues. */
  readonly nextBlock: Variable<'i32'>;
  /** Virtual address of the page. */
  private readonly page = this.kept('i64');
  private readonly left = this.kept('i32');
  private readonly tlb = this.kept('i32');
  /** Address at which the region is left, relative to the page. */
  private readonly out = this.kept('i64');
  private readonly registers = new Map<number, Variable<'i64'>>();
  private readonly flags: RegionFlags;
  private readonly written = new Set<number>();
  /**
   * Number of writes by register, to detect a value that is used after its register was written.
   */
  private readonly versions = new Map<number, number>();
  /** Free locals, of instructions that are finished. */
  private readonly free: Record<ValueType, number[]> = { i32: [], i64: [] };
  private readonly used: Record<ValueType, number[]> = { i32: [], i64: [] };
  /**
   * Labels at the end of the function: the next instruction is outside the region, or is to be
   * interpreted.
   */
  private leaving: Label = 0;
  private interpreting: Label = 0;
  /**
   * Offset of the instruction being translated, and the number of instructions after it in its
   * block.
   */
  private offset = 0;
  private following = 0;
  private fpChecked = false;
  /** Version of SP whose alignment was checked in this block; null: none. */
  private stackChecked: number | null = null;
  /** Emits a branch to an offset of the page. */
  private readonly goTo: (offset: number) => void;
  /** Offsets after calls, which are the most likely targets of an indirect branch. */
  private readonly returns: readonly number[];

  constructor(calls: Calls, goTo: (offset: number) => void, returns: readonly number[]) {
    super(PARAMETERS, calls, { core: new Code(PARAMETERS).parameter('i32', 0), pc: i64(0), immediate: i64(0) });
    this.nextBlock = this.variableAt('i32', 1);
    this.goTo = goTo;
    this.returns = returns;
    this.flags = new RegionFlags({
      kept: (type) => this.kept(type),
      load: (offset) => this.load('i32', this.core, offset),
      store: (offset, value) => this.store(this.core, offset, value),
    });
  }

  private kept<T extends ValueType>(type: T): Variable<T> {
    return this.variableAt(type, super.newLocal(type));
  }

  protected override newLocal(type: ValueType): number {
    const index = this.free[type].pop() ?? super.newLocal(type);
    this.used[type].push(index);
    return index;
  }

  /** New variable, initially 0 although its local may be reused. */
  override variable<T extends ValueType>(type: T): Variable<T> {
    const variable = super.variable(type);
    variable.set(op.constant(type, 0n));
    return variable;
  }

  /** Emits `body`, for which the labels exist, between loading registers and storing them. */
  function(body: () => void): void {
    this.leaving = this.open('block');
    this.interpreting = this.open('block');
    body();
    this.close();
    this.putBack();
    this.return(i32(ANSWER.interpret));
    this.close();
    this.putBack();
    this.result(i32(ANSWER.goOn));
    this.first(() => {
      this.page.set(this.load('i64', this.core, LAYOUT.fetchPage));
      this.left.set(this.load('i32', this.core, LAYOUT.left));
      this.tlb.set(this.load('i32', this.core, LAYOUT.tlb));
      for (const [slot, variable] of this.registers) variable.set(this.load('i64', this.core, LAYOUT.x + 8 * slot));
      this.flags.loadUsed();
    });
  }

  private putBack(): void {
    this.store(this.core, LAYOUT.pc, op.add(this.page.get, this.out.get));
    this.store(this.core, LAYOUT.left, this.left.get);
    this.synchronize();
  }

  /** Stores the registers and flags written so far to memory. */
  synchronize(): void {
    for (const [slot, { get }] of this.registers) {
      if (this.written.has(slot)) this.store(this.core, LAYOUT.x + 8 * slot, get);
    }
    this.flags.store();
  }

  /** Begins a block of `count` instructions: the slice must have as many left. */
  begin(start: number, count: number): void {
    this.fpChecked = false;
    this.stackChecked = null;
    this.flags.begin();
    this.if(op.ltU(this.left.get, i32(count)), () => this.leaveTo(start, this.interpreting));
    this.left.set(op.sub(this.left.get, i32(count)));
  }

  /** Begins the instruction at `offset`, with `following` more in its block. */
  at(offset: number, following: number, immediate: bigint): void {
    this.offset = offset;
    this.following = following;
    this.pc = op.add(this.page.get, i64(offset));
    this.immediate = i64(immediate);
    for (const type of ['i32', 'i64'] as const) {
      this.free[type].push(...this.used[type]);
      this.used[type] = [];
    }
  }

  /** Leaves the region, to continue at an offset from the page. */
  exit(offset: number): void {
    this.leaveTo(offset, this.leaving);
  }

  private leaveTo(offset: number, label: Label): void {
    this.out.set(i64(offset));
    this.jump(label);
  }

  /** Leaves the region, to interpret the current instruction. */
  interpret(): void {
    this.left.set(op.add(this.left.get, i32(this.following + 1)));
    this.leaveTo(this.offset, this.interpreting);
  }

  /**
   * Branches to the return address of a call in this region, if `target` equals one; else leaves
   * the region.
   */
  override branch(target: I64): void {
    this.out.set(op.sub(target, this.page.get));
    for (const offset of this.returns) this.if(op.eq(this.out.get, i64(offset)), () => this.goTo(offset));
    this.jump(this.leaving);
  }

  override branchBy(offset: I64): void {
    this.goTo(this.offset + Number(offset.constant));
  }

  private register(slot: number): Variable<'i64'> {
    let variable = this.registers.get(slot);
    if (variable === undefined) {
      variable = this.kept('i64');
      this.registers.set(slot, variable);
    }
    return variable;
  }

  /** Value of a local; it must be used before the local is written again. */
  private current<T extends ValueType>(key: number, { get }: Variable<T>): Value<T> {
    const version = this.versions.get(key);
    return {
      type: get.type,
      constant: null,
      isLocal: false,
      put: (to) => {
        if (this.versions.get(key) !== version) throw new Error('a register is used after it was written');
        get.put(to);
      },
    };
  }

  private noteWrite(key: number): void {
    this.written.add(key);
    this.versions.set(key, (this.versions.get(key) ?? 0) + 1);
  }

  protected override readSlot<W extends Width>(slot: I32, width: W): Value<TypeOf<W>> {
    const number = Number(slot.constant);
    const value = number === ZERO_REGISTER ? i64(0) : this.current(number, this.register(number));
    return (width === 64 ? value : op.wrap(value)) as Value<TypeOf<W>>;
  }

  protected override writeSlot(slot: I32, value: I64): void {
    const number = Number(slot.constant);
    if (number === ZERO_REGISTER) return;
    this.register(number).set(value);
    this.noteWrite(number);
  }

  override word(offset: number): I32 {
    if (offset === LAYOUT.tlb) return this.tlb.get;
    return super.word(offset);
  }

  override setFlags<T extends ValueType>(
    result: Value<T>,
    carry: I32,
    overflow: Value<T> | null,
    compared: readonly [Value<T>, Value<T>] | null = null,
  ): void {
    this.flags.set(result, carry, overflow, compared);
  }

  override setNzcv(nzcv: I32): void {
    this.flags.setNzcv(this.let(nzcv));
  }

  override get carry(): I32 {
    return this.let(this.flags.carry);
  }

  override conditionHolds(condition: number): I32 {
    return this.flags.holds(condition);
  }

  /** Usually the lookup gives the same page: then the region continues. */
  override synchronizeContext(): void {
    const entry = this.let(fetchEntry(this.tlb.get, this.page.get));
    const isSame = op.and(
      op.eq(this.load('i64', entry, FETCH_ENTRY.tag), this.page.get),
      op.eq(this.load('i32', entry, FETCH_ENTRY.host), this.load('i32', this.core, LAYOUT.fetchHost)),
    );
    this.if(op.isZero(isSame), () => {
      super.synchronizeContext();
      this.left.set(op.add(this.left.get, i32(this.following)));
      this.exit(this.offset + 4);
    });
  }

  override checkFp(): void {
    if (!this.fpChecked) super.checkFp();
    this.fpChecked = true;
  }

  protected override fpTrap(): void {
    this.interpret();
  }

  /** A misaligned SP is left to the interpreter, whether or not it faults. */
  protected override checkStack(): void {
    const version = this.versions.get(STACK_POINTER) ?? 0;
    if (this.stackChecked === version) return;
    this.stackChecked = version;
    this.if(op.and(op.wrap(this.readSlot(i32(STACK_POINTER), 64)), i32(STACK_ALIGNMENT - 1)), () => this.interpret());
  }

  protected override misaligned(): void {
    this.interpret();
  }

  protected override direct(hits: I32, access: () => void): void {
    this.if(op.isZero(hits), () => this.interpret());
    access();
  }

  override fallback(): void {
    this.interpret();
  }

  /**
   * Calls a helper as the last instruction of a block. The helper may have taken an exception,
   * ended the slice, or changed the page of code or the registers that its word names.
   */
  callHelper(helper: bigint, registers: readonly number[]): void {
    this.synchronize();
    this.store(this.core, LAYOUT.pc, this.pc);
    this.store(this.core, LAYOUT.left, this.left.get);
    const moved = this.call('i32', this.calls.helper, [this.core, i32(Number(helper))]);
    this.if(moved, () => this.return(i32(ANSWER.goOn)));
    for (const slot of [...registers, STACK_POINTER]) {
      if (slot !== ZERO_REGISTER) this.register(slot).set(this.load('i64', this.core, LAYOUT.x + 8 * slot));
    }
    this.flags.load();
    this.left.set(this.load('i32', this.core, LAYOUT.left));
    this.tlb.set(this.load('i32', this.core, LAYOUT.tlb));
    this.if(op.ne(this.load('i64', this.core, LAYOUT.fetchPage), this.page.get), () => this.exit(this.offset + 4));
  }
}
