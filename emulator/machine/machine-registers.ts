// SPDX-License-Identifier: GPL-2.0-only
/**
 * System registers that the machine implements instead of the engine: the generic timer, the
 * identity of a core, the CPU interface of GICv3, and the counters of the performance monitors,
 * which the engine would take from the host's clock.
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
 * ID_AA64PFR0_EL1.EL0 to EL3: AArch64 only. The engine also has AArch32, but instructions there
 * cannot be counted.
 */
const PFR0_LEVELS_MASK = 0xffffn;
const PFR0_LEVELS_AARCH64 = 0x1111n;

/** CPU interface of an interrupt controller, accessed by system registers. */
export interface InterfaceRegisters {
  /**
   * @param virtualGroups groups whose ICC_* registers access the virtual CPU interface: bit 0 for
   * group 0, bit 1 for group 1
   */
  readSystemRegister?(cpu: number, encoding: SystemRegisterEncoding, virtualGroups?: number): bigint | undefined;
  writeSystemRegister?(cpu: number, encoding: SystemRegisterEncoding, value: bigint, virtualGroups?: number): boolean;
}

/** Parts of the machine that these registers read and drive. */
export interface MachineRegistersContext {
  readonly vcpus: readonly Vcpu[];
  readonly midrs: readonly number[];
  /** True when the GIC's CPU interface is in system registers. */
  readonly gicSystemRegisters: boolean;
  readonly interrupts: () => InterfaceRegisters | null;
  readonly counterWaits: CounterWaits;
  readonly clock: Clock;
  readonly events: EventLog;
  /** Called when time has jumped ahead while `core` runs. */
  readonly timeJumped: (core: MachineCore, ticks: number) => void;
}

export class MachineRegisters {
  private readonly owners: MachineRegistersContext;
  /** Monitors by core. */
  private readonly monitors: readonly PerformanceMonitors[];

  constructor(owners: MachineRegistersContext) {
    this.owners = owners;
    this.monitors = owners.midrs.map(() => new PerformanceMonitors());
  }

  /** Resets the registers of core `index`. */
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

  /** True for registers that the machine implements although the engine also has them. */
  intercepts(encoding: SystemRegisterEncoding): boolean {
    const [op0, op1, crn, crm, op2] = encoding;
    if (op0 !== 3) return false;
    if (crn === 14 || isMonitorRegister(encoding)) return true;
    if (op1 !== 0 || crn !== 0) return false;
    if (crm === 0) return op2 === 0 || op2 === 5;
    return crm === 4 && op2 === 0;
  }

  /** False when EL0 on core `core` may not access such a register. */
  allowedAtEl0(core: MachineCore, encoding: SystemRegisterEncoding, read: boolean): boolean {
    const [, , , crm, op2] = encoding;
    if (isMonitorRegister(encoding)) {
      return this.monitors[core.index]?.allowedAtEl0(core.engine, encoding, read) ?? false;
    }
    return this.owners.vcpus[core.index]?.timer.allowedAtEl0(crm, op2, core.hostsEl0) ?? false;
  }

  /** Reads a register; undefined when the machine does not implement it. */
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
      // The unallocated part of the identification space reads as zero (Arm ARM D24.1.1.2).
      return own === null && crm >= 1 ? 0n : undefined;
    }
    const answer = owners.interrupts()?.readSystemRegister?.(core.index, encoding, core.virtualGroups);
    if (answer !== undefined && owners.events.enabled('sysreg')) {
      owners.events.emit('sysreg', { register: systemRegisterName(encoding), read: hex(answer) });
    }
    return answer;
  }

  /** Writes a register; returns false when the machine does not implement it. */
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
