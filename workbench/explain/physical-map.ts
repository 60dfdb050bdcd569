// SPDX-License-Identifier: GPL-2.0-only
/**
 * The physical map: every byte of the machine's RAM in exactly one range with one owner.
 *
 *     bank  |kernel|free|mem_map|free …|node of the device tree|free|heap|table|free …|
 *
 * Contract: the ranges ascend, are disjoint, never empty, made of whole pages, and together are the
 * machine's banks. A free block of the buddy allocator is one range with its order; frames that one
 * owner allocated and that follow each other are one range.
 *
 * For guests other than the modelled kernel, only the loader's pieces and the device tree's
 * reservations are known. Other memory is touched or untouched.
 */

import { PAGE_SIZE } from '#common/address.ts';
import type { EventOwnerKind } from '#kernel-ts/hal/kernel-events.ts';
import { flagNames, RESERVED_STATE } from '#kernel-ts/kernel/mm/page.ts';
import { explainFrame } from '#kernel-ts/kernel/mm/frame-state.ts';
import { intersect, type Range as Interval, rangeOf, subtract } from '#common/range.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import { ownersByStart } from './block-history.ts';
import { findMemMap, kernelBanks, type MemMapView } from './kernel-memory.ts';
import { type MachineView, touchedSpans, viewOf } from './machine-view.ts';
import { type NamedReservation, type ReservationKind, reservationsOf } from './reservations.ts';

/** Uses of a range of RAM. */
export type RangeKind =
  | ReservationKind
  /** A free block of the buddy allocator. */
  | 'free'
  | 'heap'
  | 'page-table'
  /** Allocated by the buddy allocator to another owner. */
  | 'allocated'
  /** Nobody reserved it, and there is no allocator yet. */
  | 'unclaimed'
  /**
   * RAM of the machine that the kernel does not use: the device tree does not name it, or it is
   * part of a page.
   */
  | 'unused'
  /** A descriptor in mem_map says what the allocator never writes. */
  | 'corrupt'
  /** The guest is not ours: it used something here, or near here; what for is not known. */
  | 'unknown'
  /** The guest is not ours, and never came near. */
  | 'untouched';

/** A part of RAM with one owner, [start, end), bytes. */
export interface OwnedRange extends Interval {
  /** For people: "kernel image", "/reserved-memory/aoc@94000000", "heap", "free". */
  readonly owner: string;
  readonly kind: RangeKind;
  /** More about it, one clause; may be empty. */
  readonly detail: string;
  /** Order of a free block. */
  readonly order?: number;
}

/**
 * The map of the machine as it is now. Changes nothing. O(blocks + reserved frames + page tables).
 */
export function physicalMap(machine: LevitateMachine, view: MachineView = viewOf(machine)): OwnedRange[] {
  const reserved = exclusive(reservationsOf(machine)).flatMap((range) => inParts(machine, range));
  const banks = machine.memory.banks.map(rangeOf);
  const memMap = findMemMap(machine);
  // Frames that were reserved and given to the allocator later are the allocator's.
  const managed = memMap === null ? [] : managedRanges(machine, memMap, view);
  const known = [...managed, ...subtract(reserved, managed)];
  const rest = subtract(banks, known);
  return [...within(known, banks), ...unowned(machine, rest)].toSorted((a, b) => a.start - b.start);
}

/** RAM without reservation or known allocator. */
function unowned(machine: LevitateMachine, rest: readonly Interval[]): OwnedRange[] {
  const of = (ranges: readonly Interval[], kind: RangeKind, owner: string, detail: string): OwnedRange[] =>
    ranges.map(({ start, end }) => ({ start, end, kind, owner, detail }));
  if (machine.findKernel() === null) {
    const touched = intersect(rest, touchedSpans(machine));
    return [
      ...of(touched, 'unknown', 'the guest', 'used, or near what was used; what for is not known'),
      ...of(subtract(rest, touched), 'untouched', 'nobody', 'never touched'),
    ];
  }
  const named = kernelBanks(machine);
  const unused = named.length === 0 ? [] : subtract(rest, named);
  return [
    ...of(subtract(rest, unused), 'unclaimed', 'nobody', 'not reserved, and not given to an allocator'),
    ...of(unused, 'unused', 'nobody', 'RAM of the machine that the device tree does not name'),
  ];
}

/** The parts of `ranges` in `places`. */
function within(ranges: readonly OwnedRange[], places: readonly Interval[]): OwnedRange[] {
  return ranges.flatMap((range) =>
    places
      .map(({ start, end }) => ({ ...range, start: Math.max(start, range.start), end: Math.min(end, range.end) }))
      .filter(({ start, end }) => start < end),
  );
}

/**
 * Without overlaps: a page counts for the first that covers it, as in memblock. `reservations`
 * ascend by start.
 */
function exclusive(reservations: readonly NamedReservation[]): OwnedRange[] {
  const taken: OwnedRange[] = [];
  let covered = 0;
  for (const { start, end, kind, owner, noMap, dynamic } of reservations) {
    if (end <= covered) continue;
    const notes = [noMap ? 'no-map' : '', dynamic && kind === 'reserved' ? 'placed by the kernel' : ''];
    const detail = notes.filter((note) => note !== '').join(', ');
    taken.push({ start: Math.max(start, covered), end, kind, owner, detail });
    covered = end;
  }
  return taken;
}

/** The kernel image by section. */
function inParts(machine: LevitateMachine, range: OwnedRange): OwnedRange[] {
  const kernel = machine.findKernel();
  if (kernel === null || range.kind !== 'kernel') return [range];
  const { text, rodata, data, guard, stack } = kernel.image;
  const parts = Object.entries({ text, rodata, data, 'guard page': guard, 'boot stack': stack });
  const found = parts.flatMap(([detail, part]) => within([{ ...range, detail }], [part]));
  return [...found, ...subtract([range], found)];
}

/** Every block of the buddy allocator, free or not. */
function managedRanges(machine: LevitateMachine, memMap: MemMapView, view: MachineView): OwnedRange[] {
  const ownerOf = allocationOwners(machine, view);
  const ranges: OwnedRange[] = [];
  for (const section of memMap.sections) {
    const reader = memMap.reader(section);
    for (let rel = reader.startRel; rel < reader.endRel; ) {
      // Most single frames are these: not worth an object each.
      if (reader.state(rel) === RESERVED_STATE) {
        rel++;
        continue;
      }
      const state = explainFrame(reader, rel);
      const start = (reader.originPfn + rel) * PAGE_SIZE;
      const frames = state.kind === 'free' || state.kind === 'allocated' ? 2 ** state.order : 1;
      const end = start + frames * PAGE_SIZE;
      if (state.kind === 'free') {
        ranges.push({ start, end, kind: 'free', owner: 'free', detail: `order ${state.order}`, order: state.order });
      } else if (state.kind === 'allocated') {
        append(ranges, { start, end, ...ownerOf(start, end) });
      } else if (state.kind === 'corrupt') {
        const detail = `struct Page has flags ${flagNames(state.flags)}`;
        append(ranges, { start, end, kind: 'corrupt', owner: 'nobody knows', detail });
      }
      rel += frames;
    }
  }
  return ranges;
}

/** Adds a range, to the last one where that is the same owner's. */
function append(ranges: OwnedRange[], range: OwnedRange): void {
  const last = ranges.at(-1);
  const same = last !== undefined && last.end === range.start && last.kind === range.kind && last.owner === range.owner;
  if (same && last.detail === range.detail) ranges[ranges.length - 1] = { ...last, end: range.end };
  else ranges.push(range);
}

type Ownership = Pick<OwnedRange, 'owner' | 'kind' | 'detail'>;

/** Kinds of the owners that the trace names; the others are `allocated`. */
const TRACED_KINDS: Readonly<Partial<Record<EventOwnerKind, RangeKind>>> = {
  heap: 'heap',
  'page-tables': 'page-table',
};

/**
 * The owner of an allocated block: the heap, a live page table, or the owner that the trace names.
 */
function allocationOwners(machine: LevitateMachine, view: MachineView): (start: number, end: number) => Ownership {
  const heap = machine.findKernel()?.memory?.heap;
  const spans = heap === undefined ? [] : machine.machine.clock.withoutCharge(() => heap.ranges());
  const tables = new Map<number, Ownership>();
  for (const { register, tables: found } of view.trees()) {
    for (const { address, level } of found) {
      tables.set(address, { kind: 'page-table', owner: 'page tables', detail: `level ${level} of ${register}` });
    }
  }
  const traced = ownersByStart(machine.events.get('buddy'));
  return (start, end) => {
    if (spans.some((span) => start >= span.start && end <= span.end)) {
      return { kind: 'heap', owner: 'heap', detail: '' };
    }
    const table = tables.get(start);
    if (table !== undefined) return table;
    const { owner, ownerKind } = traced.get(start) ?? { owner: null, ownerKind: null };
    if (owner === null || ownerKind === null) {
      return { kind: 'allocated', owner: 'allocated', detail: 'who took it was not traced' };
    }
    return { kind: TRACED_KINDS[ownerKind] ?? 'allocated', owner, detail: '' };
  };
}

/** The range that holds `pa`; null where there is no RAM. */
export function findOwner(map: readonly OwnedRange[], pa: number): OwnedRange | null {
  return map.find(({ start, end }) => pa >= start && pa < end) ?? null;
}
