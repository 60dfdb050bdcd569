// SPDX-License-Identifier: GPL-2.0-only
/**
 * Accounting of frames: the number that each kind of owner holds, and the reserve that user
 * processes may not use. The kernel takes every frame through an account; the buddy allocator below
 * knows neither owners nor a reserve.
 *
 * ```
 * frame_accounts (40 bytes, .bss)
 *  +0   u32 reserve       frames that must stay free when a user asks
 *  +4   u32 refused       user requests refused so far, for want of memory or because of the reserve
 *  +8   u32 held[7]       frames in use, by kind of owner (page-owner.ts)
 *  +36  u32 pad
 *
 *   free frames  |================ user, kernel ================|== reserve: kernel only ==|
 *                                                                0 ............... reserve
 * ```
 *
 * The reserve is what Linux calls the minimum watermark of a zone: 4 x sqrt(RAM in KiB) KiB, at
 * least 128 KiB and at most 256 MiB (Documentation/admin-guide/sysctl/vm.rst, min_free_kbytes;
 * calculate_min_free_kbytes).
 */

import { PAGE_SIZE, type PhysAddr } from '#common/address.ts';
import type { MemoryPort, MemoryWindow } from '#kernel-ts/hal/ports.ts';
import type { EventOwner } from '#kernel-ts/hal/kernel-events.ts';
import { KernelPanic } from '#kernel-ts/kernel/panic.ts';
import type { BssArena } from './bss.ts';
import type { Buddy, BuddyCounts } from './buddy.ts';
import type { BuddyTrace } from './buddy-trace.ts';
import { mayUseReserve, PAGE_OWNERS, type PageOwner, pageOwnerInEvents, pageOwnerName } from './page-owner.ts';

/** Word offsets. */
const RESERVE = 0;
const REFUSED = 1;
const HELD = 2;
const BYTES = 40;

const KIB = 1024;
const LEAST_RESERVE_KIB = 128;
const MOST_RESERVE_KIB = 256 * KIB;

/**
 * Number of frames that the kernel reserves for itself on a machine with `totalRam` bytes of RAM.
 */
export function reserveFrames(totalRam: number): number {
  const kib = Math.floor(Math.sqrt(Math.floor(totalRam / KIB) * 16));
  return Math.floor((Math.min(MOST_RESERVE_KIB, Math.max(LEAST_RESERVE_KIB, kib)) * KIB) / PAGE_SIZE);
}

/** Number of frames that one kind of owner holds. */
export interface Holding {
  readonly owner: PageOwner;
  readonly frames: number;
}

/** Counters, and the accounts that update them. */
export class FrameAccounts {
  readonly buddy: Buddy;
  readonly trace: BuddyTrace | null;
  private readonly words: MemoryWindow;

  /**
   * @param trace trace of the buddy allocator, to which it reports owners
   * @throws KernelPanic when .bss is full
   */
  constructor(memory: MemoryPort, bss: BssArena, buddy: Buddy, trace: BuddyTrace | null = null) {
    this.buddy = buddy;
    this.trace = trace;
    const va = bss.reserve('frame_accounts', BYTES, 8);
    memory.fill(va, BYTES, 0);
    this.words = memory.window(va, BYTES);
  }

  /**
   * Account for frames of one kind. `name` is the owner's name in traces ("slab:process", "user
   * 12"), by default the kind's name.
   */
  account(owner: PageOwner, name: string = pageOwnerName(owner)): FrameAccount {
    return new FrameAccount(this, owner, pageOwnerInEvents(owner, name));
  }

  /** Number of frames that must stay free on a user request. 0 until {@link setReserve}. */
  get reserve(): number {
    return this.words.get32(RESERVE);
  }

  /**
   * Sets the reserve, to at most a quarter of the free frames, so that a small machine can run
   * processes too.
   */
  setReserve(frames: number): void {
    this.words.set32(RESERVE, Math.min(frames, Math.floor(this.buddy.counts().freeFrames / 4)));
  }

  /** Number of user requests refused since boot. */
  get refused(): number {
    return this.words.get32(REFUSED);
  }

  /** Number of frames that owners of a kind hold. */
  held(owner: PageOwner): number {
    return this.words.get32(HELD + owner);
  }

  /** Frames held by each kind of owner, in the order of their numbers. */
  holdings(): Holding[] {
    return PAGE_OWNERS.map((owner) => ({ owner, frames: this.held(owner) }));
  }

  /** True when `owner` may allocate `frames` more. O(zones) for users, O(1) for the kernel. */
  allows(owner: PageOwner, frames: number): boolean {
    return mayUseReserve(owner) || this.buddy.counts().freeFrames - frames >= this.reserve;
  }

  /**
   * Adds frames to an owner's counter, or subtracts them. @throws KernelPanic when it would become
   * negative
   */
  book(owner: PageOwner, frames: number): void {
    const held = this.held(owner) + frames;
    if (held < 0) {
      throw new KernelPanic(
        'Frames were given back by an owner that does not hold them',
        `${pageOwnerName(owner)} holds ${held - frames} frames and gave back ${-frames}`,
      );
    }
    this.words.set32(HELD + owner, held);
  }

  /** Counts a refused user request. */
  noteRefusal(): void {
    this.words.set32(REFUSED, this.refused + 1);
  }
}

/** Frames of one owner. A handle: the counters are in memory. */
export class FrameAccount {
  readonly owner: PageOwner;
  private readonly accounts: FrameAccounts;
  private readonly inEvents: EventOwner;

  constructor(accounts: FrameAccounts, owner: PageOwner, inEvents: EventOwner) {
    this.accounts = accounts;
    this.owner = owner;
    this.inEvents = inEvents;
  }

  /**
   * Allocates 2^order frames, aligned to their size; `null` when there is no such block, or when it
   * would reduce the reserve and the owner is a user.
   * @throws KernelPanic as Buddy.allocFrames
   */
  allocFrames(order: number): PhysAddr | null {
    return this.charge(2 ** order, (buddy) => buddy.allocFrames(order));
  }

  /**
   * Frees a block that {@link allocFrames} or {@link allocBelow} returned. @throws KernelPanic as
   * Buddy.freeFrames
   */
  freeFrames(frame: PhysAddr, order: number): void {
    this.uncharge(2 ** order, (buddy) => buddy.freeFrames(frame, order));
  }

  /** As {@link allocFrames}, but entirely below physical address `limit`. */
  allocBelow(order: number, limit: number): PhysAddr | null {
    return this.charge(2 ** order, (buddy) => buddy.allocBelow(order, limit));
  }

  /**
   * Allocates contiguous frames for `bytes` bytes; `null` as {@link allocFrames}. @throws
   * KernelPanic as Buddy.allocExact
   */
  allocExact(bytes: number): PhysAddr | null {
    return this.charge(Math.ceil(bytes / PAGE_SIZE), (buddy) => buddy.allocExact(bytes));
  }

  /** Frees the frames that `allocExact(bytes)` returned. @throws KernelPanic as Buddy.freeExact */
  freeExact(frame: PhysAddr, bytes: number): void {
    this.uncharge(Math.ceil(bytes / PAGE_SIZE), (buddy) => buddy.freeExact(frame, bytes));
  }

  /** Number of frames that {@link allocFrames} of order 0 could still allocate. O(zones). */
  available(): number {
    const { freeFrames } = this.counts();
    return mayUseReserve(this.owner) ? freeFrames : Math.max(0, freeFrames - this.accounts.reserve);
  }

  /** Counters of the machine, not of the account. */
  counts(): BuddyCounts {
    return this.accounts.buddy.counts();
  }

  private charge(frames: number, from: (buddy: Buddy) => PhysAddr | null): PhysAddr | null {
    const { accounts, owner } = this;
    const { buddy, trace } = accounts;
    trace?.enter(this.inEvents);
    const frame = accounts.allows(owner, frames) ? from(buddy) : null;
    trace?.leave();
    if (frame !== null) accounts.book(owner, frames);
    else if (!mayUseReserve(owner)) accounts.noteRefusal();
    return frame;
  }

  private uncharge(frames: number, to: (buddy: Buddy) => void): void {
    const { buddy, trace } = this.accounts;
    trace?.enter(this.inEvents);
    to(buddy);
    trace?.leave();
    this.accounts.book(this.owner, -frames);
  }
}
