// SPDX-License-Identifier: GPL-2.0-only
/**
 * The `virt` machine of QEMU 7.2: a board that exists only in software, and that every AArch64
 * kernel supports.
 *
 *   0x00_0000_0000  flash 0 (reset vector), flash 1
 *   0x00_0800_0000  GIC
 *   0x00_0900_0000  UART, RTC, fw-cfg, GPIO
 *   0x00_0A00_0000  32 virtio-mmio slots
 *   0x00_1000_0000  PCIe windows
 *   0x00_4000_0000  RAM (1 GiB; --memory)
 *   0x40_1000_0000  PCIe configuration space
 *   0x80_0000_0000  PCIe 64-bit window
 *
 * Node names, order and values follow QEMU's own tree (`-machine dumpdtb=`). Left out on purpose:
 * the GIC's message-signalled interrupt frames (v2m, ITS) and the PCIe host's msi-map that points
 * at them, until they are modelled; rng-seed and kaslr-seed unless a seed is given. Added, as newer
 * versions of QEMU do: /aliases; and enable-method for a single core too.
 *
 * Source: QEMU docs/system/arm/virt.rst and hw/arm/virt.c (facts), and dumps of QEMU 7.2.22 with
 * GICv2 and GICv3, 1 to 8 cores.
 */

import { physAddr } from '#common/address.ts';
import { defineBoard } from './define-board.ts';
import { fillBanks } from './ram.ts';
import type { CellSource, Interrupt, NodeSource, PropertySource } from './tree-source.ts';
import { cells, flag, interrupts, ref, spi, text, wideCells } from './tree-source.ts';
import { CPU_TYPES } from './cpu-types.ts';
import type { BoardConfig, Cpu, CpuType, DevicePart, DevicePlacement } from './types.ts';

const MiB = 2 ** 20;
const GiB = 2 ** 30;

const RAM_BASE = physAddr(0x4000_0000);
/** Limit of RAM: it must end below the high PCIe windows, which QEMU would move otherwise. */
const RAM_MAX = 255 * GiB;
const VIRTIO_SLOTS = 32;

/** QEMU's `virt` board. Options: memory, 1 to 8 cores, GICv2 (QEMU's default) or GICv3. */
export const qemuVirt = defineBoard({
  name: 'qemu-virt',
  title: 'QEMU virt machine',
  defaults: { memoryBytes: GiB, cpus: 1, gicVersion: 2, cpuType: CPU_TYPES['cortex-a53'] },
  limits: {
    memoryBytes: { min: 64 * MiB, max: RAM_MAX },
    cpus: { min: 1, max: 8 },
    gicVersions: [2, 3],
    cpuTypes: Object.values(CPU_TYPES),
  },
  configure: (config) => ({
    name: 'qemu-virt',
    model: 'linux,dummy-virt',
    compatible: ['linux,dummy-virt'],
    rootCells: { address: 2, size: 2 },
    cpus: Array.from({ length: config.cpus }, (_, n) => cpu(n, config.cpuType ?? CPU_TYPES['cortex-a53'])),
    ramBanks: fillBanks([{ base: RAM_BASE, size: RAM_MAX }], config.memoryBytes),
    psci: {
      // HVC belongs to a guest that is a hypervisor, as with QEMU's virtualization=on.
      method: config.el === 2 ? 'smc' : 'hvc',
      compatible: ['arm,psci-1.0', 'arm,psci-0.2', 'arm,psci'],
      functionIds: { cpu_suspend: 0xc400_0001, cpu_off: 0x8400_0002, cpu_on: 0xc400_0003, migrate: 0xc400_0005 },
    },
    timer: {
      frequencyHz: 62_500_000,
      compatible: ['arm,armv8-timer', 'arm,armv7-timer'],
      // Secure physical, non-secure physical, virtual, hypervisor physical; hypervisor virtual if
      // EL2 has one, as in QEMU since 9.0.
      interrupts: [13, 14, 11, 10, ...(config.el === 2 && config.cpuType?.isArmv82 === true ? [12] : [])].map(
        (number) => ({ type: 'ppi', number, trigger: 'level-high' }),
      ),
      alwaysOn: true,
    },
    interruptController: {
      version: config.gicVersion,
      // 288 and 256 interrupts in total, as in QEMU's GICD_TYPER.
      spis: config.gicVersion === 2 ? 256 : 224,
      securityView: 'single',
      label: 'intc',
      cells: 3,
      ppiCpuMask: config.gicVersion === 2 ? 2 ** config.cpus - 1 : 0,
    },
    // A round number: one instruction takes one simulated nanosecond.
    instructionsPerSecond: 1_000_000_000,
    devices: devices(config),
    firmware: { image: 'reset-qemu-virt', device: 'flash0', base: physAddr(0), size: 64 * MiB, replaceable: true },
    reserved: [],
    load: {
      kernelOffset: 0x8_0000,
      // QEMU's rule: half of RAM, at most 128 MiB, above its start; the tree follows.
      initrd: [physAddr(RAM_BASE + alignDownToSlot(Math.min(config.memoryBytes / 2, 128 * MiB)))],
      dtb: [],
    },
    kernelConsole: { device: 'uart0', model: 'pl011', base: physAddr(0x900_0000) },
    aliases: { serial0: 'uart0' },
    tree: [
      { section: 'psci' },
      { section: 'memory' },
      platformBus(),
      { devices: ['fw-cfg', ...virtioSlots().map((slot) => slot.name), 'gpio', 'pcie-ecam', 'rtc', 'uart0'] },
      { name: 'pmu', properties: { compatible: text('arm,armv8-pmuv3'), interrupts: interrupts(PMU_INTERRUPT) } },
      { devices: 'rest' },
      { section: 'cpus' },
      { section: 'timer' },
      {
        name: 'apb-pclk',
        label: 'apb_pclk',
        properties: {
          compatible: text('fixed-clock'),
          '#clock-cells': cells(0),
          'clock-frequency': cells(24_000_000),
          'clock-output-names': text('clk24mhz'),
        },
      },
      { section: 'aliases' },
      { section: 'chosen' },
    ],
  }),
});

const PMU_INTERRUPT: Interrupt = { type: 'ppi', number: 7, trigger: 'level-high' };

function cpu(n: number, { name, midr }: CpuType): Cpu {
  return {
    mpidr: n,
    mpidrEl1: 0x8000_0000 + n,
    midr,
    compatible: `arm,${name}`,
    cluster: 0,
    socket: 0,
  };
}

function alignDownToSlot(bytes: number): number {
  return bytes - (bytes % (2 * MiB));
}

/** Everything on the bus, by address; GIC and flash are placed as in QEMU's tree. */
function devices({ gicVersion, el }: BoardConfig): DevicePlacement[] {
  return [
    ...(gicVersion === 2 ? gicV2(el) : gicV3(el)),
    {
      name: 'flash0',
      model: 'cfi-flash',
      base: physAddr(0),
      size: 64 * MiB,
      nodes: [
        {
          name: 'flash',
          moreWindows: ['flash1'],
          properties: { compatible: text('cfi-flash'), 'bank-width': cells(4) },
        },
      ],
    },
    { name: 'flash1', model: 'cfi-flash', base: physAddr(0x400_0000), size: 64 * MiB, nodes: [] },
    {
      name: 'uart0',
      model: 'pl011',
      base: physAddr(0x900_0000),
      size: 0x1000,
      irqs: [spi(1)],
      nodes: [{ name: 'pl011', label: 'uart0', properties: primecell('arm,pl011', 'uartclk', 'apb_pclk') }],
    },
    {
      name: 'rtc',
      model: 'pl031',
      base: physAddr(0x901_0000),
      size: 0x1000,
      irqs: [spi(2)],
      nodes: [{ name: 'pl031', properties: primecell('arm,pl031', 'apb_pclk') }],
    },
    {
      name: 'fw-cfg',
      model: 'fw-cfg',
      base: physAddr(0x902_0000),
      size: 0x18,
      nodes: [{ name: 'fw-cfg', properties: { compatible: text('qemu,fw-cfg-mmio'), 'dma-coherent': flag() } }],
    },
    gpio(),
    ...virtioSlots(),
    pcieEcam(),
    // Windows of devices that `secure=on` would add, an empty platform bus, and PCIe windows
    // without a function.
    absent('secure-uart', 0x904_0000, 0x1000),
    absent('secure-gpio', 0x90b_0000, 0x1000),
    absent('platform-bus', 0xc00_0000, 32 * MiB),
    absent('secure-ram', 0xe00_0000, 16 * MiB),
    absent('pcie-mmio', 0x1000_0000, 0x2eff_0000),
    absent('pcie-pio', 0x3eff_0000, 0x1_0000),
    absent('pcie-mmio-high', 0x80_0000_0000, 512 * GiB),
  ];
}

function gicV2(el: 1 | 2): DevicePlacement[] {
  return [
    gicDistributor('gicv2', el === 2 ? ['gicc', 'gich', 'gicv'] : ['gicc'], {
      ...maintenance(el),
      compatible: text('arm,cortex-a15-gic'),
    }),
    gicV2Part('gicc', 'cpu-interface', 0x801_0000),
    absent('gicv2m', 0x802_0000, 0x1000),
    ...(el === 2
      ? [gicV2Part('gich', 'virtual-control', 0x803_0000), gicV2Part('gicv', 'virtual-interface', 0x804_0000)]
      : [absent('gich', 0x803_0000, 0x1_0000), absent('gicv', 0x804_0000, 0x1_0000)]),
  ];
}

function gicV2Part(name: string, part: DevicePart, base: number): DevicePlacement {
  return { name, model: 'gicv2', part, base: physAddr(base), size: 0x1_0000, nodes: [] };
}

/** PPI 9, level-high, tells a hypervisor about its guests' interrupts. */
const maintenance = (el: 1 | 2) => (el === 2 ? { interrupts: cells(1, 9, 4) } : {});

function gicV3(el: 1 | 2): DevicePlacement[] {
  return [
    gicDistributor('gicv3', ['gicr'], {
      ...maintenance(el),
      compatible: text('arm,gic-v3'),
      '#redistributor-regions': cells(1),
    }),
    absent('its', 0x808_0000, 0x2_0000),
    // 0x2_0000 for each of up to 123 cores.
    { name: 'gicr', model: 'gicv3', part: 'redistributor', base: physAddr(0x80a_0000), size: 0xf6_0000, nodes: [] },
  ];
}

function gicDistributor(
  model: 'gicv2' | 'gicv3',
  moreWindows: readonly string[],
  properties: Readonly<Record<string, PropertySource>>,
): DevicePlacement {
  return {
    name: 'gicd',
    model,
    part: 'distributor',
    base: physAddr(0x800_0000),
    size: 0x1_0000,
    nodes: [
      {
        name: 'intc',
        label: 'intc',
        moreWindows,
        properties: {
          ...properties,
          'interrupt-controller': flag(),
          '#interrupt-cells': cells(3),
          '#address-cells': cells(2),
          '#size-cells': cells(2),
          ranges: flag(),
        },
      },
    ],
  };
}

/** Slots of virtio transports: slot n is at n * 0x200 and raises SPI 16 + n, edge-triggered. */
function virtioSlots(): DevicePlacement[] {
  return Array.from({ length: VIRTIO_SLOTS }, (_, n) => ({
    name: `virtio${n}`,
    model: 'virtio-mmio',
    base: physAddr(0xa00_0000 + n * 0x200),
    size: 0x200,
    irqs: [{ type: 'spi', number: 16 + n, trigger: 'edge-rising' }],
    nodes: [{ name: 'virtio_mmio', properties: { compatible: text('virtio,mmio'), 'dma-coherent': flag() } }],
  }));
}

/** GPIO controller, with the power key on pin 3. */
function gpio(): DevicePlacement {
  const powerKey: NodeSource = {
    name: 'poweroff',
    properties: {
      gpios: cells(ref('gpio'), 3, 0),
      'linux,code': cells(0x74),
      label: text('GPIO Key Poweroff'),
    },
  };
  return {
    name: 'gpio',
    model: 'pl061',
    base: physAddr(0x903_0000),
    size: 0x1000,
    irqs: [spi(7)],
    nodes: [
      { name: 'gpio-keys', reg: 'none', properties: { compatible: text('gpio-keys') }, children: [powerKey] },
      {
        name: 'pl061',
        label: 'gpio',
        properties: { ...primecell('arm,pl061', 'apb_pclk'), 'gpio-controller': flag(), '#gpio-cells': cells(2) },
      },
    ],
  };
}

function pcieEcam(): DevicePlacement {
  const window = (space: number, pci: number, cpu: number, size: number): number[] => [
    space,
    ...wideCells(pci, 2),
    ...wideCells(cpu, 2),
    ...wideCells(size, 2),
  ];
  return {
    name: 'pcie-ecam',
    model: 'pcie-ecam',
    base: physAddr(0x40_1000_0000),
    size: 256 * MiB,
    nodes: [
      {
        name: 'pcie',
        unitAddress: 0x1000_0000,
        properties: {
          compatible: text('pci-host-ecam-generic'),
          device_type: text('pci'),
          '#address-cells': cells(3),
          '#size-cells': cells(2),
          '#interrupt-cells': cells(1),
          'bus-range': cells(0, 0xff),
          'linux,pci-domain': cells(0),
          'dma-coherent': flag(),
          // Space codes: 1 I/O, 2 memory below 4 GiB, 3 above (IEEE 1275 PCI binding, 2.2.1.1).
          ranges: cells(
            ...window(0x100_0000, 0, 0x3eff_0000, 0x1_0000),
            ...window(0x200_0000, 0x1000_0000, 0x1000_0000, 0x2eff_0000),
            ...window(0x300_0000, 0x80_0000_0000, 0x80_0000_0000, 512 * GiB),
          ),
          'interrupt-map-mask': cells(0x1800, 0, 0, 7),
          'interrupt-map': cells(...pcieInterruptMap()),
        },
      },
    ],
  };
}

/** INTA..D of device d are SPI 3..6, rotated by one for each device. */
function pcieInterruptMap(): CellSource[] {
  const slots = [0, 1, 2, 3];
  return slots.flatMap((device) =>
    slots.flatMap((pin) => [device * 0x800, 0, 0, pin + 1, ref('intc'), 0, 0, 0, 3 + ((device + pin) % 4), 4]),
  );
}

function platformBus(): NodeSource {
  return {
    name: 'platform-bus@c000000',
    properties: {
      compatible: text('qemu,platform', 'simple-bus'),
      '#address-cells': cells(1),
      '#size-cells': cells(1),
      ranges: cells(0, 0, 0xc00_0000, 0x200_0000),
      'interrupt-parent': cells(ref('intc')),
    },
  };
}

function primecell(compatible: string, ...clockNames: readonly string[]): Readonly<Record<string, PropertySource>> {
  return {
    compatible: text(compatible, 'arm,primecell'),
    clocks: cells(...clockNames.map(() => ref('apb_pclk'))),
    'clock-names': text(...clockNames),
  };
}

function absent(name: string, base: number, size: number): DevicePlacement {
  return { name, model: 'absent', base: physAddr(base), size, nodes: [] };
}
