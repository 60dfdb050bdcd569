// SPDX-License-Identifier: GPL-2.0-only
/**
 * The exception to take when the slice has ended, in place of the instruction that ended it. One
 * instruction may cause several: the first one counts.
 */

import type { CoreEngine } from '#emulator/engine/engine.ts';
import type { ExceptionDelivery, RefusedAccess } from './exception-delivery.ts';
import { levelOf } from './exception-entry.ts';
import { synchronousTarget } from './external-abort.ts';

/** Trap of an instruction, or a debug exception at it. */
export interface Trap {
  readonly pc: bigint;
  readonly esr: number;
  readonly far: bigint | null;
  /** Target level; absent: the default target of synchronous exceptions. */
  readonly target?: 1 | 2;
}

type Due =
  /** A block of code at an address that is not a multiple of 4. */
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

  /** Takes the due exception, between slices. Returns false when there is none. */
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
