// SPDX-License-Identifier: GPL-2.0-only
/**
 * Who looks at an instruction before it is executed: watches of places of code, and the guest's own
 * breakpoints and watchpoints, whose exceptions replace it.
 */

import type { ExceptionDelivery } from '#emulator/cpu/exception-delivery.ts';
import type { DebugException, SelfHostedDebug } from '#emulator/cpu/self-hosted-debug.ts';
import type { Slice } from './slice.ts';

export interface InstructionWatchesContext {
  readonly slice: Slice;
  readonly exceptions: () => ExceptionDelivery;
  readonly debug: () => SelfHostedDebug;
  /** The first watch is there, or the last one has gone. */
  readonly changed: () => void;
}

export class InstructionWatches {
  private readonly parts: InstructionWatchesContext;
  private readonly places = new Map<bigint, Set<() => void>>();
  /** What the instruction in progress has met. */
  private met: DebugException | null = null;

  constructor(parts: InstructionWatchesContext) {
    this.parts = parts;
  }

  /** A place of code is watched. */
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

  /** The instruction in progress has met a breakpoint or watchpoint: the first one counts. */
  meet(exception: DebugException): void {
    this.met ??= exception;
  }

  /** Watches of the place look at it: true when its instruction is not to be executed. */
  stopsAt(pc: bigint): boolean {
    return this.stopsBefore(() => {
      for (const reached of this.places.get(pc) ?? []) reached();
    });
  }

  /** Watches look at the instruction in progress: true when it is not to be executed. */
  stopsBefore(look: () => void): boolean {
    if (!this.parts.slice.stopsBefore(look)) return this.takesException();
    // It is met again when the core goes on.
    this.met = null;
    return true;
  }

  /** Takes the exception of a breakpoint or watchpoint that was met. False: there was none. */
  private takesException(): boolean {
    const { met } = this;
    if (met === null) return false;
    this.met = null;
    // What follows is another instruction.
    this.parts.debug().endSlice();
    const { target, esr, far, pc } = met;
    this.parts.exceptions().enter('synchronous', target, esr, far, pc);
    return true;
  }
}
