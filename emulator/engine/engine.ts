// SPDX-License-Identifier: GPL-2.0-only
/**
 * Interface of a CPU engine: one AArch64 core that executes instructions from memory that the
 * machine maps into it.
 *
 * unicorn.ts implements it with the native Unicorn library. Nothing here names pointers or a
 * foreign-function interface, so a WebAssembly build of Unicorn could stand behind the same
 * interface.
 *
 * The engine never enters an exception vector, keeps no time and knows no device: it reports, and
 * the machine decides.
 */

import type { SystemRegisterEncoding } from './system-registers.ts';

/** Exceptions at which the core leaves a slice. The numbers are the engine's own. */
export const ENGINE_EXCEPTION = {
  undefined: 1,
  supervisorCall: 2,
  prefetchAbort: 3,
  dataAbort: 4,
  breakpoint: 7,
  hypervisorCall: 11,
  secureMonitorCall: 13,
} as const;

/** Reason for the end of a slice. */
export type SliceEnd =
  /** The given number of instructions was executed. */
  | { readonly kind: 'count' }
  /** WFI was executed, or `stop()` was called; the caller knows which. */
  | { readonly kind: 'stopped' }
  /** Access to an unmapped physical address; PC is at the instruction, which did not complete. */
  | { readonly kind: 'unmapped'; readonly access: UnmappedAccess };

/** Physical access to an address where neither memory nor a device is mapped. */
export interface UnmappedAccess {
  readonly type: 'read' | 'write' | 'fetch';
  readonly address: number;
  /** Size in bytes. */
  readonly size: number;
  /** Stored value; 0 for a read or a fetch. */
  readonly value: bigint;
}

/**
 * Memory-mapped window of devices. Called once per access; the register file is exact during the
 * call.
 */
export interface DeviceWindow {
  read(address: number, size: number): bigint;
  write(address: number, size: number, value: bigint): void;
}

/** MRS or MSR that the machine serves itself. */
export interface InterceptedAccess {
  readonly read: boolean;
  readonly encoding: SystemRegisterEncoding;
  /** X register that is read or written; 31 is XZR. */
  readonly rt: number;
}

/** Kind of intercepted instruction: MRS, MSR, maintenance of translations or code, hint. */
export type InterceptKind = 'mrs' | 'msr' | 'sys' | 'hint';

/** Reported TLBI or IC instruction: its encoding (op0 = 1) and the X register of its operand. */
export interface Maintenance {
  readonly encoding: SystemRegisterEncoding;
  readonly rt: number;
}

/**
 * Callbacks of the engine during execution. An exception thrown here ends the slice and is rethrown
 * by `run()`.
 */
export interface EngineCallbacks {
  /**
   * Called when the core takes exception `number` ({@link ENGINE_EXCEPTION}); writing PC redirects
   * it, `stop()` ends the slice.
   */
  exception(number: number): void;
  /**
   * Called for an access to unmapped memory. Map memory there and return true to retry, or return
   * false to end the slice.
   */
  unmapped(access: UnmappedAccess): boolean;
  /**
   * Called when a block of `size` bytes at virtual address `high`:`low` (32 bits each) was
   * translated and is about to run. Return true after `intercept()` calls for instructions in it:
   * it is then translated again before it runs. Not called for the first block after the engine was
   * opened.
   */
  block?(high: number, low: number, size: number): boolean;
  /**
   * Called before an intercepted instruction. Return true to skip it, false to let the engine
   * execute it.
   */
  intercepted?(access: InterceptedAccess): boolean;
  /** Called before a reported TLBI or IC instruction, which the engine then executes. */
  maintained?(maintenance: Maintenance): void;
  /** Called before a reported hint; `stop()` ends the slice before it, and it is not counted. */
  hinted?(): void;
}

/** Syndrome and address of the last exception, for the ESR and FAR of its target level. */
export interface Syndrome {
  /** ESR, 32 bits. */
  readonly esr: number;
  /** FAR, meaningful for aborts. */
  readonly far: bigint;
  /** Exception level to which the architecture routes the exception. */
  readonly targetLevel: number;
}

/**
 * Values that an exception writes to the registers of its target level; null leaves one unchanged.
 */
export interface SavedException {
  readonly spsr: number;
  readonly elr: bigint;
  readonly esr: number | null;
  readonly far: bigint | null;
}

/** Registers of a core: accessible between slices, and inside callbacks of the running core. */
export interface CoreRegisters {
  getX(index: number): bigint;
  setX(index: number, value: bigint): void;
  getPc(): bigint;
  setPc(value: bigint): void;
  /** Selected stack pointer (by PSTATE.SP and EL). */
  getSp(): bigint;
  setSp(value: bigint): void;
  /** Banked SP_EL0 … SP_EL3; the entry of the selected one is stale. */
  getBankedSp(level: number): bigint;
  setBankedSp(level: number, value: bigint): void;
  /** Vector register V0 … V31, 128 bits. */
  getV(index: number): bigint;
  setV(index: number, value: bigint): void;
  /** PSTATE in SPSR layout: NZCV, DAIF, M[3:0]. */
  getPstate(): number;
  /**
   * Writes PSTATE without moving stack pointers between banks. Cached translation state follows at
   * the next system register write.
   */
  setPstate(value: number): void;
  /** Value of a system register, or null when the engine does not implement it. */
  getSystemRegister(encoding: SystemRegisterEncoding): bigint | null;
  /** Writes a system register. Returns false when the engine does not implement it. */
  setSystemRegister(encoding: SystemRegisterEncoding, value: bigint): boolean;
  /**
   * Writes SPSR, ELR, ESR and FAR of a level at once and returns its VBAR. Optional: the same as
   * single writes, but faster.
   */
  saveException?(level: 1 | 2 | 3, saved: SavedException): bigint;
}

export interface CpuEngine extends CoreRegisters {
  /** Version text: "Unicorn 2.1.1". */
  readonly version: string;
  /**
   * Number of instructions executed in the current or last slice, also inside callbacks. A trapped
   * instruction counts.
   */
  readonly executed: number;

  /** Maps `bytes` (length a multiple of 4 KiB) at `base`. The buffer is shared, not copied. */
  mapMemory(base: number, bytes: Uint8Array, access: 'rwx' | 'rx'): void;
  /** Unmaps [base, base + size), a range that was mapped in one piece. */
  unmap(base: number, size: number): void;
  /** Routes [base, base + size), multiples of 4 KiB, to `window`. */
  mapDevices(base: number, size: number, window: DeviceWindow): void;

  /**
   * Executes `count` instructions from PC, or fewer when something ends the slice. At least one
   * instruction is attempted.
   * @throws what a callback threw; `EngineError` on a fault of the engine itself
   */
  run(count: number): SliceEnd;
  /**
   * As {@link run}, but the slice ends at the end of a block of straight-line code, at most {@link
   * LONGEST_OVERRUN} instructions after `count`. Only after `most` instructions (at least `count`)
   * does it end inside a block. Short slices are cheaper this way than by {@link run}. The end of a
   * block depends only on the code, not on where execution entered it. So a run that checks time
   * and interrupts only at the ends of blocks is the same whether or not it was stopped in between.
   */
  runBlocks(count: number, most?: number): SliceEnd;
  /**
   * True when the last slice ended inside a block. Always false for an engine whose slices end
   * exactly.
   */
  readonly inBlock: boolean;
  /**
   * From the next slice on, a slice ends (by 'count') right after the instruction at EL0 or EL1
   * that unmasks one of these interrupts, and at once when one is not masked. Returns false when
   * the engine cannot do this; the caller must check by itself.
   */
  watchMasks(irq: boolean, fiq: boolean): boolean;
  /** Ends the current slice after the current instruction, or after its block. */
  stop(): void;
  /**
   * Inside a callback: shortens the slice by so many instructions. Returns false when the engine
   * cannot do this; the slice may be stopped instead.
   */
  shorten(instructions: number): boolean;
  /**
   * Inside a device or intercepted() callback: ends the slice and cancels the instruction. PC is at
   * it, and it counts. Its stores before the access that called back stay in memory.
   */
  abandon(): void;
  /**
   * Reports the MRS or MSR at virtual `address` through `intercepted()`, the TLBI or IC there
   * through `maintained()`, a hint through `hinted()`. Takes effect in code translated after this
   * call.
   */
  intercept(address: bigint, kind: InterceptKind): void;
  /**
   * Calls `reached` before each execution of the instruction at virtual `address`, in code
   * translated after this call. `stop()` inside it ends the slice before that instruction, which
   * then is not counted.
   * @returns removes the watch, between slices
   */
  watchCode(address: bigint, reached: () => void): () => void;
  /**
   * Calls `touched` before each access of the core to physical [start, end), in code translated
   * after this call; while any watch exists, all accesses are slow. `stop()` inside it ends the
   * slice before the accessing instruction: its registers are restored and it is not counted, but
   * its stores stay in memory.
   * @returns removes the watch, between slices
   */
  watchMemory(start: number, end: number, touched: (access: WatchedAccess) => void): () => void;
  /** Syndrome of the exception being reported. Valid inside `exception()` only. */
  syndrome(): Syndrome;

  /**
   * All registers as bytes, including those without a name here and the exclusive monitor; between
   * slices. Memory, mappings and interceptions are the caller's to save. The bytes are specific to
   * this build of the library.
   */
  exportState(): Uint8Array;
  /**
   * Restores registers that an engine of the same build exported. Translated code is dropped.
   * @throws EngineError for bytes of another length
   */
  importState(state: Uint8Array): void;

  /**
   * Drops cached address translations, after page tables or their registers were changed from
   * outside the core.
   */
  flushTlb(): void;
  /** Drops all translated code, after code was changed from outside the core. */
  discardAllCode(): void;
  /**
   * Drops translated code of [start, end), addresses in the core's current translation, after it
   * was changed from outside the core.
   */
  discardCode(start: number | bigint, end: number | bigint): void;
  /**
   * Drops translated code of physical ranges, wherever they are mapped. Also allowed inside a
   * callback: the running code continues to its next branch. Each range must lie in memory that was
   * mapped in one piece.
   */
  discardPhysicalCode(ranges: Iterable<readonly [start: number, end: number]>): void;
  /**
   * Forgets the cached targets of branches, for instructions that remove translations: the engine's
   * own TLBI by address does not do this. Also allowed inside a callback.
   */
  forgetBranchTargets(): void;
  close(): void;
}

/** Part of an engine that the machine and its tools use, for cores of either kind. */
export type CoreEngine = CoreRegisters &
  Pick<
    CpuEngine,
    | 'version'
    | 'stop'
    | 'mapMemory'
    | 'unmap'
    | 'watchCode'
    | 'watchMemory'
    | 'flushTlb'
    | 'discardAllCode'
    | 'discardCode'
    | 'close'
  >;

/**
 * Most instructions by which a slice of whole blocks may exceed the requested count: the length of
 * the longest block, less one.
 */
export const LONGEST_OVERRUN = 63;

/** Access that a memory watch reports. */
export interface WatchedAccess {
  readonly write: boolean;
  /** Physical address. */
  readonly address: number;
  /** Size in bytes. */
  readonly size: number;
}

/** Fault of the engine or of its use, never of the guest. */
export class EngineError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'EngineError';
  }
}
