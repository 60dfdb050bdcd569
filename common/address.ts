// SPDX-License-Identifier: GPL-2.0-only
/**
 * Address types, and the only place that casts to them.
 *
 * A physical address or a size in bytes is a `number`: AArch64 has at most 52 physical address bits
 * and a double holds 53 exactly. JavaScript's bitwise operators work on 32 bits, so physical
 * addresses are never shifted or masked with them: 0x8_8000_0000 >> 12 is wrong, and that is where
 * the Pixel 6's second bank lies. Use the functions below.
 *
 * A virtual address is a `bigint` of 64 unsigned bits.
 */

declare const physical: unique symbol;
declare const virtual: unique symbol;

/** A physical address in bytes, an integer in [0, 2^52). */
export type PhysAddr = number & { readonly [physical]: true };

/** A virtual address, an integer in [0, 2^64). */
export type VirtAddr = bigint & { readonly [virtual]: true };

/** Bytes in a page: the 4 KiB granule (Arm ARM DDI 0487, D8.2). */
export const PAGE_SIZE = 4096;

/** `value` as a physical address. Throws `RangeError` unless it is an integer in [0, 2^52). */
export function physAddr(value: number): PhysAddr {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** 52) {
    throw new RangeError(`not a physical address: ${value}`);
  }
  return value as PhysAddr;
}

/** Marks `value` as a virtual address; bits above 63 are dropped. */
export function virtAddr(value: bigint): VirtAddr {
  return BigInt.asUintN(64, value) as VirtAddr;
}

/** `value` rounded down to a multiple of `alignment`, any positive integer. */
export function alignDown(value: number, alignment: number): number {
  return value - (value % alignment);
}

/** `value` rounded up to a multiple of `alignment`. */
export function alignUp(value: number, alignment: number): number {
  return alignDown(value + alignment - 1, alignment);
}

/** `value` as 0x and at least `digits` hexadecimal digits, for messages. */
export function hex(value: number | bigint, digits = 1): string {
  return `0x${value.toString(16).padStart(digits, '0')}`;
}
