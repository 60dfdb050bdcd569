// SPDX-License-Identifier: GPL-2.0-only
/**
 * Universal serial interfaces of gs101: blocks that act as an I2C controller, a UART or an SPI
 * controller, selected by a system register.
 *
 *   base + 0x00  registers of the selected protocol   -> i2c@, serial@, spi@ (all three describe the same window)
 *   base + 0xc0  USI_CON, USI_OPTION                  -> usi@, the parent of the three
 *
 * The one called UART is a UART only and carries the console; the board enables it. All others are
 * register storage and disabled, including the two to which the phone connects chips (an EEPROM,
 * USB-C and the battery gauge), which are not modelled.
 */

import { physAddr } from '#common/address.ts';
import { type CellSource, cells, flag, ref, spi, text } from '#boards/tree-source.ts';
import type { DeviceModel, DeviceNode, DevicePlacement } from '#boards/types.ts';
import { clocks } from './gs101-blocks.ts';

const PROTOCOL_BYTES = 0xc0;
const SPI_REGISTER_BYTES = 0x30;
const CONTROL_BYTES = 0x20;

/** USI_V2 protocol selection (include/dt-bindings/soc/samsung,exynos-usi.h). */
const MODE_UART = 1;

type Row = readonly [name: string, base: number, selector: number, pclk: number, ipclk: number, spi: number];

/**
 * Rows: offset of the protocol selector in the system registers, the numbers of the two clocks in
 * the clock controller, the interrupt.
 */
const PERIC0: readonly Row[] = [
  ['usi1', 0x1090_0000, 0x1000, 0x2f, 0x1f, 635],
  ['usi2', 0x1091_0000, 0x1004, 0x30, 0x20, 636],
  ['usi3', 0x1092_0000, 0x1008, 0x37, 0x27, 637],
  ['usi4', 0x1093_0000, 0x100c, 0x38, 0x28, 638],
  ['usi5', 0x1094_0000, 0x1010, 0x39, 0x29, 639],
  ['usi6', 0x1095_0000, 0x1014, 0x3a, 0x2a, 640],
  ['usi7', 0x1096_0000, 0x1018, 0x3b, 0x2b, 641],
  ['usi8', 0x1097_0000, 0x101c, 0x3c, 0x2c, 642],
  ['uart0', 0x10a0_0000, 0x1020, 0x41, 0x3f, 634],
  ['usi14', 0x10a2_0000, 0x1028, 0x42, 0x40, 643],
];
const PERIC1: readonly Row[] = [
  ['usi0', 0x10d1_0000, 0x1000, 0x1f, 0x18, 651],
  ['usi9', 0x10d2_0000, 0x1004, 0x21, 0x19, 652],
  ['usi10', 0x10d3_0000, 0x1008, 0x22, 0x1a, 653],
  ['usi11', 0x10d4_0000, 0x100c, 0x23, 0x1b, 654],
  ['usi12', 0x10d5_0000, 0x1010, 0x24, 0x1c, 655],
  ['usi13', 0x10d6_0000, 0x1014, 0x25, 0x1d, 656],
];

/** Serial interfaces of one of the two peripheral blocks, two placements each. */
export function serialInterfaces(unit: 'peric0' | 'peric1'): DevicePlacement[] {
  return (unit === 'peric0' ? PERIC0 : PERIC1).flatMap((row) => serialInterface(unit, row));
}

function serialInterface(unit: string, row: Row): DevicePlacement[] {
  const [name, base, selector, pclkNumber, ipclkNumber, irq] = row;
  const pclk = [ref(`cmu_${unit}`), pclkNumber];
  const ipclk = [ref(`cmu_${unit}`), ipclkNumber];
  const isUart = name === 'uart0';
  const label = `${name}_usi`;
  return [
    {
      name: `${name}-control`,
      model: 'storage',
      base: physAddr(base + PROTOCOL_BYTES),
      size: CONTROL_BYTES,
      nodes: [
        {
          name: 'usi',
          label,
          parent: 'soc',
          properties: {
            compatible: text('google,gs101-usi', 'samsung,exynos850-usi'),
            ranges: flag(),
            '#address-cells': cells(1),
            '#size-cells': cells(1),
            ...clocks({ pclk, ipclk }),
            'samsung,sysreg': cells(ref(`sysreg_${unit}`), selector),
            ...(isUart ? { 'samsung,mode': cells(MODE_UART), 'samsung,clkreq-on': flag() } : {}),
            status: text(isUart ? 'okay' : 'disabled'),
          },
        },
      ],
    },
    {
      name,
      model: (isUart ? 'gs101-uart' : 'storage') satisfies DeviceModel,
      base: physAddr(base),
      size: PROTOCOL_BYTES,
      irqs: [spi(irq)],
      nodes: isUart ? [uart(label, pclk, ipclk, 256, 'okay')] : protocols(label, pclk, ipclk),
    },
  ];
}

function protocols(parent: string, pclk: readonly CellSource[], ipclk: readonly CellSource[]): DeviceNode[] {
  const bus = { '#address-cells': cells(1), '#size-cells': cells(0) };
  const status = text('disabled');
  return [
    {
      name: 'i2c',
      parent,
      properties: {
        compatible: text('google,gs101-hsi2c', 'samsung,exynosautov9-hsi2c'),
        ...bus,
        ...clocks({ hsi2c: ipclk, hsi2c_pclk: pclk }),
        status,
      },
    },
    uart(parent, pclk, ipclk, 64, 'disabled'),
    {
      name: 'spi',
      parent,
      regBytes: SPI_REGISTER_BYTES,
      properties: {
        compatible: text('google,gs101-spi'),
        ...bus,
        ...clocks({ spi: pclk, spi_busclk0: ipclk }),
        status,
      },
    },
  ];
}

function uart(
  parent: string,
  pclk: readonly CellSource[],
  ipclk: readonly CellSource[],
  fifoBytes: number,
  status: 'okay' | 'disabled',
): DeviceNode {
  return {
    name: 'serial',
    ...(status === 'okay' ? { label: 'uart0' } : {}),
    parent,
    properties: {
      compatible: text('google,gs101-uart'),
      ...clocks({ uart: pclk, clk_uart_baud0: ipclk }),
      'samsung,uart-fifosize': cells(fifoBytes),
      status: text(status),
    },
  };
}
