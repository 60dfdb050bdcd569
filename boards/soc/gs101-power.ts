// SPDX-License-Identifier: GPL-2.0-only
/**
 * The always-on part of gs101: power management unit, its mailbox, the pins that wake the chip, and
 * the security core's pins.
 *
 * The PMU's registers are read directly and written through a secure call (SMC 0x8200_0504) on the
 * phone; the model accepts both ways.
 */

import { type NodeSource, cells, ref, text } from '#boards/tree-source.ts';
import type { DevicePlacement } from '#boards/types.ts';
import { APB_SLOT, block, clockController, clocks, pinController, plainBanks, sysreg } from './gs101-blocks.ts';

const apm = (clock: number) => [ref('cmu_apm'), clock];

/** Placements in 0x1740_0000 to 0x17b0_0000. */
export function alwaysOnDevices(): DevicePlacement[] {
  return [
    clockController('apm', 0x1740_0000, { oscclk: [ref('oscclk')] }, 'sysreg_apm'),
    sysreg('apm', 0x1742_0000),
    {
      ...block('pmu', 'system-controller', ['google,gs101-pmu'], 0x1746_0000, APB_SLOT, {
        label: 'pmu_system',
        properties: { 'google,pmu-intr-gen-syscon': cells(ref('pmu_intr_gen')) },
        children: powerControls(),
      }),
      model: 'gs101-pmu',
    },
    block('pmu-intr-gen', 'syscon', ['google,gs101-pmu-intr-gen', 'syscon'], 0x1747_0000, APB_SLOT, {
      label: 'pmu_intr_gen',
    }),
    pinController('pinctrl-gpio-alive', 0x174d_0000, apm(0x0c), [
      { name: 'gpa0', wakeSpis: [0, 8] },
      { name: 'gpa1', wakeSpis: [8, 7] },
      { name: 'gpa2', wakeSpis: [15, 5] },
      { name: 'gpa3', wakeSpis: [20, 4] },
      { name: 'gpa4', wakeSpis: [24, 4] },
      { name: 'gpa5', wakeSpis: [28, 7] },
      { name: 'gpa9', wakeSpis: [35, 8] },
      { name: 'gpa10', wakeSpis: [43, 2] },
    ]),
    pinController('pinctrl-far-alive', 0x174e_0000, apm(0x0d), [
      { name: 'gpa6', wakeSpis: [45, 8] },
      { name: 'gpa7', wakeSpis: [53, 4] },
      { name: 'gpa8', wakeSpis: [57, 8] },
      { name: 'gpa11', wakeSpis: [65, 2] },
    ]),
    block('apm-mailbox', 'mailbox', ['google,gs101-mbox'], 0x1761_0000, 0x1000, {
      spis: [73],
      properties: { ...clocks({ pclk: apm(0x23) }), '#mbox-cells': cells(0) },
    }),
    // The security core gates these two; upstream has a null clock here.
    pinController('pinctrl-gsactrl', 0x1794_0000, [0], plainBanks('gps', 3, 3)),
    pinController('pinctrl-gsacore', 0x17a8_0000, [0], plainBanks('gps', 0, 2), { status: 'disabled' }),
  ];
}

/** Power-off, reset, and the register that keeps the reason of a reboot. */
function powerControls(): NodeSource[] {
  return [
    {
      name: 'syscon-poweroff',
      properties: {
        compatible: text('syscon-poweroff'),
        offset: cells(0x3e9c),
        mask: cells(0x100),
        value: cells(0),
      },
    },
    { name: 'syscon-reboot', properties: { compatible: text('google,gs101-reboot') } },
    {
      name: 'reboot-mode',
      properties: {
        compatible: text('syscon-reboot-mode'),
        offset: cells(0x810),
        'mode-bootloader': cells(0xfc),
        'mode-charge': cells(0x0a),
        'mode-dm-verity-device-corrupted': cells(0x50),
        'mode-fastboot': cells(0xfa),
        'mode-reboot-ab-update': cells(0x52),
        'mode-recovery': cells(0xff),
        'mode-rescue': cells(0xf9),
        'mode-shutdown-thermal': cells(0x51),
        'mode-shutdown-thermal-battery': cells(0x51),
      },
    },
  ];
}
