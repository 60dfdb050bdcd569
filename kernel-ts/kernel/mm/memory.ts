// SPDX-License-Identifier: GPL-2.0-only
/**
 * Initialisation of memory, in order: the counterpart of mm_init. Each step says why it cannot come
 * earlier.
 *
 * ```
 *   discover   RAM and reservations from the device tree                    memblock
 *   place      mem_map, and zone structs where there are many banks         memblock, before anything else is taken
 *   map        image, device tree, console, a window around mem_map        PT_POOL: nothing else can give tables
 *   switch     TTBR1 to the kernel's tables; the identity map goes          the pool gets its bootstrap tables back
 *   mem_map    every frame RESERVED                                         now mapped
 *   buddy      gets what is free in the window; the MMU gets the buddy      set_page_allocator
 *   map        every other bank of RAM                                      tables from the buddy
 *   buddy      gets the rest: no frame is handed out unmapped
 *   heap       from the buddy
 * ```
 */

import { alignDown, alignUp, PAGE_SIZE, type PhysAddr, physAddr } from '#common/address.ts';
import type { AddressSpace } from '#kernel-ts/hal/mmu/address-space.ts';
import { MemoryAttributes } from '#kernel-ts/hal/mmu/descriptor.ts';
import { mapDirect } from '#kernel-ts/hal/mmu/direct-map.ts';
import type { MapCounts } from '#kernel-ts/hal/mmu/map.ts';
import { Mmu } from '#kernel-ts/hal/mmu/mmu.ts';
import type { PageAllocator } from '#kernel-ts/hal/mmu/page-allocator.ts';
import { PT_POOL_STATE_BYTES } from '#kernel-ts/hal/mmu/pt-pool.ts';
import type { Ports } from '#kernel-ts/hal/ports.ts';
import type { BootDeviceTree } from '#kernel-ts/kernel/device-tree.ts';
import { BOOTSTRAP_TABLES, type KernelImage } from '#kernel-ts/kernel/image.ts';
import { BssArena } from './bss.ts';
import { Buddy, zoneBytes } from './buddy.ts';
import { BuddyTrace } from './buddy-trace.ts';
import { DIRECT_MAP_BASE, DIRECT_MAP_BYTES, physToVirt, virtToPhys } from '#kernel-ts/kernel/direct-map.ts';
import { FaultyBuddy } from './faults/faulty-buddy.ts';
import { isFaultless, type MemoryFaults } from './faults/memory-faults.ts';
import { PoisonedSpan } from './faults/poisoned-span.ts';
import { type DiscoveryWarning, discoverMemory, type EarlyReach } from './discover.ts';
import { DmaBuffers } from './dma.ts';
import { type FrameAccount, FrameAccounts, reserveFrames } from './frame-accounts.ts';
import { Heap } from './heap.ts';
import { intersect, type Range, rangeOf, subtract } from '#common/range.ts';
import { planKernelMap } from './kernel-map.ts';
import { Memblock } from './memblock.ts';
import { MemMap, type MemMapPlacement, placeMemMap } from './mem-map.ts';
import { OwnerKind } from './owner.ts';
import { PageOwner } from './page-owner.ts';
import { SlabAllocator } from './slab/slab-allocator.ts';
import { KernelPanic } from '#kernel-ts/kernel/panic.ts';

const MIB_2 = 2 * 2 ** 20;

/** Memory system of a running kernel. */
export interface MemorySystem {
  readonly memblock: Memblock;
  readonly memMap: MemMap;
  readonly buddy: Buddy;
  /**
   * Frames by owner, and the kernel's reserve: everything outside this file allocates frames here.
   */
  readonly frames: FrameAccounts;
  readonly heap: Heap;
  /** Caches for small kernel objects. */
  readonly slab: SlabAllocator;
  /** Buffers for devices (DMA). */
  readonly dma: DmaBuffers;
  readonly mmu: Mmu;
  /** Address space of the high half. */
  readonly kernelSpace: AddressSpace;
  /** Initramfs, when the device tree names one that the kernel can read. */
  readonly initrd: Range<bigint> | null;
}

/** Called at each step, for the boot log. */
export interface MemoryObserver {
  discovered(memblock: Memblock, warnings: readonly DiscoveryWarning[]): void;
  placed(placement: MemMapPlacement): void;
  /** The first ranges are mapped from PT_POOL, and the kernel runs on its own tables now. */
  switched(mmu: Mmu, early: MapCounts): void;
  /** All banks are mapped. */
  mapped(mmu: Mmu, rest: MapCounts): void;
  /** The buddy allocator has all free frames. */
  populated(buddy: Buddy): void;
  ready(memory: MemorySystem): void;
}

/**
 * @param devices register windows that must stay reachable: the console
 * @param faults injected faults; none by default
 * @throws KernelPanic the three of memory discovery, or any other failure; MapError when tables run
 * out
 */
export function initMemory(
  ports: Ports,
  image: KernelImage,
  tree: BootDeviceTree,
  devices: readonly Range[],
  observer: MemoryObserver,
  faults: MemoryFaults = {},
): MemorySystem {
  const bss = new BssArena(image.virtual('kernel_bss'), image.symbols.kernel_bss_end - image.symbols.kernel_bss);

  const mmu = openMmu(ports, image, bss);
  const bootstrap = mmu.liveSpace('high');
  const memblock = new Memblock(ports.memory, bss);
  const { warnings, initrd, whyNoRam } = discoverMemory(memblock, tree, image, earlyReach(mmu, bootstrap));
  observer.discovered(memblock, warnings);

  const placement = placeMemMap(memblock, DIRECT_MAP_BYTES, whyNoRam);
  observer.placed(placement);
  const zones = placeZones(memblock, placement);

  // This code runs in the high half; the identity map in the low half is not needed any more.
  mmu.setTtbr0(null);
  mmu.pool.freePage(bootstrapTable(image, 0));
  mmu.pool.freePage(bootstrapTable(image, 1));

  // Memory that is accessed before the direct map is complete.
  const needed = [
    rangeOf({ base: placement.base, size: placement.bytes }),
    ...(zones === null ? [] : [zones]),
    ...tablesOf(memblock),
  ];
  const plan = planKernelMap(memblock, image, tree, needed, devices);
  const kernelSpace = mmu.createSpace('high');
  const early = mapDirect(kernelSpace, DIRECT_MAP_BASE, plan.early);
  mmu.switchTtbr1(kernelSpace);
  bootstrap.releaseTables();
  observer.switched(mmu, early);

  const memMap = new MemMap(ports.memory, placement);
  memMap.initialise();
  const isFaulty = !isFaultless(faults);
  const buddyTrace = isFaulty || ports.trace.enabled('buddy') ? new BuddyTrace(ports.trace) : null;
  const zonesAt = zones === null ? undefined : physToVirt(physAddr(zones.start));
  const buddy =
    isFaulty && buddyTrace !== null
      ? new FaultyBuddy(ports.memory, bss, memMap, zonesAt, buddyTrace, faults, ports.trace)
      : new Buddy(ports.memory, bss, memMap, zonesAt, buddyTrace);
  const frames = new FrameAccounts(ports.memory, bss, buddy, buddyTrace);
  const free = [...memblock.freeRanges()];
  addRanges(buddy, intersect(free, plan.windows));
  mmu.setPageAllocator(pageAllocator(frames.account(PageOwner.PAGE_TABLES)));

  const rest = mapDirect(kernelSpace, DIRECT_MAP_BASE, plan.rest);
  observer.mapped(mmu, rest);
  addRanges(buddy, subtract(free, plan.windows));
  observer.populated(buddy);

  const { ram } = memblock.totals();
  const heapTrace = ports.trace.enabled('heap') ? ports.trace : null;
  const spans = faults.poisonFreed === true ? PoisonedSpan : undefined;
  const heap = new Heap(ports.memory, bss, frames.account(PageOwner.HEAP), ram, heapTrace, spans);
  frames.setReserve(reserveFrames(ram));
  const slab = new SlabAllocator(ports.memory, bss, heap, frames);
  const dma = new DmaBuffers(ports.memory, kernelSpace, frames.account(PageOwner.DMA));
  const memory = { memblock, memMap, buddy, frames, heap, slab, dma, mmu, kernelSpace, initrd };
  observer.ready(memory);
  return memory;
}

/** MMU object on the bootstrap tables that `_start` took from PT_POOL. */
function openMmu(ports: Ports, image: KernelImage, bss: BssArena): Mmu {
  const mmu = new Mmu({
    ports,
    physicalOffset: DIRECT_MAP_BASE,
    poolBase: image.physical('pt_pool'),
    poolState: virtToPhys(bss.reserve('pt_pool state', PT_POOL_STATE_BYTES, 8)),
    trace: ports.trace,
  });
  mmu.enableNonCacheable();
  for (let index = 0; index < BOOTSTRAP_TABLES; index++) mmu.pool.markUsed(index);
  return mmu;
}

/** Extends the mapped RAM, by blocks of 2 MiB in the tables of `_start`. */
function earlyReach(mmu: Mmu, bootstrap: AddressSpace): EarlyReach {
  return {
    limit: Math.min(DIRECT_MAP_BYTES, 2 ** mmu.outputAddressBits),
    map: ({ start, end }) => {
      for (let block = alignDown(start, MIB_2); block < end; block += MIB_2) {
        const va = physToVirt(physAddr(block));
        if (!bootstrap.translate(va).ok) bootstrap.mapBlock(va, physAddr(block), 2, MemoryAttributes.kernelData);
      }
    },
  };
}

/** Frames of memblock's tables, when .bss was too small for them. */
function tablesOf(memblock: Memblock): Range[] {
  return [...memblock.reservedRanges()].filter(({ owner }) => owner.kind === OwnerKind.MEMBLOCK);
}

function bootstrapTable(image: KernelImage, index: number): PhysAddr {
  return physAddr(image.physical('pt_pool') + index * PAGE_SIZE);
}

/** Memory for the zone structs, when .bss has no room for that many banks. */
function placeZones(memblock: Memblock, placement: MemMapPlacement): Range | null {
  const bytes = zoneBytes(placement);
  if (bytes === 0) return null;
  const start = memblock.alloc(bytes, PAGE_SIZE, { owner: { kind: OwnerKind.ZONES, cookie: 0n } });
  if (start === null) {
    throw new KernelPanic(
      'Cannot allocate zone structs — insufficient contiguous memory',
      `${placement.sections.length} sections of RAM need ${bytes} bytes`,
    );
  }
  return rangeOf({ base: start, size: alignUp(bytes, PAGE_SIZE) });
}

function addRanges(buddy: Buddy, ranges: readonly Range[]): void {
  for (const { start, end } of ranges) buddy.addRange(physAddr(start), physAddr(end));
}

/** The buddy allocator in the form of the HAL's PageAllocator. */
function pageAllocator(account: FrameAccount): PageAllocator {
  return {
    allocPage: () => account.allocFrames(0),
    freePage: (pa) => account.freeFrames(pa, 0),
  };
}
