// SPDX-License-Identifier: GPL-2.0-only
/**
 * Secure call by which gs101's kernel writes the power management unit: only its firmware may write
 * it directly.
 *
 *     x0 0x8200_0504   x1 physical address   x2 operation   x3, x4 operands   ──► x0
 *
 *     operation 0  read                     ──► the register
 *               1  write x3                 ──► 0
 *               2  (register & ~x3) | (x4 & x3)  ──► 0
 *     outside the unit, unaligned, or an unknown operation ──► -22 (-EINVAL)
 *
 * The machine serves it on the bus, as it serves PSCI; there is no code at EL3.
 *
 * Source: Linux drivers/soc/samsung/gs101-pmu.c, as facts. It does not use the result of a read,
 * which is assumed by analogy with the two others.
 */

/** Function identifier: a fast 32-bit SiP service call (Arm DEN 0028, 6). */
export const GS101_SMC_PMU_REGISTER = 0x8200_0504;

const OPERATION_READ = 0n;
const OPERATION_WRITE = 1n;
const OPERATION_MODIFY = 2n;

const EINVAL = -22n;

/** Part of the bus that the call needs; `Bus` implements it. */
export interface RegisterBus {
  read(pa: number, width: 4): number;
  write(pa: number, width: 4, value: number): void;
}

/** Registers of the unit: [base, base + size) in bytes. */
export interface RegisterWindow {
  readonly base: number;
  readonly size: number;
}

/**
 * Executes the call with x1 to x4 in `registers` and returns x0, signed.
 * @throws BusAccessAbort when no device is in the window: an error in the board's data
 */
export function gs101PmuCall(
  bus: RegisterBus,
  window: RegisterWindow,
  registers: readonly [address: bigint, operation: bigint, first: bigint, second: bigint],
): bigint {
  const [x1, operation, first, second] = registers;
  const address = Number(x1);
  if (address < window.base || address + 4 > window.base + window.size || address % 4 !== 0) return EINVAL;
  switch (operation) {
    case OPERATION_READ:
      return BigInt(bus.read(address, 4));
    case OPERATION_WRITE:
      bus.write(address, 4, word(first));
      return 0n;
    case OPERATION_MODIFY: {
      const mask = word(first);
      bus.write(address, 4, ((bus.read(address, 4) & ~mask) | (word(second) & mask)) >>> 0);
      return 0n;
    }
    default:
      return EINVAL;
  }
}

function word(register: bigint): number {
  return Number(BigInt.asUintN(32, register));
}
