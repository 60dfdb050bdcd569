// SPDX-License-Identifier: GPL-2.0-only
/**
 * Power management unit of gs101: registers that store values, two of which end the run, and two
 * windows that change single bits of the others.
 *
 *     0x0000..0x7fff  registers                      0x3a00 SYSTEM_CONFIGURATION  bit 1 set: reset
 *     0x8000 | reg    clear the bit whose number     0x3e9c PAD_CTRL_PWR_HOLD     bit 8 cleared: power off
 *     0xc000 | reg    set     is written             (reg below 0x4000)
 *
 * The windows let several masters change bits of one register; Linux uses them for every register
 * below 0x4000. On the phone only EL3 may write: Linux requests writes by SMC
 * (emulator/psci/gs101-smc.ts). This model also accepts writes by the CPU itself.
 *
 * Releasing PWR_HOLD powers the phone off, unless its power chip was programmed to start again.
 * That chip is not modelled, so a reboot by this way is a power-off.
 *
 * Source: Linux drivers/soc/samsung/gs101-pmu.c, drivers/power/reset/syscon-reboot.c,
 * include/linux/soc/samsung/exynos-regs-pmu.h, as facts.
 */

import type { AccessWidth, Device, DeviceContext } from '#emulator/bus/device.ts';
import { RegisterStorage } from './register-storage.ts';

const WINDOW = 0xc000;
const WINDOW_CLEAR = 0x8000;
const WINDOW_SET = 0xc000;
const REGISTER = 0x3fff;

const SYSTEM_CONFIGURATION = 0x3a00;
const SWRESET = 1 << 1;
const PAD_CTRL_PWR_HOLD = 0x3e9c;
const PWR_HOLD = 1 << 8;

export interface Gs101PmuOptions {
  /** Node name of the device, for events: "system-controller@17460000". */
  readonly name: string;
  readonly context: DeviceContext;
  /** Further reset values by offset, see register-storage.ts. */
  readonly resetValues?: ReadonlyMap<number, number>;
  readonly onReset: () => void;
  readonly onPowerOff: () => void;
}

/** Power management unit. Its registers take 64 KiB. */
export class Gs101Pmu implements Device {
  readonly model = 'gs101-pmu';
  private readonly options: Gs101PmuOptions;
  private readonly registers: RegisterStorage;

  constructor(options: Gs101PmuOptions) {
    this.options = options;
    const { name, context } = options;
    this.registers = new RegisterStorage({
      name,
      context,
      size: 0x1_0000,
      reportUnknown: true,
      resetValues: new Map([[SYSTEM_CONFIGURATION, 0], [PAD_CTRL_PWR_HOLD, PWR_HOLD], ...(options.resetValues ?? [])]),
    });
  }

  reset(): void {
    this.registers.reset();
  }

  saveState() {
    return {
      registers: this.registers.saveState(),
    };
  }

  restoreState(state: ReturnType<Gs101Pmu['saveState']>): void {
    this.registers.restoreState(state.registers);
  }

  read(offset: number, width: AccessWidth): number {
    // The windows are write-only.
    return offset >= WINDOW_CLEAR ? 0 : this.registers.read(offset, width);
  }

  write(offset: number, width: AccessWidth, value: number): void {
    if (offset < WINDOW_CLEAR) {
      this.change(offset, width, value);
      return;
    }
    const register = (offset & REGISTER) - (offset % 4);
    const bit = 2 ** (value & 31);
    const before = this.registers.read(register, 4);
    const isSet = Math.floor(before / bit) % 2 === 1;
    if ((offset & WINDOW) === WINDOW_SET && !isSet) this.change(register, 4, before + bit);
    if ((offset & WINDOW) === WINDOW_CLEAR && isSet) this.change(register, 4, before - bit);
  }

  private change(offset: number, width: AccessWidth, value: number): void {
    const register = offset - (offset % 4);
    const before = this.registers.read(register, 4);
    this.registers.write(offset, width, value);
    const after = this.registers.read(register, 4);
    if (register === SYSTEM_CONFIGURATION && (after & ~before & SWRESET) !== 0) this.options.onReset();
    if (register === PAD_CTRL_PWR_HOLD && (before & ~after & PWR_HOLD) !== 0) this.options.onPowerOff();
  }
}
