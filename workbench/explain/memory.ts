// SPDX-License-Identifier: GPL-2.0-only
/**
 * `explain memory`: physical memory as a whole: banks, holes between them, who has what, what is
 * touched, which devices lie beside it.
 */

import { type Range as Interval, rangeOf } from '#common/range.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import { touchedSpans, viewOf } from './machine-view.ts';
import { type OwnedRange, physicalMap, type RangeKind } from './physical-map.ts';
import { type NamedReservation, reservationsOf } from './reservations.ts';

/** A device's registers. */
export interface DeviceSpan extends Interval {
  readonly name: string;
}

/** RAM used by one kind of owner. */
export interface KindTotal {
  readonly kind: RangeKind;
  readonly bytes: number;
  readonly ranges: number;
}

/** The physical map explained. */
export interface MemoryExplanation {
  readonly banks: readonly Interval[];
  /** Between banks. */
  readonly holes: readonly Interval[];
  readonly ranges: readonly OwnedRange[];
  readonly totals: readonly KindTotal[];
  /** Parts of RAM with host memory behind them. */
  readonly touched: readonly Interval[];
  /** Reservations outside every bank: they take nothing. */
  readonly reservedOutside: readonly NamedReservation[];
  /** Ascending. */
  readonly devices: readonly DeviceSpan[];
}

/** Reads the whole map. */
export function explainMemory(machine: LevitateMachine): MemoryExplanation {
  const ranges = physicalMap(machine, viewOf(machine));
  const banks = machine.memory.banks.map(rangeOf);
  const holes = banks.slice(1).map(({ start }, i) => ({ start: banks[i]?.end ?? 0, end: start }));
  const totals = new Map<RangeKind, { bytes: number; ranges: number }>();
  for (const { kind, start, end } of ranges) {
    const total = totals.get(kind) ?? { bytes: 0, ranges: 0 };
    totals.set(kind, { bytes: total.bytes + end - start, ranges: total.ranges + 1 });
  }
  return {
    banks,
    holes,
    ranges,
    totals: [...totals].map(([kind, total]) => ({ kind, ...total })).toSorted((a, b) => b.bytes - a.bytes),
    touched: touchedSpans(machine),
    reservedOutside: reservationsOf(machine).filter(
      (range) => !banks.some((bank) => range.start < bank.end && bank.start < range.end),
    ),
    devices: machine.board.devices
      .filter(({ model }) => model !== 'absent')
      .map((device) => ({ name: device.name, ...rangeOf(device) }))
      .toSorted((a, b) => a.start - b.start),
  };
}
