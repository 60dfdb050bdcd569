// SPDX-License-Identifier: GPL-2.0-only
/**
 * Fills memblock from the device tree: RAM, and reserved regions. Nothing is mapped or allocated
 * here.
 *
 *     /memory ─► addMemory        image, DTB, initrd, reservation block, /reserved-memory with reg ─► reserve
 *                                 /reserved-memory with size ─► placed where it fits, after all that has a fixed place
 *
 * Specification: Devicetree Specification v0.4, 3.4, 3.5, 3.6 (chosen), 5.3 (reservation block).
 */

import { alignDown, alignUp, hex, PAGE_SIZE } from '#common/address.ts';
import {
  contains,
  intersect,
  lengthOf,
  numberRange,
  overlap,
  type Range,
  rangeOf,
  subtract,
  totalLength,
} from '#common/range.ts';
import {
  chosen,
  type Fdt,
  ignoredMemory,
  memoryRanges,
  memoryReservations,
  reservedMemory,
  type StaticRegion,
} from '#fdt/index.ts';
import type { BootDeviceTree } from '#kernel-ts/kernel/device-tree.ts';
import { span } from '#common/quantities.ts';
import type { KernelImage } from '#kernel-ts/kernel/image.ts';
import { type Memblock, STATIC_REGIONS } from './memblock.ts';
import { firstFitUnsorted } from './memblock-holes.ts';
import type { Range64 } from './memblock-types.ts';
import { type Owner, OwnerKind } from './owner.ts';
import { ENTRY_BYTES } from './region-table.ts';

const GIB = 2 ** 30;

/** Physical memory that the CPU can access while the bootstrap tables are live. */
export interface EarlyReach {
  /** Limit of physical addresses of this core. */
  readonly limit: number;
  /**
   * Maps the GiBs of a range of RAM at their direct-map addresses.
   * @throws MapError when tables run out
   */
  map(range: Range): void;
}

/** Problem in the tree: reported in the log, never an error. */
export type DiscoveryWarning = string;

/** Results that are kept after discovery. */
export interface DiscoveredMemory {
  readonly warnings: readonly DiscoveryWarning[];
  /** Initramfs, when it lies entirely in RAM that may be mapped. */
  readonly initrd: Range<bigint> | null;
  /** Ignored memory nodes, for the panic that finds no RAM. */
  readonly whyNoRam: string;
}

/** Reservation with a fixed place. */
interface FixedReservation extends Range<bigint> {
  readonly owner: Owner;
  readonly noMap?: boolean;
}

/** Fills `memblock` from the tree. @throws KernelPanic when the tables cannot be placed */
export function discoverMemory(
  memblock: Memblock,
  tree: BootDeviceTree,
  image: KernelImage,
  reach: EarlyReach,
): DiscoveredMemory {
  const { fdt } = tree;
  const warnings: DiscoveryWarning[] = [];
  const named = memoryRanges(fdt);
  const { ram: reached, beyond } = reachable(named, reach.limit);
  const { usableMemory, usableMemoryIgnored, initrd: namedInitrd, initrdIgnored } = chosen(fdt);
  const ram = usableMemory === null ? reached : intersect(reached, usableMemory.map(numberRange));
  const unused = totalLength(reached) - totalLength(ram);
  if (unused > 0) warnings.push(`linux,usable-memory-range of /chosen keeps ${unused} bytes of RAM from being used`);
  if (usableMemoryIgnored !== null) warnings.push(usableMemoryIgnored);
  if (beyond > 0n) {
    warnings.push(
      `${beyond} bytes lie at or above 2^${Math.log2(reach.limit)}, beyond the reach of this core: not used`,
    );
  }
  const regions = reservedMemory(fdt);
  warnings.push(...overlaps(regions.staticRegions));
  const unusable = namedInitrd === null ? null : whyUnusable(namedInitrd, ram, regions.staticRegions);
  const initrd = unusable === null ? namedInitrd : null;
  if (unusable !== null) warnings.push(`initramfs ignored: ${unusable}`);
  if (initrdIgnored !== null) warnings.push(`initramfs ignored: ${initrdIgnored}`);
  for (const { path, reason } of regions.rejected) warnings.push(`${path} ignored: ${reason}`);

  const fixed: FixedReservation[] = [
    { ...placed(image.physicalBase, image.bytes), owner: { kind: OwnerKind.KERNEL_IMAGE, cookie: 0n } },
    { ...placed(tree.base, tree.bytes), owner: { kind: OwnerKind.DTB, cookie: 0n } },
    ...(initrd === null ? [] : [{ ...initrd, owner: { kind: OwnerKind.INITRAMFS, cookie: 0n } }]),
    ...memoryReservations(fdt).map((range) => ({
      ...range,
      owner: { kind: OwnerKind.RESERVATION_BLOCK, cookie: 0n },
    })),
    ...regions.staticRegions.map(({ start, end, noMap, node }) => ({
      start,
      end,
      owner: { kind: OwnerKind.RESERVED_MEMORY, cookie: BigInt(node.offset) },
      noMap,
    })),
  ];

  // A dynamic region takes an entry too, wherever it is placed.
  const reserved: Range64[] = [...fixed, ...regions.dynamicRegions.map(() => ({ start: 0, end: 0 }))];
  memblock.ensureCapacity({ memory: ram, reserved, within: placeForTables(ram, reserved, image, reach) });
  for (const { start, end } of ram) memblock.add(start, end - start);
  for (const { start, end, owner, noMap = false } of fixed) memblock.reserve(start, end - start, { owner, noMap });

  for (const { path, node, size, alignment, allocRanges, noMap } of regions.dynamicRegions) {
    const owner = { kind: OwnerKind.RESERVED_DYNAMIC, cookie: BigInt(node.offset) };
    const place = memblock.placeDynamic({ size, alignment, allocRanges, noMap, owner });
    if (place === null) warnings.push(`${path} ignored: no room for ${hex(size)} bytes`);
  }

  const totals = memblock.totals();
  if (totals.clipped > 0n) {
    warnings.push(`${totals.clipped} bytes of reservations lie at or above 2^47: no RAM is there`);
  }
  if (totals.trimmed > 0) warnings.push(`${totals.trimmed} bytes in partial pages at the ends of banks: not used`);
  if (![...memblock.banks()].some((bank) => contains(bank, image.whole))) {
    warnings.push('the kernel image does not lie in RAM that the device tree names');
  }
  return { warnings, initrd, whyNoRam: whyNoRam(fdt, named, beyond, unused, reach.limit) };
}

function placed(base: number, bytes: number): Range<bigint> {
  return { start: BigInt(base), end: BigInt(base + bytes) };
}

/** Reasons why memory in the tree cannot be used as RAM: one sentence for each. */
function whyNoRam(fdt: Fdt, named: readonly Range<bigint>[], beyond: bigint, unused: number, limit: number): string {
  const reasons = ignoredMemory(fdt);
  if (beyond > 0n) {
    const first = named.find(({ end }) => end > limit);
    const at = first === undefined ? '' : `, the first at ${hex(first.start)}`;
    reasons.push(`${beyond} bytes lie at or above 2^${Math.log2(limit)}, beyond the reach of this core${at}`);
  }
  if (unused > 0) reasons.push(`linux,usable-memory-range of /chosen leaves out ${unused} bytes`);
  if (named.length > 0 && reasons.length === 0) reasons.push('no range that is named holds a whole page');
  if (reasons.length === 0) reasons.push('no node below the root has device_type "memory"; a boot loader adds one');
  return reasons.join('; ');
}

/** Regions of /reserved-memory that overlap: the same memory is reserved twice. */
function overlaps(regions: readonly StaticRegion[]): DiscoveryWarning[] {
  const found: DiscoveryWarning[] = [];
  const sorted = regions
    .map((region) => ({ path: region.path, ...numberRange(region) }))
    .toSorted((a, b) => a.start - b.start);
  let furthest = sorted[0];
  for (const region of sorted.slice(1)) {
    if (furthest !== undefined && region.start < furthest.end) {
      const [a, b] = [furthest, region].map(({ path, start, end }) => `${path} (${span(start, end)})`);
      found.push(`${a} and ${b} overlap`);
    }
    if (furthest === undefined || region.end > furthest.end) furthest = region;
  }
  return found;
}

/**
 * Reason why the kernel cannot read the initramfs, or null. Linux also drops an initramfs that is
 * not entirely in memory.
 */
function whyUnusable(initrd: Range<bigint>, ram: readonly Range[], regions: readonly StaticRegion[]): string | null {
  const range = numberRange(initrd);
  const where = `it lies at ${span(range.start, range.end)}`;
  const missing = totalLength(subtract([range], ram));
  if (missing > 0) {
    const banks = ram
      .filter(({ start, end }) => start < end)
      .map(({ start, end }) => span(start, end))
      .join(', ');
    const part = missing === lengthOf(range) ? 'and none of it' : `and ${missing} bytes of it are not`;
    return `${where}, ${part} in the RAM of the device tree, ${banks === '' ? 'which has none' : banks}`;
  }
  const hidden = regions.find((region) => region.noMap && overlap<bigint>(region, initrd));
  if (hidden === undefined) return null;
  const { start, end } = numberRange(hidden);
  return `${where}, and ${hidden.path}, ${span(start, end)}, must not be mapped`;
}

/** Ranges of RAM below `limit`, and the number of bytes above it. */
function reachable(ranges: readonly Range<bigint>[], limit: number): { ram: Range[]; beyond: bigint } {
  let beyond = 0n;
  const ram = ranges.map((range) => {
    const start = Math.min(Number(range.start), limit);
    const end = Math.min(Number(range.end), limit);
    beyond += range.end - range.start - BigInt(end - start);
    return { start, end };
  });
  return { ram, beyond };
}

/**
 * Range for memblock's tables when they must grow. The bootstrap tables map the GiB of the image.
 * When that has no room (the tree may have RAM only elsewhere), the first place with room is also
 * mapped.
 */
function placeForTables(
  ram: readonly Range[],
  reserved: readonly Range64[],
  image: KernelImage,
  reach: EarlyReach,
): Range {
  const ofImage = rangeOf({ base: alignDown(image.physicalBase, GIB), size: GIB });
  // Upper bound of the entries in memblock, which adds some of its own.
  const size = alignUp((ram.length + reserved.length + STATIC_REGIONS) * ENTRY_BYTES, PAGE_SIZE);
  const taken = reserved.map(({ start, end }) => ({ start: Number(start), end: Number(end) }));
  const fit = (from: number, limit: number): number | null =>
    firstFitUnsorted(ram, taken, { size, align: PAGE_SIZE, from, limit });
  const fitsStatic = Math.max(ram.length, reserved.length + STATIC_REGIONS / 2) <= STATIC_REGIONS;
  if (fitsStatic || fit(ofImage.start, ofImage.end) !== null) return ofImage;
  const place = fit(0, reach.limit);
  if (place === null) return ofImage;
  const tables = rangeOf({ base: place, size });
  reach.map(tables);
  return tables;
}
