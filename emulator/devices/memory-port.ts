// SPDX-License-Identifier: GPL-2.0-only
/**
 * RAM for devices that master the bus (virtio, fw_cfg's DMA): bytes at physical addresses.
 *
 * `PhysicalMemory` (memory/physical-memory.ts) implements it. A machine whose cores cache
 * translated code wraps it, to drop translations of bytes that a device overwrites. It is not the
 * bus: a device cannot access another device through it.
 *
 * Addresses and lengths are in bytes; numbers are little-endian. Every method but `contains` throws
 * when not all of the range is RAM. A device must call `contains` first, because the guest may
 * write any address into a descriptor.
 */

/** RAM by physical address. */
export interface MemoryPort {
  /** True when all of [pa, pa + length) is RAM. False for any other number, however large. */
  contains(pa: number, length: number): boolean;
  read16(pa: number): number;
  read32(pa: number): number;
  read64(pa: number): bigint;
  write16(pa: number, value: number): void;
  write32(pa: number, value: number): void;
  write64(pa: number, value: bigint): void;
  /** Copies [pa, pa + length). */
  readBytes(pa: number, length: number): Uint8Array;
  writeBytes(pa: number, bytes: Uint8Array): void;
  /** Sets [pa, pa + length) to `byte`. */
  fill(pa: number, length: number, byte: number): void;
}
