// SPDX-License-Identifier: GPL-2.0-only
/**
 * Nonzero reset values of gs101's blocks that are otherwise plain storage: registers that a driver
 * reads before it writes them.
 *
 *     placement's name in boards/soc ──► offset ──► value
 *
 * Everything not in the table resets to zero, which the upstream kernel's drivers were seen to
 * accept.
 *
 * Sources, as facts: Linux drivers/soc/samsung/exynos-chipid.c (product and revision),
 * drivers/clk/samsung/clk-gs101.c and clk-pll.c (lock bits),
 * arch/arm64/boot/dts/exynos/google/gs101-pixel-common.dtsi (keys, active low).
 */

/** Reset values by offset, as register-storage.ts takes them. */
export type ResetValues = ReadonlyMap<number, number>;

/**
 * OTP: the product id is bits 31:12 of register 0, the main revision its bits 3:0, the sub-revision
 * bits 19:16 of register 0x10. The revision is chosen as that of a production chip, B0; the chip's
 * serial number stays zero.
 */
const OTP: ResetValues = new Map([
  [0x00, 0x0984_5000 | 1],
  [0x10, 0],
]);

/**
 * PLL_CON3: 31 enabled, 29 locked. The dividers stay zero, so rates read as 0 Hz; no driver divides
 * by them at boot.
 */
const PLL_LOCKED = 0xa000_0000;
/** Offsets of PLL_CON3 of SHARED0 to SHARED3, and of the spare PLL. */
const CMU_TOP: ResetValues = new Map([0x10c, 0x14c, 0x18c, 0x1cc, 0x20c].map((con3) => [con3, PLL_LOCKED]));

/** Data registers of the banks with the phone's three keys. A released key reads 1. */
const GPIO_ALIVE: ResetValues = new Map([[0xe4, 1 << 1]]); // gpa10: power
const GPIO_FAR_ALIVE: ResetValues = new Map([
  [0x24, 1 << 3], // gpa7: volume down
  [0x44, 1 << 1], // gpa8: volume up
]);

const TABLE: ReadonlyMap<string, ResetValues> = new Map([
  ['otp', OTP],
  ['cmu-top', CMU_TOP],
  ['pinctrl-gpio-alive', GPIO_ALIVE],
  ['pinctrl-far-alive', GPIO_FAR_ALIVE],
]);

/** Reset values of the block that the board calls `placement`; empty for all others. */
export function gs101ResetValues(placement: string): ResetValues {
  return TABLE.get(placement) ?? new Map();
}
