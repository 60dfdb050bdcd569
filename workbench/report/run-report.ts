// SPDX-License-Identifier: GPL-2.0-only
/**
 * report.json: the result of a run for programs. Keys are stable, addresses are "0x…" strings, and
 * values that the kernel did not reach are null.
 */

import { hex } from '#common/address.ts';
import { placeOf, totalSize } from '#common/range.ts';
import { processFacts } from '#host/process-facts.ts';
import { PAGE_STRUCT_BYTES } from '#kernel-ts/kernel/mm/page.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import type { Outcome } from '#workbench/machine/outcome.ts';

export interface Report {
  readonly board: string;
  readonly outcome: Outcome['outcome'];
  readonly exitStatus: number;
  readonly panic: string | null;
  readonly ram: {
    /**
     * RAM that the kernel found in the device tree, or the machine's RAM when the kernel did not
     * get that far.
     */
    readonly totalBytes: number;
    readonly banks: readonly { readonly base: string; readonly size: number }[];
    /** Bytes of the machine's RAM that are backed by host memory. */
    readonly touchedBytes: number;
  };
  readonly memMap: {
    readonly base: string;
    readonly bytes: number;
    readonly entries: number;
    readonly entryBytes: number;
  } | null;
  readonly buddy: {
    readonly totalFrames: number;
    readonly freeFrames: number;
    /** Free blocks of order 0, 1, … 20. */
    readonly freeBlocks: readonly number[];
  } | null;
  readonly heap: { readonly base: string; readonly bytes: number } | null;
  readonly pageTables: { readonly poolUsed: number; readonly poolSize: number; readonly fromAllocator: number } | null;
  readonly stages: readonly { readonly name: string; readonly atNs: number }[];
  readonly time: { readonly simulatedNs: number; readonly instructions: number; readonly wallMs: number };
  readonly host: { readonly maxRssBytes: number; readonly node: string; readonly engine: string };
}

/** True when a report of this name is a page for people, not data for machines. */
export function isPage(file: string): boolean {
  return file.endsWith('.html');
}

/** @param wallMs real time since the process began, milliseconds */
export function makeReport(machine: LevitateMachine, outcome: Outcome, exitStatus: number, wallMs: number): Report {
  const { clock } = machine.machine;
  // Reading the kernel's counters goes through its ports, which charge simulated time.
  const report = clock.withoutCharge(() => readReport(machine, outcome, exitStatus, wallMs));
  return { ...report, time: { ...report.time, simulatedNs: clock.nowNs } };
}

function readReport(machine: LevitateMachine, outcome: Outcome, exitStatus: number, wallMs: number): Report {
  const memory = machine.findKernel()?.memory ?? null;
  const { clock } = machine.machine;
  const banks = memory === null ? bankEvents(machine) : [...memory.memblock.banks()].map(placeOf);
  const { memMap, buddy, heap, mmu } = memory ?? { memMap: null, buddy: null, heap: null, mmu: null };
  const heapStats = heap?.stats();
  return {
    board: machine.board.name,
    outcome: outcome.outcome,
    exitStatus,
    panic: outcome.panic,
    ram: {
      totalBytes: totalSize(banks),
      banks: banks.map(({ base, size }) => ({ base: hex(base), size })),
      touchedBytes: machine.memory.touchedBytes,
    },
    memMap:
      memMap === null
        ? null
        : { base: hex(memMap.base), bytes: memMap.bytes, entries: memMap.entries, entryBytes: PAGE_STRUCT_BYTES },
    buddy: buddy === null ? null : { ...buddy.counts(), freeBlocks: buddy.buddyinfo() },
    heap: heapStats === undefined ? null : { base: hex(heapStats.base), bytes: heapStats.bytes },
    pageTables:
      mmu === null ? null : { poolUsed: mmu.pool.used, poolSize: mmu.pool.size, fromAllocator: mmu.pool.fromAllocator },
    stages: machine.events.get('stage').map(({ t, fields }) => ({ name: fields.name, atNs: t })),
    time: { simulatedNs: clock.nowNs, instructions: clock.instructions, wallMs: Math.round(wallMs) },
    host: {
      ...processFacts(),
      engine: machine.cpu.engine.version,
    },
  };
}

/**
 * Banks that the kernel reported before it failed, or those of the machine when it reported none.
 */
function bankEvents(machine: LevitateMachine): { base: number; size: number }[] {
  const banks = machine.events
    .get('memory')
    .flatMap(({ fields }) => (fields.what === 'bank' ? [{ base: Number(fields.base), size: fields.bytes }] : []));
  return banks.length === 0 ? machine.memory.banks.map(({ base, size }) => ({ base, size })) : banks;
}
