// SPDX-License-Identifier: GPL-2.0-only
/**
 * What the GDB protocol asks of a machine under a debugger. Defined by the protocol's needs:
 * gdb/session.ts is the one user, debug/machine-target.ts satisfies it for the emulator's machine,
 * and tests satisfy it with a few arrays.
 *
 * Cores are numbered from 0 here; the protocol's thread n is core n - 1.
 */

/** A core that has been turned on at some time. */
export interface DebugThread {
  readonly core: number;
  /** For people: "Cortex core 0x000, running at EL1". */
  readonly description: string;
}

/** Register `name` as the target description gives it, with its size. */
export interface DebugRegister {
  readonly name: string;
  readonly bits: 32 | 64 | 128;
}

export type WatchKind = 'write' | 'read' | 'access';

/** Why the machine does not run. */
export type DebugStop =
  | { readonly kind: 'breakpoint'; readonly core: number; readonly hardware: boolean }
  | { readonly kind: 'watchpoint'; readonly core: number; readonly watch: WatchKind; readonly address: bigint }
  /** One instruction was executed, or undone. */
  | { readonly kind: 'step'; readonly core: number }
  /** The debugger asked for it, or has just come. */
  | { readonly kind: 'interrupt'; readonly core: number }
  /** Going back, the first instruction was reached. */
  | { readonly kind: 'beginning'; readonly core: number }
  /**
   * The guest came to a point from which it does not go on by itself: nothing left to do, a panic,
   * a core that cannot go on.
   */
  | { readonly kind: 'rest'; readonly core: number; readonly failed: boolean; readonly reason: string }
  /** It was switched off, or a limit was hit: there is nothing to debug any more. */
  | { readonly kind: 'end'; readonly exitStatus: number; readonly reason: string };

/** A place where the machine stops before it executes, or accesses. */
export type DebugPoint =
  | { readonly kind: 'breakpoint'; readonly hardware: boolean; readonly address: bigint }
  | { readonly kind: 'watchpoint'; readonly watch: WatchKind; readonly address: bigint; readonly bytes: number };

export interface DebugTarget {
  /** Cores that exist now, the boot core first. */
  threads(): readonly DebugThread[];
  /** Core that ran last. */
  readonly currentCore: number;
  /** Value of a register, or null when this core has none of that name. */
  readRegister(core: number, name: string): bigint | null;
  /** False when it cannot be written. */
  writeRegister(core: number, name: string, value: bigint): boolean;
  /**
   * Bytes at a virtual address as `core` sees it now, at most `length`: fewer when only a part can
   * be read, none when nothing can.
   */
  readMemory(core: number, address: bigint, length: number): Uint8Array;
  /** False when a byte of it cannot be written; then nothing is. */
  writeMemory(core: number, address: bigint, bytes: Uint8Array): boolean;
  /** The same by physical address. */
  readPhysical(address: bigint, length: number): Uint8Array;
  writePhysical(address: bigint, bytes: Uint8Array): boolean;
  /**
   * False when there cannot be such a point: a watchpoint on an address that is not mapped to
   * memory. `core` translates its address.
   */
  addPoint(core: number, point: DebugPoint): boolean;
  removePoint(point: DebugPoint): void;
  /** Executes one instruction of `core` while the other cores stand still. */
  step(core: number): DebugStop;
  /** The machine runs from now on; whoever drives it tells the session when it has stopped. */
  resume(): void;
  /** True when {@link stepBack} and {@link resumeBack} can be asked for. */
  readonly goesBack: boolean;
  /** Undoes the instruction executed last, on whichever core. */
  stepBack(): DebugStop;
  /** Goes back to the last time that a breakpoint or watchpoint was met, or to the beginning. */
  resumeBack(): DebugStop;
  /** A line typed after "monitor", answered with text that ends in a line feed. */
  monitor(core: number, line: string): string;
}
