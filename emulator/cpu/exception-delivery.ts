// SPDX-License-Identifier: GPL-2.0-only
/**
 * Exception entry of a core: target level and vector, syndrome, event log. Also locks up a core
 * that faults on its own vector.
 *
 * Specification: Arm ARM DDI 0487 K.a, D1.3 (exceptions), D1.3.4 (synchronous external aborts).
 */

import { hex } from '#common/address.ts';
import type { BusAccessAbort } from '#emulator/bus/bus-errors.ts';
import type { CoreEngine, UnmappedAccess } from '#emulator/engine/engine.ts';
import { idleState, stepsBetween } from './closed-loop.ts';
import type { CoreTranslation } from './core-translation.ts';
import { enterException, levelOf, type VectorKind } from './exception-entry.ts';
import { abortAddress, abortSyndrome, externalAbortTarget, synchronousTarget } from './external-abort.ts';
import {
  EXCEPTION_CLASS,
  EXTERNAL_ABORT_STATUS,
  exceptionClass,
  pcAlignmentSyndrome,
  withFaultStatus,
} from './syndrome.ts';
import type { CoreContext, CoreStop, MachineCore, Recurrence, TakenException } from './machine-core.ts';

/** Physical access that the bus refused, as seen from the instruction that made it. */
export interface RefusedAccess {
  readonly write: boolean;
  readonly address: number;
}

/**
 * Exception taken last: its vector, tick, origin and syndrome, the number of equal exceptions
 * directly before it, and the tick of the first of these.
 */
interface DeliveredException {
  readonly vector: bigint;
  readonly tick: number;
  readonly elr: bigint;
  readonly esr: number;
  /** True when it did not change the exception level. */
  readonly sameLevel: boolean;
  readonly repeats: number;
  readonly since: number;
}

/**
 * Classes of exceptions whose instruction is executed again on return, and causes the exception
 * again if nothing has changed. Not calls, which return to the instruction after them; not illegal
 * states, which an exception clears; not debug exceptions, which are masked after one.
 */
const CAUSED_AGAIN: ReadonlySet<number> = new Set([
  EXCEPTION_CLASS.unknown,
  EXCEPTION_CLASS.wait,
  EXCEPTION_CLASS.floatingPoint,
  EXCEPTION_CLASS.systemRegister,
  EXCEPTION_CLASS.instructionAbortSame,
  EXCEPTION_CLASS.pcAlignment,
  EXCEPTION_CLASS.dataAbortSame,
  EXCEPTION_CLASS.spAlignment,
  EXCEPTION_CLASS.brk64,
]);

/** Number of equal exceptions in a row after which the core is checked for endless recurrence. */
const OFTEN = 1000;

export interface ExceptionDeliveryContext {
  readonly core: MachineCore;
  readonly environment: CoreContext;
  readonly translation: CoreTranslation;
  /** Called when an exception is taken. */
  readonly entered: () => void;
  /** Ends the slice: the core is locked up, or takes the same exception again and again. */
  readonly end: (stop: CoreStop) => void;
}

export class ExceptionDelivery {
  /** Exception taken last. */
  last: DeliveredException | null = null;
  /** First synchronous exception since reset; it often explains why a guest hangs. Null: none. */
  first: TakenException | null = null;
  private readonly core: MachineCore;
  private readonly engine: CoreEngine;
  private readonly environment: CoreContext;
  private readonly translation: CoreTranslation;
  private readonly entered: () => void;
  private readonly end: (stop: CoreStop) => void;

  constructor({ core, environment, translation, entered, end }: ExceptionDeliveryContext) {
    this.core = core;
    this.engine = core.engine;
    this.environment = environment;
    this.translation = translation;
    this.entered = entered;
    this.end = end;
  }

  reset(): void {
    this.last = null;
    this.first = null;
  }

  /**
   * Takes a PC alignment fault, which the engine does not raise. Returns false when PC is aligned.
   */
  takePcAlignment(pc: bigint): boolean {
    if (pc % 4n === 0n) return false;
    this.enter('synchronous', synchronousTarget(this.engine, this.level), pcAlignmentSyndrome(), pc, pc);
    return true;
  }

  /**
   * Takes an external abort for a table walk that read unmapped memory. The engine reads zeros
   * there and reports a translation fault.
   */
  takeLostTable(esr: number, far: bigint, pc: bigint): boolean {
    if (this.level > 1) return false;
    let lost = 0;
    const found = this.translation.walk(far, (address) => {
      lost = address;
    });
    if (found.ok || found.fault.kind !== 'external abort on walk') return false;
    this.reportUnmapped({ type: 'read', address: lost, size: 8, value: 0n }, pc);
    const target = externalAbortTarget(this.engine, this.level);
    this.enter('synchronous', target, withFaultStatus(esr, found.fault.status), far, pc);
    return true;
  }

  /**
   * Enters the vector for `kind` at `targetLevel`; `returnAddress` becomes ELR. A core that faults
   * at once on its own vector locks up instead.
   */
  enter(kind: VectorKind, targetLevel: 1 | 2 | 3, esr: number, far: bigint | null, returnAddress: bigint): void {
    const { engine, environment, last, level: from } = this;
    const tick = environment.clock.ticks;
    if (last !== null && last.vector === returnAddress && tick - last.tick <= 1) {
      const reason = `core ${this.core.index} cannot execute its own exception vector at ${hex(returnAddress)}`;
      this.end({ kind: 'lockup', reason });
      return;
    }
    if (environment.traces('exception')) {
      environment.emit(this.core, 'exception', {
        level: targetLevel,
        esr,
        far: far === null ? null : hex(far),
        pc: hex(returnAddress),
        from,
      });
    }
    this.first ??= { esr, elr: returnAddress, far };
    this.entered();
    const vector = enterException(engine, { kind, targetLevel, returnAddress, esr, far });
    const sameLevel = from === targetLevel;
    const isSame =
      last !== null &&
      last.vector === vector &&
      last.elr === returnAddress &&
      last.esr === esr &&
      last.sameLevel === sameLevel;
    const repeats = isSame ? last.repeats + 1 : 0;
    const since = isSame ? last.since : tick;
    this.last = { vector, tick, elr: returnAddress, esr, sameLevel, repeats, since };
    if (repeats % OFTEN === OFTEN - 1) this.end({ kind: 'recurring' });
  }

  /**
   * Recurrence of the exception taken last, or null. It recurs when its vector leads back to the
   * instruction that causes it without changing anything, and the core is on that way now. The core
   * then does this for ever, unless something changes from outside.
   * @param ranUntil tick at which the core was executed last
   */
  recurrence(ranUntil: number): Recurrence | null {
    const { last, engine } = this;
    if (last === null || last.repeats < OFTEN - 1) return null;
    if (!last.sameLevel || !CAUSED_AGAIN.has(exceptionClass(last.esr))) return null;
    const idle = idleState(engine, true);
    const steps = (from: bigint, to: bigint) =>
      stepsBetween(from, to, idle, (address) => this.translation.instructionAt(address));
    const pc = engine.getPc();
    const passed = steps(last.vector, pc);
    if (passed === null || ranUntil - last.tick > passed + 1) return null;
    return steps(pc, last.elr) === null ? null : { since: last.since, seen: last.tick };
  }

  /**
   * Takes an interrupt before the next instruction.
   * @param esr syndrome of a virtual SError; null for other interrupts
   */
  takeInterrupt(kind: 'irq' | 'fiq' | 'serror', targetLevel: 1 | 2 | 3 = 1, esr: number | null = null): void {
    const { engine, environment } = this;
    const returnAddress = engine.getPc();
    this.entered();
    if (environment.traces('irq')) environment.emit(this.core, 'irq', { taken: kind, pc: hex(returnAddress) });
    enterException(engine, { kind, targetLevel, returnAddress, esr, far: null });
  }

  /** Takes an external abort for an access to unmapped physical memory. */
  takeUnmapped(access: UnmappedAccess): void {
    const pc = this.engine.getPc();
    if (access.type === 'fetch' && this.takePcAlignment(pc)) return;
    const far = abortAddress(this.engine, access.type, access.address, this.translation.instructionAt(pc), pc);
    // The engine does not check output addresses against TCR_EL1.IPS, so this is checked here.
    const found = far === null || this.level > 1 ? null : this.translation.walk(far);
    if (found !== null && !found.ok && found.fault.kind === 'address size') {
      this.takeAbort(access.type, 1, found.fault.status, far, pc);
      return;
    }
    this.reportUnmapped(access, pc);
    this.takeAbort(access.type, externalAbortTarget(this.engine, this.level), EXTERNAL_ABORT_STATUS, far, pc);
  }

  takeRefusedAccess({ write, address }: RefusedAccess): void {
    const { engine } = this;
    const pc = engine.getPc();
    const access = write ? 'write' : 'read';
    const far = abortAddress(engine, access, address, this.translation.instructionAt(pc), pc);
    this.takeAbort(access, externalAbortTarget(engine, this.level), EXTERNAL_ABORT_STATUS, far, pc);
  }

  private takeAbort(
    access: UnmappedAccess['type'],
    target: 1 | 2 | 3,
    status: number,
    far: bigint | null,
    pc: bigint,
  ): void {
    this.enter('synchronous', target, abortSyndrome(access, status, this.level < target, far), far, pc);
  }

  reportUnmapped(access: UnmappedAccess, pc: bigint): void {
    const { bus } = this.environment;
    this.environment.emit(this.core, 'unmapped', {
      device: bus.describe(access.address),
      // Devices answer only data accesses: code cannot be fetched from them.
      reason: access.type === 'fetch' && bus.find(access.address) !== null ? 'no memory' : 'unmapped',
      access: access.type,
      address: hex(access.address),
      width: access.size,
      ...(access.type === 'write' ? { value: hex(access.value) } : {}),
      pc: hex(pc),
    });
  }

  reportRefused(abort: BusAccessAbort, pc: bigint): void {
    this.environment.emit(this.core, 'unmapped', { ...abort.toEventFields(), pc: hex(pc) });
  }

  private get level(): number {
    return levelOf(this.engine.getPstate());
  }
}
