// SPDX-License-Identifier: GPL-2.0-only
/**
 * Collects everything that a report page shows from a machine that has run. This costs the guest
 * nothing and changes nothing.
 */

import { PAGE_SIZE } from '#common/address.ts';
import { describeAttributes } from '#kernel-ts/hal/mmu/descriptor.ts';
import type { TableRange } from '#kernel-ts/hal/mmu/ptdump.ts';
import type { Report } from './run-report.ts';
import { showBytes, showCount, showTime } from '#common/quantities.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import type { Outcome } from '#workbench/machine/outcome.ts';
import { condense } from './condense.ts';
import type { KeyFigure, MappedRange, ReportData, StoryPart } from './page-data.ts';
import { STORY_TRACE } from './story-builder.ts';
import type { StoryRecorder } from './story-recorder.ts';

/**
 * @param report the same run for machines
 * @param recorder made before the machine ran
 */
export function collectReport(
  machine: LevitateMachine,
  outcome: Outcome,
  report: Report,
  recorder: StoryRecorder,
): ReportData {
  recorder.takeChanges();
  const { banks } = recorder;
  const story = condense(banks, recorder.story);
  return {
    board: machine.board.name,
    reason: outcome.reason,
    outcome: outcome.outcome,
    exitStatus: report.exitStatus,
    panic: outcome.panic,
    endNs: report.time.simulatedNs,
    banks,
    modelled: machine.findKernel() !== null,
    story,
    lanes: recorder.lanes.at(report.time.simulatedNs),
    tables: mappedRanges(machine),
    keyFigures: keyFiguresOf(report),
    notes: notesOn(machine, story, recorder),
  };
}

const FOREIGN_GUEST =
  'This guest is not the modelled kernel: what was loaded where, what the device tree reserves and what memory was touched is known, but not who has it.';

/** Parts that the page leaves out. */
function notesOn(machine: LevitateMachine, story: StoryPart, { moments, operations }: StoryRecorder): string[] {
  const notes: string[] = [];
  const left = moments - story.moments.length;
  if (left > 0 || operations > story.operations.length / 4) {
    notes.push(
      `This was a long run: ${showCount(left)} of ${showCount(moments)} moments are left out, and of ${showCount(operations)} ` +
        'changes of memory only what they amount to between two moments is in this page.',
    );
  }
  if (!STORY_TRACE.every((kind) => machine.events.enabled(kind))) {
    notes.push('The allocator was not traced in this run: the map shows reservations only.');
  } else if (machine.findKernel() === null) {
    notes.push(FOREIGN_GUEST);
  }
  return notes;
}

function mappedRanges(machine: LevitateMachine): MappedRange[] | null {
  const memory = machine.findKernel()?.memory ?? null;
  if (memory === null) return null;
  try {
    const { ranges, writableAndExecutable } = machine.machine.clock.withoutCharge(() =>
      memory.mmu.report(memory.kernelSpace),
    );
    return ranges.map((range) => mappedRange(range, writableAndExecutable.includes(range)));
  } catch {
    // A panicked kernel's broken tables may abort the read. The rest of the page does not need
    // them.
    return null;
  }
}

function mappedRange(range: TableRange, writableAndExecutable: boolean): MappedRange {
  const { blocks1GiB, blocks2MiB, pages4KiB } = range.counts;
  const sizes: [number, string][] = [
    [blocks1GiB, '1 GiB'],
    [blocks2MiB, '2 MiB'],
    [pages4KiB, '4 KiB'],
  ];
  return {
    va: `0x${range.vaStart.toString(16)}`,
    pa: range.paStart,
    bytes: range.bytes,
    entries: sizes
      .filter(([count]) => count > 0)
      .map(([count, size]) => `${count} x ${size}`)
      .join(' + '),
    attributes: describeAttributes(range.attrs),
    writableAndExecutable,
  };
}

function keyFiguresOf({ ram, memMap, buddy, heap, pageTables, time, host }: Report): KeyFigure[] {
  const figures: KeyFigure[] = [['RAM', `${showBytes(ram.totalBytes)}, ${showBytes(ram.touchedBytes)} touched`]];
  if (buddy !== null) {
    const free = showBytes(buddy.freeFrames * PAGE_SIZE);
    figures.push(['Free frames', `${showCount(buddy.freeFrames)} of ${showCount(buddy.totalFrames)} (${free})`]);
  }
  if (memMap !== null) figures.push(['mem_map', `${showBytes(memMap.bytes)} at ${memMap.base}`]);
  if (heap !== null) figures.push(['Heap', `${showBytes(heap.bytes)} at ${heap.base}`]);
  if (pageTables !== null) {
    const { poolUsed, poolSize, fromAllocator } = pageTables;
    figures.push(['Page tables', `${poolUsed} of ${poolSize} from PT_POOL, ${fromAllocator} from the allocator`]);
  }
  figures.push(['Simulated', `${showTime(time.simulatedNs)}, ${showCount(time.instructions)} instructions`]);
  figures.push(['Real time', `${time.wallMs} ms`], ['Engine', `${host.engine}, Node ${host.node}`]);
  return figures;
}
