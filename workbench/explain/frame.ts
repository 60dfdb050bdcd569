// SPDX-License-Identifier: GPL-2.0-only
/**
 * `explain frame`: everything that is known of one page of physical memory, and what happened to
 * it.
 */

import { PAGE_SIZE } from '#common/address.ts';
import { includes, type Range } from '#common/range.ts';
import { memoryRanges } from '#fdt/index.ts';
import { describeFrame, type FrameKind } from '#kernel-ts/kernel/mm/frame-state.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import { type BlockEvent, historyOf } from './block-history.ts';
import { type DecodedPage, findMemMap, notThere, type Unknown } from './kernel-memory.ts';
import { viewOf } from './machine-view.ts';
import { findOwner, type OwnedRange, physicalMap } from './physical-map.ts';
import { type NamedReservation, openTree, reservationsOf } from './reservations.ts';
import { type Alias, aliasesOf, answers } from './virtual-address.ts';

/** The RAM that a frame lies in. */
export interface FrameBank extends Range {
  /** The memory node of the device tree that names it; null when none does. */
  readonly node: string | null;
}

/** The block of the buddy allocator that a frame lies in. */
export interface FrameBlock {
  readonly known: true;
  readonly kind: FrameKind;
  readonly start: number;
  readonly end: number;
  readonly order: number;
  /** One clause. */
  readonly text: string;
}

/** A frame explained. */
export interface FrameExplanation {
  /** As asked, and the first byte of its frame. */
  readonly pa: number;
  readonly frame: number;
  /** Null where there is no RAM. */
  readonly bank: FrameBank | null;
  /** The device that answers there when there is no RAM, or null. */
  readonly device: string | null;
  /** True when host memory stands behind it: something was read or written nearby. */
  readonly touched: boolean;
  readonly owner: OwnedRange | null;
  /** Everyone who reserved it; it counts for the first. */
  readonly reservedBy: readonly NamedReservation[];
  readonly page: DecodedPage | null;
  readonly block: FrameBlock | Unknown;
  /**
   * Operations of the buddy allocator on blocks that hold it, oldest first; null when they were not
   * traced.
   */
  readonly history: readonly BlockEvent[] | null;
  /** Virtual addresses that lead to it. */
  readonly mappedAt: readonly Alias[];
}

/** Explains the frame that holds `pa`. O(blocks + reserved frames + page tables). */
export function explainFrame(machine: LevitateMachine, pa: number): FrameExplanation {
  const view = viewOf(machine);
  const frame = pa - (pa % PAGE_SIZE);
  const bank = machine.memory.findBank(frame);
  const memMap = findMemMap(machine);
  const traced = machine.findKernel() !== null && machine.events.enabled('buddy');
  return {
    pa,
    frame,
    bank: bank === null ? null : { start: bank.base, end: bank.base + bank.size, node: bankNode(machine, frame) },
    device: bank === null ? answers(machine, pa) : null,
    touched: machine.memory.touchedRanges().some((range) => includes(range, frame)),
    owner: findOwner(physicalMap(machine, view), frame),
    reservedBy: reservationsOf(machine).filter((range) => includes(range, frame)),
    page: memMap?.page(frame) ?? null,
    block: blockOf(machine, frame),
    history: traced ? historyOf(machine.events.get('buddy'), frame) : null,
    mappedAt: aliasesOf(view, frame),
  };
}

function blockOf(machine: LevitateMachine, frame: number): FrameBlock | Unknown {
  const memMap = findMemMap(machine);
  if (memMap === null) return notThere(machine, 'buddy allocator');
  const state = memMap.frameState(frame);
  const { kind, head: start, order } = state;
  return { known: true, kind, start, end: start + 2 ** order * PAGE_SIZE, order, text: describeFrame(state) };
}

function bankNode(machine: LevitateMachine, frame: number): string | null {
  const fdt = openTree(machine);
  if (fdt === null) return null;
  const range = memoryRanges(fdt).find(({ start, end }) => frame >= start && frame + PAGE_SIZE <= end);
  return range?.path ?? null;
}
