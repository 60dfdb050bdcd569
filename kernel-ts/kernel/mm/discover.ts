/**
 * From the device tree to memblock: what RAM there is, and who must be left alone. Nothing is mapped or allocated here.
 *
 *     /memory ─► addMemory        image, DTB, initrd, reservation block, /reserved-memory with reg ─► reserve
 *                                 /reserved-memory with size ─► placed where it fits, after everything that has a fixed place
 *
 * Specification: Devicetree Specification v0.4, 3.4, 3.5, 3.6 (chosen), 5.3 (reservation block).
 */

import { alignDown, alignUp, hex, PAGE_SIZE } from '../../../emulator/address.ts';
import { chosen, memoryRanges, memoryReservations, reservedMemory } from '../../hal/fdt/index.ts';
import type { BootDeviceTree } from '../device-tree.ts';
import type { KernelImage } from '../image.ts';
import type { Interval } from './intervals.ts';
import { type Memblock, type Range64, STATIC_REGIONS } from './memblock.ts';
import { firstFitUnsorted, type Range } from './memblock-holes.ts';
import { type Owner, OwnerKind } from './owner.ts';
import { ENTRY_BYTES } from './region-table.ts';

const GIB = 2 ** 30;

/** Physical memory as the CPU can reach it while the bootstrap tables are live. */
export interface EarlyReach {
  /** Physical addresses of this core are below this. */
  readonly limit: number;
  /** Maps the GiBs of a range of RAM at their direct-map addresses. @throws MapError when tables run out */
  map(range: Interval): void;
}

/** What was found that does not fit: told in the log, never an error. */
export type Complaint = string;

/** A reservation with a fixed place. */
interface FixedReservation extends Range64 {
  readonly owner: Owner;
  readonly noMap: boolean;
}

/** Fills `memblock` from the tree. @returns complaints for the log. @throws KernelPanic when the tables cannot be placed */
export function discoverMemory(
  memblock: Memblock,
  tree: BootDeviceTree,
  image: KernelImage,
  reach: EarlyReach,
): Complaint[] {
  const { fdt } = tree;
  const complaints: Complaint[] = [];
  const { ram, beyond } = reachable(memoryRanges(fdt), reach.limit);
  if (beyond > 0n) {
    complaints.push(
      `${beyond} bytes lie at or above 2^${Math.log2(reach.limit)}, beyond the reach of this core: not used`,
    );
  }
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

  // A dynamic region takes an entry too, wherever it will go.
  const reserved: Range64[] = [...fixed, ...regions.dynamicRegions.map(() => ({ base: 0, size: 0 }))];
  memblock.ensureCapacity({ memory: ram, reserved, within: placeForTables(ram, reserved, image, reach) });
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
  if (totals.clipped > 0n)
    complaints.push(`${totals.clipped} bytes of reservations lie at or above 2^47: no RAM is there`);
  if (totals.trimmed > 0) complaints.push(`${totals.trimmed} bytes in partial pages at the ends of banks: not used`);
  if (!isRam(memblock, image.physicalBase, image.bytes)) {
    complaints.push('the kernel image does not lie in RAM that the device tree names');
  }
  if (initrd !== null && !isRam(memblock, Number(initrd.start), Number(initrd.end - initrd.start))) {
    complaints.push('the initramfs does not lie in RAM that the device tree names');
  }
  return complaints;
}

/** The ranges of RAM below `limit`, and how many bytes lie above. */
function reachable(ranges: readonly Range64[], limit: number): { ram: Range[]; beyond: bigint } {
  let beyond = 0n;
  const ram = ranges.map(({ base, size }) => {
    const start = Math.min(Number(base), limit);
    const end = Math.min(Number(BigInt(base) + BigInt(size)), limit);
    beyond += BigInt(size) - BigInt(end - start);
    return { base: start, size: end - start };
  });
  return { ram, beyond };
}

/**
 * Where memblock may put its tables when they must grow. The bootstrap tables map the GiB of the image; where that has no room (the tree may name
 * RAM elsewhere only), the first place that has is mapped too.
 */
function placeForTables(
  ram: readonly Range[],
  reserved: readonly Range64[],
  image: KernelImage,
  reach: EarlyReach,
): Range {
  const ofImage = { base: alignDown(image.physicalBase, GIB), size: GIB };
  // An upper bound of what memblock will ask for; it adds entries of its own.
  const size = alignUp((ram.length + reserved.length + STATIC_REGIONS) * ENTRY_BYTES, PAGE_SIZE);
  const taken = reserved.map(({ base, size: bytes }) => ({ base: Number(base), size: Number(bytes) }));
  const fit = (from: number, limit: number): number | null =>
    firstFitUnsorted(ram, taken, { size, align: PAGE_SIZE, from, limit });
  const fitsStatic = Math.max(ram.length, reserved.length + STATIC_REGIONS / 2) <= STATIC_REGIONS;
  if (fitsStatic || fit(ofImage.base, ofImage.base + GIB) !== null) return ofImage;
  const place = fit(0, reach.limit);
  if (place === null) return ofImage;
  reach.map({ start: place, end: place + size });
  return { base: place, size };
}

function isRam(memblock: Memblock, base: number, bytes: number): boolean {
  for (const bank of memblock.banks()) {
    if (base >= bank.base && base + bytes <= bank.base + bank.size) return true;
  }
  return false;
}
