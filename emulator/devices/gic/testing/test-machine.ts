// SPDX-License-Identifier: GPL-2.0-only
/**
 * Test machine around a GIC: records the lines, and makes accesses as a given core.
 *
 * Not a test and not part of a machine.
 */

import { RecordingContext } from '#emulator/devices/testing/test-context.ts';
import type { SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';
import { GicV2 } from '#emulator/devices/gic/gicv2.ts';
import { GicV3 } from '#emulator/devices/gic/gicv3.ts';
import { REDISTRIBUTOR_STRIDE } from '#emulator/devices/gic/gicv3-redistributors.ts';
import type { InterruptController } from '#emulator/devices/gic/interrupt-controller.ts';
import type { SecurityView } from '#emulator/devices/gic/security-view.ts';

/**
 * ICC_* encodings by name, from the register descriptions of IHI 0069, 12.2, independent of the
 * implementation's table.
 */
export const ICC = {
  PMR: [3, 0, 4, 6, 0],
  IAR0: [3, 0, 12, 8, 0],
  EOIR0: [3, 0, 12, 8, 1],
  HPPIR0: [3, 0, 12, 8, 2],
  BPR0: [3, 0, 12, 8, 3],
  AP0R0: [3, 0, 12, 8, 4],
  AP0R1: [3, 0, 12, 8, 5],
  AP1R0: [3, 0, 12, 9, 0],
  AP1R3: [3, 0, 12, 9, 3],
  DIR: [3, 0, 12, 11, 1],
  RPR: [3, 0, 12, 11, 3],
  SGI1R: [3, 0, 12, 11, 5],
  ASGI1R: [3, 0, 12, 11, 6],
  SGI0R: [3, 0, 12, 11, 7],
  IAR1: [3, 0, 12, 12, 0],
  EOIR1: [3, 0, 12, 12, 1],
  HPPIR1: [3, 0, 12, 12, 2],
  BPR1: [3, 0, 12, 12, 3],
  CTLR: [3, 0, 12, 12, 4],
  SRE_EL1: [3, 0, 12, 12, 5],
  IGRPEN0: [3, 0, 12, 12, 6],
  IGRPEN1: [3, 0, 12, 12, 7],
  SRE_EL2: [3, 4, 12, 9, 5],
  CTLR_EL3: [3, 6, 12, 12, 4],
  SRE_EL3: [3, 6, 12, 12, 5],
  IGRPEN1_EL3: [3, 6, 12, 12, 7],
} as const satisfies Record<string, SystemRegisterEncoding>;

export type IccName = keyof typeof ICC;

/** Record of line changes, shared by both test machines. */
class LineRecord {
  readonly context = new RecordingContext();
  /** Changes: core, IRQ, FIQ. */
  readonly changes: [number, boolean, boolean][] = [];
  readonly onLines = (cpu: number, irq: boolean, fiq: boolean): void => {
    this.changes.push([cpu, irq, fiq]);
  };
}

/**
 * State of the lines: 'I' or 'F' for each core whose IRQ or FIQ is asserted, '-' for the others:
 * "I--F".
 */
export function lines(gic: InterruptController, cpus: number): string {
  return Array.from({ length: cpus }, (_, cpu) => {
    const [irq, fiq] = [gic.irqLine(cpu), gic.fiqLine(cpu)];
    return irq && fiq ? 'B' : irq ? 'I' : fiq ? 'F' : '-';
  }).join('');
}

export class GicV2TestMachine extends LineRecord {
  /** Core that makes accesses. */
  cpu = 0;
  readonly gic: GicV2;
  readonly cpus: number;

  constructor(cpus = 1, spis = 64) {
    super();
    this.cpus = cpus;
    this.gic = new GicV2({ cpus, spis, currentCpu: () => this.cpu, onLines: this.onLines, context: this.context });
  }

  on(cpu: number): this {
    this.cpu = cpu;
    return this;
  }

  d(offset: number): number {
    return this.gic.distributor.read(offset, 4);
  }

  setD(offset: number, value: number): void {
    this.gic.distributor.write(offset, 4, value);
  }

  c(offset: number): number {
    return this.gic.cpuInterface.read(offset, 4);
  }

  setC(offset: number, value: number): void {
    this.gic.cpuInterface.write(offset, 4, value);
  }

  get lines(): string {
    return lines(this.gic, this.cpus);
  }

  /**
   * Enables everything: the distributor and every core's interface with `control`; no priority
   * mask.
   */
  start(control = 1): this {
    this.setD(0, 3);
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      this.on(cpu).setC(0x4, 0xff);
      this.setC(0x0, control);
    }
    return this.on(0);
  }
}

export class GicV3TestMachine extends LineRecord {
  readonly gic: GicV3;
  readonly cpus: number;

  /**
   * @param mpidrs affinities, or a number of cores whose affinities are as on gs101: Aff1 is the
   * core
   */
  constructor(mpidrs: number | readonly number[] = 1, securityView: SecurityView = 'single', spis = 64) {
    super();
    const list = typeof mpidrs === 'number' ? Array.from({ length: mpidrs }, (_, cpu) => cpu * 0x100) : mpidrs;
    this.cpus = list.length;
    this.gic = new GicV3({ mpidrs: list, spis, onLines: this.onLines, securityView, context: this.context });
  }

  d(offset: number): number {
    return this.gic.distributor.read(offset, 4);
  }

  setD(offset: number, value: number): void {
    this.gic.distributor.write(offset, 4, value);
  }

  /** Offset of a register in core `cpu`'s frames; the SGI frame starts at 0x1_0000. */
  r(cpu: number, offset: number): number {
    return this.gic.redistributors.read(cpu * REDISTRIBUTOR_STRIDE + offset, 4);
  }

  setR(cpu: number, offset: number, value: number): void {
    this.gic.redistributors.write(cpu * REDISTRIBUTOR_STRIDE + offset, 4, value);
  }

  icc(cpu: number, name: IccName): number | undefined {
    const value = this.gic.readSystemRegister(cpu, ICC[name]);
    return value === undefined ? undefined : Number(value);
  }

  setIcc(cpu: number, name: IccName, value: number | bigint): boolean {
    return this.gic.writeSystemRegister(cpu, ICC[name], BigInt(value));
  }

  get lines(): string {
    return lines(this.gic, this.cpus);
  }

  /**
   * Enables everything: groups, every redistributor awake, no priority mask. INTIDs are in group 0
   * where the view permits.
   */
  start(): this {
    this.setD(0, 3);
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      this.setR(cpu, 0x14, 0);
      this.setIcc(cpu, 'PMR', 0xff);
      this.setIcc(cpu, 'IGRPEN0', 1);
      this.setIcc(cpu, 'IGRPEN1', 1);
    }
    return this;
  }
}
