/**
 * Why a slab cache refused, as panics: each names the cache, the address and what was found there.
 */

import { hex, type VirtAddr } from '#common/address.ts';
import { KernelPanic } from '#kernel-ts/kernel/panic.ts';

/** Reasons, as they follow `PANIC: `. An interface for tools. */
export const BadSlabFree = {
  DOUBLE_FREE: 'Double free in a slab cache',
  FOREIGN: 'Slab free of an address that the cache does not own',
  NOT_AN_OBJECT: 'Slab free of an address that is no object',
  CORRUPT: 'Slab is corrupted',
} as const;

/** The panic for `reason` at `va` in the cache `name`. */
export function badSlabFree(
  reason: (typeof BadSlabFree)[keyof typeof BadSlabFree],
  name: string,
  va: VirtAddr,
  found: string,
): KernelPanic {
  return new KernelPanic(reason, `cache '${name}', address ${hex(va)}: ${found}`);
}
