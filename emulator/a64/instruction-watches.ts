// SPDX-License-Identifier: GPL-2.0-only
/**
 * Watches on instructions, checked before each is executed: those of a debugger on places of code,
 * and the guest's own breakpoints and watchpoints, whose exceptions replace the instruction.
 */

import type { ExceptionDelivery } from '#emulator/cpu/exception-delivery.ts';
import type { DebugException, SelfHostedDebug } from '#emulator/cpu/self-hosted-debug.ts';
import type { Slice } from './slice.ts';

export interface InstructionWatchesContext {
  readonly slice: Slice;
  readonly exceptions: () => ExceptionDelivery;
  readonly debug: () => SelfHostedDebug;
  /** Called when the first watch is added or the last one removed. */
  readonly changed: () => void;
}

export class InstructionWatches {
  private readonly parts: InstructionWatchesContext;
  private readonly places = new Map<bigint, Set<() => void>>();
  /** Debug exception that the instruction in progress has hit. */
  private hit: DebugException | null = null;

  constructor(parts: InstructionWatchesContext) {
    this.parts = parts;
  }

  /** True while any place of code is watched. */
  get isActive(): boolean {
    return this.places.size > 0;
  }

  /**
   * Calls `reached` before each instruction at virtual address `address`.
   * @returns ends the watch
   */
  add(address: bigint, reached: () => void): () => void {
    const watches = this.places.get(address) ?? new Set();
    this.places.set(address, watches.add(reached));
    this.parts.changed();
    return () => {
      watches.delete(reached);
      if (watches.size === 0) this.places.delete(address);
      this.parts.changed();
    };
  }

  /**
   * Notes that the instruction in progress hit a breakpoint or watchpoint; the first one counts.
   */
  noteHit(exception: DebugException): void {
    this.hit ??= exception;
  }

  /** Runs the watches of a place; true when its instruction is not to be executed. */
  stopsAt(pc: bigint): boolean {
    return this.stopsBefore(() => {
      for (const reached of this.places.get(pc) ?? []) reached();
    });
  }

  /** Runs watches of the instruction in progress; true when it is not to be executed. */
  stopsBefore(look: () => void): boolean {
    if (!this.parts.slice.stopsBefore(look)) return this.takesException();
    // The instruction will hit it again when the core continues.
    this.hit = null;
    return true;
  }

  /** Takes the exception of a breakpoint or watchpoint hit. Returns false when there was none. */
  private takesException(): boolean {
    const { hit } = this;
    if (hit === null) return false;
    this.hit = null;
    // The next instruction executed is another one.
    this.parts.debug().endSlice();
    const { target, esr, far, pc } = hit;
    this.parts.exceptions().enter('synchronous', target, esr, far, pc);
    return true;
  }
}
