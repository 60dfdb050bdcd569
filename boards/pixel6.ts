// SPDX-License-Identifier: GPL-2.0-only
/**
 * Pixel 6, "oriole": gs101 with 8 GiB in two banks, and the memory that its boot loader and
 * firmware keep.
 *
 *   0x0_0000_0000 .. 0x0_3FFF_FFFF  devices
 *   0x0_8000_0000 .. 0x0_FFFF_FFFF  RAM, low bank, 2 GiB
 *   0x1_0000_0000 .. 0x8_7FFF_FFFF  nothing, 30 GiB
 *   0x8_8000_0000 .. 0x9_FFFF_FFFF  RAM, high bank, 6 GiB (--memory: more, upward)
 *
 * The root has one size cell, and 6 GiB does not fit 32 bits: the high bank takes three entries of
 * 2 GiB in /memory.
 *
 * Source: Linux arch/arm64/boot/dts/exynos/google/gs101-oriole.dts and gs101-pixel-common.dtsi
 * (names, reserved memory, keys); boot log of a Pixel 6 (banks, what the boot loader adds). The
 * Android tree's own further regions are not part of this board.
 */

import { physAddr } from '#common/address.ts';
import { defineBoard } from './define-board.ts';
import { clipToRam, fillBanks } from './ram.ts';
import { gs101FixedClocks, gs101InterruptController, gs101Psci, gs101SocNode, gs101Timer } from './soc/gs101.ts';
import { corePmus, gs101Cpus } from './soc/gs101-cores.ts';
import { gs101Devices } from './soc/gs101-peripherals.ts';
import { type NodeSource, cells, flag, ref, text } from './tree-source.ts';
import type { RamBank, ReservedRegion } from './types.ts';

const MiB = 2 ** 20;
const GiB = 2 ** 30;

const LOW_BANK = physAddr(0x8000_0000);
const HIGH_BANK = physAddr(0x8_8000_0000);
/** End of the 40-bit physical address space of the cores. */
const PHYSICAL_END = 2 ** 40;

const RAM_SLOTS: readonly RamBank[] = [
  { base: LOW_BANK, size: 2 * GiB },
  { base: HIGH_BANK, size: PHYSICAL_END - HIGH_BANK },
];

/**
 * Regions reserved by the tree that ships with the kernel. The end of the splash screen is not
 * page-aligned: 1080 x 2400 pixels of four bytes.
 */
const UPSTREAM_RESERVED = [
  region('gsa@90200000', 0x9020_0000, 0x40_0000),
  region('tpu-fw@93000000', 0x9300_0000, 0x100_0000),
  region('aoc@94000000', 0x9400_0000, 0x300_0000),
  region('abl@f8800000', 0xf880_0000, 0x200_0000),
  region('dss-log-reserved@fd3f0000', 0xfd3f_0000, 0xe000),
  // The boot loader adds the same page again as debug_kinfo_reserved@fd3fe000. One node is enough:
  // with both, Linux reserves the page once and prints a warning about the overlap.
  region('debug-kinfo-reserved@fd3fe000', 0xfd3f_e000, 0x1000),
  region('bldr-log-reserved@fd800000', 0xfd80_0000, 0x10_0000),
  region('bldr-log-hist-reserved@fd900000', 0xfd90_0000, 0x2000),
  region('splash@fac00000', 0xfac0_0000, 1080 * 2400 * 4),
];

/**
 * Regions that the boot loader adds when it starts the kernel; their nodes have no unit address.
 */
const BOOT_LOADER_RESERVED = [
  region('pkvm_guest_firmware', 0x8b00_0000, 0xc_4000),
  region('sec_dram', 0xb720_0000, 0x8e0_0000),
  region('sec_pt', 0xe000_0000, 0x250_0000),
];

/** The Pixel 6. Options: memory (the low bank first) and the number of cores, 1 to 8. */
export const pixel6 = defineBoard({
  name: 'pixel6',
  title: 'Google Pixel 6',
  defaults: { memoryBytes: 8 * GiB, cpus: 8, gicVersion: 3, cpuType: null },
  limits: {
    memoryBytes: { min: 64 * MiB, max: 2 * GiB + PHYSICAL_END - HIGH_BANK },
    cpus: { min: 1, max: 8 },
    gicVersions: [3],
    cpuTypes: [],
  },
  configure: ({ memoryBytes, cpus }) => {
    const ramBanks = fillBanks(RAM_SLOTS, memoryBytes);
    return {
      name: 'pixel6',
      model: 'Oriole',
      compatible: ['google,gs101-oriole', 'google,gs101'],
      rootCells: { address: 2, size: 1 },
      cpus: gs101Cpus.slice(0, cpus),
      ramBanks,
      psci: gs101Psci,
      timer: gs101Timer,
      interruptController: gs101InterruptController,
      // A round number within the first core's 0.3 to 1.8 GHz: 1 ns per instruction.
      instructionsPerSecond: 1_000_000_000,
      devices: gs101Devices(cpus),
      firmware: { image: 'reset-pixel6', device: 'boot-rom', base: physAddr(0), size: 0x1_0000, replaceable: false },
      reserved: clipToRam([...UPSTREAM_RESERVED, ...BOOT_LOADER_RESERVED], ramBanks),
      load: {
        kernelOffset: 0x8_0000,
        // No boot loader publishes these addresses. 80 MiB are free below pkvm_guest_firmware, 370
        // MiB below sec_dram; the tree lies above aoc, out of the way of both.
        initrd: [physAddr(0x8600_0000), physAddr(0xa000_0000)],
        dtb: [physAddr(0x9e00_0000)],
      },
      kernelConsole: { device: 'uart0', model: 'gs101-uart', base: physAddr(0x10a0_0000) },
      aliases: ALIASES,
      tree: [
        { section: 'aliases' },
        { section: 'cpus' },
        // Empty, but the boot loader refuses a tree without it.
        { name: 'ect', properties: {} },
        ...gs101FixedClocks(OSCILLATOR_HZ),
        ...corePmus(cpus),
        { section: 'psci' },
        { section: 'reserved-memory' },
        gs101SocNode,
        { devices: 'rest' },
        { section: 'timer' },
        { section: 'chosen' },
        gpioKeys(),
        { section: 'memory' },
      ],
    };
  },
});

const OSCILLATOR_HZ = 24_576_000;

/** serial0 is the console; the pin controllers have upstream's numbers. */
const ALIASES = {
  pinctrl0: 'pinctrl_gpio_alive',
  pinctrl1: 'pinctrl_far_alive',
  pinctrl2: 'pinctrl_gsacore',
  pinctrl3: 'pinctrl_gsactrl',
  pinctrl4: 'pinctrl_peric0',
  pinctrl5: 'pinctrl_peric1',
  pinctrl6: 'pinctrl_hsi1',
  pinctrl7: 'pinctrl_hsi2',
  serial0: 'uart0',
};

/** Power and volume, active low (input event codes of Linux: 0x72 to 0x74). */
function gpioKeys(): NodeSource {
  const key = (name: string, label: string, code: number, bank: string, pin: number): NodeSource => ({
    name,
    properties: {
      label: text(label),
      'linux,code': cells(code),
      gpios: cells(ref(bank), pin, 1),
      'wakeup-source': flag(),
    },
  });
  return {
    name: 'gpio-keys',
    properties: { compatible: text('gpio-keys') },
    children: [
      key('button-vol-down', 'KEY_VOLUMEDOWN', 0x72, 'gpa7', 3),
      key('button-vol-up', 'KEY_VOLUMEUP', 0x73, 'gpa8', 1),
      key('button-power', 'KEY_POWER', 0x74, 'gpa10', 1),
    ],
  };
}

function region(name: string, base: number, size: number): ReservedRegion {
  return { name, base: physAddr(base), size, noMap: true };
}
