// SPDX-License-Identifier: GPL-2.0-only
/**
 * Broadcom BCM2711: the common part of all boards with this chip. A board adds its RAM, its names
 * and its console.
 *
 * Addresses are those of the CPU in "low peripheral" mode, which the firmware selects. The tree
 * gives most of them as seen by the VideoCore:
 *
 *     tree        CPU                                             tree        CPU
 *     7c00_0000   0_fc00_0000 .. 0_fdff_ffff  new peripherals     4000_0000   0_ff80_0000  cores' own, GIC
 *     7e00_0000   0_fe00_0000 .. 0_ff7f_ffff  peripherals         6_0000_0000 the same     PCIe window
 *
 * Nodes of upstream's tree that are left out, with reasons: pin groups and references to them (the
 * firmware has muxed the pins); everything of camera, display and 3D, USB, PCIe, Ethernet, SD and
 * the serial interfaces beside uart0, i2c0 and i2c1: no driver here finds hardware behind them.
 * Their registers are nevertheless on the bus, as storage, for a guest with upstream's tree.
 *
 * Source: Linux arch/arm/boot/dts/broadcom/bcm2711.dtsi, bcm283x.dtsi and bcm2711-rpi.dtsi, as
 * facts; BCM2711 ARM Peripherals, 1.2 (address map).
 */

import { physAddr } from '#common/address.ts';
import type { CellSource, NodeSource, PropertySources } from '#boards/tree-source.ts';
import { cells, flag, interrupts, ref, spi, text } from '#boards/tree-source.ts';
import { CPU_TYPES } from '#boards/cpu-types.ts';
import { cpuLabel, fixedClock } from '#boards/tree-sections.ts';
import type { Cpu, DeviceModel, DevicePlacement, InterruptController, Timer } from '#boards/types.ts';

/** Offset from an address in the tree to the CPU's address. */
const PERIPHERALS = 0x8000_0000;
const LOCAL = 0xbf80_0000;

/** Spin table of the boot stub: a word for each core (armstub8.S of the Raspberry Pi tools). */
const SPIN_TABLE = 0xd8;

/** Four Cortex-A72, r0p3. */
export const bcm2711Cpus: readonly Cpu[] = Array.from({ length: 4 }, (_, n) => ({
  mpidr: n,
  mpidrEl1: 0x8000_0000 + n,
  midr: CPU_TYPES['cortex-a72'].midr,
  compatible: 'arm,cortex-a72',
  cluster: 0,
  releaseAddress: physAddr(SPIN_TABLE + 8 * n),
}));

/** 54 MHz; PPIs secure physical, non-secure physical, virtual, hypervisor physical. */
export const bcm2711Timer: Timer = {
  frequencyHz: 54_000_000,
  compatible: ['arm,armv8-timer'],
  interrupts: [13, 14, 11, 10].map((number) => ({ type: 'ppi', number, trigger: 'level-low', cpuMask: 0xf })),
  alwaysOn: false,
};

/** GIC-400. */
export const bcm2711InterruptController: InterruptController = {
  version: 2,
  spis: 224,
  securityView: 'single',
  label: 'gicv2',
  cells: 3,
  ppiCpuMask: 0xf,
};

/** Entries of `ranges`: address in the tree, the CPU's in two cells, size. */
const PERIPHERAL_RANGE = [0x7e00_0000, 0, 0xfe00_0000, 0x180_0000] as const;
const NEW_PERIPHERAL_RANGE = [0x7c00_0000, 0, 0xfc00_0000, 0x200_0000] as const;
const LOCAL_RANGE = [0x4000_0000, 0, 0xff80_0000, 0x80_0000] as const;

/** soc: uses the VideoCore's addresses; devices name it as their parent. */
export const bcm2711SocNode: NodeSource = {
  name: 'soc',
  label: 'soc',
  properties: {
    compatible: text('simple-bus'),
    '#address-cells': cells(1),
    '#size-cells': cells(1),
    ranges: cells(...PERIPHERAL_RANGE, ...NEW_PERIPHERAL_RANGE, ...LOCAL_RANGE),
    'dma-ranges': cells(0xc000_0000, 0, 0, 0x4000_0000),
  },
};

/** clocks: the crystal oscillator. */
export const bcm2711Clocks: NodeSource = {
  name: 'clocks',
  properties: {},
  children: [fixedClock('clk-osc', 'clk_osc', 'osc', 54_000_000)],
};

/** firmware: the firmware behind the mailbox. */
export const bcm2711Firmware: NodeSource = {
  name: 'firmware',
  properties: {},
  children: [
    {
      name: 'rpi-firmware',
      label: 'firmware',
      properties: { compatible: text('raspberrypi,bcm2835-firmware', 'simple-mfd'), mboxes: cells(ref('mailbox')) },
      children: [
        {
          name: 'clocks',
          label: 'firmware_clocks',
          properties: { compatible: text('raspberrypi,firmware-clocks'), '#clock-cells': cells(1) },
        },
        {
          name: 'power',
          label: 'power',
          properties: {
            compatible: text('raspberrypi,bcm2835-power'),
            firmware: cells(ref('firmware')),
            '#power-domain-cells': cells(1),
          },
        },
      ],
    },
  ],
};

/** pmu: the counters of the first `count` cores. */
export function bcm2711Pmu(count: number): NodeSource {
  const cpus = bcm2711Cpus.slice(0, count);
  return {
    name: 'pmu',
    properties: {
      compatible: text('arm,cortex-a72-pmu'),
      interrupts: interrupts(...cpus.map((_, n) => spi(16 + n))),
      'interrupt-affinity': cells(...cpus.map((cpu) => ref(cpuLabel(cpu)))),
    },
  };
}

/** Everything on the bus. */
export function bcm2711Devices(): DevicePlacement[] {
  return [
    block('system-timer', 'timer', 'brcm,bcm2835-system-timer', 0x7e00_3000, 0x1000, {
      model: 'bcm2835-system-timer',
      spis: [64, 65, 66, 67],
      properties: { 'clock-frequency': cells(1_000_000) },
    }),
    block('dma', 'dma-controller', 'brcm,bcm2835-dma', 0x7e00_7000, 0xb00, {
      // From the eighth channel on, two channels share a line.
      spis: [80, 81, 82, 83, 84, 85, 86, 87, 87, 88, 88],
      properties: {
        'interrupt-names': text(...Array.from({ length: 11 }, (_, n) => `dma${n}`)),
        '#dma-cells': cells(1),
        'brcm,dma-channel-mask': cells(0x7f5),
      },
    }),
    block('mailbox', 'mailbox', 'brcm,bcm2835-mbox', 0x7e00_b880, 0x40, {
      model: 'bcm2835-mailbox',
      label: 'mailbox',
      spis: [33],
      properties: { '#mbox-cells': cells(0) },
    }),
    block('pm', 'watchdog', ['brcm,bcm2711-pm', 'brcm,bcm2835-pm-wdt'], 0x7e10_0000, 0x114, {
      model: 'bcm2835-pm',
      moreWindows: ['asb', 'rpivid-asb'],
      properties: {
        '#power-domain-cells': cells(1),
        '#reset-cells': cells(1),
        'reg-names': text('pm', 'asb', 'rpivid_asb'),
        clocks: cells(ref('firmware_clocks'), 5, ...clock(CLOCK.PERI_IMAGE), ...clock(CLOCK.H264), ...clock(CLOCK.ISP)),
        'clock-names': text('v3d', 'peri_image', 'h264', 'isp'),
        'system-power-controller': flag(),
      },
    }),
    block('cprman', 'cprman', 'brcm,bcm2711-cprman', 0x7e10_1000, 0x2000, {
      model: 'bcm2711-cprman',
      label: 'clocks',
      // Only the crystal; upstream also lists the byte clocks of the display.
      properties: { '#clock-cells': cells(1), clocks: cells(ref('clk_osc')) },
    }),
    block('rng', 'rng', 'brcm,bcm2711-rng200', 0x7e10_4000, 0x28),
    block('gpio', 'gpio', 'brcm,bcm2711-gpio', 0x7e20_0000, 0x1000, {
      // Drivers nevertheless access the pull-up registers at 0xe4.
      regBytes: 0xb4,
      label: 'gpio',
      spis: [113, 114, 115, 116],
      properties: {
        'gpio-controller': flag(),
        '#gpio-cells': cells(2),
        'interrupt-controller': flag(),
        '#interrupt-cells': cells(2),
        'gpio-ranges': cells(ref('gpio'), 0, 0, 58),
      },
    }),
    block('uart0', 'serial', ['arm,pl011', 'arm,primecell'], 0x7e20_1000, 0x200, {
      model: 'pl011',
      label: 'uart0',
      spis: [121],
      properties: {
        clocks: cells(...clock(CLOCK.UART), ...clock(CLOCK.VPU)),
        'clock-names': text('uartclk', 'apb_pclk'),
        // PL011 r1p5; its own identification is not in the window.
        'arm,primecell-periphid': cells(0x34_1011),
      },
    }),
    i2c('i2c0', 0x7e20_5000, 0x200),
    i2c('i2c1', 0x7e80_4000, 0x1000),
    block('aux', 'aux', 'brcm,bcm2835-aux', 0x7e21_5000, 8, {
      properties: { '#clock-cells': cells(1), clocks: cells(...clock(CLOCK.VPU)) },
    }),
    {
      ...block('avs-monitor', 'avs-monitor', ['brcm,bcm2711-avs-monitor', 'syscon', 'simple-mfd'], 0x7d5d_2000, 0xf00),
      // AVS_RO_TEMP_STATUS: valid (16, 10), and a chip of 43 degrees Celsius.
      resetValues: new Map([[0x200, 0x1_0400 + 754]]),
    },
    ...gic400(),
    ...UNLISTED.map(([name, base, size]) => unlisted(name, base, size)),
    // The bridges to the power domains have an identification register.
    { ...unlisted('asb', 0x7e00_a000, 0x24), resetValues: new Map([[0x20, ASB_BRIDGE]]) },
    // The identification of the second one is beyond the window in the tree.
    unlisted('rpivid-asb', 0x7ec1_1000, 0x20),
    { ...unlisted('rpivid-asb-id', 0x7ec1_1020, 4), resetValues: new Map([[0, ASB_BRIDGE]]) },
    // PCIE_STATUS: a root complex without a link.
    { ...unlisted('pcie', 0x7d50_0000, 0x9310), resetValues: new Map([[0x4068, 1 << 7]]) },
    // The mini UART is always ready to send and never receives: LSR at 0x14.
    { ...unlisted('uart1', 0x7e21_5040, 0x40), resetValues: new Map([[0x14, 0x60]]) },
  ];
}

/** Windows without a node, by name, address in the tree, and size. */
const UNLISTED: readonly [name: string, base: number, size: number][] = [
  ['genet', 0x7d58_0000, 0x1_0000],
  ['txp', 0x7e00_4000, 0x20],
  ['vchiq', 0x7e00_b840, 0x3c],
  ['uart2', 0x7e20_1400, 0x200],
  ['uart3', 0x7e20_1600, 0x200],
  ['uart4', 0x7e20_1800, 0x200],
  ['uart5', 0x7e20_1a00, 0x200],
  ['sdhost', 0x7e20_2000, 0x100],
  ['i2s', 0x7e20_3000, 0x24],
  ['spi0', 0x7e20_4000, 0x200],
  ['spi3', 0x7e20_4600, 0x200],
  ['spi4', 0x7e20_4800, 0x200],
  ['spi5', 0x7e20_4a00, 0x200],
  ['spi6', 0x7e20_4c00, 0x200],
  ['i2c3', 0x7e20_5600, 0x200],
  ['i2c4', 0x7e20_5800, 0x200],
  ['i2c5', 0x7e20_5a00, 0x200],
  ['i2c6', 0x7e20_5c00, 0x200],
  ['pixelvalve0', 0x7e20_6000, 0x100],
  ['pixelvalve1', 0x7e20_7000, 0x100],
  ['dpi', 0x7e20_8000, 0x8c],
  ['dsi0', 0x7e20_9000, 0x78],
  ['pixelvalve2', 0x7e20_a000, 0x100],
  ['pwm0', 0x7e20_c000, 0x28],
  ['pwm1', 0x7e20_c800, 0x28],
  ['spi1', 0x7e21_5080, 0x40],
  ['spi2', 0x7e21_50c0, 0x40],
  ['pixelvalve4', 0x7e21_6000, 0x100],
  ['sdhci', 0x7e30_0000, 0x100],
  ['emmc2', 0x7e34_0000, 0x100],
  ['hvs', 0x7e40_0000, 0x8000],
  ['dsi1', 0x7e70_0000, 0x8c],
  ['csi0', 0x7e80_0000, 0x800],
  ['csi1', 0x7e80_1000, 0x800],
  ['cmi', 0x7e80_2000, 8],
  ['usb', 0x7e98_0000, 0x1_0000],
  ['xhci', 0x7e9c_0000, 0x10_0000],
  ['v3d', 0x7ec0_0000, 0x8000],
  ['pixelvalve3', 0x7ec1_2000, 0x100],
  ['vec', 0x7ec1_3000, 0x1000],
  ['hdmi', 0x7ef0_0000, 0x2_1000],
];

/** ASB_AXI_BRDG_ID: "brdg" in ASCII. */
const ASB_BRIDGE = 0x6272_6467;

/** Clocks of the manager (include/dt-bindings/clock/bcm2835.h). */
const CLOCK = { UART: 0x13, VPU: 0x14, ISP: 0x16, H264: 0x17, PERI_IMAGE: 0x1d } as const;

function clock(number: number): CellSource[] {
  return [ref('clocks'), number];
}

function i2c(name: string, base: number, size: number): DevicePlacement {
  return block(name, 'i2c', ['brcm,bcm2711-i2c', 'brcm,bcm2835-i2c'], base, size, {
    spis: [117],
    properties: {
      clocks: cells(...clock(CLOCK.VPU)),
      '#address-cells': cells(1),
      '#size-cells': cells(0),
      'clock-frequency': cells(100_000),
    },
  });
}

function gic400(): DevicePlacement[] {
  const window = (name: string, base: number, size: number) => ({ name, base: physAddr(LOCAL + base), size });
  return [
    {
      ...window('gicd', 0x4004_1000, 0x1000),
      model: 'gicv2',
      part: 'distributor',
      nodes: [
        {
          name: 'interrupt-controller',
          label: 'gicv2',
          parent: 'soc',
          parentBase: LOCAL,
          moreWindows: ['gicc', 'gich', 'gicv'],
          properties: {
            compatible: text('arm,gic-400'),
            'interrupt-controller': flag(),
            '#interrupt-cells': cells(3),
            interrupts: interrupts({ type: 'ppi', number: 9, trigger: 'level-high' }),
          },
        },
      ],
    },
    { ...window('gicc', 0x4004_2000, 0x2000), model: 'gicv2', part: 'cpu-interface', nodes: [] },
    // Virtualisation is not available to EL1.
    { ...window('gich', 0x4004_4000, 0x2000), model: 'absent', nodes: [] },
    { ...window('gicv', 0x4004_6000, 0x2000), model: 'absent', nodes: [] },
    {
      ...window('local-intc', 0x4000_0000, 0x100),
      model: 'storage',
      nodes: [
        {
          name: 'interrupt-controller',
          parent: 'soc',
          parentBase: LOCAL,
          properties: { compatible: text('brcm,bcm2836-l1-intc') },
        },
      ],
    },
  ];
}

/** Optional properties of a block. */
interface BlockOptions {
  readonly model?: DeviceModel;
  readonly label?: string;
  readonly spis?: readonly number[];
  readonly moreWindows?: readonly string[];
  /** Number of bytes that the node describes, when less than the window. */
  readonly regBytes?: number;
  readonly properties?: PropertySources;
}

/** Peripheral with a node `nodeName` under soc; `base` as in the tree. */
function block(
  name: string,
  nodeName: string,
  compatible: string | readonly string[],
  base: number,
  size: number,
  { model = 'storage', label, spis, moreWindows, regBytes, properties }: BlockOptions = {},
): DevicePlacement {
  return {
    name,
    model,
    base: physAddr(PERIPHERALS + base),
    size,
    ...(spis === undefined ? {} : { irqs: spis.map(spi) }),
    nodes: [
      {
        name: nodeName,
        ...(label === undefined ? {} : { label }),
        parent: 'soc',
        parentBase: PERIPHERALS,
        ...(moreWindows === undefined ? {} : { moreWindows }),
        ...(regBytes === undefined ? {} : { regBytes }),
        properties: { compatible: text(...[compatible].flat()), ...properties },
      },
    ],
  };
}

function unlisted(name: string, base: number, size: number): DevicePlacement {
  return { name, model: 'storage', base: physAddr(PERIPHERALS + base), size, nodes: [] };
}
