// SPDX-License-Identifier: GPL-2.0-only
/**
 * Execution of slices, and the number of instructions executed at any moment.
 *
 *     run ──► emuStart ──► callback ──► stop, abandon, nothing ──► … ──► counter used up, WFI, error ──► SliceEnd
 *
 * With inline counting (inline-count.ts) a block is charged when it begins. Inside a callback, the
 * charge is ahead of execution and PC may be the start of the block. So every callback names its
 * origin ({@link UnicornSlices.from}), and both are corrected on demand. Without inline counting
 * the engine counts each instruction and PC is always exact, but an instruction cannot be
 * cancelled: it completes, and its registers are restored.
 */

import type { Calibration } from './calibrate.ts';
import { ENGINE_EXCEPTION, EngineError, type SliceEnd, type UnmappedAccess } from './engine.ts';
import { type InlineCounter, LONGEST_BLOCK, mostInBlockAt } from './inline-counter.ts';
import type { UnicornHandle } from './unicorn-handle.ts';
import type { Pointer } from './unicorn-library.ts';
import type { UnicornRegisters } from './unicorn-registers.ts';

/**
 * Errors that mean "the callback for unmapped accesses declined": READ, WRITE, FETCH_UNMAPPED,
 * WRITE_PROT and FETCH_PROT.
 */
const UC_ERR_ACCESS = new Set([6, 7, 8, 12, 14]);

/**
 * Instructions after which cached address translations are dropped. The cache grows with use and
 * shrinks only when it is dropped, and each translation of a block searches all of it: some 6 % of
 * a Linux boot.
 */
const FLUSH_EVERY = 2_000_000;

/** Room for the largest block: at most 64 KiB of code, and a record for each instruction. */
const ROOM_FOR_A_BLOCK = 2 ** 18;

/** Counter value that never ends a run: far more instructions than a slice has. */
const NEVER_USED_UP = 2 ** 31 - 1;

/**
 * Kind of code that made a callback. It decides how PC becomes exact, and how far the charge is
 * ahead.
 */
type Origin = 'nothing' | 'register move' | 'device access' | 'memory access';

export interface SlicesOptions {
  readonly handle: UnicornHandle;
  readonly registers: UnicornRegisters;
  /** Null during calibration. */
  readonly calibration: Calibration | null;
  /** Counter in translated code; null where the library has none. */
  readonly counter: InlineCounter | null;
  /** True to let the engine count although the code could. */
  readonly engineCounts: boolean;
}

export class UnicornSlices {
  /** Counter of the slices; null: the engine counts. */
  readonly inline: InlineCounter | null;
  /** True when the last slice ended inside a block. */
  inBlock = false;
  private readonly handle: UnicornHandle;
  private readonly registers: UnicornRegisters;
  private readonly calibration: Calibration | null;
  /** Counter in translated code, even where it is not used for counting. */
  private readonly counter: InlineCounter | null;
  /** Error thrown by a callback, rethrown at the end of the slice. */
  private failure: { readonly error: unknown } | null = null;
  /** Active native calls that execute code: 0 or 1. */
  private starts = 0;
  /** Actions to run after the active call has returned. */
  private readonly afterRun: (() => void)[] = [];
  private lastUnmapped: UnmappedAccess | null = null;
  private unmappedPc = 0n;
  /**
   * Count at the moment when the slice was told to end: the engine counts one more instruction that
   * it does not execute.
   */
  private countAtEnd: number | null = null;
  private requested = 0;
  /** Number of instructions after which the slice ends with the current block. */
  private count = 0;
  /**
   * Instructions executed in the current slice before the engine was restarted to translate a block
   * again.
   */
  private executedBefore = 0;
  private stopRequested = false;
  private retranslate = false;
  /** Instructions requested since address translations were last dropped. */
  private sinceFlush = 0;
  /** Range whose code was dropped last, and the state of the translator then. */
  private discarded = { start: 0, end: 0, translations: -1 };
  /** Origin of the running callback. */
  private within: Origin = 'nothing';
  private pcIsExact = true;
  /**
   * Inline counting: instructions charged but not executed at this moment; null: not yet computed.
   */
  private ahead: number | null = 0;
  /** Registers to restore after an abandoned instruction. Only without inline counting. */
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
    // When the count ends the slice, the engine's counter is one too high.
    return (
      this.executedBefore + Math.min(this.handle.bytes.getUint32(this.calibration.executedOffset, true), this.requested)
    );
  }

  /** PC, exact also inside callbacks. */
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
      // Runs freely up to the block that may exceed `most`, and from there one block at a time.
      const pc = this.getPc();
      const inFree = Math.min(this.count - before, left - LONGEST_BLOCK);
      inline.left = Math.max(1, inFree);
      this.requested = before + inline.left;
      const limit = inFree > 0 || left >= mostInBlockAt(pc) ? null : left;
      // A full buffer would be dropped during the run, together with the limit.
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
    // Code is maintained line by line; a range that was dropped and not translated since need not
    // be dropped again.
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
      // uc_emu_stop would interrupt the instruction and execute it again later, with its device
      // accesses. Instead, the slice's length is set to the executed count: the instruction
      // completes and the next one does not start.
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
      // The engine completes the instruction; its effects are undone by restoring the registers
      // from before it.
      this.abandoned ??= this.handle.saveState();
      this.stop();
      return;
    }
    this.stopRequested = true;
    this.leaveInstruction();
  }

  /** True while the engine executes code, that is, inside a callback. */
  get isRunning(): boolean {
    return this.starts > 0;
  }

  /** Runs `action` at once, or after the engine has returned to its caller. */
  whenOver(action: () => void): void {
    if (this.isRunning) this.afterRun.push(action);
    else action();
  }

  /** Call after the handle was closed. */
  close(): void {
    this.counter?.close();
  }

  /**
   * Enters the engine. Not reentrant.
   * @param count number of instructions; 0: no limit
   * @returns error code of the library
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
   * @param limit most instructions of the first block; null: no limit
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
      const { isExhausted } = inline;
      if (this.stopRequested) return { kind: 'stopped' };
      if (isExhausted || inline.unmasked) return { kind: 'count' };
      if (!this.retranslate) return { kind: 'stopped' };
    }
  }

  /** End of the slice for an error code of the engine; null when there was no error. */
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

  /** Runs a slice that the engine counts. */
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
   * True when the count ended the slice: the engine's counter is then one above it. After WFI as
   * the last instruction, the counter equals it.
   */
  private endedByCount(): boolean {
    if (this.calibration === null) return false;
    return this.handle.bytes.getUint32(this.calibration.executedOffset, true) > this.requested;
  }

  /**
   * Runs a callback of the engine with its origin `where`. Null when it threw: the slice then ends.
   */
  callback<T>(where: Origin, action: () => T): T | null {
    return this.from(where, () => this.guarded(action));
  }

  /**
   * Serves a load or store of a device. The engine also reads translation tables this way, during
   * translation of any instruction: such reads give zeros, as from unmapped memory, and do not
   * reach a device.
   */
  deviceAccess<T>(address: number, width: number, action: () => T): T | null {
    const { counter } = this;
    if (counter !== null && !counter.beginAccess(address, width)) return null;
    return this.callback('device access', action);
  }

  /** Serves an exception that the engine reports. */
  exception(number: number, serve: () => void): void {
    // When the fetch of a block fails, the block was not started.
    if (number !== ENGINE_EXCEPTION.prefetchAbort) this.refundBlock();
    this.guarded(serve);
  }

  /**
   * Serves an access to unmapped memory. `serve` maps memory there and returns true; otherwise the
   * slice ends and the instruction is cancelled.
   */
  unmapped(access: UnmappedAccess, serve: () => boolean): boolean {
    // DC ZVA continues byte by byte after a refusal; only the first one counts.
    if (this.lastUnmapped !== null) return false;
    const isFetch = access.type === 'fetch';
    return this.from(isFetch ? 'nothing' : 'memory access', () => {
      const retry = this.guarded(serve) ?? false;
      if (!retry) {
        this.lastUnmapped = access;
        this.unmappedPc = this.getPc();
        this.countAtEnd ??= this.executed;
        // Otherwise a helper, such as that of DC ZVA, and the rest of the block would continue.
        if (!isFetch) this.leaveInstruction();
      }
      return retry;
    });
  }

  /**
   * Translates a new block again before it runs, because instructions in it are now intercepted.
   */
  translateAgain(start: bigint, bytes: number): void {
    this.handle.discardCode(start, start + BigInt(bytes));
    this.retranslate = true;
    this.countAtEnd ??= this.executed;
    this.emuStop();
  }

  /** Runs a watch before an access. */
  atAccess(touched: () => void): void {
    // A cancelled instruction reports its further accesses as well, because they may have to be
    // undone.
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
   * Runs a watch at an instruction that was counted but is not executed yet. Returns true when the
   * watch stopped the slice, so that the instruction does not count.
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
   * rethrows it.
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

  /** Ends the charge of the block with the instruction at PC. */
  private refundBlock(): void {
    if (this.inline === null) return;
    this.inline.endBlockAt(this.getPc());
    this.ahead = 0;
  }

  /**
   * Leaves the instruction unfinished and ends the run when the running callback returns. Only with
   * inline counting.
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
