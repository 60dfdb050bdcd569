// SPDX-License-Identifier: GPL-2.0-only
/**
 * What a device that masters the bus (virtio, fw_cfg's DMA) sees of RAM: bytes at physical
 * addresses.
 *
 * `PhysicalMemory` (memory/physical-memory.ts) has this shape already. A machine whose cores cache
 * translated code puts a wrapper around it that drops the translation of what a device overwrites.
 * It is not the bus: a device cannot reach another device through it.
 *
 * Addresses and lengths are in bytes; numbers are little-endian. Every method but `contains` throws
 * where not all of the range is RAM: a device asks `contains` first, because what a guest wrote
 * into a descriptor proves nothing.
 */

/** RAM by physical address. */
export interface MemoryPort {
  /** True where all of [pa, pa + length) is RAM. False for any other number, however large. */
  contains(pa: number, length: number): boolean;
  read16(pa: number): number;
  read32(pa: number): number;
  read64(pa: number): bigint;
  write16(pa: number, value: number): void;
  write32(pa: number, value: number): void;
  write64(pa: number, value: bigint): void;
  /** A copy of [pa, pa + length). */
  readBytes(pa: number, length: number): Uint8Array;
  writeBytes(pa: number, bytes: Uint8Array): void;
  /** Sets [pa, pa + length) to `byte`. */
  fill(pa: number, length: number, byte: number): void;
}
