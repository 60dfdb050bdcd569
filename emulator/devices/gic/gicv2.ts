// SPDX-License-Identifier: GPL-2.0-only
/**
 * Arm's Generic Interrupt Controller, architecture 2, without the Security Extensions: a
 * distributor and, for each core, a memory mapped CPU interface. As on QEMU's `virt` machine and on
 * Cortex-A15.
 *
 *     devices ──SPI──► ┌─────────────┐    ┌───────────────┐ IRQ, FIQ
 *     timers  ──PPI──► │ distributor │ ─► │ CPU interface │ ────────► core 0
 *     SGIR    ──SGI──► │ (banked for │    └───────────────┘
 *                      │  each core) │ ─► …                          up to 8 cores
 *                      └─────────────┘
 *
 * Both windows are at the same address for every core; the registers of INTIDs 0..31 and the whole
 * CPU interface are banked for the accessing core, which `currentCpu` gives.
 *
 * Not modelled: the Security Extensions, MSI frames,
 * bypass of the CPU interface (its disable bits read back). Implementation choices: 5 bits of
 * priority; SGIs are always enabled, as on Cortex-A15; the active state of an SGI is one for all
 * its sources, so a second source waits until the first is deactivated.
 *
 * Specification: GICv2, IHI 0048 B.b.
 */

import type { Device, DeviceContext } from '#emulator/bus/device.ts';
import { UnknownRegisters } from '#emulator/devices/unknown-registers.ts';
import { GicV2CpuInterface } from './gicv2-cpu-interface.ts';
import { GicHypervisor, GicVirtualInterface } from './gich-gicv.ts';
import { GicV2Distributor } from './gicv2-distributor.ts';
import { GicV2Sgis } from './gicv2-sgis.ts';
import { InterruptController, type LinesListener } from './interrupt-controller.ts';

const MAX_CORES = 8;

export interface GicV2Options {
  /** Number of cores, 1 to 8. */
  readonly cpus: number;
  /** Number of shared inputs, 0 to 988: INTIDs 32 to 31 + `spis`. */
  readonly spis: number;
  /** Returns the core that makes the current access. */
  readonly currentCpu: () => number;
  readonly onLines: LinesListener;
  /** Receives reports of registers without a model. */
  readonly context: DeviceContext;
}

/** GICv2. */
export class GicV2 extends InterruptController {
  /** 4 KiB of registers. */
  readonly distributor: Device;
  /** 8 KiB of registers. */
  readonly cpuInterface: Device;
  /** GICH and GICV: 4 and 8 KiB of registers. */
  readonly hypervisor: Device;
  readonly virtualInterface: Device;
  private readonly registers: GicV2CpuInterface;
  private readonly sgis: GicV2Sgis;

  /**
   * @throws RangeError when there are more than 8 cores, or the number of cores or SPIs is not
   * possible at all
   */
  constructor(options: GicV2Options) {
    if (options.cpus > MAX_CORES) {
      throw new RangeError(`a GICv2 for ${options.cpus} cores: at most ${MAX_CORES} are possible`);
    }
    super({ ...options, resetPriority: 0, resetGroup: 0, alwaysEnabledSgis: 0xffff, resetPmr: 0 });
    const sgis = new GicV2Sgis(this.state);
    this.sgis = sgis;
    const settle = () => this.settle();
    this.distributor = new GicV2Distributor({
      state: this.state,
      sgis,
      currentCpu: options.currentCpu,
      settle,
      unknown: new UnknownRegisters('gicd', options.context),
    });
    this.registers = new GicV2CpuInterface({
      interfaces: this.interfaces,
      sgis,
      currentCpu: options.currentCpu,
      settle: (cpu) => {
        this.settleCpu(cpu);
        this.settle();
      },
      unknown: new UnknownRegisters('gicc', options.context),
    });
    this.cpuInterface = this.registers;
    const virtual = (name: string) => ({
      interfaces: this.virtualInterfaces,
      currentCpu: options.currentCpu,
      settle: (cpu: number) => this.settleVirtual(cpu),
      unknown: new UnknownRegisters(name, options.context),
    });
    this.hypervisor = new GicHypervisor(virtual('gich'));
    this.virtualInterface = new GicVirtualInterface(virtual('gicv'));
  }

  override saveState() {
    return { ...super.saveState(), sgis: this.sgis.saveState() };
  }

  override restoreState(state: ReturnType<GicV2['saveState']>): void {
    super.restoreState(state);
    this.sgis.restoreState(state.sgis);
  }

  protected override signalsFiq(cpu: number): boolean {
    return this.registers.signalsFiq(cpu);
  }
}
