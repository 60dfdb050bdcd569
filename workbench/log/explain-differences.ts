/**
 * What is different between two runs, in sentences that say why: from RAM, over what was reserved
 * and where mem_map went, to what is left free.
 *
 * The causes are not guesses: mem_map has an entry for each frame of RAM, a place is taken or
 * refused for the reason that the kernel itself logged, and free frames are what RAM is after
 * everything else has been taken from it. Where the numbers do not add up, the rest is named as
 * such.
 */

import { PAGE_SIZE } from '#common/address.ts';
import type { EventLogHeader } from './event-header.ts';
import { showBytes, showCount, showTime } from '#common/quantities.ts';
import type { Facts, MemoryFacts, RangeFact } from './facts.ts';
import { placementDifference } from './placement-difference.ts';
import { printable } from './show-event.ts';
import { showOption } from './show-option.ts';
import { timeline } from './timeline.ts';

/** One difference. */
export interface Difference {
  readonly topic:
    | 'options'
    | 'ram'
    | 'reserved'
    | 'mem_map'
    | 'heap'
    | 'page tables'
    | 'free'
    | 'panic'
    | 'end'
    | 'stages';
  readonly text: string;
}

/** A run, as far as it takes part in the comparison. */
export interface ComparedRun {
  readonly header: EventLogHeader;
  readonly facts: Facts;
}

/** The differences from `before` to `after`, causes first. */
export function explainDifferences(before: ComparedRun, after: ComparedRun): Difference[] {
  const [a, b] = [before.facts.memory, after.facts.memory];
  const ram = ramDifference(a, b);
  const say = (topic: Difference['topic'], texts: readonly (string | null)[]): Difference[] =>
    texts.filter((text) => text !== null).map((text) => ({ topic, text }));
  return [
    ...say('options', optionDifferences(before.header, after.header)),
    ...say('ram', [ram === null ? null : `RAM is ${ram}${bankDifferences(a.banks, b.banks)}`]),
    ...say('reserved', reservedDifferences(a, b)),
    ...say('mem_map', placementDifference(a, b, ram)),
    ...say('heap', [heapDifference(a, b)]),
    ...say('page tables', [
      a.tableFrames === null || b.tableFrames === null || a.tableFrames === b.tableFrames
        ? null
        : `page tables take ${showCount(b.tableFrames)} frames from the buddy instead of ${showCount(a.tableFrames)}`,
    ]),
    ...say('free', [freeDifference(a, b)]),
    ...say('panic', [panicDifference(before.facts, after.facts)]),
    ...say('end', [endDifference(before.facts, after.facts)]),
    ...say('stages', stageDifferences(before.facts, after.facts)),
  ];
}

function optionDifferences(a: EventLogHeader, b: EventLogHeader): string[] {
  const inA: Record<string, unknown> = { board: a.board, seed: a.seed, ...a.options };
  const inB: Record<string, unknown> = { board: b.board, seed: b.seed, ...b.options };
  const names = [...new Set([...Object.keys(inA), ...Object.keys(inB)])];
  return names
    .filter((name) => JSON.stringify(inA[name]) !== JSON.stringify(inB[name]))
    .map((name) => `${printable(name)} is ${showOption(name, inB[name])} instead of ${showOption(name, inA[name])}`);
}

/**
 * "2 GiB instead of 8 GiB", or null when both have as much at the same places, or one does not say
 * anything of memory.
 */
function ramDifference(before: MemoryFacts, after: MemoryFacts): string | null {
  const [a, b] = [before.banks, after.banks];
  if (!tellsOfMemory(before) || !tellsOfMemory(after)) return null;
  if (missing(a, b).length === 0 && missing(b, a).length === 0) return null;
  const [was, is] = [total(a), total(b)];
  return was === is ? `${showBytes(is)} as before, at other places` : `${showBytes(is)} instead of ${showBytes(was)}`;
}

/**
 * The kernel looked for RAM: it has at least its own image to reserve, also where it found none.
 */
function tellsOfMemory({ banks, reserved }: MemoryFacts): boolean {
  return banks.length > 0 || reserved.length > 0;
}

function bankDifferences(a: readonly RangeFact[], b: readonly RangeFact[]): string {
  const gone = missing(a, b);
  const come = missing(b, a);
  const resized = gone.flatMap((bank) => {
    const now = come.find(({ base }) => base === bank.base);
    return now === undefined ? [] : [{ bank, now }];
  });
  const isResized = ({ base }: RangeFact): boolean => resized.some(({ bank }) => bank.base === base);
  const parts = [
    ...resized.map(
      ({ bank, now }) => `the bank at ${at(bank)} has ${showBytes(now.bytes)} instead of ${showBytes(bank.bytes)}`,
    ),
    ...gone
      .filter((bank) => !isResized(bank))
      .map((bank) => `the bank of ${showBytes(bank.bytes)} at ${at(bank)} is gone`),
    ...come.filter((bank) => !isResized(bank)).map((bank) => `a bank of ${showBytes(bank.bytes)} at ${at(bank)} came`),
  ];
  return parts.length === 0 ? '' : `: ${parts.join('; ')}`;
}

function reservedDifferences({ reserved: a }: MemoryFacts, { reserved: b }: MemoryFacts): string[] {
  const key = (range: { readonly owner: string } & RangeFact): string => `${range.owner} ${range.base} ${range.bytes}`;
  const [inA, inB] = [new Set(a.map(key)), new Set(b.map(key))];
  const gone = a.filter((range) => !inB.has(key(range)));
  const come = b.filter((range) => !inA.has(key(range)));
  const texts: string[] = [];
  for (const range of gone) {
    const name = printable(range.owner);
    const index = come.findIndex(({ owner }) => owner === range.owner);
    const [now] = index < 0 ? [] : come.splice(index, 1);
    if (now === undefined) {
      texts.push(`"${name}" (${showBytes(range.bytes)} at ${at(range)}) is no longer reserved`);
    } else {
      const size =
        now.bytes === range.bytes ? '' : ` and has ${showBytes(now.bytes)} instead of ${showBytes(range.bytes)}`;
      texts.push(
        now.base === range.base
          ? `"${name}" at ${at(range)} has ${showBytes(now.bytes)} instead of ${showBytes(range.bytes)}`
          : `"${name}" moved from ${at(range)} to ${at(now)}${size}`,
      );
    }
  }
  for (const range of come)
    texts.push(`"${printable(range.owner)}" is reserved now: ${showBytes(range.bytes)} at ${at(range)}`);
  return texts;
}

function heapDifference({ heap: a }: MemoryFacts, { heap: b }: MemoryFacts): string | null {
  if (a === null || b === null) return null;
  const moved = a.base === b.base ? '' : `moved from ${a.base} to ${b.base}`;
  const sized = a.bytes === b.bytes ? '' : `has ${showBytes(b.bytes)} instead of ${showBytes(a.bytes)}`;
  const parts = [moved, sized].filter((part) => part !== '');
  return parts.length === 0 ? null : `the heap ${parts.join(' and ')}`;
}

/** Free frames, taken apart: what RAM, mem_map, reservations, heap and tables contribute. */
function freeDifference(a: MemoryFacts, b: MemoryFacts): string | null {
  if (a.freeFrames === null || b.freeFrames === null || a.freeFrames === b.freeFrames) return null;
  const [before, after] = [sharesOf(a), sharesOf(b)];
  const change = b.freeFrames - a.freeFrames;
  const parts = Object.keys(before)
    .map((name) => ({ name, frames: (after[name] ?? 0) - (before[name] ?? 0) }))
    .filter(({ frames }) => frames !== 0)
    .map(({ name, frames }) => `${signed(frames)} ${name}`);
  return `${showCount(b.freeFrames)} frames are free instead of ${showCount(a.freeFrames)} (${signed(change)}): ${parts.join(', ')}`;
}

/** What each part adds to or takes from the free frames. They add up to the free frames. */
function sharesOf({
  banks,
  memMap,
  heap,
  tableFrames,
  managedFrames,
  freeFrames,
}: MemoryFacts): Record<string, number> {
  const ram = total(banks) / PAGE_SIZE;
  const map = Math.ceil((memMap?.bytes ?? 0) / PAGE_SIZE);
  const heapFrames = (heap?.bytes ?? 0) / PAGE_SIZE;
  const managed = managedFrames ?? 0;
  return {
    'of RAM': ram,
    'for mem_map': -map,
    'otherwise reserved': managed - ram + map,
    'for the heap': -heapFrames,
    'for page tables': -(tableFrames ?? 0),
    'given out since': (freeFrames ?? 0) - managed + heapFrames + (tableFrames ?? 0),
  };
}

function panicDifference({ panic: a }: Facts, { panic: b }: Facts): string | null {
  if (a === null && b === null) return null;
  if (a !== null && b !== null && a.reason === b.reason && a.detail === b.detail) return null;
  const told = (panic: NonNullable<Facts['panic']>): string =>
    `"PANIC: ${printable(panic.reason)}" at ${showTime(panic.t)} (${printable(panic.detail)})`;
  if (b === null) return a === null ? null : `no panic any more; before: ${told(a)}`;
  return `it panics with ${told(b)}${a === null ? ', where before it did not' : `; before: ${told(a)}`}`;
}

function endDifference({ stop: a }: Facts, { stop: b }: Facts): string | null {
  const told = (stop: Facts['stop']): string =>
    stop === null ? 'without an end (killed, or still running)' : `"${printable(stop.reason)}"`;
  return told(a) === told(b) ? null : `it ends ${told(b)} instead of ${told(a)}`;
}

/** Stages that only one run reached, and those that took noticeably longer or shorter. */
function stageDifferences(a: Facts, b: Facts): string[] {
  const [before, after] = [durations(a), durations(b)];
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((title) => {
    const [was, is] = [before.get(title), after.get(title)];
    if (is === undefined) return [`${title} is not reached`];
    if (was === undefined) return [`${title} is reached, which it was not before`];
    const ratio = Math.max(was, is) / Math.max(1, Math.min(was, is));
    return ratio < NOTICEABLE ? [] : [`${title} takes ${showTime(is)} instead of ${showTime(was)}`];
  });
}

/** A stage whose time changed by less is not worth a sentence. */
const NOTICEABLE = 1.02;

function durations(facts: Facts): Map<string, number> {
  const stages = timeline(facts).filter(({ kind }) => kind === 'stage');
  return new Map(stages.map(({ title, tookNs }) => [title, tookNs ?? 0]));
}

function missing(from: readonly RangeFact[], inOther: readonly RangeFact[]): RangeFact[] {
  return from.filter((range) => !inOther.some(({ base, bytes }) => base === range.base && bytes === range.bytes));
}

function total(ranges: readonly RangeFact[]): number {
  return ranges.reduce((sum, { bytes }) => sum + bytes, 0);
}

function at({ base }: RangeFact): string {
  return `0x${base.toString(16)}`;
}

function signed(count: number): string {
  return count < 0 ? `-${showCount(-count)}` : `+${showCount(count)}`;
}
