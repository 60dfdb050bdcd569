// SPDX-License-Identifier: GPL-2.0-only
/**
 * The device tree from the boot loader: located by x0, checked, and read as libfdt would.
 *
 * Specification: Documentation/arch/arm64/booting.rst (x0, 8-byte alignment, at most 2 MiB);
 * Devicetree Specification v0.4, 5.
 */

import { hex, type PhysAddr, physAddr } from '#common/address.ts';
import { Fdt, FdtError } from '#fdt/index.ts';
import type { MemoryPort } from '#kernel-ts/hal/ports.ts';
import { DIRECT_MAP_BYTES, physToVirt } from './direct-map.ts';
import { KernelPanic } from './panic.ts';

/** Largest device tree that the boot protocol allows, in bytes. */
const MAX_BYTES = 2 * 2 ** 20;
/** Size of the header of version 17, in bytes. */
const HEADER_BYTES = 40;

/** Checked device tree, with its place. */
export interface BootDeviceTree {
  readonly fdt: Fdt;
  readonly base: PhysAddr;
  /** totalsize from its header. */
  readonly bytes: number;
}

/**
 * Reads the tree at `x0`, a physical address.
 * @param loadedBytes number of bytes that the boot loader says it loaded, or null; bytes after
 * them do not belong to the tree
 * @throws KernelPanic when x0 is not a possible address, or the blob is unreadable: the reason
 * names the libfdt error, the detail the offset
 */
export function readDeviceTree(memory: MemoryPort, x0: bigint, loadedBytes: number | null): BootDeviceTree {
  if (x0 === 0n || x0 >= BigInt(DIRECT_MAP_BYTES)) {
    throw new KernelPanic('No device tree', `x0 holds ${hex(x0)} at entry, which is not the address of a device tree`);
  }
  const base = physAddr(Number(x0));
  try {
    if (base % 8 !== 0) throw new FdtError('FDT_ERR_ALIGNMENT', 0, 'the blob is not aligned to 8 bytes');
    const limit = Math.min(MAX_BYTES, loadedBytes ?? MAX_BYTES);
    const header = memory.readBytes(physToVirt(base), Math.min(HEADER_BYTES, limit));
    // Without a header, or with a totalsize beyond the loaded bytes, the loaded bytes are examined.
    const claimed = header.length === HEADER_BYTES ? new DataView(header.buffer).getUint32(4) : header.length;
    const blob = memory.readBytes(physToVirt(base), Math.min(Math.max(claimed, header.length), limit));
    const fdt = Fdt.open(blob);
    return { fdt, base, bytes: fdt.header.totalSize };
  } catch (error) {
    if (!(error instanceof FdtError)) throw error;
    throw new KernelPanic(
      `Cannot read the device tree: ${error.code}`,
      `${error.message}; device tree at ${hex(base)}, ${loadedBytes === null ? 'of unknown length' : `${loadedBytes} bytes loaded`}`,
    );
  }
}
