// SPDX-License-Identifier: GPL-2.0-only
/**
 * Handling of the exceptions that the engine reports.
 *
 *     HVC, SMC     ─► a firmware call; undefined when nobody serves it
 *     undefined    ─► a gate, an emulated system register, a trapped change of masks, or undefined after all
 *     aborts       ─► a lost translation table, or the abort
 *     the rest     ─► the vector of its level
 *
 * Specification: Arm ARM DDI 0487 K.a, D1.3 (exceptions); SMC Calling Convention, Arm DEN 0028, for
 * HVC and SMC.
 */

import { type CpuEngine, ENGINE_EXCEPTION } from '#emulator/engine/engine.ts';
import type { CoreTranslation } from './core-translation.ts';
import type { ExceptionDelivery } from './exception-delivery.ts';
import { levelOf } from './exception-entry.ts';
import { synchronousTarget } from './external-abort.ts';
import { haltImmediate, isInterruptMaskChange } from './instruction.ts';
import type { CoreContext, CoreStop, MachineCore } from './machine-core.ts';
import {
  EXCEPTION_CLASS,
  exceptionClass,
  interruptMaskTrapSyndrome,
  isTranslationFault,
  undefinedSyndrome,
  withoutCoprocessor,
} from './syndrome.ts';
import type { SystemRegisterAccess } from './system-register-access.ts';

/** Exceptions of call instructions: the engine's PC is already after them. */
const CALLS: ReadonlySet<number> = new Set([
  ENGINE_EXCEPTION.supervisorCall,
  ENGINE_EXCEPTION.hypervisorCall,
  ENGINE_EXCEPTION.secureMonitorCall,
]);

export interface EngineExceptionsContext {
  readonly core: MachineCore;
  readonly engine: CpuEngine;
  readonly environment: CoreContext;
  readonly translation: CoreTranslation;
  readonly exceptions: ExceptionDelivery;
  readonly systemRegisters: SystemRegisterAccess;
  /** Called when SVC, HVC or SMC was executed: it completes a software step. */
  readonly callCompletes: () => void;
  /** Ends the slice because a gate was met. */
  readonly end: (stop: CoreStop) => void;
}

export class EngineExceptions {
  private readonly context: EngineExceptionsContext;

  constructor(context: EngineExceptionsContext) {
    this.context = context;
  }

  serve(number: number): void {
    const { core, engine, environment, exceptions, callCompletes } = this.context;
    const pc = engine.getPc();
    if (CALLS.has(number)) callCompletes();
    switch (number) {
      case ENGINE_EXCEPTION.undefined:
        if (!exceptions.takePcAlignment(pc)) this.undefined(pc);
        return;
      case ENGINE_EXCEPTION.hypervisorCall:
      case ENGINE_EXCEPTION.secureMonitorCall: {
        const conduit = number === ENGINE_EXCEPTION.hypervisorCall ? 'hvc' : 'smc';
        if (environment.firmwareCall(core, conduit)) return;
        // An unanswered call is undefined at the instruction itself; the engine's PC is already
        // after it.
        const target = synchronousTarget(engine, levelOf(engine.getPstate()));
        exceptions.enter('synchronous', target, undefinedSyndrome(), null, pc - 4n);
        return;
      }
      case ENGINE_EXCEPTION.prefetchAbort:
      case ENGINE_EXCEPTION.dataAbort: {
        if (number === ENGINE_EXCEPTION.prefetchAbort && exceptions.takePcAlignment(pc)) return;
        const { esr, far, targetLevel } = engine.syndrome();
        if (isTranslationFault(esr) && exceptions.takeLostTable(esr, far, pc)) return;
        exceptions.enter('synchronous', asTarget(targetLevel), esr, far, pc);
        return;
      }
      default: {
        const { esr, targetLevel } = engine.syndrome();
        exceptions.enter('synchronous', asTarget(targetLevel), esr, null, pc);
      }
    }
  }

  private undefined(pc: bigint): void {
    const { engine, environment, translation, exceptions, systemRegisters, end } = this.context;
    const { esr, targetLevel } = engine.syndrome();
    // For an illegal state, the instruction at PC does not matter.
    const instruction = exceptionClass(esr) === EXCEPTION_CLASS.illegalState ? null : translation.instructionAt(pc);
    if (instruction !== null) {
      const immediate = haltImmediate(instruction);
      if (immediate !== null && environment.isGate(immediate)) {
        engine.setPc(pc + 4n);
        end({ kind: 'gate', immediate });
        return;
      }
      // Another exception class means that the engine knows the register and traps the access.
      if (exceptionClass(esr) === EXCEPTION_CLASS.unknown && systemRegisters.emulate(instruction)) {
        engine.setPc(pc + 4n);
        return;
      }
      if (isInterruptMaskChange(instruction)) {
        // Trapped by SCTLR_EL1.UMA = 0; the engine leaves the syndrome empty.
        exceptions.enter('synchronous', asTarget(targetLevel), interruptMaskTrapSyndrome(instruction), null, pc);
        return;
      }
    }
    exceptions.enter('synchronous', asTarget(targetLevel), withoutCoprocessor(esr), null, pc);
  }
}

const asTarget = (level: number): 1 | 2 | 3 => (level === 3 ? 3 : level === 2 ? 2 : 1);
