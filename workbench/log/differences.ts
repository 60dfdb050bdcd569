// SPDX-License-Identifier: GPL-2.0-only
/**
 * What is different between two runs, in sentences that say why: from RAM, over what was reserved
 * and where mem_map went, to what is left free.
 *
 * The causes are not guesses: mem_map has an entry for each frame of RAM, a place is taken or
 * refused for the reason that the kernel itself logged, and free frames are what RAM is after
 * everything else has been taken from it. Where the numbers do not add up, the rest is named as
 * such.
 */

import { hex, PAGE_SIZE } from '#common/address.ts';
import { showBytes, showCount, showTime } from '#common/quantities.ts';
import type { EventLogHeader } from './event-header.ts';
import type { LoggedMemMap, LoggedRange, MemoryLayout, RunSummary } from './run-summary.ts';
import { printable, showOption } from './show-event.ts';
import { timeline } from './timeline.ts';

type Topic = 'options' | 'ram' | 'reserved' | 'mem_map' | 'heap' | 'page tables' | 'free' | 'panic' | 'end' | 'stages';

/** One difference. */
export interface Difference {
  readonly topic: Topic;
  readonly text: string;
}

/** A run, as far as it takes part in the comparison. */
export interface ComparedRun {
  readonly header: EventLogHeader;
  readonly summary: RunSummary;
}

/** The differences from `before` to `after`, causes first. */
export function differencesOf(before: ComparedRun, after: ComparedRun): Difference[] {
  const [a, b] = [before.summary, after.summary];
  const ram = ramDifference(a.memory, b.memory);
  const banks = rangeDifferences(a.memory.banks, b.memory.banks, BANK).join('; ');
  const texts: readonly [Topic, readonly (string | null)[]][] = [
    ['options', optionDifferences(before.header, after.header)],
    ['ram', [ram === null ? null : `RAM is ${ram}${banks === '' ? '' : `: ${banks}`}`]],
    ['reserved', rangeDifferences(a.memory.reserved, b.memory.reserved, RESERVATION)],
    ['mem_map', memMapDifferences(a.memory, b.memory, ram)],
    ['heap', [heapDifference(a.memory, b.memory)]],
    ['page tables', [tableDifference(a.memory, b.memory)]],
    ['free', [freeDifference(a.memory, b.memory)]],
    ['panic', [panicDifference(a, b)]],
    ['end', [endDifference(a, b)]],
    ['stages', stageDifferences(a, b)],
  ];
  return texts.flatMap(([topic, said]) => said.filter((text) => text !== null).map((text) => ({ topic, text })));
}

function optionDifferences(a: EventLogHeader, b: EventLogHeader): string[] {
  const inA: Record<string, unknown> = { board: a.board, seed: a.seed, ...a.options };
  const inB: Record<string, unknown> = { board: b.board, seed: b.seed, ...b.options };
  return [...new Set([...Object.keys(inA), ...Object.keys(inB)])]
    .filter((name) => JSON.stringify(inA[name]) !== JSON.stringify(inB[name]))
    .map((name) => `${printable(name)} is ${showOption(name, inB[name])} instead of ${showOption(name, inA[name])}`);
}

/**
 * "2 GiB instead of 8 GiB", or null when both have as much at the same places, or one does not say
 * anything of memory: a kernel that looked for RAM has at least its own image to reserve.
 */
function ramDifference(a: MemoryLayout, b: MemoryLayout): string | null {
  if ([a, b].some(({ banks, reserved }) => banks.length + reserved.length === 0)) return null;
  if (rangeDifferences(a.banks, b.banks, BANK).length === 0) return null;
  const [was, is] = [total(a.banks), total(b.banks)];
  return was === is ? `${showBytes(is)} as before, at other places` : insteadOf(is, was);
}

/** How changes of ranges of one sort are told. */
interface RangeWords<T extends LoggedRange> {
  /** A range in the other log with the same identity is this one, moved or resized. */
  readonly identity: (range: T) => unknown;
  readonly name: (range: T) => string;
  readonly gone: (range: T) => string;
  readonly come: (range: T) => string;
}

const BANK: RangeWords<LoggedRange> = {
  identity: ({ base }) => base,
  name: () => 'the bank',
  gone: ({ base, bytes }) => `the bank of ${showBytes(bytes)} at ${hex(base)} is gone`,
  come: ({ base, bytes }) => `a bank of ${showBytes(bytes)} at ${hex(base)} came`,
};

const RESERVATION: RangeWords<MemoryLayout['reserved'][number]> = {
  identity: ({ owner }) => owner,
  name: ({ owner }) => `"${printable(owner)}"`,
  gone: ({ owner, base, bytes }) => `"${printable(owner)}" (${showBytes(bytes)} at ${hex(base)}) is no longer reserved`,
  come: ({ owner, base, bytes }) => `"${printable(owner)}" is reserved now: ${showBytes(bytes)} at ${hex(base)}`,
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
    const [from, to] = [hex(was.base), hex(is.base)];
    return from === to
      ? `${words.name(was)} at ${from} has ${insteadOf(is.bytes, was.bytes)}`
      : moved(words.name(was), { from, to }, is.bytes, was.bytes);
  });
  return [...texts, ...come.map(words.come)];
}

function moved(name: string, { from, to }: { from: string; to: string }, is: number, was: number): string {
  const sized = is === was ? '' : `has ${insteadOf(is, was)}`;
  const parts = [from === to ? '' : `moved from ${from} to ${to}`, sized].filter((part) => part !== '');
  return `${name} ${parts.join(' and ')}`;
}

/** `ram`: the difference in RAM, if there is one. */
function memMapDifferences({ memMap: a }: MemoryLayout, { memMap: b }: MemoryLayout, ram: string | null): string[] {
  if (a === null && b === null) return [];
  if (b === null) return ['mem_map has no place any more'];
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
 * The kernel takes the first hole that is large enough, and logs what it thought of each. So where
 * the new place was refused or did not exist before, or the old one is refused or gone now, that is
 * the reason.
 */
function reasonToMove(a: LoggedMemMap, b: LoggedMemMap, ram: string | null): string {
  const oldPlaceNow = holeAt(b.holes, a.base);
  const newPlaceThen = holeAt(a.holes, b.base);
  const dueToRam = ram === null ? '' : `, and RAM is ${ram}`;
  if (b.base < a.base && newPlaceThen !== null) {
    return newPlaceThen.verdict === ACCEPTED
      ? ''
      : ` because the hole at ${newPlaceThen.at} is large enough now; before it was ${newPlaceThen.verdict}${dueToRam}`;
  }
  if (oldPlaceNow === null) {
    return ` because ${hex(a.base)} is no longer free${ram === null ? '' : `: RAM is ${ram}`}`;
  }
  if (oldPlaceNow.verdict !== ACCEPTED) {
    return ` because the hole at ${oldPlaceNow.at} is refused now: ${oldPlaceNow.verdict}${dueToRam}`;
  }
  return newPlaceThen === null
    ? ` because ${hex(b.base)}, which was not free before, is the first hole that fits now${dueToRam}`
    : '';
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

function heapDifference({ heap: a }: MemoryLayout, { heap: b }: MemoryLayout): string | null {
  if (a === null || b === null || (a.base === b.base && a.bytes === b.bytes)) return null;
  return moved('the heap', { from: a.base, to: b.base }, b.bytes, a.bytes);
}

function tableDifference({ tableFrames: a }: MemoryLayout, { tableFrames: b }: MemoryLayout): string | null {
  if (a === null || b === null || a === b) return null;
  return `page tables take ${showCount(b)} frames from the buddy instead of ${showCount(a)}`;
}

/** Free frames, taken apart: what RAM, mem_map, reservations, heap and tables contribute. */
function freeDifference(a: MemoryLayout, b: MemoryLayout): string | null {
  if (a.freeFrames === null || b.freeFrames === null || a.freeFrames === b.freeFrames) return null;
  const before = sharesOf(a);
  const parts = Object.entries(sharesOf(b))
    .map(([name, frames]) => ({ name, change: frames - (before[name] ?? 0) }))
    .filter(({ change }) => change !== 0)
    .map(({ name, change }) => `${signed(change)} ${name}`);
  const [is, was] = [showCount(b.freeFrames), showCount(a.freeFrames)];
  return `${is} frames are free instead of ${was} (${signed(b.freeFrames - a.freeFrames)}): ${parts.join(', ')}`;
}

/** What each part adds to or takes from the free frames. They add up to the free frames. */
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

function panicDifference({ panic: a }: RunSummary, { panic: b }: RunSummary): string | null {
  if (a?.reason === b?.reason && a?.detail === b?.detail) return null;
  const told = ({ reason, t, detail }: NonNullable<RunSummary['panic']>): string =>
    `"PANIC: ${printable(reason)}" at ${showTime(t)} (${printable(detail)})`;
  if (b === null) return a === null ? null : `no panic any more; before: ${told(a)}`;
  return `it panics with ${told(b)}${a === null ? ', where before it did not' : `; before: ${told(a)}`}`;
}

function endDifference({ stop: a }: RunSummary, { stop: b }: RunSummary): string | null {
  const told = (stop: RunSummary['stop']): string =>
    stop === null ? 'without an end (killed, or still running)' : `"${printable(stop.reason)}"`;
  return told(a) === told(b) ? null : `it ends ${told(b)} instead of ${told(a)}`;
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
