// SPDX-License-Identifier: GPL-2.0-only
/**
 * Flash, boot ROM and SRAM: memory of a machine that is not RAM in banks. Its bytes are shared with
 * the engines, in whole pages.
 */

import { alignUp, PAGE_SIZE } from '#common/address.ts';
import type { FixedMemory } from './machine-options.ts';

/** The same memory with bytes of its own, filled up with zeros to the end of its last page. */
export function wholePages(memory: FixedMemory, allocate: (bytes: number) => Uint8Array): FixedMemory {
  const bytes = allocate(alignUp(memory.size, PAGE_SIZE));
  bytes.set(memory.bytes.subarray(0, bytes.length));
  return { ...memory, bytes };
}

/** The little-endian word at physical `address`, or null when it lies in none of these. */
export function readFixedWord(memories: readonly FixedMemory[], address: number): number | null {
  const found = memories.find(({ base, size }) => address >= base && address + 4 <= base + size);
  if (found === undefined) return null;
  return new DataView(found.bytes.buffer, found.bytes.byteOffset).getUint32(address - found.base, true);
}
