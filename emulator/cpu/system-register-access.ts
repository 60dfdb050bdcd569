// SPDX-License-Identifier: GPL-2.0-only
/**
 * MRS and MSR of a core around an engine. A register belongs to self-hosted debug, to the machine
 * (timer, interrupt controller, monitors) or to the engine.
 *
 *     engine has the register  ─► intercepted: reported before it executes, answered here or left to the engine
 *     engine has it not        ─► undefined instruction ─► emulated here, or undefined for the guest too
 *
 * Specification: Arm ARM DDI 0487 K.a, C5.1.2 (System register encodings), D24.10 (timer).
 */

import type { CpuEngine, InterceptedAccess } from '#emulator/engine/engine.ts';
import { type SystemRegisterEncoding, systemRegisterNumber } from '#emulator/engine/system-registers.ts';
import { isDebugRegister, isOsLock } from './debug-registers.ts';
import { leastLevel, systemRegisterMove } from './instruction.ts';
import { isSoftwareIncrement } from './performance-monitors.ts';
import type { SelfHostedDebug } from './self-hosted-debug.ts';
import { systemRegisterSyndrome, undefinedSyndrome } from './syndrome.ts';
import { UnknownRegisters } from './unknown-registers.ts';
import type { CoreContext, MachineCore } from './machine-core.ts';

/** op1 of the system registers that EL0 can access (Arm ARM C5.1.2). */
const OP1_EL0 = 3;

/** EL3 always exists. */
const HIGHEST_LEVEL = 3;

export interface SystemRegisterAccessContext {
  readonly core: MachineCore;
  readonly engine: CpuEngine;
  readonly environment: CoreContext;
  readonly debug: SelfHostedDebug;
  /** Replaces the intercepted instruction by an exception with this syndrome. */
  readonly trap: (esr: number) => void;
}

export class SystemRegisterAccess {
  /** Unknown registers already reported. */
  readonly unknown: UnknownRegisters;
  private readonly core: MachineCore;
  private readonly engine: CpuEngine;
  private readonly environment: CoreContext;
  private readonly debug: SelfHostedDebug;
  private readonly trap: (esr: number) => void;
  /** True for a system register that the engine has, by systemRegisterNumber. */
  private readonly known = new Map<number, boolean>();

  constructor({ core, engine, environment, debug, trap }: SystemRegisterAccessContext) {
    this.core = core;
    this.engine = engine;
    this.environment = environment;
    this.debug = debug;
    this.trap = trap;
    this.unknown = new UnknownRegisters(core, environment);
  }

  /** True when accesses to the register come here although the engine may have it. */
  isIntercepted(encoding: SystemRegisterEncoding): boolean {
    return isDebugRegister(encoding) || this.environment.intercepts(encoding);
  }

  /**
   * Serves an intercepted MRS or MSR before it executes. Returns false when the engine is to
   * execute it.
   */
  intercepted({ read, encoding, rt }: InterceptedAccess): boolean {
    // The code at an intercepted address may have changed.
    if (!this.isIntercepted(encoding)) return false;
    // An instruction that the engine translated as undefined cannot be skipped: the engine has no
    // code after it to continue with. It comes as an exception instead.
    if (
      !this.mayAccess(encoding, read) ||
      !(this.engineHas(encoding) || isOsLock(encoding) || (!read && isSoftwareIncrement(encoding)))
    ) {
      return false;
    }
    if (isDebugRegister(encoding)) return this.onDebugRegister(encoding, read, rt);
    const { core, environment } = this;
    if (core.level === 0 && !environment.allowedAtEl0(core, encoding, read)) {
      this.trap(systemRegisterSyndrome(encoding, rt, read));
      return true;
    }
    if (!read && core.level < HIGHEST_LEVEL && isCounterFrequency(encoding)) {
      this.trap(undefinedSyndrome());
      return true;
    }
    return this.onMachineRegister(encoding, read, rt);
  }

  /**
   * Emulates an MRS or MSR that the engine finds undefined. Returns false when it is undefined for
   * the guest too, or is another instruction.
   */
  emulate(instruction: number): boolean {
    const move = systemRegisterMove(instruction);
    if (move === null || !this.mayAccess(move.encoding, move.read)) return false;
    if (!move.read && this.core.level < HIGHEST_LEVEL && isCounterFrequency(move.encoding)) return false;
    if (this.onMachineRegister(move.encoding, move.read, move.rt)) return true;
    this.unknown.report(move.encoding, move.read, this.engine.getPc());
    return false;
  }

  private onDebugRegister(encoding: SystemRegisterEncoding, read: boolean, rt: number): boolean {
    const { debug } = this;
    if (!read) return debug.write(encoding, this.operand(rt));
    return this.setResult(rt, debug.read(encoding));
  }

  private onMachineRegister(encoding: SystemRegisterEncoding, read: boolean, rt: number): boolean {
    const { core, environment } = this;
    if (!read) return environment.writeSystemRegister(core, encoding, this.operand(rt));
    return this.setResult(rt, environment.readSystemRegister(core, encoding));
  }

  private operand(rt: number): bigint {
    return rt === 31 ? 0n : this.engine.getX(rt);
  }

  private setResult(rt: number, value: bigint | undefined): boolean {
    if (value === undefined) return false;
    if (rt !== 31) this.engine.setX(rt, value);
    return true;
  }

  /** False when the current exception level can never make this access. */
  private mayAccess(encoding: SystemRegisterEncoding, read: boolean): boolean {
    const { level } = this.core;
    if (level < leastLevel(encoding)) return false;
    return read || level > 0 || !isReadOnlyAtEl0(encoding);
  }

  private engineHas(encoding: SystemRegisterEncoding): boolean {
    const key = systemRegisterNumber(encoding);
    let known = this.known.get(key);
    if (known === undefined) {
      known = this.engine.getSystemRegister(encoding) !== null;
      this.known.set(key, known);
    }
    return known;
  }
}

/** True for CNTFRQ_EL0, which only the highest exception level can write (Arm ARM D24.10.1). */
const isCounterFrequency = ([, op1, crn, crm, op2]: SystemRegisterEncoding): boolean =>
  op1 === OP1_EL0 && crn === 14 && crm === 0 && op2 === 0;

/** True for the counters and their frequency, which are read-only at EL0 (Arm ARM D24.10). */
const isReadOnlyAtEl0 = ([, op1, crn, crm]: SystemRegisterEncoding): boolean =>
  op1 === OP1_EL0 && crn === 14 && crm === 0;
