// SPDX-License-Identifier: GPL-2.0-only
/**
 * The first GiB of gs101: every block of the upstream device tree, and blocks of the chip that
 * upstream does not describe yet.
 *
 *   0x0000_0000  boot ROM            0x1400_0000  HSI2: UFS
 *   0x0203_9000  APM SRAM            0x1740_0000  APM, ALIVE: power management, keys
 *   0x1000_0000  MISC: timers, GIC   0x1794_0000  GSA
 *   0x1080_0000  PERIC0: USI, UART   0x1c00_0000  DPU: display
 *   0x10c0_0000  PERIC1: USI         0x1e08_0000  CMU_TOP
 *   0x1100_0000  HSI0: USB; HSI1: PCIe
 *
 * Blocks without a model are register storage, which is what Linux needs to reach user space on
 * them. Sizes of blocks that upstream does not describe (thermal units, DMA, PCIe, display pipe,
 * boot ROM) are one slot of the peripheral bus: an assumption.
 */

import { physAddr } from '#common/address.ts';
import { cells, flag, interrupts, ref, text } from '#boards/tree-source.ts';
import type { DevicePlacement } from '#boards/types.ts';
import {
  APB_SLOT,
  block,
  clockController,
  clocks,
  pinController,
  plainBanks,
  sysreg,
  unlisted,
} from './gs101-blocks.ts';
import { ppiPartitions } from './gs101-cores.ts';
import { highSpeedDevices } from './gs101-high-speed.ts';
import { alwaysOnDevices } from './gs101-power.ts';
import { serialInterfaces } from './gs101-usi.ts';

const OSCILLATOR = [ref('oscclk')];
const top = (clock: number) => [ref('cmu_top'), clock];
const misc = (clock: number) => [ref('cmu_misc'), clock];

/**
 * All placements of the chip with `cpus` cores, sorted by base, except that a serial interface's
 * control registers precede it.
 */
export function gs101Devices(cpus: number): DevicePlacement[] {
  return [
    { name: 'boot-rom', model: 'rom', base: physAddr(0), size: APB_SLOT, nodes: [] },
    apmSram(),
    ...miscDevices(cpus),
    clockController('peric0', 0x1080_0000, { oscclk: OSCILLATOR, bus: top(0x83), ip: top(0x84) }, 'sysreg_peric0'),
    sysreg('peric0', 0x1082_0000, [ref('cmu_peric0'), 0x4f]),
    pinController('pinctrl-peric0', 0x1084_0000, [ref('cmu_peric0'), 0x1d], plainBanks('gpp', 0, 19), { spi: 625 }),
    ...serialInterfaces('peric0'),
    clockController('peric1', 0x10c0_0000, { oscclk: OSCILLATOR, bus: top(0x85), ip: top(0x86) }, 'sysreg_peric1'),
    sysreg('peric1', 0x10c2_0000, [ref('cmu_peric1'), 0x2e]),
    pinController('pinctrl-peric1', 0x10c4_0000, [ref('cmu_peric1'), 0x16], plainBanks('gpp', 20, 27), { spi: 644 }),
    ...serialInterfaces('peric1'),
    ...highSpeedDevices(),
    ...alwaysOnDevices(),
    clockController('dpu', 0x1c00_0000, { oscclk: OSCILLATOR, bus: top(0x62) }, 'sysreg_dpu'),
    sysreg('dpu', 0x1c02_0000, [ref('cmu_dpu'), 0x22]),
    unlisted('dpp', 0x1c0b_0000, APB_SLOT),
    unlisted('dsim0', 0x1c2c_0000, APB_SLOT),
    unlisted('decon0', 0x1c30_0000, APB_SLOT),
    clockController('top', 0x1e08_0000, { oscclk: OSCILLATOR }),
  ];
}

/** Chip identification, timers, watchdogs, random numbers, interrupt controller. */
function miscDevices(cpus: number): DevicePlacement[] {
  return [
    block('otp', 'efuse', ['google,gs101-otp'], 0x1000_0000, 0xf084, {
      spis: [752],
      properties: clocks({ pclk: misc(0x1c) }),
    }),
    clockController('misc', 0x1001_0000, { bus: top(0x7e), sss: top(0x7f) }, 'sysreg_misc'),
    sysreg('misc', 0x1003_0000, misc(0x45)),
    multiCoreTimer(),
    watchdog(0, 0x1006_0000, 765, 0x48),
    watchdog(1, 0x1007_0000, 766, 0x49),
    unlisted('tmu0', 0x100a_0000, APB_SLOT),
    unlisted('tmu1', 0x100b_0000, APB_SLOT),
    unlisted('pdma', 0x1011_0000, APB_SLOT),
    block('trng', 'rng', ['google,gs101-trng', 'samsung,exynos850-trng'], 0x1014_1400, 0x100, {
      properties: clocks({ secss: misc(0x41), pclk: misc(0x42) }),
    }),
    {
      name: 'gicd',
      model: 'gicv3',
      part: 'distributor',
      base: physAddr(0x1040_0000),
      size: 0x1_0000,
      nodes: [
        {
          name: 'interrupt-controller',
          label: 'gic',
          parent: 'soc',
          moreWindows: ['gicr'],
          properties: {
            compatible: text('arm,gic-v3'),
            '#address-cells': cells(0),
            '#interrupt-cells': cells(4),
            'interrupt-controller': flag(),
            // The virtual CPU interface's maintenance interrupt goes into the controller.
            interrupts: interrupts({ type: 'ppi', number: 9, trigger: 'level-high' }),
          },
          children: [{ name: 'ppi-partitions', properties: {}, children: ppiPartitions(cpus) }],
        },
      ],
    },
    // Eight redistributors of 0x2_0000: core n is at n * 0x2_0000, whether or not the core is used.
    { name: 'gicr', model: 'gicv3', part: 'redistributor', base: physAddr(0x1044_0000), size: 0x10_0000, nodes: [] },
  ];
}

/**
 * The tree gives 0x800 bytes; the local timers of cores 5 to 7 are beyond them in the same page,
 * and drivers use them.
 */
function multiCoreTimer(): DevicePlacement {
  const timer = block('mct', 'timer', ['google,gs101-mct', 'samsung,exynos4210-mct'], 0x1005_0000, 0x1000, {
    spis: Array.from({ length: 12 }, (_, n) => 753 + n),
    properties: clocks({ fin_pll: OSCILLATOR, mct: misc(0x19) }),
  });
  return { ...timer, model: 'exynos-mct', nodes: timer.nodes.map((node) => ({ ...node, regBytes: 0x800 })) };
}

/** Upstream enables the first watchdog with 30 seconds, and leaves the second alone. */
function watchdog(cluster: 0 | 1, base: number, irq: number, clock: number): DevicePlacement {
  const timer = block(`watchdog${cluster}`, 'watchdog', ['google,gs101-wdt'], base, 0x100, {
    spis: [irq],
    properties: {
      ...clocks({ watchdog: misc(clock), watchdog_src: OSCILLATOR }),
      'samsung,syscon-phandle': cells(ref('pmu_system')),
      'samsung,cluster-index': cells(cluster),
      status: text(cluster === 0 ? 'okay' : 'disabled'),
      ...(cluster === 0 ? { 'timeout-sec': cells(30) } : {}),
    },
  });
  return { ...timer, model: 'exynos-watchdog' };
}

/** Memory shared with the power management core: a node of the root, as in upstream. */
function apmSram(): DevicePlacement {
  const base = 0x203_9000;
  const size = 0x4_0000;
  return {
    name: 'apm-sram',
    model: 'sram',
    base: physAddr(base),
    size,
    nodes: [
      {
        name: 'sram',
        label: 'apm_sram',
        properties: {
          compatible: text('mmio-sram'),
          '#address-cells': cells(1),
          '#size-cells': cells(1),
          ranges: cells(0, 0, base, size),
        },
      },
    ],
  };
}
