// SPDX-License-Identifier: GPL-2.0-only
/**
 * Execution of the system class of instructions: calls, returns, waits, PSTATE.
 *
 * Specification: Arm ARM DDI 0487 K.a, D1.3 (exceptions), D1.4 (return), D1.7 (waiting), C5.2.
 */

import type { ExceptionDelivery } from '#emulator/cpu/exception-delivery.ts';
import { synchronousTarget } from '#emulator/cpu/external-abort.ts';
import type { CoreContext, MachineCore } from '#emulator/cpu/machine-core.ts';
import type { SelfHostedDebug } from '#emulator/cpu/self-hosted-debug.ts';
import { EXCEPTION_CLASS, SYNDROME_IL, undefinedSyndrome, waitTrapSyndrome } from '#emulator/cpu/syndrome.ts';
import type { WaitHints } from '#emulator/cpu/wait-hints.ts';
import { type CoreState, GuestException, PSTATE } from '#emulator/a64/core-state.ts';
import type { Feature, Features } from '#emulator/a64/features.ts';
import { LAYOUT, NO_ADDRESS } from '#emulator/a64/layout.ts';
import type { Slice } from '#emulator/a64/slice.ts';
import { exceptionReturn } from './exception-return.ts';
import { operate, type OperationContext } from './operations.ts';
import { controlOfEl0, effectiveHcr, HCR } from './hypervisor.ts';
import { MDCR, MDCR_EL2 } from './hypervisor-traps.ts';
import type { RegisterFile } from './register-file.ts';
import type { CallKind, SystemPort, WaitKind } from './system-port.ts';
import type { SystemRegisters } from './system-registers.ts';

/** SCTLR_EL1.UMA: EL0 may access DAIF. nTWI and nTWE: WFI and WFE of EL0 are not trapped. */
const SCTLR_UMA = 1n << 9n;
const SCTLR_NTWI = 1n << 16n;
const SCTLR_NTWE = 1n << 18n;
/** ISS.TI of a trapped wait: WFI is 0, WFE is 1. */
const TRAPPED_WFE = 1;
const SCR_SMD = 1n << 7n;
const SCR_HCE = 1n << 8n;
const SCR_TWI = 1n << 12n;
const SCR_TWE = 1n << 13n;

export interface SystemInstructionsContext {
  readonly core: MachineCore;
  readonly state: CoreState;
  readonly file: RegisterFile;
  readonly registers: SystemRegisters;
  readonly operations: OperationContext;
  readonly environment: CoreContext;
  readonly exceptions: ExceptionDelivery;
  readonly hints: WaitHints;
  readonly slice: Slice;
  readonly debug: SelfHostedDebug;
  readonly has: Features;
  /** Called when PSTATE has changed: translations, FP traps and masks may differ. */
  readonly pstateChanged: () => void;
  /** Called when interrupts may have been unmasked. */
  readonly masksChanged: () => void;
}

export class SystemInstructions implements SystemPort {
  private readonly parts: SystemInstructionsContext;

  constructor(parts: SystemInstructionsContext) {
    this.parts = parts;
  }

  call(kind: CallKind, immediate: number): boolean {
    const { core, state, environment, file, debug } = this.parts;
    const next = state.pc + 4n;
    const { level } = state;
    if (kind === 'svc') {
      debug.callCompletes();
      const target = level < 2 && file.isHcrZero ? 1 : synchronousTarget(core.engine, level);
      this.takeCall(target, EXCEPTION_CLASS.svc64, immediate, next);
      return true;
    }
    const scr = file.get('SCR_EL3');
    const isOff = kind === 'hvc' ? (scr & SCR_HCE) === 0n && level < 3 : (scr & SCR_SMD) !== 0n;
    if (level === 0 || isOff) this.undefined();
    if (kind === 'hvc' && environment.guestHasEl2) return this.callHypervisor(immediate, next);
    if (kind === 'smc' && level === 1 && (effectiveHcr(file) & HCR.tsc) !== 0n) {
      // A trapped SMC has not been executed: the return address is the SMC itself.
      this.takeCall(2, EXCEPTION_CLASS.smc64, immediate, state.pc);
      return true;
    }
    // Firmware sees PC after the call.
    const { pc } = state;
    state.pc = next;
    if (environment.firmwareCall(core, kind)) return true;
    state.pc = pc;
    return this.undefined();
  }

  /**
   * HVC that the machine's firmware does not answer: taken to EL2, or to EL3 from EL3. HCR_EL2.HCD
   * is RES0 where EL3 exists.
   */
  private callHypervisor(immediate: number, next: bigint): boolean {
    const { state, debug } = this.parts;
    debug.callCompletes();
    this.takeCall(state.level === 3 ? 3 : 2, EXCEPTION_CLASS.hvc64, immediate, next);
    return true;
  }

  private takeCall(target: 1 | 2 | 3, exceptionClass: number, immediate: number, returnAddress: bigint): void {
    const esr = ((exceptionClass << 26) | SYNDROME_IL | immediate) >>> 0;
    this.parts.exceptions.enter('synchronous', target, esr, null, returnAddress);
  }

  breakpoint(immediate: number): boolean {
    const { core, file, state } = this.parts;
    const isHypervisors = state.level < 2 && (file.at(MDCR_EL2) & MDCR.tde) !== 0n;
    const target = isHypervisors ? 2 : synchronousTarget(core.engine, state.level);
    this.takeCall(target, EXCEPTION_CLASS.brk64, immediate, state.pc);
    return true;
  }

  halt(immediate: number): boolean {
    const { environment, state, slice } = this.parts;
    if (!environment.isGate(immediate)) this.undefined();
    state.pc += 4n;
    slice.end({ kind: 'gate', immediate });
    return true;
  }

  exceptionReturn(): boolean {
    const { state, file, hints, debug, pstateChanged } = this.parts;
    if (state.level === 0) this.undefined();
    exceptionReturn(state, file);
    if (!debug.steps) state.setPlain(PSTATE.ss, 0);
    state.wide[LAYOUT.exclusiveAddress / 8] = NO_ADDRESS;
    hints.event = true;
    pstateChanged();
    return true;
  }

  wait(kind: WaitKind): boolean {
    const { core, state, environment, hints, slice } = this.parts;
    if (kind === 'sev') {
      environment.eventSent();
      return false;
    }
    if (kind === 'wfi') {
      this.checkWait('wfi');
      if (!core.interruptPending) {
        state.pc += 4n;
        slice.end({ kind: 'wfi' });
        return true;
      }
    }
    const turn = hints.handle(kind, () => environment.othersRun(core), core.interruptPending);
    if (turn === null) return false;
    if (kind === 'wfe') this.checkWait('wfe');
    slice.finishBefore({ kind: turn });
    return true;
  }

  /** Each higher level may trap a wait: SCTLR_EL1 for EL0, HCR_EL2, SCR_EL3. */
  private checkWait(kind: 'wfi' | 'wfe'): void {
    const { core, file, state } = this.parts;
    const { level } = state;
    const [sctlr, hcr, scr] = kind === 'wfi' ? [SCTLR_NTWI, HCR.twi, SCR_TWI] : [SCTLR_NTWE, HCR.twe, SCR_TWE];
    const target =
      level === 0 && (controlOfEl0(file) & sctlr) === 0n
        ? synchronousTarget(core.engine, 0)
        : level < 2 && (effectiveHcr(file) & hcr) !== 0n
          ? 2
          : level < 3 && (file.get('SCR_EL3') & scr) !== 0n
            ? 3
            : null;
    if (target === null) return;
    throw new GuestException(waitTrapSyndrome() & ~(kind === 'wfi' ? TRAPPED_WFE : 0), null, target);
  }

  setPstateField(op1: number, op2: number, immediate: number): boolean {
    const { state, has, pstateChanged } = this.parts;
    if (op1 === 0) {
      const field = PSTATE_FIELDS.find((other) => other.op2 === op2);
      if (field === undefined || state.level === 0 || (field.feature !== null && !has(field.feature))) return false;
      state.setPlain(field.bit, (immediate & 1) === 0 ? 0 : field.bit);
      if (field.feature !== null) pstateChanged();
      return true;
    }
    if (op1 !== 3 || (op2 !== 6 && op2 !== 7)) return false;
    if (state.level === 0 && (controlOfEl0(this.parts.file) & SCTLR_UMA) === 0n) {
      const iss = (op2 << 17) | (op1 << 14) | (4 << 10) | (31 << 5) | (immediate << 1);
      throw new GuestException(((EXCEPTION_CLASS.systemRegister << 26) | SYNDROME_IL | iss) >>> 0);
    }
    const mask = immediate << 6;
    state.setPlain(mask, op2 === 6 ? mask : 0);
    if (op2 === 7) this.parts.masksChanged();
    return true;
  }

  readRegister(register: number, rt: number): bigint {
    return this.parts.registers.read(register, rt);
  }

  writeRegister(register: number, rt: number, value: bigint): void {
    this.parts.registers.write(register, rt, value);
  }

  operate(op1: number, crn: number, crm: number, op2: number, rt: number, value: bigint): void {
    operate(this.parts.operations, [op1, crn, crm, op2], rt, value);
  }

  /** SYSL: all encodings are undefined. */
  operateForResult(): bigint {
    return this.undefined();
  }

  undefined(): never {
    throw new GuestException(undefinedSyndrome());
  }
}

/** MSR (immediate) with op1 0: the bit of PSTATE, and the extension that brings it. */
const PSTATE_FIELDS: readonly { readonly op2: number; readonly bit: number; readonly feature: Feature | null }[] = [
  { op2: 3, bit: PSTATE.uao, feature: 'UAO' },
  { op2: 4, bit: PSTATE.pan, feature: 'PAN' },
  { op2: 5, bit: PSTATE.sp, feature: null },
];
