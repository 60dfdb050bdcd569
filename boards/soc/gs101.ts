// SPDX-License-Identifier: GPL-2.0-only
/**
 * Google Tensor, gs101: the common part of all boards with this chip. A board adds its RAM, its
 * reserved memory, its names and its console.
 *
 * These nodes of upstream's tree are left out:
 *
 * - idle-states and the cores' cpu-idle-states: a suspended core needs the power firmware to wake
 *   it.
 * - opp-table-*, the cores' clocks, capacities and power figures, firmware/power-management with
 *   its PMICs: they need frequency scaling by the ACPM firmware, which is not there.
 * - pmu-3 (the DynamIQ unit's counters): the core does not have these implementation-defined
 *   registers.
 * - regulator-*, framebuffer-0, the nvmem reboot-mode: they need the PMIC or the display.
 * - In soc@0: pin groups and references to them, chips on I2C, connector and port graphs, supplies,
 *   quirks and operating points of USB and UFS.
 *
 * Everything else has upstream's name, place, order, compatible, reg, interrupts and clocks.
 * Statuses differ where gs101-usi.ts and gs101-high-speed.ts say so.
 *
 * Source: Linux arch/arm64/boot/dts/exynos/google/gs101.dtsi and the gs101-oriole tree built from
 * 7.2, as facts.
 */

import { fixedClock } from '#boards/tree-sections.ts';
import { type NodeSource, cells, text } from '#boards/tree-source.ts';
import type { InterruptController, Psci, Timer } from '#boards/types.ts';

/** PSCI 1.0 by SMC. Function identifiers are the standard ones, so the tree does not list them. */
export const gs101Psci: Psci = { method: 'smc', compatible: ['arm,psci-1.0'], functionIds: {} };

/** 24.576 MHz. PPIs: secure and non-secure physical, virtual, two of the hypervisor. */
export const gs101Timer: Timer = {
  frequencyHz: 24_576_000,
  compatible: ['arm,armv8-timer'],
  interrupts: [13, 14, 11, 10, 12].map((number) => ({ type: 'ppi', number, trigger: 'level-low', cpuMask: 0xff })),
  alwaysOn: false,
};

/** GICv3 with PPI partitions, hence four cells. */
export const gs101InterruptController: InterruptController = {
  version: 3,
  spis: 960,
  securityView: 'non-secure',
  label: 'gic',
  cells: 4,
  ppiCpuMask: 0,
};

/** soc@0: the first GiB, with the CPU's addresses; devices name it as their parent. */
export const gs101SocNode: NodeSource = {
  name: 'soc@0',
  label: 'soc',
  properties: {
    compatible: text('simple-bus'),
    '#address-cells': cells(1),
    '#size-cells': cells(1),
    ranges: cells(0, 0, 0, 0x4000_0000),
  },
};

/** The two fixed clocks that feed the chip. @param oscillatorHz rate of the board's crystal */
export function gs101FixedClocks(oscillatorHz: number): NodeSource[] {
  return [
    fixedClock('clock-1', 'oscclk', 'oscclk', oscillatorHz),
    fixedClock('clock-2', 'ext_200m', 'ext-200m', 200_000_000),
  ];
}
