// SPDX-License-Identifier: GPL-2.0-only
/**
 * Arm's Generic Interrupt Controller, architecture 3: a distributor, a redistributor for each core,
 * and CPU interfaces in system registers. As on QEMU's `virt` machine without ITS, and on the Pixel
 * 6.
 *
 *     devices ──SPI──► distributor ──IROUTER──┐
 *     timers  ──PPI──► redistributor n ───────┼──► CPU interface n (ICC_*_EL1) ──IRQ (group 1), FIQ (group 0)──► core n
 *     ICC_SGI1R_EL1 ──SGI──► redistributors ──┘
 *
 * Security: one of the two views of security-view.ts. In the non-secure one, registers of group 0
 * do not exist, as SCR_EL3.FIQ = 1 makes them, and GICR_WAKER is zero: firmware has woken every
 * core.
 *
 * Not modelled: LPIs and the ITS, message-based SPIs, extended SPI and PPI ranges, NMIs, the legacy
 * memory-mapped CPU interface, the virtual CPU interface (its ICH_* registers store values without
 * effect), HCR_EL2.IMO/FMO redirection to it. Implementation choices: 5 bits of priority and
 * preemption, 16-bit INTIDs, affinity routing always on, RWP never set.
 *
 * Specification: GICv3 and v4, IHI 0069 H.
 */

import type { Device, DeviceContext } from '#emulator/bus/device.ts';
import type { SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';
import { UnknownRegisters } from '#emulator/devices/unknown-registers.ts';
import { GicV3Distributor } from './gicv3-distributor.ts';
import { GicV3Redistributors } from './gicv3-redistributors.ts';
import { GicV3Routing } from './gicv3-routing.ts';
import { IccRegisters } from './icc-registers.ts';
import { isVirtual, readIch, readIcv, writeIch, writeIcv } from './ich-registers.ts';
import { InterruptController, type LinesListener } from './interrupt-controller.ts';
import { NON_SECURE_PRIORITY, type SecurityView } from './security-view.ts';

export interface GicV3Options {
  /** Affinity fields of MPIDR_EL1 of each core, for 1 to 32 cores; other bits are ignored. */
  readonly mpidrs: readonly number[];
  /** Number of shared inputs, 0 to 988: INTIDs 32 to 31 + `spis`. */
  readonly spis: number;
  readonly onLines: LinesListener;
  /** 'single' when absent. */
  readonly securityView?: SecurityView;
  /** Receives reports of registers without a model. */
  readonly context: DeviceContext;
}

/** GICv3. */
export class GicV3 extends InterruptController {
  /** 64 KiB of registers. */
  readonly distributor: Device;
  /** 128 KiB of registers for each core. */
  readonly redistributors: Device;
  private readonly icc: IccRegisters;
  private readonly routing: GicV3Routing;

  /**
   * @throws RangeError when the number of cores or SPIs is not possible, or two cores have the same
   * affinity
   */
  constructor(options: GicV3Options) {
    const { mpidrs, securityView: view = 'single', context } = options;
    super({
      cpus: mpidrs.length,
      spis: options.spis,
      onLines: options.onLines,
      resetPriority: view === 'single' ? 0 : NON_SECURE_PRIORITY,
      resetGroup: view === 'single' ? 0 : 1,
      alwaysEnabledSgis: 0,
      resetPmr: view === 'single' ? 0 : 0xff,
    });
    this.routing = new GicV3Routing(this.state, this.interfaces, mpidrs);
    this.distributor = new GicV3Distributor({
      state: this.state,
      view,
      routing: this.routing,
      settle: () => this.settle(),
      unknown: new UnknownRegisters('gicd', context),
    });
    this.redistributors = new GicV3Redistributors({
      state: this.state,
      interfaces: this.interfaces,
      view,
      mpidrs,
      settle: (cpu) => this.settleAll(cpu),
      unknown: new UnknownRegisters('gicr', context),
    });
    this.icc = new IccRegisters({
      state: this.state,
      interfaces: this.interfaces,
      view,
      routing: this.routing,
      mpidrs,
    });
  }

  /**
   * Value of an ICC_* or ICH_* register for `cpu`; undefined when this controller has no such
   * register or it is write-only: the guest's access is UNDEFINED. Reading IAR acknowledges. O(1).
   */
  readSystemRegister(cpu: number, encoding: SystemRegisterEncoding, virtualGroups = 0): bigint | undefined {
    const own = this.virtualInterfaces[cpu]!;
    if (isVirtual(encoding, virtualGroups)) {
      const answer = readIcv(own, encoding);
      this.settleVirtual(cpu);
      return answer;
    }
    const value = this.icc.read(cpu, encoding);
    if (value === undefined) return readIch(own, encoding);
    if (this.icc.tookInterrupt) {
      this.settleCpu(cpu);
      this.settle();
    }
    return BigInt(value);
  }

  /**
   * Writes such a register; returns false when there is none or it is read-only. O(1), but
   * O(targets) for SGIs.
   */
  writeSystemRegister(cpu: number, encoding: SystemRegisterEncoding, value: bigint, virtualGroups = 0): boolean {
    const own = this.virtualInterfaces[cpu]!;
    if (isVirtual(encoding, virtualGroups)) {
      const isThere = writeIcv(own, encoding, value);
      this.settleVirtual(cpu);
      return isThere;
    }
    if (!this.icc.write(cpu, encoding, value)) {
      const isThere = writeIch(own, encoding, value);
      if (isThere) this.settleVirtual(cpu);
      return isThere;
    }
    this.settleCpu(cpu);
    this.settle();
    return true;
  }

  /**
   * Resets the CPU interface of a core that is powered up again (PSCI CPU_ON). Its redistributor is
   * awake: firmware that starts a core wakes it, so a guest need not write GICR_WAKER.
   */
  resetCpu(cpu: number): void {
    this.interfaces[cpu]!.reset();
    this.interfaces[cpu]!.asleep = false;
    this.virtualInterfaces[cpu]!.reset();
    this.settleVirtual(cpu);
    this.settleAll(cpu);
  }

  override saveState() {
    return { ...super.saveState(), routing: this.routing.saveState() };
  }

  override restoreState(state: ReturnType<GicV3['saveState']>): void {
    super.restoreState(state);
    this.routing.restoreState(state.routing);
  }

  protected override signalsFiq(): boolean {
    return true;
  }

  private settleAll(cpu: number): void {
    this.routing.repick();
    this.settleCpu(cpu);
    this.settle();
  }
}
