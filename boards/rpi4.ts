// SPDX-License-Identifier: GPL-2.0-only
/**
 * Raspberry Pi 4 Model B: BCM2711 with 4 GiB.
 *
 *   0x0_0000_0000  RAM: the boot stub in its first page, then 948 MiB in all
 *   0x0_3b40_0000  RAM that the firmware keeps for the VideoCore, 76 MiB
 *   0x0_4000_0000  RAM, 3008 MiB
 *   0x0_fc00_0000  peripherals, over the last 64 MiB of the low 4 GiB; UART 0xfe20_1000
 *   0x1_0000_0000  RAM of a board with more (--memory 8G)
 *
 * --memory is the size of the soldered RAM: the parts under the VideoCore's memory and under the
 * peripherals are lost, as on the real board.
 *
 * The VideoCore starts first. It loads kernel, tree and a stub ("armstub8") into RAM and releases
 * the CPUs at address 0. The stub enters the kernel; the other cores wait in it for a word of its
 * spin table. There is no PSCI. The board is configured as by `dtoverlay=disable-bt` in config.txt:
 * the PL011 is connected to the pins of the serial console, not to the Bluetooth chip.
 *
 * Source: Linux arch/arm/boot/dts/broadcom/bcm2711-rpi-4-b.dts; boot logs of a Pi 4 (banks, as the
 * firmware writes them into /memory); the Raspberry Pi documentation, "config.txt"; armstub8.S.
 */

import { physAddr } from '#common/address.ts';
import { defineBoard } from './define-board.ts';
import { cutToSize } from './ram.ts';
import {
  bcm2711Clocks,
  bcm2711Cpus,
  bcm2711Devices,
  bcm2711Firmware,
  bcm2711InterruptController,
  bcm2711Pmu,
  bcm2711SocNode,
  bcm2711Timer,
} from './soc/bcm2711.ts';
import { type NodeSource, cells, flag, text } from './tree-source.ts';
import type { RamBank } from './types.ts';

const MiB = 2 ** 20;
const GiB = 2 ** 30;

/** Windows of the address space in which RAM can be used. */
const RAM_WINDOWS: readonly RamBank[] = [
  { base: physAddr(0), size: 0x3b40_0000 },
  { base: physAddr(0x4000_0000), size: 0xbc00_0000 },
  { base: physAddr(4 * GiB), size: 12 * GiB },
];

/** The Pi 4. Options: memory, and how many of the four cores are used. */
export const rpi4 = defineBoard({
  name: 'rpi4',
  title: 'Raspberry Pi 4 Model B',
  defaults: { memoryBytes: 4 * GiB, cpus: 4, gicVersion: 2, cpuType: null },
  limits: { memoryBytes: { min: 64 * MiB, max: 16 * GiB }, cpus: { min: 1, max: 4 }, gicVersions: [2], cpuTypes: [] },
  configure: ({ memoryBytes, cpus }) => ({
    name: 'rpi4',
    model: 'Raspberry Pi 4 Model B',
    compatible: ['raspberrypi,4-model-b', 'brcm,bcm2711'],
    rootCells: { address: 2, size: 1 },
    cpus: bcm2711Cpus.slice(0, cpus),
    ramBanks: cutToSize(RAM_WINDOWS, memoryBytes),
    psci: null,
    timer: bcm2711Timer,
    interruptController: bcm2711InterruptController,
    // A round number below the cores' 1.5 GHz: one instruction takes one simulated nanosecond.
    instructionsPerSecond: 1_000_000_000,
    devices: bcm2711Devices(),
    firmware: { image: 'reset-rpi4', device: null, base: physAddr(0), size: 0x1000, replaceable: false },
    reserved: [],
    load: {
      kernelOffset: 0x8_0000,
      // kernel_address of a 64-bit kernel.
      guestKernel: physAddr(0x20_0000),
      // The firmware puts the tree below 0x2f00_0000, wherever it ends, and an initrd below that.
      initrd: [physAddr(0x2000_0000)],
      dtb: [physAddr(0x2ee0_0000)],
    },
    kernelConsole: { device: 'uart0', model: 'pl011', base: physAddr(0xfe20_1000) },
    // A serial line with a chip at the other end cannot be a terminal.
    switchedOff: ['/soc/serial@7e201000/bluetooth'],
    aliases: { serial0: 'uart0' },
    tree: [
      { section: 'aliases' },
      { section: 'chosen' },
      contiguousMemory(),
      bcm2711SocNode,
      bcm2711Clocks,
      bcm2711Pmu(cpus),
      { section: 'timer' },
      { section: 'cpus' },
      bcm2711Firmware,
      { section: 'memory' },
    ],
  }),
});

/** Upstream's pool for devices that can access only the low GiB. The kernel chooses its place. */
function contiguousMemory(): NodeSource {
  return {
    name: 'reserved-memory',
    properties: { '#address-cells': cells(2), '#size-cells': cells(1), ranges: flag() },
    children: [
      {
        name: 'linux,cma',
        properties: {
          compatible: text('shared-dma-pool'),
          size: cells(64 * MiB),
          reusable: flag(),
          'linux,cma-default': flag(),
          'alloc-ranges': cells(0, 0, 0x4000_0000),
        },
      },
    ],
  };
}
