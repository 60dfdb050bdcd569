// SPDX-License-Identifier: GPL-2.0-only
/**
 * `explain mem_map`: each range that was free when the kernel looked for a place, and why it was
 * taken or refused.
 *
 * Recomputed from the banks and reservations that the kernel told of before it chose, with the
 * kernel's own rules, so that it also answers after "PANIC: Cannot allocate mem_map".
 */

import { PAGE_SIZE } from '#common/address.ts';
import { size, span } from '#common/quantities.ts';
import { DIRECT_MAP_BYTES } from '#kernel-ts/kernel/direct-map.ts';
import { type Range as Interval, subtract, totalLength as totalBytes } from '#common/range.ts';
import { planMemMap } from '#kernel-ts/kernel/mm/mem-map.ts';
import { placeInHole } from '#kernel-ts/kernel/mm/memblock-holes.ts';
import { PAGE_STRUCT_BYTES } from '#kernel-ts/kernel/mm/page.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import { kernelBanks, notThere, memoryFields, type Unknown, unknown } from './kernel-memory.ts';
import { type NamedReservation, ofEvents, openTree } from './reservations.ts';

/** A free range that was looked at, in order of address. */
export interface CandidateHole extends Interval {
  readonly verdict: 'taken' | 'would fit' | 'refused';
  /** One clause. */
  readonly reason: string;
  /** The neighbours on both sides: an owner, or the end of the bank. */
  readonly before: string;
  readonly after: string;
}

/** The search for a place. */
export interface MemMapExplanation {
  readonly known: true;
  /** Bytes needed: a descriptor for each frame of RAM. */
  readonly bytes: number;
  readonly entries: number;
  readonly entryBytes: number;
  /** Address of mem_map; null when no hole fits. */
  readonly base: number | null;
  readonly holes: readonly CandidateHole[];
}

/** Judges every hole as the kernel did. */
export function explainMemMap(machine: LevitateMachine): MemMapExplanation | Unknown {
  if (machine.findKernel() === null) return notThere(machine, 'array of struct Page');
  const banks = kernelBanks(machine);
  if (banks.length === 0) return notThere(machine, 'map of RAM, which mem_map would describe');
  const reserved = ofEvents(machine, openTree(machine)).filter(({ kind }) => kind !== 'mem_map');
  const plan = planMemMap(banks);
  const free = subtract(banks, reserved);
  if (totalBytes(free) === 0) return unknown('every page of RAM is reserved: there is no hole to look at');
  const constraints = {
    size: Math.ceil(plan.bytes / PAGE_SIZE) * PAGE_SIZE,
    align: PAGE_SIZE,
    from: 0,
    limit: DIRECT_MAP_BYTES,
  };
  let base: number | null = null;
  const holes = free.map(({ start, end }): CandidateHole => {
    const verdict = placeInHole({ start, end }, constraints);
    const taken = verdict.accepted && base === null;
    if (verdict.accepted) base ??= verdict.at;
    return {
      start,
      end,
      verdict: taken ? 'taken' : verdict.accepted ? 'would fit' : 'refused',
      reason: taken
        ? 'the first that is large enough'
        : verdict.accepted
          ? 'large enough, but a lower one was taken'
          : verdict.reason,
      before: neighbour(reserved, start, 'end', 'start of the bank'),
      after: neighbour(reserved, end, 'start', 'end of the bank'),
    };
  });
  return { known: true, bytes: plan.bytes, entries: plan.entries, entryBytes: PAGE_STRUCT_BYTES, base, holes };
}

function neighbour(
  reserved: readonly NamedReservation[],
  at: number,
  side: 'start' | 'end',
  otherwise: string,
): string {
  return reserved.find((range) => range[side] === at)?.owner ?? otherwise;
}

/** As lines for people. */
export function showMemMap(machine: LevitateMachine, explanation: MemMapExplanation): string[] {
  const { bytes, entries, entryBytes, base, holes } = explanation;
  const placed = memoryFields(machine.events.get('memory'), 'mem_map').at(-1);
  return [
    `mem_map needs ${bytes} bytes (${size(bytes)}): ${entries} frames, ${entryBytes} bytes each, in one piece`,
    base === null
      ? `no hole is large enough: the largest of ${holes.length} has ${size(Math.max(...holes.map((hole) => hole.end - hole.start)))}`
      : `it lies at ${span(base, base + bytes)}${placed === undefined ? ', by the rules; the kernel did not get there' : ''}`,
    '',
    ...holes.map(
      ({ start, end, verdict, reason, before, after }) =>
        `${verdict.padEnd(10)}${span(start, end)}  ${size(end - start).padStart(10)}  ${reason}; between ${before} and ${after}`,
    ),
  ];
}
