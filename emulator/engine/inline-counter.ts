// SPDX-License-Identifier: GPL-2.0-only
/**
 * The counter of one engine whose translated code counts for itself (inline-count.ts): what is left
 * of a slice, how it ended, and where the core is inside a block.
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
 * In a core: fields that the engine keeps for an instruction counting which it never turns on
 * (icount_budget, icount_extra).
 */
export const COUNTING_FIELDS = { end: 0x28, ranOut: 0x2c, counter: 0x30, unmasked: 0x34 } as const;
/** In `end`. */
const END_WAS_TOLD = 1;
/** Bytes of a load or store that the engine may cut in parts. */
const WIDEST_ACCESS = 8;
/** Bits of interrupt_request: CPU_INTERRUPT_HARD, CPU_INTERRUPT_FIQ. */
const REQUEST_IRQ = 1 << 1;
const REQUEST_FIQ = 1 << 4;

/** The engine's buffer is never larger. */
const MOST_CODE_BYTES = 2 ** 31;

/** Bytes of a page of callbacks, and of the half of the stack that is looked through. */
const PAGE_BYTES = 4096;

/** Instructions of the longest block: LINE in count-x64.S. */
export const LONGEST_BLOCK = LONGEST_OVERRUN + 1;

/** The most instructions that a block which begins at `pc` can have. */
export const mostInBlockAt = (pc: bigint): number =>
  LONGEST_BLOCK - (Number(pc & (BigInt(4 * LONGEST_BLOCK) - 1n)) >>> 2);

/** A native function and the data argument to register with it. */
export interface NativeCallback {
  readonly callback: bigint;
  readonly data: bigint;
}

/** The code, in place in one library of this process. */
export interface InlineCount {
  readonly process: NativeProcess;
  readonly build: LibraryBuild;
  readonly libraryBase: bigint;
  readonly code: bigint;
}

/** Pages of engines that were closed. */
const spareCells: bigint[] = [];

/** The counter of one engine. */
export class InlineCounter {
  private readonly inline: InlineCount;
  private readonly core: bigint;
  /** {@link COUNTING_FIELDS} as 32-bit words. */
  private readonly words: Int32Array;
  private readonly interruptRequest: Int32Array;
  private readonly nextBlockFlags: Int32Array;
  private readonly accessReturn: BigUint64Array;
  /** The access of a device that was begun last: where it returns to, its bytes, its end so far. */
  private readonly access = { returns: 0n, bytes: WIDEST_ACCESS, end: 0 };
  /** { leave, 0, core, stack pointer }, then pairs { callback, this cell } for the guards. */
  private readonly cell: BigUint64Array;
  private readonly cellAddress: bigint;
  private guards = 0;
  /** The translated code. */
  private readonly code: DataView;
  private readonly codeStart: bigint;
  /** Address that the next block will have. */
  private readonly nextCode: BigUint64Array;
  private readonly drops: Uint32Array;
  private readonly branchTargets: Uint8Array;
  private readonly stacks = new Map<bigint, BigUint64Array>();

  /** @param handle the engine's handle, initialised */
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
    // It does what UnicornHandle.claimCodeBuffer does, without its cost.
    word(build.translatorNextPart)[0] = 1n;
  }

  /** Another number after each block that was translated. */
  get translations(): number {
    return (this.drops[0] ?? 0) * MOST_CODE_BYTES + this.codeBytes;
  }

  private get codeBytes(): number {
    return Number((this.nextCode[0] ?? 0n) - this.codeStart);
  }

  /** The block behind each branch that leaves its page is looked up anew. */
  forgetBranchTargets(): void {
    this.branchTargets.fill(0);
  }

  /** Bytes of the code buffer that are left. */
  get codeRoom(): number {
    return this.code.byteLength - this.codeBytes;
  }

  /** Instructions that may still be begun; a block that is begun is charged whole. */
  get left(): number {
    return this.words[2] ?? 0;
  }

  set left(count: number) {
    this.words[2] = count;
  }

  /** Instructions of the block begun last that lie behind the one at `pc`. */
  restOfBlock(pc: bigint): number {
    const rest = (((this.words[0] ?? 0) & ~END_WAS_TOLD) - Number(BigInt.asIntN(32, pc))) / 4 - 1;
    return rest > 0 && rest < LONGEST_BLOCK ? rest : 0;
  }

  /**
   * The instruction at `pc` is the last one of its block that is executed: what lies behind it is
   * taken off the charge.
   */
  endBlockAt(pc: bigint): void {
    this.left += this.restOfBlock(pc);
    this.words[0] = Number(BigInt.asIntN(32, pc + 4n));
  }

  /**
   * True when the block begun last was told to end where it does ({@link limitNextBlock}), before
   * its line or a branch.
   */
  get endWasTold(): boolean {
    return ((this.words[0] ?? 0) & END_WAS_TOLD) !== 0;
  }

  /** Forgets how the last run ended. */
  arm(): void {
    this.access.bytes = WIDEST_ACCESS;
    this.words[1] = 0;
    this.words[3] = 0;
  }

  /**
   * The interrupts whose masks are watched: a run ends right after the instruction that lifts one.
   */
  watchMasks(irq: boolean, fiq: boolean): void {
    this.interruptRequest[0] = (irq ? REQUEST_IRQ : 0) | (fiq ? REQUEST_FIQ : 0);
  }

  /** True when that ended the run. */
  get unmasked(): boolean {
    return this.words[3] !== 0;
  }

  /** True when the counter ended the run: before a block, which was not begun and not charged. */
  get ranOut(): boolean {
    return this.words[1] !== 0;
  }

  /**
   * The next run begins with a block of at most `count` instructions (cflags_next_tb: a block of
   * its own beside the usual one).
   */
  limitNextBlock(count: number): void {
    this.nextBlockFlags[0] = count;
  }

  /**
   * A stand-in for `callback`, whose data argument is number `argument`: its address and the data
   * to register. Needed for {@link leave}.
   */
  guard(callback: bigint, argument: 4 | 5 | 6): NativeCallback {
    return this.standIn(callback, COUNT_X64_ENTRIES.guards[argument]);
  }

  /**
   * A stand-in for the callback that announces new blocks: only those with a system instruction
   * that a machine may want, or misaligned, come through.
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
   * A device callback for `width` bytes at `address`. True when it is that of a load or store in
   * translated code, which says where it is; for one that comes in parts, with the first.
   */
  beginAccess(address: number, width: number): boolean {
    const { access } = this;
    const returns = this.accessReturn[0] ?? 0n;
    if (returns !== 0n) {
      access.returns = returns;
      access.bytes = width;
      // The next one says so anew.
      this.accessReturn[0] = 0n;
    } else if (address === access.end && access.bytes < WIDEST_ACCESS) {
      access.bytes += width;
    } else {
      return false;
    }
    access.end = address + width;
    return true;
  }

  /** Brings PC up to date inside a device callback. */
  restoreAccessPc(): void {
    this.inline.process.restoreState(this.core, this.access.returns);
  }

  /**
   * Brings PC up to date inside a guarded callback of a load or store that has not told where it
   * is: its return address into translated code is at a fixed distance from the one of the loop
   * that called that code.
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
   * The translated code of an access that called a helper, from the address the helper returns to.
   * Stores return behind themselves. Loads call from the block's end, where the address behind them
   * was put into RCX just before: lea rcx, [rip + disp32]; then call rel32, or call [rip + disp32]
   * where the library lies more than 2 GiB away.
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

  /** Gives back what the engine's callbacks used. After the engine was closed. */
  close(): void {
    spareCells.push(this.cellAddress);
  }

  /**
   * When the running guarded callback returns, its instruction is left unfinished. PC stays as it
   * is: it must be exact.
   */
  leave(): void {
    this.cell[0] = 1n;
  }
}
