// SPDX-License-Identifier: GPL-2.0-only
/** The places in memory that the lines of a panic name. */

import { DIRECT_MAP_BASE } from '#kernel-ts/kernel/direct-map.ts';

/** Words before a number that is a syndrome, a state or a value. */
const NO_ADDRESS = /^(ESR_EL\d|SPSR_EL\d|is)$/;

/**
 * Physical addresses, in the order of the text: those that it names, and those that addresses of
 * the kernel's direct map stand for. Registers that hold no address are left out.
 */
export function placesNamed(text: string): number[] {
  return [...text.matchAll(/(\S*)\s*\b0x([0-9a-f]+)/gi)].flatMap(([, before = '', digits = '']) => {
    if (NO_ADDRESS.test(before)) return [];
    const address = BigInt(`0x${digits}`);
    const physical = address >= DIRECT_MAP_BASE ? address - DIRECT_MAP_BASE : address;
    return physical <= Number.MAX_SAFE_INTEGER ? [Number(physical)] : [];
  });
}
