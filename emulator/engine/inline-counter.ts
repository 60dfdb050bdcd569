// SPDX-License-Identifier: GPL-2.0-only
/**
 * Counter of one engine whose translated code counts by itself (inline-count.ts): instructions left
 * in a slice, how the slice ended, and the core's position inside a block.
 *
 *     core (CPUState):  0x28 end of the block begun last (low 32 bits; bit 0: it was told to end there)
 *                       0x2c set when the counter ended the run
 *                       0x30 counter | 0x34 set when a mask was lifted
 *                       words of QEMU's own instruction counting, which the engine compiles but never turns on
 */

import { LONGEST_OVERRUN } from './engine.ts';
import type { LibraryBuild } from './library-builds.ts';
import { COUNT_X64_ENTRIES } from './native/count-x64.ts';
import type { NativeProcess } from './unicorn-library.ts';

/**
 * Fields of a core for instruction counting by QEMU, which the engine never enables (icount_budget,
 * icount_extra); used here instead.
 */
export const COUNTING_FIELDS = { end: 0x28, isExhausted: 0x2c, counter: 0x30, unmasked: 0x34 } as const;
/** Flag in `end`. */
const END_WAS_TOLD = 1;
/** Widest load or store that the engine may split, in bytes. */
const WIDEST_ACCESS = 8;
/** Bits of interrupt_request: CPU_INTERRUPT_HARD, CPU_INTERRUPT_FIQ. */
const REQUEST_IRQ = 1 << 1;
const REQUEST_FIQ = 1 << 4;

/** Upper limit of the engine's code buffer. */
const MOST_CODE_BYTES = 2 ** 31;

/** Size of a page of callbacks, and of half of the stack range that is searched. */
const PAGE_BYTES = 4096;

/** Most instructions in a block: LINE in count-x64.S. */
export const LONGEST_BLOCK = LONGEST_OVERRUN + 1;

/** Most instructions of a block that begins at `pc`. */
export const mostInBlockAt = (pc: bigint): number =>
  LONGEST_BLOCK - (Number(pc & (BigInt(4 * LONGEST_BLOCK) - 1n)) >>> 2);

/** Native function, with the data argument to register with it. */
export interface NativeCallback {
  readonly callback: bigint;
  readonly data: bigint;
}

/** Counting code installed in one library of this process. */
export interface InlineCount {
  readonly process: NativeProcess;
  readonly build: LibraryBuild;
  readonly libraryBase: bigint;
  readonly code: bigint;
}

/** Pages of closed engines, for reuse. */
const spareCells: bigint[] = [];

/** Counter of one engine. */
export class InlineCounter {
  private readonly inline: InlineCount;
  private readonly core: bigint;
  /** {@link COUNTING_FIELDS} as 32-bit words. */
  private readonly words: Int32Array;
  private readonly interruptRequest: Int32Array;
  private readonly nextBlockFlags: Int32Array;
  private readonly accessReturn: BigUint64Array;
  /** Last device access: return address into translated code, bytes, and end address so far. */
  private readonly access = { returns: 0n, bytes: WIDEST_ACCESS, end: 0 };
  /** { leave, 0, core, stack pointer }, then pairs { callback, this cell } for the guards. */
  private readonly cell: BigUint64Array;
  private readonly cellAddress: bigint;
  private guards = 0;
  /** Translated code. */
  private readonly code: DataView;
  private readonly codeStart: bigint;
  /** Address of the next block to be translated. */
  private readonly nextCode: BigUint64Array;
  private readonly drops: Uint32Array;
  private readonly branchTargets: Uint8Array;
  private readonly stacks = new Map<bigint, BigUint64Array>();

  /** @param handle handle of an initialised engine */
  constructor(inline: InlineCount, handle: DataView) {
    const { process, build } = inline;
    this.inline = inline;
    this.core = handle.getBigUint64(build.handle.core, true);
    this.words = new Int32Array(process.view(this.core + BigInt(COUNTING_FIELDS.end), 16));
    this.interruptRequest = new Int32Array(process.view(this.core + BigInt(build.core.interruptRequest), 4));
    const functions = new BigUint64Array(process.view(this.core + BigInt(build.core.functions), 8))[0] ?? 0n;
    new BigUint64Array(process.view(functions + BigInt(build.core.execInterrupt), 8))[0] =
      inline.code + BigInt(COUNT_X64_ENTRIES.unmasked);
    this.nextBlockFlags = new Int32Array(process.view(this.core + BigInt(build.core.nextBlockFlags), 4));
    this.accessReturn = new BigUint64Array(process.view(this.core + BigInt(build.core.accessReturn), 8));
    const { branchTargets, branchTargetsBytes } = build.core;
    this.branchTargets = new Uint8Array(process.view(this.core + BigInt(branchTargets), branchTargetsBytes));
    const cell = spareCells.pop() ?? process.allocatePages(PAGE_BYTES);
    if (cell === null) throw new RangeError('no memory for the callbacks of an engine');
    this.cellAddress = cell;
    this.cell = new BigUint64Array(process.view(cell, PAGE_BYTES));
    this.cell[2] = this.core;
    const translator = handle.getBigUint64(build.handle.translator, true);
    const word = (at: number) => new BigUint64Array(process.view(translator + BigInt(at), 8));
    this.codeStart = word(build.translatorCode)[0] ?? 0n;
    const codeBytes = word(build.translatorCodeBytes)[0] ?? 0n;
    this.code = new DataView(process.view(this.codeStart, Number(codeBytes)));
    this.nextCode = word(build.translatorNextCode);
    this.drops = new Uint32Array(process.view(translator + BigInt(build.translatorDrops), 4));
    // Same effect as UnicornHandle.claimCodeBuffer, without its cost.
    word(build.translatorNextPart)[0] = 1n;
  }

  /** Number that changes after each translated block. */
  get translations(): number {
    return (this.drops[0] ?? 0) * MOST_CODE_BYTES + this.codeBytes;
  }

  private get codeBytes(): number {
    return Number((this.nextCode[0] ?? 0n) - this.codeStart);
  }

  /** Clears the cache of blocks that are targets of branches that leave their page. */
  forgetBranchTargets(): void {
    this.branchTargets.fill(0);
  }

  /** Free bytes in the code buffer. */
  get codeRoom(): number {
    return this.code.byteLength - this.codeBytes;
  }

  /** Instructions that may still be started; a block is charged as a whole when it starts. */
  get left(): number {
    return this.words[2] ?? 0;
  }

  set left(count: number) {
    this.words[2] = count;
  }

  /** Number of instructions after `pc` in the block started last. */
  restOfBlock(pc: bigint): number {
    const rest = (((this.words[0] ?? 0) & ~END_WAS_TOLD) - Number(BigInt.asIntN(32, pc))) / 4 - 1;
    return rest > 0 && rest < LONGEST_BLOCK ? rest : 0;
  }

  /**
   * Ends the current block after the instruction at `pc`, and refunds the instructions after it.
   */
  endBlockAt(pc: bigint): void {
    this.left += this.restOfBlock(pc);
    this.words[0] = Number(BigInt.asIntN(32, pc + 4n));
  }

  /**
   * True when {@link limitNextBlock} determined the end of the block started last, instead of its
   * line or a branch.
   */
  get endWasTold(): boolean {
    return ((this.words[0] ?? 0) & END_WAS_TOLD) !== 0;
  }

  /** Clears the record of how the last run ended. */
  arm(): void {
    this.access.bytes = WIDEST_ACCESS;
    this.words[1] = 0;
    this.words[3] = 0;
  }

  /**
   * Sets the interrupts whose masks are watched: a run ends right after an instruction that unmasks
   * one.
   */
  watchMasks(irq: boolean, fiq: boolean): void {
    this.interruptRequest[0] = (irq ? REQUEST_IRQ : 0) | (fiq ? REQUEST_FIQ : 0);
  }

  /** True when an unmasked interrupt ended the run. */
  get unmasked(): boolean {
    return this.words[3] !== 0;
  }

  /** True when the counter ended the run: before a block, which was neither started nor charged. */
  get isExhausted(): boolean {
    return this.words[1] !== 0;
  }

  /**
   * Limits the first block of the next run to `count` instructions (cflags_next_tb: a separate
   * block beside the usual one).
   */
  limitNextBlock(count: number): void {
    this.nextBlockFlags[0] = count;
  }

  /**
   * Stand-in for `callback`, whose data argument is number `argument`: its address, and the data to
   * register. Needed for {@link leave}.
   */
  guard(callback: bigint, argument: 4 | 5 | 6): NativeCallback {
    return this.standIn(callback, COUNT_X64_ENTRIES.guards[argument]);
  }

  /**
   * Stand-in for the callback that announces new blocks. It passes on only misaligned blocks, and
   * blocks with a system instruction that a machine may want.
   */
  blockFilter(callback: bigint): NativeCallback {
    return this.standIn(callback, COUNT_X64_ENTRIES.blockFilter);
  }

  private standIn(callback: bigint, entry: number): NativeCallback {
    const at = 4 + 2 * this.guards++;
    if (at + 2 > this.cell.length) throw new RangeError('too many device windows for one engine');
    this.cell[at] = callback;
    this.cell[at + 1] = this.cellAddress;
    return {
      callback: this.inline.code + BigInt(entry),
      data: this.cellAddress + BigInt(8 * at),
    };
  }

  /**
   * Notes a device callback for `width` bytes at `address`. Returns true for a load or store of
   * translated code, which gives its return address; for an access in parts, the first part gives
   * it.
   */
  beginAccess(address: number, width: number): boolean {
    const { access } = this;
    const returns = this.accessReturn[0] ?? 0n;
    if (returns !== 0n) {
      access.returns = returns;
      access.bytes = width;
      // Cleared, because the next access sets it again.
      this.accessReturn[0] = 0n;
    } else if (address === access.end && access.bytes < WIDEST_ACCESS) {
      access.bytes += width;
    } else {
      return false;
    }
    access.end = address + width;
    return true;
  }

  /** Makes PC exact inside a device callback. */
  restoreAccessPc(): void {
    this.inline.process.restoreState(this.core, this.access.returns);
  }

  /**
   * Makes PC exact inside a guarded callback of a load or store without a known return address. On
   * the stack, the return address into translated code is at a fixed distance from that of the loop
   * that called the code.
   */
  restorePcFromStack(): void {
    const { process, build, libraryBase } = this.inline;
    const stack = this.stackAt(this.cell[3] ?? 0n);
    const frame = build.codeFrame / 8;
    for (let at = frame; at < stack.length; at++) {
      const word = stack[at] as bigint;
      if (!build.callsOfCode.some((call) => libraryBase + BigInt(call) === word)) continue;
      if (process.restoreState(this.core, this.accessAddress(stack[at - frame] as bigint))) return;
    }
    throw new RangeError("the engine's stack does not show where it is");
  }

  /**
   * Address in translated code of an access that called a helper, from the helper's return address.
   * Stores return to the code after them. Loads call from the end of the block, and put the address
   * after themselves into RCX just before: lea rcx, [rip + disp32]; then call rel32, or call [rip
   * + disp32] where the library lies more than 2 GiB away.
   */
  private accessAddress(returns: bigint): bigint {
    const at = Number(returns - this.codeStart);
    if (at < 13 || at >= this.code.byteLength) return returns;
    const { code } = this;
    const call = code.getUint8(at - 5) === 0xe8 ? 5 : code.getUint16(at - 6, true) === 0x15ff ? 6 : null;
    if (call === null) return returns;
    const lea = at - call - 7;
    const isLea = code.getUint8(lea) === 0x48 && code.getUint16(lea + 1, true) === 0x0d8d;
    return isLea ? returns - BigInt(call) + BigInt(code.getInt32(lea + 3, true)) : returns;
  }

  private stackAt(address: bigint): BigUint64Array {
    let view = this.stacks.get(address);
    if (view === undefined) {
      view = new BigUint64Array(this.inline.process.view(address, 2 * PAGE_BYTES));
      this.stacks.set(address, view);
    }
    return view;
  }

  /** Releases the page of the engine's callbacks. Call after the engine was closed. */
  close(): void {
    spareCells.push(this.cellAddress);
  }

  /**
   * Leaves the instruction of the running guarded callback unfinished when the callback returns. PC
   * must be exact, and stays.
   */
  leave(): void {
    this.cell[0] = 1n;
  }
}
