// SPDX-License-Identifier: GPL-2.0-only
/** Formatting of sizes, times, counts and addresses for people. */

import { hex } from './address.ts';

const BYTE_UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

/** Formats `bytes` with three digits and a binary unit. */
export function showBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number(value.toPrecision(3))} ${BYTE_UNITS[unit]}`;
}

/** Formats nanoseconds. */
export function showTime(ns: number): string {
  if (ns < 1e3) return `${ns} ns`;
  if (ns < 1e6) return `${Number((ns / 1e3).toPrecision(3))} us`;
  if (ns < 1e9) return `${Number((ns / 1e6).toPrecision(3))} ms`;
  return `${Number((ns / 1e9).toPrecision(4))} s`;
}

/** Formats a count: "38,180". toLocaleString would load the host's locale data, some 20 ms. */
export function showCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/**
 * Formats `bytes` exactly, in the largest unit that divides them: "6 GiB", "204 KiB", "50331
 * bytes".
 */
export function size(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value !== 0 && value % 1024 === 0 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value} ${BYTE_UNITS[unit]}`;
}

/** Formats a physical address with 10 digits, the 40 bits of the boards; wider ones have more. */
export function phys(address: number): string {
  return hex(address, 10);
}

/** Formats [start, end) as logs show ranges. */
export function span(start: number, end: number): string {
  return `${phys(start)}..${phys(end)}`;
}

/** Formats a number with its noun: "1 table", "3 tables". */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
