// SPDX-License-Identifier: GPL-2.0-only
/**
 * User address space of one process: its translation tree in TTBR0's half, and the areas that
 * describe what may be mapped there. Segments are filled when the program is loaded; pages of heap
 * and stack are mapped on demand, when the process touches them, or the kernel on its behalf.
 *
 * ```
 *   area     |---- heap, to be used ----|          what the process may use
 *   page       [frame]      [frame]                what it has: mapped, cleared when it was
 * ``` The kernel accesses user memory through this object and the direct map, never through user
 * addresses. So it needs no live TTBR0 and can serve a process that does not run, and an address in
 * the kernel's half is refused before any access.
 *
 * All state is in emulated memory: the tree, the areas' records, and `areas`, `break`, `frames` and
 * `root` of the process's record.
 */

import { alignUp, PAGE_SIZE, type PhysAddr, physAddr, type VirtAddr, virtAddr } from '#common/address.ts';
import type { AddressSpace } from '#kernel-ts/hal/mmu/address-space.ts';
import { MapError } from '#kernel-ts/hal/mmu/map-error.ts';
import type { Mmu } from '#kernel-ts/hal/mmu/mmu.ts';
import type { MemoryPort } from '#kernel-ts/hal/ports.ts';
import { count } from '#common/quantities.ts';
import { physToVirt } from '#kernel-ts/kernel/direct-map.ts';
import type { FrameAccount } from '#kernel-ts/kernel/mm/frame-accounts.ts';
import { Area, AreaKind, areaRules, type UserAccess } from './area.ts';
import type { Process } from './process.ts';
import type { RecordCache } from './record.ts';
import { HEAP_LIMIT_BYTES, STACK_BOTTOM, STACK_GUARD, STACK_TOP } from './user-layout.ts';

const PAGE = BigInt(PAGE_SIZE);

/** Frames for user processes, without the kernel's reserve. */
export type UserFrames = Pick<FrameAccount, 'allocFrames' | 'freeFrames' | 'available'>;

/** Parts shared by all address spaces of one kernel. */
export interface UserSpaceContext {
  readonly memory: MemoryPort;
  readonly mmu: Mmu;
  /** Source of the frames of process `pid`. */
  readonly frames: (pid: number) => UserFrames;
  readonly areaRecords: RecordCache;
}

/** Translation of a user address: a byte of RAM, or the reason why there is none. */
export type UserPlace =
  | { readonly ok: true; readonly pa: PhysAddr }
  /** `area` contains `va` and does not allow the access; null: no area contains it. */
  | { readonly ok: false; readonly why: 'forbidden'; readonly area: Area | null }
  | { readonly ok: false; readonly why: 'out of memory' };

/** Fields of an address space in a process's record. */
export interface SpaceFields {
  readonly root: PhysAddr;
  readonly areas: VirtAddr | null;
  readonly frames: number;
  readonly break: VirtAddr;
}

/** Thrown when an address space cannot be built: no memory for a record, a table or a page. */
export class OutOfUserMemory extends Error {
  /** Number of frames requested. */
  readonly frames: number;

  constructor(what: string, frames = 1) {
    super(`no memory for ${what}`);
    this.name = 'OutOfUserMemory';
    this.frames = frames;
  }
}

/** Handle on the address space of one process. */
export class UserAddressSpace {
  private readonly parts: UserSpaceContext;
  private readonly process: Process;

  constructor(parts: UserSpaceContext, process: Process) {
    this.parts = parts;
    this.process = process;
  }

  /** Translation tree. */
  get tree(): AddressSpace {
    return this.parts.mmu.space(this.process.root, 'low');
  }

  /**
   * Checks that there are frames for `pages` pages, before the first of them is allocated and
   * cleared. @throws OutOfUserMemory
   */
  requireFrames(pages: number): void {
    const available = this.frames.available();
    if (pages > available) {
      throw new OutOfUserMemory(`${count(pages, 'page')}: ${count(available, 'frame')} can be had`, pages);
    }
  }

  /** Creates an empty tree. The process must have no address space. @throws OutOfUserMemory */
  create(): void {
    this.process.root = guardMemory('a root table', () => this.parts.mmu.createSpace('low').root);
  }

  /** Removes the address space from the process's record; `attach` restores it. */
  detach(): SpaceFields {
    const { root, areas, frames, break: end } = this.process;
    this.attach({ root: physAddr(0), areas: null, frames: 0, break: virtAddr(0n) });
    return { root, areas, frames, break: end };
  }

  /** Adds an address space to the process's record, which must have none. */
  attach({ root, areas, frames, break: end }: SpaceFields): void {
    const { process } = this;
    process.root = root;
    process.areas = areas;
    process.frames = frames;
    process.break = end;
  }

  /**
   * Adds the stack, the guard below it, and an empty heap one page after the program, which ends
   * at `programEnd`.
   * @throws OutOfUserMemory
   */
  addHeapAndStack(programEnd: VirtAddr): void {
    const heap = virtAddr(BigInt.asUintN(64, ((programEnd + PAGE - 1n) / PAGE + 1n) * PAGE));
    this.addArea(AreaKind.HEAP, heap, heap);
    this.process.break = heap;
    this.addArea(AreaKind.GUARD, STACK_GUARD, STACK_BOTTOM);
    this.addArea(AreaKind.STACK, STACK_BOTTOM, STACK_TOP);
  }

  /**
   * Adds an area. `start` and `end` are multiples of the page size, and the range must be free of
   * areas. O(areas).
   * @throws OutOfUserMemory
   */
  addArea(kind: AreaKind, start: VirtAddr, end: VirtAddr): void {
    const record = this.parts.areaRecords.alloc();
    if (record === null) throw new OutOfUserMemory('the record of an area');
    const area = new Area(this.parts.memory, record);
    area.kind = kind;
    area.start = start;
    area.end = end;
    let before: Area | null = null;
    for (const other of this.areas()) if (other.start < start) before = other;
    area.next = before === null ? this.process.areas : before.next;
    if (before === null) this.process.areas = record;
    else before.next = record;
  }

  /** Areas in ascending order of address. The yielded one may be freed. */
  *areas(): Generator<Area> {
    for (let at = this.process.areas; at !== null; ) {
      const area = new Area(this.parts.memory, at);
      at = area.next;
      yield area;
    }
  }

  /** Area that contains `va`, or null. O(areas). */
  findArea(va: bigint): Area | null {
    for (const area of this.areas()) if (va >= area.start && va < area.end) return area;
    return null;
  }

  /** Translates `va` for `access`. Maps pages on demand. O(areas). */
  resolve(va: bigint, access: UserAccess): UserPlace {
    const area = this.findArea(va);
    if (area === null || !areaRules(area.kind).allows.includes(access)) return { ok: false, why: 'forbidden', area };
    const page = virtAddr(va - (va % PAGE));
    const frame = this.findFrame(page) ?? this.addPage(area, page);
    if (frame === null) return { ok: false, why: 'out of memory' };
    return { ok: true, pa: physAddr(frame + Number(va - page)) };
  }

  /**
   * Maps a cleared frame at `page` of `area`, which must not be mapped. @returns the frame, or null
   * when there is none for it or for a table
   */
  addPage(area: Area, page: VirtAddr): PhysAddr | null {
    const { frames } = this;
    const { memory } = this.parts;
    const { attributes, name } = areaRules(area.kind);
    if (attributes === null) throw new RangeError(`no page belongs into the ${name}`);
    const frame = frames.allocFrames(0);
    if (frame === null) return null;
    memory.fill(physToVirt(frame), PAGE_SIZE, 0);
    try {
      this.tree.mapPage(page, frame, attributes);
    } catch (error) {
      frames.freeFrames(frame, 0);
      if (isOutOfMemory(error)) return null;
      throw error;
    }
    this.process.frames++;
    return frame;
  }

  /**
   * Moves the break by `delta` bytes. Pages above a lowered break are freed; pages below a raised
   * one are mapped on demand, but the break is not raised beyond the frames that are free now.
   * @returns the old break, or the reason why it did not move
   */
  moveBreak(delta: bigint): VirtAddr | 'below the heap' | 'beyond its limit' | 'out of memory' {
    const heap = [...this.areas()].find(({ kind }) => kind === AreaKind.HEAP);
    if (heap === undefined) return 'beyond its limit';
    const { process } = this;
    const old = process.break;
    const wanted = old + delta;
    if (wanted < heap.start) return 'below the heap';
    if (wanted > heap.start + HEAP_LIMIT_BYTES) return 'beyond its limit';
    const end = virtAddr(((wanted + PAGE - 1n) / PAGE) * PAGE);
    if (end > heap.end && Number((end - heap.end) / PAGE) > this.frames.available()) return 'out of memory';
    for (let page: bigint = end; page < heap.end; page += PAGE) this.dropPage(virtAddr(page));
    heap.end = end;
    process.break = virtAddr(wanted);
    return old;
  }

  /**
   * Frees all pages, tables and areas, also of an address space built only in part. The tree must
   * not be live. Afterwards the process has no address space.
   */
  release(): void {
    const { frames } = this;
    const { areaRecords } = this.parts;
    if (this.process.root !== 0) this.tree.releaseTables((frame) => frames.freeFrames(frame, 0));
    for (const area of this.areas()) areaRecords.free(area.va);
    this.detach();
  }

  /** Number of page tables of the address space. O(tables). */
  countTables(): number {
    const { root } = this.process;
    return root === 0 ? 0 : this.parts.mmu.report(this.tree).tables.reduce((sum, tables) => sum + tables, 0);
  }

  private get frames(): UserFrames {
    return this.parts.frames(this.process.pid);
  }

  /** Frame that `page` is mapped to, or null. */
  private findFrame(page: VirtAddr): PhysAddr | null {
    const found = this.tree.translate(page);
    return found.ok ? found.pa : null;
  }

  private dropPage(page: VirtAddr): void {
    if (this.findFrame(page) === null) return;
    this.frames.freeFrames(this.tree.unmapPage(page).pa, 0);
    this.process.frames--;
  }
}

/** Number of bytes of user memory from `va` to the end of its page. */
export function bytesInPage(va: bigint): number {
  return PAGE_SIZE - Number(va % PAGE);
}

/** Range of whole pages around [start, start + bytes). */
export function pagesAround(start: VirtAddr, bytes: number): { readonly start: VirtAddr; readonly end: VirtAddr } {
  const offset = Number(start % PAGE);
  return {
    start: virtAddr(start - BigInt(offset)),
    end: virtAddr(start + BigInt(alignUp(offset + bytes, PAGE_SIZE) - offset)),
  };
}

/** Runs `action`; a failure to allocate a page table becomes OutOfUserMemory. */
function guardMemory<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (isOutOfMemory(error)) throw new OutOfUserMemory(what);
    throw error;
  }
}

const isOutOfMemory = (error: unknown): boolean => error instanceof MapError && error.code === 'AllocationFailed';
