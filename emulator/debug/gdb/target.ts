// SPDX-License-Identifier: GPL-2.0-only
/**
 * Interface that the GDB protocol needs from a machine under a debugger. gdb/session.ts is its only
 * user, debug/machine-target.ts implements it for the emulator's machine, and tests implement it
 * with a few arrays.
 *
 * Cores are numbered from 0 here; the protocol's thread n is core n - 1.
 */

/** Core that has been turned on at some time. */
export interface DebugThread {
  readonly core: number;
  /** Description for the user: "Cortex core 0x000, running at EL1". */
  readonly description: string;
}

/** Register with its name and size in the target description. */
export interface DebugRegister {
  readonly name: string;
  readonly bits: 32 | 64 | 128;
}

export type WatchKind = 'write' | 'read' | 'access';

/** Reason why the machine is stopped. */
export type DebugStop =
  | { readonly kind: 'breakpoint'; readonly core: number; readonly hardware: boolean }
  | { readonly kind: 'watchpoint'; readonly core: number; readonly watch: WatchKind; readonly address: bigint }
  /** One instruction was executed or undone. */
  | { readonly kind: 'step'; readonly core: number }
  /** The debugger asked for the stop, or has just connected. */
  | { readonly kind: 'interrupt'; readonly core: number }
  /** Reverse execution reached the first instruction. */
  | { readonly kind: 'beginning'; readonly core: number }
  /** The guest cannot continue by itself: nothing left to do, a panic, or a locked-up core. */
  | { readonly kind: 'rest'; readonly core: number; readonly failed: boolean; readonly reason: string }
  /** The machine was powered off, or a limit was reached: there is nothing left to debug. */
  | { readonly kind: 'end'; readonly exitStatus: number; readonly reason: string };

/** Place where the machine stops before an instruction or an access. */
export type DebugPoint =
  | { readonly kind: 'breakpoint'; readonly hardware: boolean; readonly address: bigint }
  | { readonly kind: 'watchpoint'; readonly watch: WatchKind; readonly address: bigint; readonly bytes: number };

export interface DebugTarget {
  /** Existing cores, the boot core first. */
  threads(): readonly DebugThread[];
  /** Core that ran last. */
  readonly currentCore: number;
  /** Value of a register, or null when this core has no such register. */
  readRegister(core: number, name: string): bigint | null;
  /** Writes a register; returns false when it cannot be written. */
  writeRegister(core: number, name: string, value: bigint): boolean;
  /**
   * Bytes at a virtual address as `core` sees it now: at most `length`, fewer when only a part can
   * be read, none when nothing can.
   */
  readMemory(core: number, address: bigint, length: number): Uint8Array;
  /** Writes memory. Returns false, and writes nothing, when any byte cannot be written. */
  writeMemory(core: number, address: bigint, bytes: Uint8Array): boolean;
  /** As {@link readMemory}, by physical address. */
  readPhysical(address: bigint, length: number): Uint8Array;
  writePhysical(address: bigint, bytes: Uint8Array): boolean;
  /**
   * Adds a point; `core` translates its address. Returns false when the point is impossible: a
   * watchpoint on an address that is not mapped to memory.
   */
  addPoint(core: number, point: DebugPoint): boolean;
  removePoint(point: DebugPoint): void;
  /** Executes one instruction of `core` while the other cores are stopped. */
  step(core: number): DebugStop;
  /** Resumes the machine; the code that runs it tells the session when it has stopped. */
  resume(): void;
  /** True when {@link stepBack} and {@link resumeBack} are supported. */
  readonly goesBack: boolean;
  /** Undoes the last executed instruction, of any core. */
  stepBack(): DebugStop;
  /** Goes back to the last hit of a breakpoint or watchpoint, or to the beginning. */
  resumeBack(): DebugStop;
  /** Executes a "monitor" command; its output ends with a line feed. */
  monitor(core: number, line: string): string;
}
