// SPDX-License-Identifier: GPL-2.0-only
/**
 * Flash, boot ROM and SRAM: memory outside the banks of RAM. Its bytes are shared with the engines,
 * in whole pages.
 */

import { alignUp, PAGE_SIZE } from '#common/address.ts';
import type { FixedMemory } from './machine-options.ts';

/** Fixed memory of a machine: whole pages. */
export interface PlacedMemory extends FixedMemory {
  /**
   * Length of the part that may hold more than zeros. The rest of a bank of flash is left alone by
   * who reads all memory: on some hosts even reading makes the host commit it.
   */
  used: number;
}

/** Notes that bytes below offset `end` were written. */
export function noteUsed(memory: PlacedMemory, end: number): void {
  memory.used = Math.max(memory.used, end);
}

/** The same memory with its own copy of the bytes, zero-filled to the end of its last page. */
export function wholePages(memory: FixedMemory, allocate: (bytes: number) => Uint8Array): PlacedMemory {
  const bytes = allocate(alignUp(memory.size, PAGE_SIZE));
  bytes.set(memory.bytes.subarray(0, bytes.length));
  return { ...memory, bytes, used: memory.access === 'rwx' ? bytes.length : memory.bytes.length };
}

/** Little-endian word at physical `address`, or null outside of these memories. */
export function readFixedWord(memories: readonly FixedMemory[], address: number): number | null {
  const found = memories.find(({ base, size }) => address >= base && address + 4 <= base + size);
  if (found === undefined) return null;
  return new DataView(found.bytes.buffer, found.bytes.byteOffset).getUint32(address - found.base, true);
}
