// SPDX-License-Identifier: GPL-2.0-only
/**
 * Differences between two runs, in sentences that say why.
 *
 * The causes are the kernel's own: mem_map has an entry for each frame of RAM, the kernel logs why
 * it refused a place, and free frames are RAM less everything that was taken from it.
 */

import { hex, PAGE_SIZE } from '#common/address.ts';
import { showBytes, showCount, showTime } from '#common/quantities.ts';
import { differingMembers } from './compare.ts';
import type { EventLogHeader } from './event-header.ts';
import type { LoggedMemMap, LoggedRange, LoggedReservation, MemoryLayout, RunSummary } from './run-summary.ts';
import { printable, showOption } from './show-event.ts';
import { timeline } from './timeline.ts';

/** One difference: "ram", "mem_map", …, and a sentence. */
export interface Difference {
  readonly topic: string;
  readonly text: string;
}

/** A run as its log tells it. */
type LoggedRun = RunSummary & { readonly header: EventLogHeader };

/** The differences from `a` to `b`, causes first. */
export function differencesOf(a: LoggedRun, b: LoggedRun): Difference[] {
  const [was, is] = [a.memory, b.memory];
  const ram = ramDifference(was, is);
  const banks = rangeDifferences(was.banks, is.banks, BANK).join('; ');
  const topics: Record<string, readonly string[]> = {
    options: optionDifferences(a.header, b.header),
    ram: ram === null ? [] : [`RAM is ${ram}${banks === '' ? '' : `: ${banks}`}`],
    reserved: rangeDifferences(was.reserved, is.reserved, RESERVATION),
    mem_map: memMapDifferences(was.memMap, is.memMap, ram),
    heap: heapDifference(was.heap, is.heap),
    'page tables': tableDifference(was.tableFrames, is.tableFrames),
    free: freeDifference(was, is),
    panic: panicDifference(a.panic, b.panic),
    end: endDifference(a.stop, b.stop),
    stages: stageDifferences(a, b),
  };
  return Object.entries(topics).flatMap(([topic, texts]) => texts.map((text) => ({ topic, text })));
}

function optionDifferences(a: EventLogHeader, b: EventLogHeader): string[] {
  const asked = ({ board, seed, options }: EventLogHeader): Record<string, unknown> => ({ board, seed, ...options });
  const [was, is] = [asked(a), asked(b)];
  return differingMembers(was, is).map(
    (name) => `${printable(name)} is ${showOption(name, is[name])} instead of ${showOption(name, was[name])}`,
  );
}

/**
 * "2 GiB instead of 8 GiB". Null when both have the same banks, or one says nothing of memory: a
 * kernel that looked for RAM has at least its own image to reserve.
 */
function ramDifference(a: MemoryLayout, b: MemoryLayout): string | null {
  if ([a, b].some(({ banks, reserved }) => banks.length + reserved.length === 0)) return null;
  if (rangeDifferences(a.banks, b.banks, BANK).length === 0) return null;
  const [was, is] = [total(a.banks), total(b.banks)];
  return was === is ? `${showBytes(is)} as before, at other places` : insteadOf(is, was);
}

/** The words for changes of one sort of range. */
interface RangeWords<T extends LoggedRange> {
  /** Two ranges with the same identity are one range that was moved or resized. */
  readonly identity: (range: T) => unknown;
  readonly name: (range: T) => string;
  readonly gone: (range: T) => string;
  readonly come: (range: T) => string;
}

const sized = ({ base, bytes }: LoggedRange): string => `${showBytes(bytes)} at ${hex(base)}`;
const quoted = ({ owner }: LoggedReservation): string => `"${printable(owner)}"`;

const BANK: RangeWords<LoggedRange> = {
  identity: ({ base }) => base,
  name: () => 'the bank',
  gone: (bank) => `the bank of ${sized(bank)} is gone`,
  come: (bank) => `a bank of ${sized(bank)} came`,
};

const RESERVATION: RangeWords<LoggedReservation> = {
  identity: ({ owner }) => owner,
  name: quoted,
  gone: (range) => `${quoted(range)} (${sized(range)}) is no longer reserved`,
  come: (range) => `${quoted(range)} is reserved now: ${sized(range)}`,
};

function rangeDifferences<T extends LoggedRange>(a: readonly T[], b: readonly T[], words: RangeWords<T>): string[] {
  const key = (range: T): string => JSON.stringify([words.identity(range), range.base, range.bytes]);
  const missing = (from: readonly T[], other: readonly T[]): T[] => {
    const there = new Set(other.map(key));
    return from.filter((range) => !there.has(key(range)));
  };
  const come = missing(b, a);
  const texts = missing(a, b).map((was) => {
    const index = come.findIndex((range) => words.identity(range) === words.identity(was));
    const [is] = index < 0 ? [] : come.splice(index, 1);
    if (is === undefined) return words.gone(was);
    return is.base === was.base
      ? `${words.name(was)} at ${hex(was.base)} has ${insteadOf(is.bytes, was.bytes)}`
      : moved(words.name(was), [hex(was.base), hex(is.base)], is.bytes, was.bytes);
  });
  return [...texts, ...come.map(words.come)];
}

function moved(name: string, [from, to]: readonly [string, string], is: number, was: number): string {
  const place = from === to ? [] : [`moved from ${from} to ${to}`];
  return `${name} ${[...place, ...(is === was ? [] : [`has ${insteadOf(is, was)}`])].join(' and ')}`;
}

function memMapDifferences(a: LoggedMemMap | null, b: LoggedMemMap | null, ram: string | null): string[] {
  if (b === null) return a === null ? [] : ['mem_map has no place any more'];
  if (a === null) return [`mem_map has a place now, at ${hex(b.base)}`];
  const texts: string[] = [];
  if (a.base !== b.base) texts.push(`mem_map moved from ${hex(a.base)} to ${hex(b.base)}${reasonToMove(a, b, ram)}`);
  if (a.bytes !== b.bytes) {
    const because = ram === null ? '' : ` because RAM is ${ram}`;
    texts.push(
      `mem_map has ${insteadOf(b.bytes, a.bytes)}${because}: ${showCount(b.entries)} entries of ${b.bytes / b.entries} bytes instead of ${showCount(a.entries)}`,
    );
  }
  return texts;
}

/**
 * The kernel takes the first hole that is large enough, and logs each that it refused. So it moved
 * because the new place was refused or did not exist before, or the old one is refused or gone now.
 */
function reasonToMove(a: LoggedMemMap, b: LoggedMemMap, ram: string | null): string {
  const [newPlaceThen, oldPlaceNow] = [holeAt(a.holes, b.base), holeAt(b.holes, a.base)];
  const dueToRam = ram === null ? '' : `, and RAM is ${ram}`;
  if (b.base < a.base && newPlaceThen !== null) {
    const { at, verdict } = newPlaceThen;
    return verdict === ACCEPTED
      ? ''
      : ` because the hole at ${at} is large enough now; before it was ${verdict}${dueToRam}`;
  }
  if (oldPlaceNow === null) {
    return ` because ${hex(a.base)} is no longer free${ram === null ? '' : `: RAM is ${ram}`}`;
  }
  if (oldPlaceNow.verdict !== ACCEPTED) {
    return ` because the hole at ${oldPlaceNow.at} is refused now: ${oldPlaceNow.verdict}${dueToRam}`;
  }
  if (newPlaceThen !== null) return '';
  return ` because ${hex(b.base)}, which was not free before, is the first hole that fits now${dueToRam}`;
}

const ACCEPTED = 'accepted';

/** The hole that holds `address`. The kernel writes "0x0080000000..0x0080080000 too small: …". */
function holeAt(holes: readonly string[], address: number): { at: string; verdict: string } | null {
  for (const hole of holes) {
    const [, base, end, verdict = ''] = /^(0x[0-9a-f]+)\.\.(0x[0-9a-f]+) (.*)$/s.exec(hole) ?? [];
    if (Number(base) <= address && address < Number(end)) return { at: hex(Number(base)), verdict };
  }
  return null;
}

function heapDifference(a: MemoryLayout['heap'], b: MemoryLayout['heap']): string[] {
  if (a === null || b === null || (a.base === b.base && a.bytes === b.bytes)) return [];
  return [moved('the heap', [a.base, b.base], b.bytes, a.bytes)];
}

function tableDifference(a: number | null, b: number | null): string[] {
  if (a === null || b === null || a === b) return [];
  return [`page tables take ${showCount(b)} frames from the buddy instead of ${showCount(a)}`];
}

/** Free frames, taken apart: what RAM, mem_map, reservations, heap and tables contribute. */
function freeDifference(a: MemoryLayout, b: MemoryLayout): string[] {
  if (a.freeFrames === null || b.freeFrames === null || a.freeFrames === b.freeFrames) return [];
  const before = sharesOf(a);
  const parts = Object.entries(sharesOf(b))
    .map(([name, frames]) => ({ name, change: frames - (before[name] ?? 0) }))
    .filter(({ change }) => change !== 0)
    .map(({ name, change }) => `${signed(change)} ${name}`);
  const [is, was] = [showCount(b.freeFrames), showCount(a.freeFrames)];
  return [`${is} frames are free instead of ${was} (${signed(b.freeFrames - a.freeFrames)}): ${parts.join(', ')}`];
}

/** Frames that each part adds to the free ones or takes from them. Their sum is the free frames. */
function sharesOf({ banks, memMap, heap, ...counts }: MemoryLayout): Record<string, number> {
  const ram = total(banks) / PAGE_SIZE;
  const map = Math.ceil((memMap?.bytes ?? 0) / PAGE_SIZE);
  const heapFrames = (heap?.bytes ?? 0) / PAGE_SIZE;
  const [managed, tables, free] = [counts.managedFrames ?? 0, counts.tableFrames ?? 0, counts.freeFrames ?? 0];
  return {
    'of RAM': ram,
    'for mem_map': -map,
    'otherwise reserved': managed - ram + map,
    'for the heap': -heapFrames,
    'for page tables': -tables,
    'given out since': free - managed + heapFrames + tables,
  };
}

function panicDifference(a: RunSummary['panic'], b: RunSummary['panic']): string[] {
  if (a?.reason === b?.reason && a?.detail === b?.detail) return [];
  const told = ({ reason, t, detail }: NonNullable<RunSummary['panic']>): string =>
    `"PANIC: ${printable(reason)}" at ${showTime(t)} (${printable(detail)})`;
  const before = a === null ? '' : `; before: ${told(a)}`;
  if (b === null) return [`no panic any more${before}`];
  return [`it panics with ${told(b)}${before === '' ? ', where before it did not' : before}`];
}

function endDifference(a: RunSummary['stop'], b: RunSummary['stop']): string[] {
  const told = (stop: RunSummary['stop']): string =>
    stop === null ? 'without an end (killed, or still running)' : `"${printable(stop.reason)}"`;
  return told(a) === told(b) ? [] : [`it ends ${told(b)} instead of ${told(a)}`];
}

/** A stage whose time changed by less is not worth a sentence. */
const NOTICEABLE = 1.02;

/** Stages that only one run reached, and those that took noticeably longer or shorter. */
function stageDifferences(a: RunSummary, b: RunSummary): string[] {
  const [before, after] = [durations(a), durations(b)];
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((title) => {
    const [was, is] = [before.get(title), after.get(title)];
    if (is === undefined) return [`${title} is not reached`];
    if (was === undefined) return [`${title} is reached, which it was not before`];
    const ratio = Math.max(was, is) / Math.max(1, Math.min(was, is));
    return ratio < NOTICEABLE ? [] : [`${title} takes ${showTime(is)} instead of ${showTime(was)}`];
  });
}

function durations(run: RunSummary): Map<string, number> {
  const stages = timeline(run).filter(({ kind }) => kind === 'stage');
  return new Map(stages.map(({ title, tookNs }) => [title, tookNs ?? 0]));
}

function total(ranges: readonly LoggedRange[]): number {
  return ranges.reduce((sum, { bytes }) => sum + bytes, 0);
}

function insteadOf(is: number, was: number): string {
  return `${showBytes(is)} instead of ${showBytes(was)}`;
}

function signed(count: number): string {
  return count < 0 ? `-${showCount(-count)}` : `+${showCount(count)}`;
}
