/** What the kernel says when a request for memory was refused: what was asked, what there is, and who holds it. Lines for the log; reads only. */

import { PAGE_SIZE } from '../../../emulator/address.ts';
import { count, size } from '../format.ts';
import type { FrameAccounts } from './frame-accounts.ts';
import { mayUseReserve, type PageOwner, pageOwnerName } from './page-owner.ts';

/** A request that could not be served. */
export interface RefusedRequest {
  /** Who asked: "user 12 (eater)". */
  readonly who: string;
  readonly owner: PageOwner;
  /** 2^order frames were asked for. */
  readonly order: number;
}

/** The report, a sentence a line: the request and its reason, the state of memory, who holds it by kind, the largest first. O(zones). */
export function outOfMemoryReport(accounts: FrameAccounts, { who, owner, order }: RefusedRequest): string[] {
  const { totalFrames, freeFrames } = accounts.buddy.counts();
  const blocks = accounts.buddy.buddyinfo();
  const largest = blocks.findLastIndex((free) => free > 0);
  const held = accounts
    .holdings()
    .filter(({ frames }) => frames > 0)
    .toSorted((a, b) => b.frames - a.frames || a.owner - b.owner);
  const known = held.reduce((sum, { frames }) => sum + frames, 0);
  const other = totalFrames - freeFrames - known;
  const holders = [
    ...held.map(({ owner: holder, frames }) => `${pageOwnerName(holder)} ${quantity(frames)}`),
    ...(other > 0 ? [`without account ${quantity(other)}`] : []),
  ];
  return [
    `out of memory: ${who} asked for ${count(2 ** order, 'frame')} (order ${order}): ${reason(accounts, owner, order, largest)}`,
    `${freeFrames} of ${totalFrames} frames free, ${accounts.reserve} kept for the kernel, largest free block ${
      largest < 0 ? 'none' : `of order ${largest}`
    }`,
    `held by ${holders.length === 0 ? 'nobody' : holders.join(', ')}`,
  ];
}

function reason(accounts: FrameAccounts, owner: PageOwner, order: number, largest: number): string {
  if (largest < order) return largest < 0 ? 'no frame is free' : 'no free block is that large';
  return mayUseReserve(owner) || accounts.allows(owner, 2 ** order)
    ? 'no such block is within its reach'
    : "it would take the kernel's reserve";
}

function quantity(frames: number): string {
  return `${frames} (${size(frames * PAGE_SIZE)})`;
}
