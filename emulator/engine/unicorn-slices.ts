// SPDX-License-Identifier: GPL-2.0-only
/**
 * Running and counting: a slice from its start to its end, and what has been executed at any moment
 * in between.
 *
 *     run ──► emuStart ──► callback ──► stop, abandon, nothing ──► … ──► counter used up, WFI, error ──► SliceEnd
 *
 * With inline counting (inline-count.ts) a block is charged when it begins. Inside a callback the
 * charge is ahead of the execution and PC may be that of the block, so every callback says where it
 * was made from ({@link UnicornSlices.from}), and both are corrected when somebody asks. Without it
 * the engine counts each instruction, PC is always exact, and an instruction cannot be left: it
 * completes and its registers are put back.
 */

import type { Calibration } from './calibrate.ts';
import { ENGINE_EXCEPTION, EngineError, type SliceEnd, type UnmappedAccess } from './engine.ts';
import { type InlineCounter, LONGEST_BLOCK, mostInBlockAt } from './inline-counter.ts';
import type { UnicornHandle } from './unicorn-handle.ts';
import type { Pointer } from './unicorn-library.ts';
import type { UnicornRegisters } from './unicorn-registers.ts';

/**
 * Errors that mean "the unmapped-access hook declined": READ, WRITE, FETCH_UNMAPPED, WRITE_PROT and
 * FETCH_PROT.
 */
const UC_ERR_ACCESS = new Set([6, 7, 8, 12, 14]);

/**
 * Instructions after which cached address translations are dropped. The cache grows with use and
 * only shrinks when it is dropped, and each block that is translated looks through all of it: some
 * 6 % of a Linux boot.
 */
const FLUSH_EVERY = 2_000_000;

/**
 * A block of the most instructions has at most 64 KiB of code, and a record for each instruction.
 */
const ROOM_FOR_A_BLOCK = 2 ** 18;

/** For a counter that is not to end a run: far more instructions than a slice has. */
const NEVER_USED_UP = 2 ** 31 - 1;

/**
 * The kind of code that made a callback. It decides how PC becomes exact, and what of the block's
 * charge is ahead.
 */
type Origin = 'nothing' | 'register move' | 'device access' | 'memory access';

export interface SlicesOptions {
  readonly handle: UnicornHandle;
  readonly registers: UnicornRegisters;
  /** Null: for calibration. */
  readonly calibration: Calibration | null;
  /** Counts in translated code; null where the library has no such code. */
  readonly counter: InlineCounter | null;
  /** The engine counts although the code does, too. */
  readonly engineCounts: boolean;
}

export class UnicornSlices {
  /** Counts the slices; null: the engine does. */
  readonly inline: InlineCounter | null;
  /** The last slice ended in the middle of a block. */
  inBlock = false;
  private readonly handle: UnicornHandle;
  private readonly registers: UnicornRegisters;
  private readonly calibration: Calibration | null;
  /** The same as {@link inline} also where it is in the translated code but not used. */
  private readonly counter: InlineCounter | null;
  /** The error that a callback threw; rethrown when the slice has ended. */
  private failure: { readonly error: unknown } | null = null;
  /** Native calls that execute code and have not come back: 0 or 1. */
  private starts = 0;
  /** Actions that wait until those calls have come back. */
  private readonly afterRun: (() => void)[] = [];
  private lastUnmapped: UnmappedAccess | null = null;
  private unmappedPc = 0n;
  /**
   * The count at the moment when the slice was told to end: the engine counts one instruction that
   * it does not execute any more.
   */
  private countAtEnd: number | null = null;
  private requested = 0;
  /** Instructions after which the slice ends with the next block. */
  private count = 0;
  /**
   * Executed in the current slice before the engine was started again to translate a block anew.
   */
  private executedBefore = 0;
  private stopRequested = false;
  private retranslate = false;
  /** Instructions asked for since address translations were dropped last. */
  private sinceFlush = 0;
  /** The range whose code was dropped last, and the state of the translator then. */
  private discarded = { start: 0, end: 0, translations: -1 };
  /** The kind of callback that runs. */
  private within: Origin = 'nothing';
  private pcIsExact = true;
  /**
   * With inline counting: instructions charged but not executed at this moment; null: not worked
   * out yet.
   */
  private ahead: number | null = 0;
  /** Registers to go back to where an instruction was abandoned. Without inline counting only. */
  private abandoned: Pointer = null;

  constructor({ handle, registers, calibration, counter, engineCounts }: SlicesOptions) {
    this.handle = handle;
    this.registers = registers;
    this.calibration = calibration;
    this.counter = counter;
    this.inline = engineCounts ? null : counter;
  }

  /** See CpuEngine.executed. */
  get executed(): number {
    if (this.calibration === null) return 0;
    if (this.inline !== null) {
      this.ahead ??= this.inline.restOfBlock(this.getPc());
      return this.requested - this.inline.left - this.ahead;
    }
    if (this.countAtEnd !== null) return this.countAtEnd;
    // The counter runs one past the request when the count ends the slice.
    return (
      this.executedBefore + Math.min(this.handle.bytes.getUint32(this.calibration.executedOffset, true), this.requested)
    );
  }

  /** Exact also inside callbacks. */
  getPc(): bigint {
    if (!this.pcIsExact) this.findPc();
    return this.registers.getPc();
  }

  /** See CpuEngine.runBlocks. */
  runBlocks(count: number, most = Infinity): SliceEnd {
    const { inline } = this;
    if (inline === null) return this.runCounted(Math.min(count, most));
    this.begin(count);
    for (;;) {
      const before = this.executed;
      const left = most - before;
      // Up to where `most` may lie inside the next block, and there one block at a time.
      const pc = this.getPc();
      const inFree = Math.min(this.count - before, left - LONGEST_BLOCK);
      inline.left = Math.max(1, inFree);
      this.requested = before + inline.left;
      const limit = inFree > 0 || left >= mostInBlockAt(pc) ? null : left;
      // A full buffer would be dropped in the middle of the run, and the limit with it.
      if (limit !== null && inline.codeRoom < ROOM_FOR_A_BLOCK) this.handle.discardAllCode();
      const end = this.runInline(inline, limit);
      const { executed } = this;
      if (limit !== null && executed >= most) this.inBlock ||= inline.endWasTold;
      if (end.kind !== 'count' || inline.unmasked || this.inBlock || executed >= this.count) return end;
    }
  }

  /** See CpuEngine.discardPhysicalCode. */
  discardPhysicalCode(ranges: Iterable<readonly [start: number, end: number]>): void {
    const { counter } = this;
    if (counter === null) {
      this.registers.discardPhysicalCode(ranges);
      return;
    }
    // Code is maintained line after line; what was dropped and not translated since need not be
    // dropped again.
    const { start, end, translations } = this.discarded;
    const known = translations === counter.translations;
    const left = [...ranges].filter((range) => !(known && range[0] >= start && range[1] <= end));
    const last = left.at(-1);
    if (last === undefined) return;
    this.registers.discardPhysicalCode(left);
    this.discarded = { start: last[0], end: last[1], translations: counter.translations };
  }

  forgetBranchTargets(): void {
    if (this.counter === null) this.handle.flushTlb();
    else this.counter.forgetBranchTargets();
  }

  stop(): void {
    this.stopRequested = true;
    const { inline } = this;
    if (this.calibration === null || this.within === 'nothing') {
      this.countAtEnd ??= this.executed;
      this.emuStop();
    } else if (inline !== null) {
      this.requested -= inline.left;
      inline.left = 0;
    } else {
      this.countAtEnd ??= this.executed;
      // uc_emu_stop would break the instruction off in its middle and execute it again later, with
      // its device accesses. Instead the slice's length is cut to what was executed: the
      // instruction completes and the next one is not begun.
      const at = this.calibration.executedOffset;
      this.handle.bytes.setBigUint64(at + 8, this.handle.bytes.getBigUint64(at, true), true);
    }
  }

  shorten(instructions: number): boolean {
    const { inline } = this;
    if (inline === null) return false;
    inline.left -= instructions;
    this.requested -= instructions;
    this.count -= instructions;
    return true;
  }

  watchMasks(irq: boolean, fiq: boolean): boolean {
    this.inline?.watchMasks(irq, fiq);
    return this.inline !== null;
  }

  abandon(): void {
    const { inline } = this;
    if (inline === null) {
      // The instruction completes inside the engine; its effects are undone by going back to the
      // registers it started with.
      this.abandoned ??= this.handle.saveState();
      this.stop();
      return;
    }
    this.stopRequested = true;
    this.leaveInstruction();
  }

  /** True while the engine executes code: inside a callback. */
  get isRunning(): boolean {
    return this.starts > 0;
  }

  /** `action` at once, or when the engine has come back to its caller. */
  whenOver(action: () => void): void {
    if (this.isRunning) this.afterRun.push(action);
    else action();
  }

  /** After the handle was closed. */
  close(): void {
    this.counter?.close();
  }

  /**
   * Enters the engine. Never from inside: it has one state.
   * @param count of instructions; 0: no limit
   * @returns the library's error code
   */
  private start(count: number): number {
    if (this.starts > 0) throw new EngineError('the engine runs already: it cannot be run by what runs inside it');
    this.starts++;
    try {
      return this.handle.library.emuStart(this.handle.pointer, this.getPc(), 0, 0, count) as number;
    } finally {
      this.starts--;
      for (const action of this.afterRun.splice(0)) action();
    }
  }

  private begin(count: number): void {
    this.stopRequested = false;
    this.lastUnmapped = null;
    this.requested = count;
    this.count = count;
    this.inBlock = false;
    if (this.inline !== null) this.inline.left = count;
  }

  /**
   * Runs until the counter is used up or something else ends the slice.
   * @param limit most instructions of the first block; null: as many as it has
   */
  private runInline(inline: InlineCounter, limit: number | null): SliceEnd {
    this.sinceFlush += inline.left;
    if (this.sinceFlush >= FLUSH_EVERY) {
      this.sinceFlush = 0;
      this.handle.flushTlb();
    }
    for (;;) {
      this.retranslate = false;
      inline.arm();
      if (limit !== null) inline.limitNextBlock(limit);
      const code = this.start(0);
      const end = this.endOf(code);
      if (end !== null) return end;
      const { ranOut } = inline;
      if (this.stopRequested) return { kind: 'stopped' };
      if (ranOut || inline.unmasked) return { kind: 'count' };
      if (!this.retranslate) return { kind: 'stopped' };
    }
  }

  /** The meaning of the engine's error for the slice; null when there was none. */
  private endOf(code: number): SliceEnd | null {
    if (this.failure !== null) {
      const { error } = this.failure;
      this.failure = null;
      throw error;
    }
    if (this.lastUnmapped !== null && (this.inline !== null || UC_ERR_ACCESS.has(code))) {
      this.registers.setPc(this.unmappedPc);
      return { kind: 'unmapped', access: this.lastUnmapped };
    }
    this.handle.check('uc_emu_start', code);
    return null;
  }

  /** A slice that the engine counts. */
  private runCounted(count: number): SliceEnd {
    this.begin(count);
    this.executedBefore = 0;
    for (;;) {
      if (this.counter !== null) this.counter.left = NEVER_USED_UP;
      this.retranslate = false;
      this.countAtEnd = null;
      this.requested = count - this.executedBefore;
      const end = this.endOf(this.start(this.requested));
      if (this.abandoned !== null) {
        this.handle.restoreState(this.abandoned);
        this.abandoned = null;
      }
      if (end !== null) return end;
      const executed = this.executed;
      if (!this.retranslate || this.stopRequested || executed >= count) {
        const byCount = this.retranslate || this.endedByCount();
        return this.stopRequested || !byCount ? { kind: 'stopped' } : { kind: 'count' };
      }
      this.executedBefore = executed;
      this.requested = 0;
    }
  }

  /**
   * True when the slice's length ended it: the counter is then one past it. WFI as the last
   * instruction leaves it at the length.
   */
  private endedByCount(): boolean {
    if (this.calibration === null) return false;
    return this.handle.bytes.getUint32(this.calibration.executedOffset, true) > this.requested;
  }

  /** A callback that the engine makes from `where`. Null when it threw: the slice then ends. */
  callback<T>(where: Origin, action: () => T): T | null {
    return this.from(where, () => this.guarded(action));
  }

  /**
   * A load or store of a device. The engine reads translation tables there too, whichever
   * instruction it translates for: it finds zeros, as where nothing is, and no device is asked.
   */
  deviceAccess<T>(address: number, width: number, action: () => T): T | null {
    const { counter } = this;
    if (counter !== null && !counter.beginAccess(address, width)) return null;
    return this.callback('device access', action);
  }

  /** The engine reports an exception. */
  exception(number: number, serve: () => void): void {
    // A block that cannot be fetched was not begun.
    if (number !== ENGINE_EXCEPTION.prefetchAbort) this.refundBlock();
    this.guarded(serve);
  }

  /**
   * Nothing is mapped where the core accesses. `serve` maps memory there and returns true, or the
   * slice ends and the instruction will not have happened.
   */
  unmapped(access: UnmappedAccess, serve: () => boolean): boolean {
    // DC ZVA goes on after a refusal, byte by byte; the first one is the answer.
    if (this.lastUnmapped !== null) return false;
    const isFetch = access.type === 'fetch';
    return this.from(isFetch ? 'nothing' : 'memory access', () => {
      const retry = this.guarded(serve) ?? false;
      if (!retry) {
        this.lastUnmapped = access;
        this.unmappedPc = this.getPc();
        this.countAtEnd ??= this.executed;
        // A helper such as DC ZVA's goes on otherwise, and the rest of the block with it.
        if (!isFetch) this.leaveInstruction();
      }
      return retry;
    });
  }

  /**
   * A new block must be translated once more before it runs: instructions in it are reported now.
   */
  translateAgain(start: bigint, bytes: number): void {
    this.handle.discardCode(start, start + BigInt(bytes));
    this.retranslate = true;
    this.countAtEnd ??= this.executed;
    this.emuStop();
  }

  /** A watched access is about to be made. */
  atAccess(touched: () => void): void {
    // Further accesses of an instruction that is undone are told as well: they too may have to be
    // taken back.
    if (this.abandoned !== null) {
      this.guarded(touched);
      return;
    }
    this.from('memory access', () => {
      if (!this.atWatch(touched)) return;
      if (this.inline === null) this.abandoned = this.handle.saveState();
      else this.leaveInstruction();
    });
  }

  /**
   * A watch meets an instruction that was counted and has not happened. True when it was told to
   * stop, so that the instruction does not count.
   */
  atWatch(action: () => void): boolean {
    const { inline } = this;
    if (inline !== null) {
      const pc = this.getPc();
      this.ahead = inline.restOfBlock(pc) + 1;
      this.guarded(action);
      if (!this.stopRequested) {
        this.ahead = 0;
        return false;
      }
      this.refundBlock();
      inline.left += 1;
      this.inBlock = true;
      return true;
    }
    if (this.countAtEnd !== null) return false;
    this.countAtEnd = Math.max(0, this.executed - 1);
    this.guarded(action);
    if (!this.stopRequested) this.countAtEnd = null;
    return this.stopRequested;
  }

  /** Runs a callback that the engine makes from the middle of an instruction. */
  private from<T>(where: Origin, callback: () => T): T {
    this.within = where;
    if (this.inline !== null && where !== 'nothing') {
      this.ahead = null;
      this.pcIsExact = where === 'register move';
    }
    try {
      return callback();
    } finally {
      this.within = 'nothing';
      this.ahead = 0;
      this.pcIsExact = true;
    }
  }

  /**
   * An exception must not unwind through native frames: it is kept, the slice ends, and `run`
   * throws it.
   */
  private guarded<T>(action: () => T): T | null {
    try {
      return action();
    } catch (error) {
      this.failure ??= { error };
      this.stop();
      return null;
    }
  }

  /** The instruction at PC is the last one of its block that counts. */
  private refundBlock(): void {
    if (this.inline === null) return;
    this.inline.endBlockAt(this.getPc());
    this.ahead = 0;
  }

  /**
   * When the callback that runs returns, its instruction is left unfinished and the run ends. With
   * inline counting only.
   */
  private leaveInstruction(): void {
    if (this.inline === null) return;
    this.refundBlock();
    this.inline.leave();
    this.emuStop();
  }

  private emuStop(): void {
    this.handle.library.emuStop(this.handle.pointer);
  }

  private findPc(): void {
    this.pcIsExact = true;
    if (this.within === 'device access') this.inline?.restoreAccessPc();
    else this.inline?.restorePcFromStack();
  }
}
