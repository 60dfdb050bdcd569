// SPDX-License-Identifier: GPL-2.0-only
/**
 * The kernel's own address space: its mappings, and their order.
 *
 *     bootstrap (assembly)      1 GiB blocks around image and device tree, in both halves; the console
 *     early map (PT_POOL)       image by section, device tree, console, and a window of RAM that holds mem_map
 *     direct map (buddy)        every other byte of RAM that may be mapped
 *
 * The tables of the direct map come from the buddy allocator, which may allocate only mapped
 * frames: so it starts with the window, and gets the rest when the direct map is complete.
 */

import { alignDown, alignUp, PAGE_SIZE, physAddr } from '#common/address.ts';
import { MemoryAttributes } from '#kernel-ts/hal/mmu/descriptor.ts';
import type { DirectMapRange } from '#kernel-ts/hal/mmu/direct-map.ts';
import type { BootDeviceTree } from '#kernel-ts/kernel/device-tree.ts';
import type { KernelImage } from '#kernel-ts/kernel/image.ts';
import { contains, intersect, join, type Range, subtract, totalLength } from '#common/range.ts';
import type { Memblock } from './memblock.ts';

const MIB_2 = 2 * 2 ** 20;
const GIB = 2 ** 30;

/** Plan of the kernel's map, made before the first table is written. */
export interface KernelMapPlan {
  /** Ranges mapped from PT_POOL before the switch to the kernel's own tables. */
  readonly early: readonly DirectMapRange[];
  /** Ranges mapped once the buddy allocator can supply tables. */
  readonly rest: readonly DirectMapRange[];
  /** Parts of `early` that are ordinary RAM: the buddy allocator starts with their free memory. */
  readonly windows: readonly Range[];
}

/**
 * Plans the map.
 * @param needed ranges that must be mapped before the buddy allocator runs: mem_map, zone structs
 * @param devices register windows to map as device memory
 */
export function planKernelMap(
  memblock: Memblock,
  image: KernelImage,
  tree: BootDeviceTree,
  needed: readonly Range[],
  devices: readonly Range[],
): KernelMapPlan {
  const { kernelCode, kernelRodata, kernelData, device } = MemoryAttributes;
  const treePages = { start: alignDown(tree.base, PAGE_SIZE), end: alignUp(tree.base + tree.bytes, PAGE_SIZE) };
  const fixed: (Range & { attrs: MemoryAttributes })[] = [
    { ...image.text, attrs: kernelCode },
    { ...image.rodata, attrs: kernelRodata },
    { ...image.data, attrs: kernelData },
    { ...image.stack, attrs: kernelData },
    ...subtract([{ ...treePages, attrs: kernelRodata }], [image.whole]),
    ...devices.map((range) => ({ ...range, attrs: device })),
  ];
  const ordinary = subtract([...memblock.mappableRanges()], [...fixed, image.guard]);

  const windows = needed.map((range) => windowAround(range, ordinary));
  const tablesWanted = (4 * ordinary.length + 16) * PAGE_SIZE;
  const free = [...memblock.freeRanges()];
  for (const range of free) {
    if (totalLength(intersect(free, join(windows))) >= tablesWanted) break;
    windows.push(windowAround({ start: range.start, end: Math.min(range.end, range.start + tablesWanted) }, ordinary));
  }
  const early = join(windows);
  return {
    early: [...fixed, ...early.map((range) => ({ ...range, attrs: kernelData }))].map(asDirectMapRange),
    rest: subtract(ordinary, early).map((range) => asDirectMapRange({ ...range, attrs: kernelData })),
    windows: early,
  };
}

/** `range`, extended to the largest blocks inside its piece of RAM. */
function windowAround(range: Range, ordinary: readonly Range[]): Range {
  const piece = ordinary.find((one) => contains(one, range)) ?? range;
  for (const block of [GIB, MIB_2]) {
    const window = { start: alignDown(range.start, block), end: alignUp(range.end, block) };
    if (contains(piece, window)) return window;
  }
  return {
    start: Math.max(piece.start, alignDown(range.start, MIB_2)),
    end: Math.min(piece.end, alignUp(range.end, MIB_2)),
  };
}

function asDirectMapRange(range: Range & { attrs: MemoryAttributes }): DirectMapRange {
  return { start: physAddr(range.start), end: physAddr(range.end), attrs: range.attrs };
}
