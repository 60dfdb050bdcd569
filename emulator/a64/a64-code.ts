// SPDX-License-Identifier: GPL-2.0-only
/**
 * Code generator for the meanings of instructions: registers, flags, memory and branches of A64
 * over plain WebAssembly code.
 *
 * The meaning of an instruction is a piece of code. Control falls through when the instruction is
 * done. It returns 1 when PC was set: by a branch, or by an exception, which is taken before
 * anything was changed. Operands may be constants: then the code serves that one word.
 *
 * A value read from a register is evaluated where it is used. Code that writes the register first
 * must keep the old value with `let`.
 *
 * The translator (translate/) overrides registers, flags, branches and calls; the meanings stay the
 * same.
 */

import {
  FETCH_ENTRIES,
  FETCH_ENTRY,
  FETCH_START,
  LAYOUT,
  STACK_POINTER,
  TLB_ENTRIES,
  TLB_ENTRY,
  TLB_PAGE_SHIFT,
  ZERO_REGISTER,
} from './layout.ts';
import { Code } from './wasm/code.ts';
import { i32, type I32, type I64, i64, loaded, op, type Value } from './wasm/expressions.ts';
import { simd, type V128 } from './wasm/simd.ts';

/**
 * Function indices of the imports and helpers that meanings call. All take the core as first
 * argument, and return 1 when an exception was taken.
 */
export interface Calls {
  /** (core, condition): returns 1 when the condition holds. */
  readonly condition: number;
  /** (core, address low, address high, bytes | ACCESS_…): leaves the loaded value in scratch. */
  readonly load: number;
  /** As `load`; the value to store is in scratch. */
  readonly store: number;
  /** As `load`; leaves the host address of readable and writable memory in scratch. */
  readonly update: number;
  /** (core, helper) */
  readonly helper: number;
  /** (core): takes the trap of an FP access. */
  readonly fpTrap: number;
  /** (core): SP is not aligned. */
  readonly stackMisaligned: number;
  /** (core, address low, address high, 1 for a write): takes the alignment fault. */
  readonly misaligned: number;
}

/** Flag beside the number of bytes: an access with the permissions of EL0. */
export const ACCESS_UNPRIVILEGED = 0x100;

/**
 * Flag: an access that reads and writes. Its fault is that of a read where the read would fault.
 */
export const ACCESS_ATOMIC = 0x200;

export interface AccessOptions {
  /** Access with the permissions of EL0 (LDTR, STTR). */
  readonly unprivileged?: boolean;
  /** Access that reads and writes (LSE). */
  readonly atomic?: boolean;
}

/** Width of a register in bits. */
export type Width = 64 | 32;
const WIDTH_TYPE = { 64: 'i64', 32: 'i32' } as const;
export type TypeOf<W extends Width> = (typeof WIDTH_TYPE)[W];

const EIGHT = i32(3);

export class A64Code extends Code {
  /** Address of the core's block, see layout.ts. */
  readonly core: I32;
  protected readonly calls: Calls;
  /** Address of the instruction. */
  pc: I64;
  /** Constant that the row computed for this word. */
  immediate: I64;

  constructor(parameters: number, calls: Calls, parts: { core: I32; pc: I64; immediate: I64 }) {
    super(parameters);
    this.calls = calls;
    this.core = parts.core;
    this.pc = parts.pc;
    this.immediate = parts.immediate;
  }

  /** Low 32 bits or all bits of a register; register 31 reads as zero. */
  reg<W extends Width>(n: I32, width: W): Value<TypeOf<W>> {
    return this.readSlot(n, width);
  }

  x(n: I32): I64 {
    return this.readSlot(n, 64);
  }

  /** As `reg`; register 31 is SP. */
  regOrSp<W extends Width>(n: I32, width: W): Value<TypeOf<W>> {
    return this.readSlot(stackSlot(n), width);
  }

  /**
   * The base register of an access; register 31 is SP, which must be a multiple of 16 where that is
   * checked. Arm ARM D1.3.4, CheckSPAlignment.
   */
  base(n: I32): I64 {
    if (n.constant === null) this.if(op.eq(n, i32(ZERO_REGISTER)), () => this.checkStack());
    else if (n.constant === BigInt(ZERO_REGISTER)) this.checkStack();
    return this.regOrSp(n, 64);
  }

  protected checkStack(): void {
    const wrong = op.and(op.wrap(this.readSlot(i32(STACK_POINTER), 64)), this.word(LAYOUT.stackMask));
    this.if(wrong, () => this.leaveIf(this.call('i32', this.calls.stackMisaligned, [this.core])));
  }

  /** Writes a register; 32-bit values are zero-extended, and register 31 stays zero. */
  setReg(n: I32, value: Value): void {
    this.writeSlot(n, value.type === 'i64' ? (value as I64) : op.extendU(value as I32));
  }

  /** As `setReg`; register 31 is SP. */
  setRegOrSp(n: I32, value: Value): void {
    this.writeSlot(stackSlot(n), value.type === 'i64' ? (value as I64) : op.extendU(value as I32));
  }

  protected readSlot<W extends Width>(slot: I32, width: W): Value<TypeOf<W>> {
    if (slot.constant === BigInt(ZERO_REGISTER)) return op.constant(WIDTH_TYPE[width], 0n);
    const { address, offset } = this.place(slot, LAYOUT.x, EIGHT);
    return this.load(WIDTH_TYPE[width], address, offset);
  }

  protected writeSlot(slot: I32, value: I64): void {
    if (slot.constant === BigInt(ZERO_REGISTER)) return;
    const { address, offset } = this.place(slot, LAYOUT.x, EIGHT);
    this.store(address, offset, value);
    if (slot.constant === null) this.store(this.core, LAYOUT.x + 8 * ZERO_REGISTER, i64(0));
  }

  /** 64 bits of V register `n`: its low half (0) or its high half (1). */
  v(n: I32, half: 0 | 1): I64 {
    const { address, offset } = this.place(n, LAYOUT.v + 8 * half, i32(4));
    return this.load('i64', address, offset);
  }

  setV(n: I32, low: I64, high: I64): void {
    const { address, offset } = this.place(n, LAYOUT.v, i32(4));
    this.store(address, offset, low);
    this.store(address, offset + 8, high);
  }

  /** V register `n`, read where the value is used. */
  vector(n: I32): V128 {
    const { address, offset } = this.place(n, LAYOUT.v, i32(4));
    return simd.load(address, offset);
  }

  setVector(n: I32, value: V128): void {
    const { address, offset } = this.place(n, LAYOUT.v, i32(4));
    this.storeVector(address, offset, value);
  }

  /** Lane `index` of V register `n`, `bytes` bytes wide, zero-extended. */
  lane(n: I32, index: I32, bytes: number): I64 {
    const { address, offset } = this.lanePlace(n, index, bytes);
    return this.load('i64', address, offset, bytes);
  }

  setLane(n: I32, index: I32, bytes: number, value: I64): void {
    const { address, offset } = this.lanePlace(n, index, bytes);
    this.store(address, offset, value, bytes);
  }

  private lanePlace(n: I32, index: I32, bytes: number): { address: I32; offset: number } {
    const { address, offset } = this.place(n, LAYOUT.v, i32(4));
    return { address: op.add(address, op.mul(index, i32(bytes))), offset };
  }

  private place(n: I32, start: number, shift: I32): { address: I32; offset: number } {
    if (n.constant !== null) {
      return { address: this.core, offset: start + (Number(n.constant) << Number(shift.constant)) };
    }
    return { address: op.add(this.core, op.shl(n, shift)), offset: start };
  }

  /** 32-bit word of the core's block. */
  word(offset: number): I32 {
    return this.load('i32', this.core, offset);
  }

  setWord(offset: number, value: I32): void {
    this.store(this.core, offset, value);
  }

  /** Branches to `target`. */
  branch(target: I64): void {
    this.store(this.core, LAYOUT.pc, target);
    this.leave();
  }

  /** Branches to `offset` bytes from the instruction. */
  branchBy(offset: I64): void {
    this.branch(op.add(this.pc, offset));
  }

  /** Returns from the code because PC was set. */
  leave(): void {
    this.return(i32(1));
  }

  /** Returns from the code when `taken` is not 0. */
  protected leaveIf(taken: I32): void {
    this.if(taken, () => this.leave());
  }

  /** PSTATE.C, 0 or 1. */
  get carry(): I32 {
    return this.word(LAYOUT.carry);
  }

  /**
   * Sets N and Z from a result, and V from the sign of `overflow`.
   * @param _compared operands whose difference the result is
   */
  setFlags<T extends 'i32' | 'i64'>(
    result: Value<T>,
    carry: I32,
    overflow: Value<T> | null,
    _compared: readonly [Value<T>, Value<T>] | null = null,
  ): void {
    const high = (value: Value<T>): I32 => (value.type === 'i32' ? (value as I32) : highOf(value as I64));
    const zero = result.type === 'i32' ? (result as I32) : op.or(op.wrap(result as I64), high(result));
    this.setWord(LAYOUT.negative, high(result));
    this.setWord(LAYOUT.zero, zero);
    this.setWord(LAYOUT.carry, carry);
    this.setWord(LAYOUT.overflow, overflow === null ? i32(0) : high(overflow));
  }

  /** Sets NZCV from bits 3:0 of `nzcv`. */
  setNzcv(nzcv: I32): void {
    const bits = this.let(nzcv);
    this.setWord(LAYOUT.negative, op.shl(bits, i32(28)));
    this.setWord(LAYOUT.zero, op.xor(op.and(bits, i32(4)), i32(4)));
    this.setWord(LAYOUT.carry, op.and(op.shrU(bits, i32(1)), i32(1)));
    this.setWord(LAYOUT.overflow, op.shl(bits, i32(31)));
  }

  /** 1 when the condition holds, else 0. */
  condition(condition: I32): I32 {
    if (condition.constant === null) return this.call('i32', this.calls.condition, [this.core, condition]);
    return this.conditionHolds(Number(condition.constant));
  }

  /** Arm ARM C1.2.4. */
  conditionHolds(condition: number): I32 {
    if (condition >= 14) return i32(1);
    const isZero = () => op.isZero(this.word(LAYOUT.zero));
    const differ = () => op.ltS(op.xor(this.word(LAYOUT.negative), this.word(LAYOUT.overflow)), i32(0));
    const holds = [
      isZero,
      () => this.carry,
      () => op.ltS(this.word(LAYOUT.negative), i32(0)),
      () => op.ltS(this.word(LAYOUT.overflow), i32(0)),
      () => op.and(this.carry, op.isZero(isZero())),
      () => op.isZero(differ()),
      () => op.isZero(op.or(isZero(), differ())),
    ][condition >> 1] as () => I32;
    return (condition & 1) === 0 ? holds() : op.isZero(holds());
  }

  /** Calls the helper with number `helper`; it may take an exception. */
  helper(helper: I32): void {
    this.leaveIf(this.call('i32', this.calls.helper, [this.core, helper]));
  }

  /** Executes the whole instruction in its helper; only for rows with `fallback`. */
  fallback(): void {
    this.helper(op.wrap(this.immediate));
  }

  /** Takes the trap where FP is trapped; comes before the first use of FP or SIMD registers. */
  checkFp(): void {
    this.if(this.word(LAYOUT.fpTrap), () => this.fpTrap());
  }

  protected fpTrap(): void {
    this.leaveIf(this.call('i32', this.calls.fpTrap, [this.core]));
  }

  /** Takes an alignment fault where `address` is not a multiple of `bytes`. */
  checkAligned(address: I64, bytes: number, write: boolean): void {
    if (bytes === 1) return;
    this.if(op.and(op.wrap(address), i32(bytes - 1)), () => this.misaligned(address, write));
  }

  protected misaligned(address: I64, write: boolean): void {
    const how = i32(write ? 1 : 0);
    this.leaveIf(this.call('i32', this.calls.misaligned, [this.core, op.wrap(address), highOf(address), how]));
  }

  /** Loads `bytes` (1, 2, 4 or 8) from a virtual address, zero-extended. */
  read(address: I64, bytes: number, options: AccessOptions = {}): I64 {
    const at = this.let(address);
    const entry = this.tlbEntry(at, options);
    const value = this.unset('i64');
    this.direct(
      this.hits(at, bytes, entry, TLB_ENTRY.read),
      () => value.set(loaded('i64', this.host(at, entry), 0, bytes)),
      () => {
        this.slow(this.calls.load, at, bytes, options);
        value.set(loaded('i64', this.core, LAYOUT.scratch));
      },
    );
    return value.get;
  }

  /** Stores the low `bytes` of `value`. */
  write(address: I64, value: I64, bytes: number, options: AccessOptions = {}): void {
    const at = this.let(address);
    const what = this.let(value);
    const entry = this.tlbEntry(at, options);
    this.direct(
      this.hits(at, bytes, entry, TLB_ENTRY.write),
      () => this.store(this.host(at, entry), 0, what, bytes),
      () => {
        this.store(this.core, LAYOUT.scratch, what);
        this.slow(this.calls.store, at, bytes, options);
      },
    );
  }

  /** Host address of `bytes` of readable and writable memory; `address` is aligned. */
  updatable(address: I64, bytes: number, options: AccessOptions = {}): I32 {
    const at = this.let(address);
    const entry = this.tlbEntry(at, {});
    const host = this.unset('i32');
    this.direct(
      this.hits(at, bytes, entry, TLB_ENTRY.write),
      () => host.set(this.host(at, entry)),
      () => {
        this.slow(this.calls.update, at, bytes, options);
        host.set(loaded('i32', this.core, LAYOUT.scratch));
      },
    );
    return host.get;
  }

  /**
   * Zeros the block of `bytes` around an address. Falls back at EL0, where it may be trapped, and
   * on a TLB miss.
   */
  zero(address: I64, bytes: number): void {
    const at = this.let(op.and(address, i64(-bytes)));
    const entry = this.tlbEntry(at, {});
    this.if(
      op.and(op.ne(this.word(LAYOUT.level), i32(0)), this.hits(at, bytes, entry, TLB_ENTRY.write)),
      () => {
        const host = this.let(this.host(at, entry));
        for (let offset = 0; offset < bytes; offset += 8) this.store(host, offset, i64(0));
      },
      () => this.fallback(),
    );
  }

  /** Access that the TLB answers, or that is made outside of WebAssembly. */
  protected direct(hits: I32, access: () => void, ask: () => void): void {
    this.if(hits, access, ask);
  }

  /** Calls out of WebAssembly for an access that misses in the TLB. */
  private slow(call: number, at: I64, bytes: number, { unprivileged = false, atomic = false }: AccessOptions): void {
    const how = i32(bytes | (unprivileged ? ACCESS_UNPRIVILEGED : 0) | (atomic ? ACCESS_ATOMIC : 0));
    this.leaveIf(this.call('i32', call, [this.core, op.wrap(at), highOf(at), how]));
  }

  /** ISB: forgets the current page of code, so that it is looked up again. */
  synchronizeContext(): void {
    this.store(this.core, LAYOUT.fetchPage, i64(-1));
  }

  protected tlbEntry(address: I64, { unprivileged = false }: AccessOptions): I32 {
    const tlb = this.word(unprivileged ? LAYOUT.tlbUnprivileged : LAYOUT.tlb);
    // The page's number times the size of an entry.
    const scaled = op.wrap(op.shrU(address, i64(TLB_PAGE_SHIFT - Math.log2(TLB_ENTRY.bytes))));
    return this.let(op.add(tlb, op.and(scaled, i32((TLB_ENTRIES - 1) * TLB_ENTRY.bytes))));
  }

  /**
   * True when the entry holds the page of the last byte. An entry at the index of the first byte's
   * page can match only that page, so all bytes lie in one page.
   */
  private hits(address: I64, bytes: number, entry: I32, tag: number): I32 {
    return op.eq(op.and(op.add(address, i64(bytes - 1)), i64(~0xfff)), loaded('i64', entry, tag));
  }

  private host(address: I64, entry: I32): I32 {
    return op.add(loaded('i32', entry, TLB_ENTRY.shift), op.wrap(address));
  }
}

/** Entry for a page of code in the TLB at `tlb`; {@link fetchIndex} gives its index. */
export function fetchEntry(tlb: I32, page: I64): I32 {
  const shifted = (by: number): I32 => op.wrap(op.shrU(page, i64(TLB_PAGE_SHIFT + by)));
  const index = op.and(op.xor(shifted(0), shifted(Math.log2(FETCH_ENTRIES))), i32(FETCH_ENTRIES - 1));
  return op.add(op.add(tlb, i32(FETCH_START)), op.mul(index, i32(FETCH_ENTRY.bytes)));
}

const highOf = (address: I64): I32 => op.wrap(op.shrU(address, i64(32)));

/** Slot of register `n`, where 31 is SP. */
function stackSlot(n: I32): I32 {
  if (n.constant !== null) return n.constant === BigInt(ZERO_REGISTER) ? i32(STACK_POINTER) : n;
  return op.add(n, op.eq(n, i32(ZERO_REGISTER)));
}
