// SPDX-License-Identifier: GPL-2.0-only
/**
 * The board's interrupt controller: one model behind several placements on the bus, its inputs and
 * its lines.
 */

import type { Board, DevicePlacement } from '#boards/types.ts';
import type { Device } from '#emulator/bus/device.ts';
import { GicV2 } from '#emulator/devices/gic/gicv2.ts';
import { GicV3 } from '#emulator/devices/gic/gicv3.ts';
import type { InterruptController, LinesListener } from '#emulator/devices/gic/interrupt-controller.ts';
import type { Machine } from '#emulator/machine/machine.ts';

/** INTID of SPI 0 (Arm GIC architecture, IHI 0069, 2.2.1). */
const FIRST_SPI = 32;

export interface BoardInterrupts {
  readonly controller: InterruptController;
  /** The device behind a placement of the controller. */
  deviceFor(placement: DevicePlacement): Device;
  /**
   * Drives line `line` of a device: its interrupts in the order of its tree node. A line that the
   * board does not connect does nothing.
   */
  setLine(placement: DevicePlacement, line: number, level: boolean): void;
}

/** Makes the controller and connects it to the cores of `machine`. */
export function connectInterrupts(board: Board, machine: Machine): BoardInterrupts {
  const context = machine.deviceContext(() => {});
  const onLines: LinesListener = (cpu, ...lines) => machine.setInterruptLines(cpu, ...lines);
  const { version, spis, securityView } = board.interruptController;
  const setLine = (controller: InterruptController) => (placement: DevicePlacement, line: number, level: boolean) => {
    const interrupt = placement.irqs?.[line];
    if (interrupt?.type === 'spi') controller.setSpi(FIRST_SPI + interrupt.number, level);
  };
  const connect = (controller: InterruptController): void => {
    machine.setInterrupts(controller);
    const { events } = machine;
    if (events.enabled('irq')) {
      controller.traceHandling((handling, intid) => events.emit('irq', { [handling]: intid }));
    }
  };
  if (version === 2) {
    const gic = new GicV2({ cpus: board.cpus.length, spis, currentCpu: () => machine.currentCore, onLines, context });
    connect(gic);
    return {
      controller: gic,
      deviceFor: ({ part }) => {
        if (part === 'virtual-control') return gic.hypervisor;
        if (part === 'virtual-interface') return gic.virtualInterface;
        return part === 'distributor' ? gic.distributor : gic.cpuInterface;
      },
      setLine: setLine(gic),
    };
  }
  const gic = new GicV3({ mpidrs: board.cpus.map(({ mpidr }) => mpidr), spis, onLines, context, securityView });
  connect(gic);
  return {
    controller: gic,
    deviceFor: ({ part }) => (part === 'distributor' ? gic.distributor : gic.redistributors),
    setLine: setLine(gic),
  };
}
