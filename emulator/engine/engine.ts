// SPDX-License-Identifier: GPL-2.0-only
/**
 * What the machine asks of a CPU engine: one AArch64 core that executes instructions from memory it
 * is lent.
 *
 * The native Unicorn library satisfies this in unicorn.ts, the one file that touches it. Nothing
 * here names pointers or a foreign-function interface, so a WebAssembly build of Unicorn could
 * stand behind the same interface.
 *
 * The engine never enters an exception vector, keeps no time and knows no device: it reports, and
 * the machine decides.
 */

import type { SystemRegisterEncoding } from './system-registers.ts';

/** Why the core left off in the middle of a slice. The numbers are the engine's own. */
export const ENGINE_EXCEPTION = {
  undefined: 1,
  supervisorCall: 2,
  prefetchAbort: 3,
  dataAbort: 4,
  breakpoint: 7,
  hypervisorCall: 11,
  secureMonitorCall: 13,
} as const;

/** The end of a slice. */
export type SliceEnd =
  /** The given number of instructions was executed. */
  | { readonly kind: 'count' }
  /** WFI was executed, or `stop()` was called: the caller knows which. */
  | { readonly kind: 'stopped' }
  /**
   * An access to a physical address that nothing answers; PC is at the instruction, which did not
   * complete.
   */
  | { readonly kind: 'unmapped'; readonly access: UnmappedAccess };

/** A physical access to which neither memory nor a device is mapped. */
export interface UnmappedAccess {
  readonly type: 'read' | 'write' | 'fetch';
  readonly address: number;
  /** Bytes. */
  readonly size: number;
  /** The value stored; 0 for a read or a fetch. */
  readonly value: bigint;
}

/**
 * A memory-mapped window of devices. Called once an access; the register file is exact during the
 * call.
 */
export interface DeviceWindow {
  read(address: number, size: number): bigint;
  write(address: number, size: number, value: bigint): void;
}

/** An MRS or MSR that the machine answers itself. */
export interface InterceptedAccess {
  readonly read: boolean;
  readonly encoding: SystemRegisterEncoding;
  /** X register that is read or written; 31 is XZR. */
  readonly rt: number;
}

/** An intercepted instruction: an MRS, an MSR, maintenance of translations or code, a hint. */
export type InterceptKind = 'mrs' | 'msr' | 'sys' | 'hint';

/**
 * A TLBI or IC instruction that was reported: its encoding (op0 = 1) and the X register of its
 * operand.
 */
export interface Maintenance {
  readonly encoding: SystemRegisterEncoding;
  readonly rt: number;
}

/**
 * Called by the engine while it executes. Exceptions thrown here end the slice and come out of
 * `run()`.
 */
export interface EngineCallbacks {
  /**
   * The core took exception `number` ({@link ENGINE_EXCEPTION}); writing PC redirects it, `stop()`
   * ends the slice.
   */
  exception(number: number): void;
  /**
   * Nothing is mapped at `access.address`. Map memory there and return true to retry, or return
   * false to end the slice.
   */
  unmapped(access: UnmappedAccess): boolean;
  /**
   * A block of `size` bytes at virtual address `high`:`low` (32 bits each) was translated and is
   * about to run. Return true after `intercept()` calls for instructions in it: it is then
   * translated again before it runs. Not called for the first block after the engine was opened.
   */
  block?(high: number, low: number, size: number): boolean;
  /**
   * An intercepted instruction is about to execute. Return true to skip it, false to let the engine
   * execute it.
   */
  intercepted?(access: InterceptedAccess): boolean;
  /** A reported TLBI or IC instruction is about to execute, natively. */
  maintained?(maintenance: Maintenance): void;
  /**
   * A reported hint instruction is about to execute; `stop()` ends the slice before it, and it is
   * not counted.
   */
  hinted?(): void;
}

/**
 * Syndrome and address of the last exception, as the ESR and FAR of the level it goes to would hold
 * them.
 */
export interface Syndrome {
  /** ESR, 32 bits. */
  readonly esr: number;
  /** FAR, meaningful for aborts. */
  readonly far: bigint;
  /** The exception level that the architecture routes the exception to. */
  readonly targetLevel: number;
}

/** What an exception leaves in the registers of the level that takes it; null: as it was. */
export interface SavedException {
  readonly spsr: number;
  readonly elr: bigint;
  readonly esr: number | null;
  readonly far: bigint | null;
}

/** The registers of a core: between slices, and inside callbacks of the one that runs. */
export interface CoreRegisters {
  getX(index: number): bigint;
  setX(index: number, value: bigint): void;
  getPc(): bigint;
  setPc(value: bigint): void;
  /** The stack pointer in use (PSTATE.SP and EL select which). */
  getSp(): bigint;
  setSp(value: bigint): void;
  /** SP_EL0 … SP_EL3 as banked: not current for the one in use. */
  getBankedSp(level: number): bigint;
  setBankedSp(level: number, value: bigint): void;
  /** Vector register V0 … V31, 128 bits. */
  getV(index: number): bigint;
  setV(index: number, value: bigint): void;
  /** PSTATE in SPSR layout: NZCV, DAIF, M[3:0]. */
  getPstate(): number;
  /**
   * Does not move stack pointers between banks; cached translation state follows at the next system
   * register write.
   */
  setPstate(value: number): void;
  /** Value of a system register, or null when the engine does not implement it. */
  getSystemRegister(encoding: SystemRegisterEncoding): bigint | null;
  /** Returns false when the engine does not implement the register. */
  setSystemRegister(encoding: SystemRegisterEncoding, value: bigint): boolean;
  /**
   * Writes SPSR, ELR, ESR and FAR of a level at once, and returns its VBAR: the same as one by one,
   * where the engine has it.
   */
  saveException?(level: 1 | 2 | 3, saved: SavedException): bigint;
}

export interface CpuEngine extends CoreRegisters {
  /** "Unicorn 2.1.1". */
  readonly version: string;
  /**
   * Instructions executed in the current or last slice, also inside callbacks. A trapped
   * instruction counts.
   */
  readonly executed: number;

  /**
   * Lends `bytes` (a multiple of 4 KiB long) to the core at `base`. The buffer is shared, not
   * copied.
   */
  mapMemory(base: number, bytes: Uint8Array, access: 'rwx' | 'rx'): void;
  /** Takes [base, base + size) away again: one range that was mapped in one piece. */
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
   * The same, but the slice ends where a block of straight-line code ends, at most
   * {@link LONGEST_OVERRUN} instructions after `count`, and only after `most` instructions (at
   * least `count`) in the middle of one. Short slices are cheaper this way than by {@link run}.
   * The end of a block depends on the code alone, not on its beginning: a run that looks at
   * time and interrupts at the ends of blocks only is the same whether or not it was stopped in
   * between.
   */
  runBlocks(count: number, most?: number): SliceEnd;
  /**
   * The last slice ended in the middle of a block. Always false with an engine that ends slices
   * exactly anyway.
   */
  readonly inBlock: boolean;
  /**
   * From the next slice on, a slice ends (by 'count') right after the instruction at EL0 or EL1
   * that lifts the mask of one of these interrupts, and at once where it is not masked. False when
   * this engine cannot do that; the caller must look for himself.
   */
  watchMasks(irq: boolean, fiq: boolean): boolean;
  /** Ends the current slice, with the instruction being executed or with its block. */
  stop(): void;
  /**
   * Inside a callback: the slice is to be so many instructions shorter. False when this engine
   * cannot do that; the slice may be stopped instead.
   */
  shorten(instructions: number): boolean;
  /**
   * Inside a device or intercepted() callback: ends the slice, and the instruction will not have
   * happened; PC is at it, it counts. What it stored before the access that called is in memory.
   */
  abandon(): void;
  /**
   * From now on the MRS or MSR at virtual `address` is reported through `intercepted()`, the TLBI
   * or IC there through `maintained()`, a hint through `hinted()`, in code translated after this
   * call.
   */
  intercept(address: bigint, kind: InterceptKind): void;
  /**
   * Calls `reached` before each execution of the instruction at virtual `address`, in code
   * translated after this call. `stop()` inside it ends the slice before that instruction, which
   * then is not counted.
   * @returns takes the watch away, between slices
   */
  watchCode(address: bigint, reached: () => void): () => void;
  /**
   * Calls `touched` before each access of the core to physical [start, end), in code translated
   * after this call; while there is a watch, all accesses are slow. `stop()` inside it ends the
   * slice before the instruction that accesses: registers are as they were and it is not counted,
   * but what it stored is in memory.
   * @returns takes the watch away, between slices
   */
  watchMemory(start: number, end: number, touched: (access: WatchedAccess) => void): () => void;
  /** Syndrome of the exception being reported. Valid inside `exception()` only. */
  syndrome(): Syndrome;

  /**
   * All registers, also those that have no name here, and the exclusive monitor; between slices.
   * Memory, what is mapped and what is intercepted are the caller's. The bytes belong to this build
   * of the library.
   */
  exportState(): Uint8Array;
  /**
   * Registers that an engine of the same build exported. Translated code is dropped.
   * @throws EngineError for bytes of another length
   */
  importState(state: Uint8Array): void;

  /**
   * Drops cached address translations (after page tables or their registers were changed from
   * outside the core).
   */
  flushTlb(): void;
  /** Drops all translated code: its bytes may have been changed from outside the core. */
  discardAllCode(): void;
  /**
   * Drops translated code of [start, end), addresses as the core sees them now, after its bytes
   * were changed from outside the core.
   */
  discardCode(start: number | bigint, end: number | bigint): void;
  /**
   * The same for physical ranges, whatever is mapped to them. Also inside a callback: code that
   * runs goes on to its next branch. Each range lies in memory that was mapped in one piece.
   */
  discardPhysicalCode(ranges: Iterable<readonly [start: number, end: number]>): void;
  /**
   * Looks up anew where branches lead, for an instruction that takes translations away: the
   * engine's own TLBI by address leaves that out. Also inside a callback.
   */
  forgetBranchTargets(): void;
  close(): void;
}

/** The part of an engine that the machine and its tools use, whichever core it belongs to. */
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
 * Instructions by which a slice of whole blocks may be longer than asked: those of the longest
 * block, less one.
 */
export const LONGEST_OVERRUN = 63;

/** An access that a memory watch reports. */
export interface WatchedAccess {
  readonly write: boolean;
  /** Physical. */
  readonly address: number;
  /** Bytes. */
  readonly size: number;
}

/** A fault of the engine or of its use, never of the guest. */
export class EngineError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'EngineError';
  }
}
