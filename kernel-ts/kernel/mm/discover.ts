/**
 * From the device tree to memblock: what RAM there is, and who must be left alone. Nothing is mapped or allocated here.
 *
 *     /memory ─► addMemory        image, DTB, initrd, reservation block, /reserved-memory with reg ─► reserve
 *                                 /reserved-memory with size ─► placed where it fits, after everything that has a fixed place
 *
 * Specification: Devicetree Specification v0.4, 3.4, 3.5, 3.6 (chosen), 5.3 (reservation block).
 */

import { alignDown, hex } from '../../../emulator/address.ts';
import { chosen, memoryRanges, memoryReservations, reservedMemory } from '../../hal/fdt/index.ts';
import type { BootDeviceTree } from '../device-tree.ts';
import type { KernelImage } from '../image.ts';
import { Memblock, type Range64 } from './memblock.ts';
import { type Owner, OwnerKind } from './owner.ts';

const GIB = 2 ** 30;

/** What was found that does not fit: told in the log, never an error. */
export type Complaint = string;

/** A reservation with a fixed place. */
interface FixedReservation extends Range64 {
  readonly owner: Owner;
  readonly noMap: boolean;
}

/** Fills `memblock` from the tree. @returns complaints for the log. @throws KernelPanic when the tables cannot be placed */
export function discoverMemory(memblock: Memblock, tree: BootDeviceTree, image: KernelImage): Complaint[] {
  const { fdt } = tree;
  const complaints: Complaint[] = [];
  const ram = memoryRanges(fdt);
  const regions = reservedMemory(fdt);
  const { initrd, initrdIgnored } = chosen(fdt);
  if (initrdIgnored !== null) complaints.push(`initramfs ignored: ${initrdIgnored}`);
  for (const { path, reason } of regions.rejected) complaints.push(`${path} ignored: ${reason}`);

  const fixed: FixedReservation[] = [
    {
      base: image.physicalBase,
      size: image.bytes,
      owner: { kind: OwnerKind.KERNEL_IMAGE, cookie: 0n },
      noMap: false,
    },
    { base: tree.base, size: tree.bytes, owner: { kind: OwnerKind.DTB, cookie: 0n }, noMap: false },
  ];
  if (initrd !== null) {
    fixed.push({
      base: initrd.start,
      size: initrd.end - initrd.start,
      owner: { kind: OwnerKind.INITRAMFS, cookie: 0n },
      noMap: false,
    });
  }
  for (const { address, size } of memoryReservations(fdt)) {
    fixed.push({ base: address, size, owner: { kind: OwnerKind.RESERVATION_BLOCK, cookie: 0n }, noMap: false });
  }
  for (const { base, size, noMap, node } of regions.staticRegions) {
    fixed.push({ base, size, owner: { kind: OwnerKind.RESERVED_MEMORY, cookie: BigInt(node.offset) }, noMap });
  }

  // The bootstrap tables map the GiB of the image: a larger table of regions must lie there.
  const mapped = { base: alignDown(image.physicalBase, GIB), size: GIB };
  memblock.ensureCapacity({ memory: ram, reserved: fixed, within: mapped });
  for (const { base, size } of ram) memblock.addMemory(base, size);
  for (const { base, size, owner, noMap } of fixed) memblock.reserve(base, size, { owner, noMap });

  for (const request of regions.dynamicRegions) {
    const place = memblock.placeDynamic({
      size: request.size,
      alignment: request.alignment,
      allocRanges: request.allocRanges.map(({ address, size }) => ({ base: address, size })),
      noMap: request.noMap,
      owner: { kind: OwnerKind.RESERVED_DYNAMIC, cookie: BigInt(request.node.offset) },
    });
    if (place === null) complaints.push(`${request.path} ignored: no room for ${hex(request.size)} bytes`);
  }

  const totals = memblock.totals();
  if (totals.clipped > 0n) complaints.push(`${totals.clipped} bytes lie at or above 2^47, beyond the direct map: not used`);
  if (totals.trimmed > 0) complaints.push(`${totals.trimmed} bytes in partial pages at the ends of banks: not used`);
  if (!isRam(memblock, image.physicalBase, image.bytes)) {
    complaints.push('the kernel image does not lie in RAM that the device tree names');
  }
  if (initrd !== null && !isRam(memblock, Number(initrd.start), Number(initrd.end - initrd.start))) {
    complaints.push('the initramfs does not lie in RAM that the device tree names');
  }
  return complaints;
}

function isRam(memblock: Memblock, base: number, bytes: number): boolean {
  for (const bank of memblock.banks()) {
    if (base >= bank.base && base + bytes <= bank.base + bank.size) return true;
  }
  return false;
}
