// SPDX-License-Identifier: GPL-2.0-only
/**
 * `explain buddy`: the free blocks of each order, recounted from mem_map, and how broken up they
 * are.
 */

import { hex, PAGE_SIZE } from '#common/address.ts';
import { MAX_ORDER } from '#kernel-ts/kernel/mm/page.ts';
import { size } from '#common/quantities.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import { fragmentationIndices, showThousandths, unusableFreeIndices } from './fragmentation.ts';
import { findMemMap, notThere, type Unknown } from './kernel-memory.ts';
import { type OwnedRange, physicalMap } from './physical-map.ts';

/** The buddy allocator in numbers. Frames are 4 KiB. */
export interface BuddyExplanation {
  readonly known: true;
  readonly freeFrames: number;
  readonly allocatedFrames: number;
  /** Free blocks of order 0, 1, … 20. */
  readonly freeBlocks: readonly number[];
  readonly largest: { readonly start: number; readonly order: number; readonly bytes: number } | null;
  /** Thousandths, by order: fragmentation.ts. */
  readonly unusable: readonly number[];
  readonly fragmentation: readonly number[];
}

/** Counts the blocks that mem_map describes. O(blocks + reserved frames). */
export function explainBuddy(machine: LevitateMachine): BuddyExplanation | Unknown {
  if (findMemMap(machine) === null) return notThere(machine, 'buddy allocator');
  const map = physicalMap(machine);
  const freeBlocks = new Array<number>(MAX_ORDER + 1).fill(0);
  let largest: OwnedRange | null = null;
  for (const range of map) {
    if (range.order === undefined) continue;
    freeBlocks[range.order] = (freeBlocks[range.order] ?? 0) + 1;
    if (range.order > (largest?.order ?? -1)) largest = range;
  }
  const frames = (kinds: readonly string[]): number =>
    map.reduce((sum, { kind, start, end }) => (kinds.includes(kind) ? sum + (end - start) / PAGE_SIZE : sum), 0);
  return {
    known: true,
    freeFrames: frames(['free']),
    allocatedFrames: frames(['heap', 'page-table', 'allocated']),
    freeBlocks,
    largest:
      largest?.order === undefined
        ? null
        : { start: largest.start, order: largest.order, bytes: largest.end - largest.start },
    unusable: unusableFreeIndices(freeBlocks),
    fragmentation: fragmentationIndices(freeBlocks),
  };
}

/** As lines for people. */
export function showBuddy(buddy: BuddyExplanation): string[] {
  const { freeFrames, allocatedFrames, freeBlocks, largest, unusable, fragmentation } = buddy;
  const row = (cells: readonly string[]): string => cells.map((cell, i) => cell.padStart(i === 0 ? 5 : 12)).join('');
  return [
    `${freeFrames} frames free (${size(freeFrames * PAGE_SIZE)}), ${allocatedFrames} allocated (${size(allocatedFrames * PAGE_SIZE)})`,
    largest === null
      ? 'no free block'
      : `largest free block: order ${largest.order}, ${size(largest.bytes)} at ${hex(largest.start)}`,
    '',
    row(['order', 'block', 'free blocks', 'unusable', 'fragment.']),
    ...freeBlocks.map((count, order) =>
      row([
        String(order),
        size(2 ** order * PAGE_SIZE),
        String(count),
        showThousandths(unusable[order] ?? 0),
        showThousandths(fragmentation[order] ?? 0),
      ]),
    ),
    '',
    'unusable:  share of free memory that lies in blocks too small for the order',
    'fragment.: why an allocation of the order would fail: near 0 memory is short, near 1 it is in pieces; -1 it would not fail',
  ];
}
