// SPDX-License-Identifier: GPL-2.0-only
/**
 * The system registers that belong to the machine and not to the engine: the generic timer's, who a
 * core is, the CPU interface of GICv3, and the performance monitors' counters, which the engine
 * takes from the host's clock.
 *
 * Specification: Arm ARM DDI 0487 K.a, D24; ICC_*: Arm IHI 0069.
 */

import { hex } from '#common/address.ts';
import type { Clock } from '#emulator/timer/clock.ts';
import type { MachineCore } from '#emulator/cpu/machine-core.ts';
import type { Vcpu } from '#emulator/cpu/vcpu.ts';
import type { CounterWaits } from './counter-waits.ts';
import { type SystemRegisterEncoding, systemRegisterName } from '#emulator/engine/system-registers.ts';
import type { EventLog } from '#emulator/events/event-log.ts';
import { isMonitorRegister, PerformanceMonitors } from '#emulator/cpu/performance-monitors.ts';

/** ID_AA64PFR0_EL1.GIC = 1: the CPU interface of GICv3 is in system registers. */
const PFR0_GIC = 1n << 24n;
/**
 * ID_AA64PFR0_EL1.EL0 to EL3: AArch64 only. The engine has AArch32 as well, but its code cannot be
 * counted.
 */
const PFR0_LEVELS_MASK = 0xffffn;
const PFR0_LEVELS_AARCH64 = 0x1111n;

/** The CPU interface of an interrupt controller that has it in system registers. */
export interface InterfaceRegisters {
  /** @param virtualGroups of ICC_*, those that mean a guest's: 1 group 0, 2 group 1 */
  readSystemRegister?(cpu: number, encoding: SystemRegisterEncoding, virtualGroups?: number): bigint | undefined;
  writeSystemRegister?(cpu: number, encoding: SystemRegisterEncoding, value: bigint, virtualGroups?: number): boolean;
}

/** The parts of the machine that the registers read and drive. */
export interface MachineRegistersContext {
  readonly vcpus: readonly Vcpu[];
  readonly midrs: readonly number[];
  /** True when the GIC's CPU interface is in system registers. */
  readonly gicSystemRegisters: boolean;
  readonly interrupts: () => InterfaceRegisters | null;
  readonly counterWaits: CounterWaits;
  readonly clock: Clock;
  readonly events: EventLog;
  /** Time has jumped ahead while `core` runs. */
  readonly timeJumped: (core: MachineCore, ticks: number) => void;
}

export class MachineRegisters {
  private readonly owners: MachineRegistersContext;
  /** By core. */
  private readonly monitors: readonly PerformanceMonitors[];

  constructor(owners: MachineRegistersContext) {
    this.owners = owners;
    this.monitors = owners.midrs.map(() => new PerformanceMonitors());
  }

  /** Core `index` is reset. */
  reset(index: number): void {
    this.monitors[index]?.reset();
  }

  saveState() {
    return {
      counterWaits: this.owners.counterWaits.saveState(),
      monitors: this.monitors.map((core) => core.saveState()),
    };
  }

  restoreState(state: ReturnType<MachineRegisters['saveState']>): void {
    this.owners.counterWaits.restoreState(state.counterWaits);
    state.monitors.forEach((saved, core) => this.monitors[core]?.restoreState(saved));
  }

  /** True for registers that the engine has but that are the machine's. */
  intercepts(encoding: SystemRegisterEncoding): boolean {
    const [op0, op1, crn, crm, op2] = encoding;
    if (op0 !== 3) return false;
    if (crn === 14 || isMonitorRegister(encoding)) return true;
    if (op1 !== 0 || crn !== 0) return false;
    if (crm === 0) return op2 === 0 || op2 === 5;
    return crm === 4 && op2 === 0;
  }

  /** False when code at EL0 on core `core` may not access this one of them. */
  allowedAtEl0(core: MachineCore, encoding: SystemRegisterEncoding, read: boolean): boolean {
    const [, , , crm, op2] = encoding;
    if (isMonitorRegister(encoding)) {
      return this.monitors[core.index]?.allowedAtEl0(core.engine, encoding, read) ?? false;
    }
    return this.owners.vcpus[core.index]?.timer.allowedAtEl0(crm, op2, core.hostsEl0) ?? false;
  }

  /** Undefined: not the machine's. */
  read(core: MachineCore, encoding: SystemRegisterEncoding): bigint | undefined {
    const { owners } = this;
    const [op0, op1, crn, crm, op2] = encoding;
    if (op0 !== 3) return undefined;
    if (isMonitorRegister(encoding)) {
      return this.monitors[core.index]?.read(core.engine, encoding, owners.clock.ticks);
    }
    if (crn === 14) {
      if (op1 === 3 && crm === 0 && op2 !== 0) {
        const jump = owners.counterWaits.read();
        if (jump > 0) owners.timeJumped(core, jump);
      }
      return owners.vcpus[core.index]?.timer.read(op1, crm, op2);
    }
    if (op1 === 0 && crn === 0) {
      if (crm === 0 && op2 === 5) return BigInt(core.mpidr);
      if (crm === 0 && op2 === 0) return BigInt(owners.midrs[core.index] ?? 0);
      const own = core.engine.getSystemRegister(encoding);
      if (crm === 4 && op2 === 0) {
        const levels = ((own ?? 0n) & ~PFR0_LEVELS_MASK) | PFR0_LEVELS_AARCH64;
        return owners.gicSystemRegisters ? levels | PFR0_GIC : levels;
      }
      // The whole identification space reads as zero where nothing is defined (Arm ARM D24.1.1.2).
      return own === null && crm >= 1 ? 0n : undefined;
    }
    const answer = owners.interrupts()?.readSystemRegister?.(core.index, encoding, core.virtualGroups);
    if (answer !== undefined && owners.events.enabled('sysreg')) {
      owners.events.emit('sysreg', { register: systemRegisterName(encoding), read: hex(answer) });
    }
    return answer;
  }

  /** False: not the machine's. */
  write(core: MachineCore, encoding: SystemRegisterEncoding, value: bigint): boolean {
    const { owners } = this;
    const [op0, op1, crn, crm, op2] = encoding;
    if (isMonitorRegister(encoding)) {
      return this.monitors[core.index]?.write(core.engine, encoding, value, owners.clock.ticks) ?? false;
    }
    if (op0 === 3 && crn === 14) return owners.vcpus[core.index]?.timer.write(op1, crm, op2, value) ?? false;
    if (op0 === 3 && owners.events.enabled('sysreg')) {
      owners.events.emit('sysreg', { register: systemRegisterName(encoding), written: hex(value) });
    }
    return owners.interrupts()?.writeSystemRegister?.(core.index, encoding, value, core.virtualGroups) ?? false;
  }
}
