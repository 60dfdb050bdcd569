// SPDX-License-Identifier: GPL-2.0-only
/**
 * The exception that is due when the slice has ended, in the place of the instruction that ended
 * it. Several may be found within one instruction: the first one counts.
 */

import type { CoreEngine } from '#emulator/engine/engine.ts';
import type { ExceptionDelivery, RefusedAccess } from './exception-delivery.ts';
import { levelOf } from './exception-entry.ts';
import { synchronousTarget } from './external-abort.ts';

/** The instruction is trapped, or a debug exception is due at it. */
export interface Trap {
  readonly pc: bigint;
  readonly esr: number;
  readonly far: bigint | null;
  /** Absent: as every synchronous exception. */
  readonly target?: 1 | 2;
}

type Due =
  /** A block at an address that is not a multiple of 4. */
  | { readonly kind: 'PC alignment' }
  /** The bus refused an access of the instruction. */
  | { readonly kind: 'refused access'; readonly access: RefusedAccess }
  | { readonly kind: 'trap'; readonly trap: Trap };

export class DueException {
  private readonly engine: CoreEngine;
  private readonly exceptions: ExceptionDelivery;
  private due: Due | null = null;

  constructor(engine: CoreEngine, exceptions: ExceptionDelivery) {
    this.engine = engine;
    this.exceptions = exceptions;
  }

  get isAny(): boolean {
    return this.due !== null;
  }

  get isTrap(): boolean {
    return this.due?.kind === 'trap';
  }

  get isRefusedAccess(): boolean {
    return this.due?.kind === 'refused access';
  }

  clear(): void {
    this.due = null;
  }

  pcAlignment(): void {
    this.due ??= { kind: 'PC alignment' };
  }

  refusedAccess(access: RefusedAccess): void {
    this.due ??= { kind: 'refused access', access };
  }

  trap(trap: Trap): void {
    this.due ??= { kind: 'trap', trap };
  }

  /** Takes the exception that is due, between slices. False when none is. */
  take(): boolean {
    const { engine, exceptions, due } = this;
    if (due === null) return false;
    this.due = null;
    switch (due.kind) {
      case 'PC alignment':
        exceptions.takePcAlignment(engine.getPc());
        break;
      case 'refused access':
        exceptions.takeRefusedAccess(due.access);
        break;
      case 'trap': {
        const { pc, esr, far, target = synchronousTarget(engine, levelOf(engine.getPstate())) } = due.trap;
        exceptions.enter('synchronous', target, esr, far, pc);
      }
    }
    return true;
  }
}
