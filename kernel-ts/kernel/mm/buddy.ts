// SPDX-License-Identifier: GPL-2.0-only
/**
 * The buddy allocator: physical frames in blocks of 2^order, order 0 (4 KiB) to 20 (4 GiB), and
 * runs of any number of frames. This file is the public interface: the lock, the choice of the
 * zone, and the refusal of bad requests. zone.ts moves blocks; mem-map.ts holds the descriptors.
 *
 * Policy: zones are tried in ascending order of address, each being one bank of RAM; inside a zone
 * the smallest block that is large enough is split. So kernel data gathers in the low bank, which
 * early tables map and which devices with 32-bit DMA can reach.
 *
 * Every block is naturally aligned in absolute physical address space, lies in one zone, and holds
 * no reserved frame.
 *
 * Ranges may be added in steps: first the memory that the boot tables map; the rest once it is
 * mapped by page tables from those frames.
 */

import { hex, PAGE_SIZE, type PhysAddr, physAddr, type VirtAddr, virtAddr } from '#common/address.ts';
import { bisect } from '#common/range.ts';
import type { MemoryPort } from '#kernel-ts/hal/ports.ts';
import { KernelPanic } from '#kernel-ts/kernel/panic.ts';
import { badExactFree, badFree } from './bad-free.ts';
import type { BssArena } from './bss.ts';
import { checkZone } from './buddy-check.ts';
import type { BuddyTrace } from './buddy-trace.ts';
import { NONE } from './free-lists.ts';
import { explainFrame, type FrameState, outsideRam } from './frame-state.ts';
import type { MemMap, MemMapPlan } from './mem-map.ts';
import { allocatedHeadState, MAX_ORDER, PageFlag } from './page.ts';
import { SPINLOCK_BYTES, Spinlock } from './spinlock.ts';
import { TracedZone } from './traced-zone.ts';
import { exactState, Zone } from './zone.ts';
import { ZONE_STRIDE } from './zone-layout.ts';

/** Number of zones whose structs fit into .bss; more need a place from {@link zoneBytes}. */
export const STATIC_ZONES = 16;

/** Size of the zone structs outside .bss in bytes, page-aligned; 0 when they fit into .bss. */
export function zoneBytes({ sections }: Pick<MemMapPlan, 'sections'>): number {
  return sections.length <= STATIC_ZONES ? 0 : sections.length * ZONE_STRIDE;
}

/** Counters in frames. */
export interface BuddyCounts {
  /** Number of frames given to the allocator. */
  readonly totalFrames: number;
  readonly freeFrames: number;
}

/** Physical frame allocator of the machine. */
export class Buddy {
  readonly lock: Spinlock;
  private readonly zones: readonly Zone[];
  private readonly trace: BuddyTrace | null;
  /** Zone of the last free: the first guess for the next. */
  private lastZone: Zone | undefined;

  /**
   * Creates an allocator without frames: add ranges next. mem_map must be initialised.
   * @param zonesAt mapped memory for the zone structs when {@link zoneBytes} asks for it
   * @param trace receives every operation on a block; null costs nothing
   * @throws KernelPanic when .bss is full or `zonesAt` is missing
   */
  constructor(memory: MemoryPort, bss: BssArena, map: MemMap, zonesAt?: VirtAddr, trace: BuddyTrace | null = null) {
    this.trace = trace;
    const lockWord = bss.reserve('buddy.lock', SPINLOCK_BYTES, SPINLOCK_BYTES);
    memory.write32(lockWord, 0);
    this.lock = new Spinlock(memory, lockWord, 'buddy');
    const needed = zoneBytes(map);
    if (needed > 0 && zonesAt === undefined) {
      throw new KernelPanic(
        'No place for the zone structs',
        `${map.sections.length} zones need ${needed} bytes outside .bss`,
      );
    }
    const structs = zonesAt ?? bss.reserve('zones', map.sections.length * ZONE_STRIDE, ZONE_STRIDE);
    this.zones = map.sections.map((section, index) => {
      const va = virtAddr(structs + BigInt(index * ZONE_STRIDE));
      const zone = trace === null ? new Zone(memory, va, section) : new TracedZone(memory, va, section, trace);
      zone.initialise(section.va);
      return zone;
    });
  }

  /**
   * Gives the frames of [start, end) to the allocator, in the largest aligned blocks; they merge
   * with free neighbours added before. O(frames).
   * @throws KernelPanic when an end is not page-aligned, or a frame is outside RAM or was already
   * added
   */
  addRange(start: PhysAddr, end: PhysAddr): void {
    if (start % PAGE_SIZE !== 0 || end % PAGE_SIZE !== 0 || start > end) {
      throw new KernelPanic('Memory range for the buddy allocator is not whole pages', `[${hex(start)}, ${hex(end)})`);
    }
    this.lock.acquire();
    this.trace?.enter({ kind: 'boot', name: 'boot' });
    const endPfn = end / PAGE_SIZE;
    for (let pfn = start / PAGE_SIZE; pfn < endPfn; ) {
      const zone = this.findZone(pfn);
      if (zone === null) {
        throw new KernelPanic(
          'Memory range for the buddy allocator is outside RAM',
          `frame ${hex(pfn * PAGE_SIZE)} of [${hex(start)}, ${hex(end)})`,
        );
      }
      zone.open();
      const from = pfn - zone.originPfn;
      const to = Math.min(endPfn, zone.endPfn) - zone.originPfn;
      const managed = zone.addRange(from, to);
      if (managed !== NONE) {
        throw new KernelPanic(
          'Memory range was given to the buddy allocator twice',
          `frame ${hex((zone.originPfn + managed) * PAGE_SIZE)} of [${hex(start)}, ${hex(end)}) is already managed`,
        );
      }
      pfn = zone.originPfn + to;
    }
    this.trace?.leave();
    this.lock.release();
  }

  /** Allocates one frame; `null` when memory is exhausted. Contents are undefined. O(MAX_ORDER). */
  allocFrame(): PhysAddr | null {
    return this.allocFrames(0);
  }

  /**
   * Allocates 2^order frames, aligned to their size; `null` when no block is large enough, which
   * above order 20 is always. O(zones + MAX_ORDER).
   * @throws KernelPanic when `order` is not a non-negative integer, or a free list is corrupted
   */
  allocFrames(order: number): PhysAddr | null {
    if (order >>> 0 !== order) throw noSuchOrder(order);
    if (order > MAX_ORDER) return null;
    this.lock.acquire();
    let frame: PhysAddr | null = null;
    const zones = this.zones;
    for (let index = 0; frame === null && index < zones.length; index++) {
      const zone = zones[index]!;
      zone.open();
      const rel = zone.alloc(order, 0);
      if (rel !== NONE) frame = physAddr((zone.originPfn + rel) * PAGE_SIZE);
    }
    this.lock.release();
    return frame;
  }

  /**
   * As {@link allocFrames}, but entirely below physical address `limit`, for a device with limited
   * addresses. Free with {@link freeFrames}. O(zones + free blocks of at least that order in the
   * zones below). @throws KernelPanic as allocFrames
   */
  allocBelow(order: number, limit: number): PhysAddr | null {
    if (order >>> 0 !== order) throw noSuchOrder(order);
    const limitPfn = Math.floor(limit / PAGE_SIZE);
    this.lock.acquire();
    let frame: PhysAddr | null = null;
    for (const zone of this.zones) {
      if (frame !== null || zone.startPfn >= limitPfn || order > MAX_ORDER) break;
      zone.open();
      const rel = zone.endPfn <= limitPfn ? zone.alloc(order) : zone.allocBelow(order, limitPfn - zone.originPfn);
      if (rel !== NONE) frame = physAddr((zone.originPfn + rel) * PAGE_SIZE);
    }
    this.lock.release();
    return frame;
  }

  /** Frees one frame. @throws KernelPanic as {@link freeFrames} */
  freeFrame(frame: PhysAddr): void {
    this.freeFrames(frame, 0);
  }

  /**
   * Frees the block that `allocFrames(order)` returned, merging it with free buddies. O(log zones +
   * MAX_ORDER).
   * @throws KernelPanic (see bad-free.ts) on: double free, another order than allocated, a frame
   * never allocated, the inside of a block, a part of an exact allocation, outside RAM, misaligned
   */
  freeFrames(frame: PhysAddr, order: number): void {
    this.lock.acquire();
    const zone = this.findZone(frame / PAGE_SIZE);
    if (zone === null) throw this.refusal(frame, order);
    zone.open();
    const rel = frame / PAGE_SIZE - zone.originPfn;
    const exists = (rel | 0) === rel && (order | 0) === order && order <= MAX_ORDER;
    if (!exists || !zone.free(rel, order, allocatedHeadState(order))) throw this.refusal(frame, order);
    this.lock.release();
  }

  /**
   * Allocates contiguous frames for `bytes` bytes, aligned to the order that covers them; the rest
   * of that block stays free. `null` when no block of that order is free, or `bytes` is above 4
   * GiB. Free with {@link freeExact} and the same size. O(zones + MAX_ORDER).
   * @throws KernelPanic when `bytes` is not positive
   */
  allocExact(bytes: number): PhysAddr | null {
    const frames = Math.ceil(bytes / PAGE_SIZE);
    if (!(frames > 0)) throw new KernelPanic('Exact allocation without a size', `${bytes} bytes`);
    if (frames > 2 ** MAX_ORDER) return null;
    const order = coveringOrder(frames);
    this.lock.acquire();
    for (const zone of this.zones) {
      zone.open();
      const rel = zone.allocExact(frames, order);
      if (rel !== NONE) {
        this.lock.release();
        return physAddr((zone.originPfn + rel) * PAGE_SIZE);
      }
    }
    this.lock.release();
    return null;
  }

  /**
   * Frees the frames that `allocExact(bytes)` returned; any `bytes` that gives the same number of
   * frames is accepted. Frees nothing unless all checks pass. @throws KernelPanic as {@link
   * freeFrames}, also when the allocation is shorter or longer than `bytes`
   */
  freeExact(frame: PhysAddr, bytes: number): void {
    const frames = Math.ceil(bytes / PAGE_SIZE);
    this.lock.acquire();
    const zone = this.findZone(frame / PAGE_SIZE);
    if (zone === null || frame % PAGE_SIZE !== 0) throw this.refusal(frame, 0);
    zone.open();
    const start = frame / PAGE_SIZE - zone.originPfn;
    const row = blocksOf(start, frames);
    for (const { rel, order } of row) {
      if (rel >= zone.endRel || zone.state(rel) !== exactState(order, rel !== start)) {
        const at = physAddr((zone.originPfn + rel) * PAGE_SIZE);
        throw badExactFree(frame, bytes, order, rel < zone.endRel ? explainFrame(zone, rel) : outsideRam(at));
      }
    }
    const after = start + frames;
    if (row.length === 0 || (after < zone.endRel && (zone.state(after) & PageFlag.CONTINUED) !== 0)) {
      throw badExactFree(frame, bytes, 0, explainFrame(zone, row.length === 0 ? start : after));
    }
    for (const { rel, order } of row) zone.free(rel, order, exactState(order, rel !== start));
    this.lock.release();
  }

  /** Counters of frames over all zones. */
  counts(): BuddyCounts {
    let totalFrames = 0;
    let freeFrames = 0;
    for (const zone of this.zones) {
      zone.open();
      totalFrames += zone.managedFrames;
      freeFrames += zone.freeFrames;
    }
    return { totalFrames, freeFrames };
  }

  /** Number of free blocks of each order, 0 to 20, over all zones. */
  buddyinfo(): number[] {
    const blocks = new Array<number>(MAX_ORDER + 1).fill(0);
    for (const zone of this.zones) {
      zone.open();
      for (let order = 0; order <= MAX_ORDER; order++) blocks[order]! += zone.freeBlocks(order);
    }
    return blocks;
  }

  /** State of the frame that contains physical address `pa`. O(log zones + MAX_ORDER). */
  frameState(pa: PhysAddr): FrameState {
    const pfn = Math.floor(pa / PAGE_SIZE);
    const zone = this.findZone(pfn);
    if (zone === null) return outsideRam(physAddr(pfn * PAGE_SIZE));
    zone.open();
    return explainFrame(zone, pfn - zone.originPfn);
  }

  /**
   * Recounts all zones. @returns one sentence for each violated invariant; empty when there is
   * none. O(frames)
   */
  validate(): string[] {
    return this.zones.flatMap(checkZone);
  }

  private refusal(frame: PhysAddr, order: number): KernelPanic {
    return badFree(frame, order, frame % PAGE_SIZE === 0 ? this.frameState(frame) : null);
  }

  /** Zone of frame `pfn`, null when it is not RAM. O(log zones). */
  private findZone(pfn: number): Zone | null {
    const last = this.lastZone;
    return last !== undefined && pfn >= last.startPfn && pfn < last.endPfn ? last : this.searchZone(pfn);
  }

  private searchZone(pfn: number): Zone | null {
    const { zones } = this;
    const zone = zones[bisect(zones.length, (i) => zones[i]!.endPfn <= pfn)];
    if (zone === undefined || !(zone.startPfn <= pfn)) return null;
    this.lastZone = zone;
    return zone;
  }
}

function noSuchOrder(order: number): KernelPanic {
  return new KernelPanic('Allocation with an order that does not exist', `order ${order}`);
}

/** Smallest order whose block holds `frames` frames (1 to 2^20). */
export function coveringOrder(frames: number): number {
  return frames === 1 ? 0 : 32 - Math.clz32(frames - 1);
}

/**
 * Blocks of an exact allocation of `frames` frames at `start`: the binary digits of `frames`,
 * largest first. Empty when no allocation can have that size.
 */
function blocksOf(start: number, frames: number): { rel: number; order: number }[] {
  const blocks: { rel: number; order: number }[] = [];
  if (!(frames > 0 && frames <= 2 ** MAX_ORDER)) return blocks;
  let rel = start;
  for (let order = MAX_ORDER; order >= 0; order--) {
    if (Math.floor(frames / 2 ** order) % 2 === 1) {
      blocks.push({ rel, order });
      rel += 2 ** order;
    }
  }
  return blocks;
}
