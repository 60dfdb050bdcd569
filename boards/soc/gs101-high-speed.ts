// SPDX-License-Identifier: GPL-2.0-only
/**
 * HSI0, HSI1 and HSI2 of gs101: USB, PCIe and UFS storage.
 *
 * Clock controllers and pins are those of upstream. Unlike upstream, the USB and UFS nodes are
 * disabled: there is no model behind their registers, and the regulators that they name belong to
 * the power management firmware, which is not modelled.
 */

import { physAddr } from '#common/address.ts';
import { cells, flag, ref, spi, text } from '#boards/tree-source.ts';
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

const OSCILLATOR = [ref('oscclk')];
const DISABLED = text('disabled');
const top = (clock: number) => [ref('cmu_top'), clock];
const hsi0 = (clock: number) => [ref('cmu_hsi0'), clock];
const hsi2 = (clock: number) => [ref('cmu_hsi2'), clock];

/** Placements in 0x1100_0000 to 0x1480_0000. */
export function highSpeedDevices(): DevicePlacement[] {
  return [
    clockController(
      'hsi0',
      0x1100_0000,
      { oscclk: OSCILLATOR, bus: top(0x6e), dpgtc: top(0x6f), usb31drd: top(0x70), usbdpdbg: top(0x71) },
      'sysreg_hsi0',
    ),
    sysreg('hsi0', 0x1102_0000, hsi0(0x24)),
    ...usb(),
    // Upstream has no clock controller for HSI1 yet and writes a null clock here.
    pinController('pinctrl-hsi1', 0x1184_0000, [0], plainBanks('gph', 0, 1), { spi: 471 }),
    unlisted('pcie0', 0x1192_0000, APB_SLOT),
    clockController(
      'hsi2',
      0x1440_0000,
      { oscclk: OSCILLATOR, bus: top(0x74), pcie: top(0x76), ufs: top(0x77), mmc: top(0x75) },
      'sysreg_hsi2',
    ),
    sysreg('hsi2', 0x1442_0000, hsi2(0x2f)),
    pinController('pinctrl-hsi2', 0x1444_0000, hsi2(0x0d), plainBanks('gph', 2, 4), { spi: 503 }),
    ...ufs(),
  ];
}

function usb(): DevicePlacement[] {
  return [
    unlisted('usb-phy-pma', 0x110e_0000, 0x2800),
    unlisted('usb-phy-pcs', 0x110f_0000, 0x800),
    {
      name: 'usb-phy',
      model: 'storage',
      base: physAddr(0x1110_0000),
      size: 0x200,
      nodes: [
        {
          name: 'phy',
          label: 'usb_phy',
          parent: 'soc',
          moreWindows: ['usb-phy-pcs', 'usb-phy-pma'],
          properties: {
            compatible: text('google,gs101-usb31drd-phy'),
            'reg-names': text('phy', 'pcs', 'pma'),
            ...clocks({
              phy: hsi0(0x29),
              ref: hsi0(0x2b),
              ctrl_aclk: hsi0(0x25),
              ctrl_pclk: hsi0(0x26),
              scl_pclk: hsi0(0x2e),
            }),
            '#phy-cells': cells(1),
            'samsung,pmu-syscon': cells(ref('pmu_system')),
            status: DISABLED,
          },
        },
      ],
    },
    {
      name: 'usb',
      model: 'storage',
      base: physAddr(0x1111_0000),
      size: 0x1_0000,
      irqs: [spi(463)],
      nodes: [
        // The glue has no registers of its own: it maps a window onto the controller at its offset
        // 0.
        {
          name: 'usb@11110000',
          label: 'usb_glue',
          parent: 'soc',
          reg: 'none',
          properties: {
            compatible: text('google,gs101-dwusb3'),
            ranges: cells(0, 0x1111_0000, 0x1_0000),
            ...clocks({ bus_early: hsi0(0x2a), susp_clk: hsi0(0x0f), link_aclk: hsi0(0x27), link_pclk: hsi0(0x28) }),
            '#address-cells': cells(1),
            '#size-cells': cells(1),
            status: DISABLED,
          },
        },
        {
          name: 'usb',
          parent: 'usb_glue',
          parentBase: 0x1111_0000,
          properties: {
            compatible: text('snps,dwc3'),
            ...clocks({ ref: hsi0(0x2c) }),
            phys: cells(ref('usb_phy'), 0, ref('usb_phy'), 1),
            'phy-names': text('usb2-phy', 'usb3-phy'),
            status: DISABLED,
          },
        },
      ],
    },
  ];
}

function ufs(): DevicePlacement[] {
  return [
    unlisted('ufs-protector', 0x1460_0000, 0x100),
    {
      name: 'ufs',
      model: 'storage',
      base: physAddr(0x1470_0000),
      size: 0x200,
      irqs: [spi(532)],
      nodes: [
        {
          name: 'ufs',
          parent: 'soc',
          moreWindows: ['ufs-vendor', 'ufs-unipro', 'ufs-protector'],
          properties: {
            compatible: text('google,gs101-ufs'),
            'reg-names': text('hci', 'vs_hci', 'unipro', 'ufsp'),
            ...clocks({
              core_clk: hsi2(0x38),
              sclk_unipro_main: hsi2(0x39),
              fmp: hsi2(0x3a),
              aclk: hsi2(0x28),
              pclk: hsi2(0x29),
              sysreg: hsi2(0x2f),
            }),
            'dma-coherent': flag(),
            phys: cells(ref('ufs_phy')),
            'phy-names': text('ufs-phy'),
            'samsung,sysreg': cells(ref('sysreg_hsi2'), 0x710),
            status: DISABLED,
          },
        },
      ],
    },
    unlisted('ufs-vendor', 0x1470_1100, 0x200),
    block('ufs-phy', 'phy', ['google,gs101-ufs-phy'], 0x1470_4000, 0x3000, {
      label: 'ufs_phy',
      properties: {
        'reg-names': text('phy-pma'),
        'samsung,pmu-syscon': cells(ref('pmu_system')),
        '#phy-cells': cells(0),
        ...clocks({ ref_clk: OSCILLATOR }),
        status: DISABLED,
      },
    }),
    unlisted('ufs-unipro', 0x1478_0000, 0xa000),
  ];
}
