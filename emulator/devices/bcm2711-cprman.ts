// SPDX-License-Identifier: GPL-2.0-only
/**
 * Clock and power manager of BCM2711 ("CPRMAN"): the clocks that the boot firmware leaves running,
 * and registers that store what is written.
 *
 *     0x0000..0x0fff  clock generators: CTL and DIV of each      0x114 CM_LOCK  which PLLs are locked
 *     0x1000..0x1fff  analogue part: the PLLs, their fractions and channels
 *
 * A write counts only with the password 0x5a in bits 31:24, which read as zero. A generator is busy
 * while it is enabled; PLLs lock at once. Running clocks, as the firmware sets them up with a
 * crystal of 54 MHz:
 *
 *     PLLC 3 GHz ── core0 ÷ 6 ── 500 MHz ── VPU        PLLD 3 GHz ── per ÷ 4 ── 750 MHz ── ÷ 15.625 ── UART, 48 MHz
 *
 * No device's speed depends on it.
 *
 * Source: BCM2835 ARM Peripherals, 6.3 (general purpose clocks: password, BUSY, divisors); Linux
 * drivers/clk/bcm/clk-bcm2835.c (offsets, PLLs), as facts.
 */

import type { AccessWidth, Device, DeviceContext } from '#emulator/bus/device.ts';
import { withoutPassword } from './bcm2835-password.ts';
import { RegisterStorage } from './register-storage.ts';

const CM_VPUCTL = 0x008;
const CM_VPUDIV = 0x00c;
const CM_UARTCTL = 0x0f0;
const CM_UARTDIV = 0x0f4;
const CM_CTL_ENABLE = 1 << 4;
const CM_CTL_BUSY = 1 << 7;
const CM_SOURCE_PLLC_CORE0 = 5;
const CM_SOURCE_PLLD_PER = 6;
/** First of the PLLs' own registers, which lie between those of the generators. */
const CM_PLLS = 0x100;
const CM_PLLS_END = 0x120;
const CM_LOCK = 0x114;
const CM_LOCK_ALL = 0x1f00;
const GENERATORS_END = 0x1000;

const A2W_PLLC_CTRL = 0x1120; // 9:0 whole part of the factor, 14:12 divider
const A2W_PLLD_CTRL = 0x1140;
const A2W_PLLC_FRAC = 0x1220; // 19:0
const A2W_PLLD_FRAC = 0x1240;
const A2W_PLLD_PER = 0x1540; // 7:0 divider of the channel
const A2W_PLLC_CORE0 = 0x1620;
/** 54 MHz * (55 + FRAC / 2^20) = 3 GHz. The PLL is not held in reset (bit 17). */
const PLL_3GHZ = (1 << 17) | (1 << 12) | 55;
const PLL_3GHZ_FRACTION = Math.round((5 / 9) * 2 ** 20);

const enabled = (source: number): number => CM_CTL_BUSY | CM_CTL_ENABLE | source;

const RESET_VALUES: ReadonlyMap<number, number> = new Map([
  [CM_VPUCTL, enabled(CM_SOURCE_PLLC_CORE0)],
  [CM_VPUDIV, 1 << 12],
  [CM_UARTCTL, enabled(CM_SOURCE_PLLD_PER)],
  [CM_UARTDIV, 15.625 * 2 ** 12],
  [CM_LOCK, CM_LOCK_ALL],
  [A2W_PLLC_CTRL, PLL_3GHZ],
  [A2W_PLLD_CTRL, PLL_3GHZ],
  [A2W_PLLC_FRAC, PLL_3GHZ_FRACTION],
  [A2W_PLLD_FRAC, PLL_3GHZ_FRACTION],
  [A2W_PLLD_PER, 4],
  [A2W_PLLC_CORE0, 6],
]);

/** Clock manager. Its registers take 0x2000 bytes. */
export class Bcm2711Cprman implements Device {
  readonly model = 'bcm2711-cprman';
  private readonly registers: RegisterStorage;

  /** @param name name of the device, for events */
  constructor(name: string, context: DeviceContext) {
    this.registers = new RegisterStorage({ name, context, size: 0x2000, resetValues: RESET_VALUES });
  }

  reset(): void {
    this.registers.reset();
  }

  saveState() {
    return this.registers.saveState();
  }

  restoreState(state: ReturnType<Bcm2711Cprman['saveState']>): void {
    this.registers.restoreState(state);
  }

  read(offset: number, width: AccessWidth): number {
    return this.registers.read(offset, width);
  }

  write(offset: number, width: AccessWidth, value: number): void {
    const setting = withoutPassword(width, value);
    if (setting === null || offset === CM_LOCK) return;
    this.registers.write(offset, 4, isControl(offset) ? withBusy(setting) : setting);
  }
}

function isControl(offset: number): boolean {
  return offset < GENERATORS_END && offset % 8 === 0 && (offset < CM_PLLS || offset >= CM_PLLS_END);
}

function withBusy(control: number): number {
  return (control & CM_CTL_ENABLE) === 0 ? control & ~CM_CTL_BUSY : control | CM_CTL_BUSY;
}
