// SPDX-License-Identifier: GPL-2.0-only
/**
 * Recounts a zone from its memory alone: every descriptor from first to last, then every free list.
 * It shares no code with the allocator's walks, so that it finds their errors.
 */

import { hex, PAGE_SIZE } from '#common/address.ts';
import { KernelPanic } from '#kernel-ts/kernel/panic.ts';
import { decodeState, flagNames, freeHeadState, MAX_ORDER, PageFlag, RESERVED_STATE, TAIL_STATE } from './page.ts';
import { NONE } from './free-lists.ts';
import type { Zone } from './zone.ts';

/** Limit of reports: one stray write can break a million frames. */
const MAX_REPORTS = 20;

/** Violated invariants, one sentence each. O(frames). */
export function checkZone(zone: Zone): string[] {
  const violations: string[] = [];
  const report = (rel: number, what: string): void => {
    if (violations.length < MAX_REPORTS) {
      violations.push(`frame ${hex((zone.originPfn + rel) * PAGE_SIZE)}: ${what}`);
    }
  };
  zone.open();
  const census = walkDescriptors(zone, report);
  const listed = walkLists(zone, report, violations);
  const expect = (what: string, counted: number, recorded: number): void => {
    if (counted !== recorded && violations.length < MAX_REPORTS) {
      violations.push(`zone at ${hex(zone.startPfn * PAGE_SIZE)}: ${what} is ${recorded}, counted ${counted}`);
    }
  };
  expect('number of managed frames', census.managed, zone.managedFrames);
  expect('number of free frames', census.free, zone.freeFrames);
  for (let order = 0; order <= MAX_ORDER; order++) {
    expect(`number of free blocks of order ${order}`, census.freeBlocks[order]!, zone.freeBlocks(order));
    expect(`length of the free list of order ${order}`, listed[order]!, zone.freeBlocks(order));
    expect(`non_empty bit of order ${order}`, listed[order]! > 0 ? 1 : 0, (zone.nonEmpty >>> order) & 1);
  }
  return violations;
}

type Report = (rel: number, what: string) => void;

function walkDescriptors(zone: Zone, report: Report): { managed: number; free: number; freeBlocks: number[] } {
  const freeBlocks = new Array<number>(MAX_ORDER + 1).fill(0);
  let managed = 0;
  let free = 0;
  for (let rel = zone.startRel; rel < zone.endRel; ) {
    const word = zone.state(rel);
    if (word === RESERVED_STATE) {
      if (!zone.unlinked(rel)) report(rel, 'RESERVED and linked');
      rel++;
      continue;
    }
    const { flags, order, refcount } = decodeState(word);
    const isFree = (flags & PageFlag.FREE) !== 0;
    const frames = checkHead(zone, rel, report) ? 2 ** order : 1;
    if (isFree) {
      if (word !== freeHeadState(order)) {
        report(rel, `free head has flags ${flagNames(flags)}, refcount ${refcount}`);
      }
      const buddy = rel ^ frames;
      const buddyInside = buddy >= zone.startRel && buddy + frames <= zone.endRel;
      if (order < MAX_ORDER && buddyInside && zone.state(buddy) === freeHeadState(order)) {
        report(rel, `free block of order ${order} and its buddy are both free`);
      }
      free += frames;
      if (order <= MAX_ORDER) freeBlocks[order]!++;
    } else if (refcount !== 1) {
      report(rel, `allocated with refcount ${refcount}`);
    } else if (!zone.unlinked(rel)) {
      report(rel, 'allocated and linked');
    }
    managed += frames;
    const end = Math.min(rel + frames, zone.endRel);
    for (rel++; rel < end; rel++) {
      if (zone.state(rel) !== TAIL_STATE || !zone.unlinked(rel)) {
        report(rel, `inside a block of order ${order}, state ${hex(zone.state(rel), 8)}, expected an unlinked TAIL`);
      }
    }
  }
  return { managed, free, freeBlocks };
}

/** True when `rel` starts a block that is aligned and lies in the zone. */
function checkHead(zone: Zone, rel: number, report: Report): boolean {
  const { flags, order } = decodeState(zone.state(rel));
  const kind = flags & (PageFlag.FREE | PageFlag.ALLOCATED | PageFlag.RESERVED | PageFlag.TAIL);
  if ((flags & PageFlag.HEAD) === 0 || (kind !== PageFlag.FREE && kind !== PageFlag.ALLOCATED)) {
    report(rel, `flags ${flagNames(flags)} where a block must start`);
    return false;
  }
  if (order > MAX_ORDER || (zone.originPfn + rel) % 2 ** order !== 0) {
    report(rel, `block of order ${order} is misaligned`);
    return false;
  }
  if (rel + 2 ** order > zone.endRel) {
    report(rel, `block of order ${order} crosses the end of its bank`);
    return false;
  }
  return true;
}

function walkLists(zone: Zone, report: Report, violations: string[]): number[] {
  const lengths: number[] = [];
  for (let order = 0; order <= MAX_ORDER; order++) {
    try {
      lengths.push(walkList(zone, order, report));
    } catch (error) {
      // A link out of the array panics in the allocator; here it is reported.
      if (!(error instanceof KernelPanic)) throw error;
      violations.push(`${error.reason}: ${error.detail}`);
      lengths.push(0);
    }
  }
  return lengths;
}

function walkList(zone: Zone, order: number, report: Report): number {
  const limit = (zone.endRel - zone.startRel) / 2 ** order;
  let length = 0;
  let previous = NONE;
  for (let rel = zone.head(order); rel !== NONE; rel = zone.next(rel)) {
    if (zone.state(rel) !== freeHeadState(order)) {
      report(rel, `in the free list of order ${order} with state ${hex(zone.state(rel), 8)}`);
      break;
    }
    if (zone.prev(rel) !== previous) {
      report(rel, `prev does not lead back in the free list of order ${order}`);
    }
    if (++length > limit) {
      report(rel, `the free list of order ${order} runs in a circle`);
      break;
    }
    previous = rel;
  }
  return length;
}
