// SPDX-License-Identifier: GPL-2.0-only
/**
 * Report of a refused allocation: the request, the state of memory, and its owners. Lines for the
 * log; only reads.
 */

import { PAGE_SIZE } from '#common/address.ts';
import { count, size } from '#common/quantities.ts';
import type { FrameAccounts } from './frame-accounts.ts';
import { mayUseReserve, type PageOwner, pageOwnerName } from './page-owner.ts';

/** Refused request. */
export interface RefusedRequest {
  /** Owner that made the request: "user 12 (eater)". */
  readonly who: string;
  readonly owner: PageOwner;
  /** Order of the requested blocks. */
  readonly order: number;
  /** Number of blocks; 1 when absent. */
  readonly blocks?: number;
}

/**
 * Lines of the report, one sentence each: the request and its reason, the state of memory, its
 * owners by kind, the largest first. O(zones).
 */
export function outOfMemoryReport(accounts: FrameAccounts, request: RefusedRequest): string[] {
  const { who, order } = request;
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
    `out of memory: ${who} asked for ${count(framesOf(request), 'frame')} (order ${order}): ${reason(accounts, request, largest)}`,
    `${freeFrames} of ${totalFrames} frames free, ${accounts.reserve} kept for the kernel, largest free block ${
      largest < 0 ? 'none' : `of order ${largest}`
    }`,
    `held by ${holders.length === 0 ? 'nobody' : holders.join(', ')}`,
  ];
}

const framesOf = ({ order, blocks = 1 }: RefusedRequest): number => blocks * 2 ** order;

function reason(accounts: FrameAccounts, request: RefusedRequest, largest: number): string {
  const { owner, order } = request;
  if (largest < order) return largest < 0 ? 'no frame is free' : 'no free block is that large';
  const frames = framesOf(request);
  if (frames > accounts.buddy.counts().freeFrames) return 'so many are not free';
  return mayUseReserve(owner) || accounts.allows(owner, frames)
    ? 'no such block is within its reach'
    : "it would take the kernel's reserve";
}

function quantity(frames: number): string {
  return `${frames} (${size(frames * PAGE_SIZE)})`;
}
