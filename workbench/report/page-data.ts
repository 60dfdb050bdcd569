// SPDX-License-Identifier: GPL-2.0-only
/**
 * The data of the pages: plain JSON, made by collect.ts (whole, for `--report`) or in pieces (for
 * the live view), and read in the browser. Numbers are frames, bytes and nanoseconds; virtual
 * addresses are "0x…" strings because JSON has no 64-bit integers.
 */

import type { FrameSpan } from './memory-state.ts';

/** Groups of owners: one colour each. */
export const OWNER_CLASSES = [
  'free',
  'unclaimed',
  'kernel',
  'mem_map',
  'heap',
  'tables',
  'slab',
  'user',
  'boot data',
  'firmware',
  'reserved',
  'touched',
  'other',
] as const;
export type OwnerClass = (typeof OWNER_CLASSES)[number];

/** An owner of frames. */
export interface Owner {
  readonly name: string;
  readonly class: OwnerClass;
}

/** A line of the log or another event, and the number of memory operations before it. */
export interface Moment {
  readonly t: number;
  /** Event kind: serial, process, stop …, or `allocator` for a moment between two lines. */
  readonly kind: string;
  readonly text: string;
  readonly operations: number;
}

export interface Stage {
  readonly number: number;
  readonly name: string;
  readonly t: number;
}

/** A range of the kernel's page tables. */
export interface MappedRange {
  readonly va: string;
  readonly pa: number;
  readonly bytes: number;
  /** Entries in words: "6 x 1 GiB + 2 x 2 MiB". */
  readonly entries: string;
  readonly attributes: string;
  readonly writableAndExecutable: boolean;
}

/** A name and a value for people. */
export type KeyFigure = readonly [name: string, value: string];

/** A part of a run: the whole run for a report, the changes for the live view. */
export interface StoryPart {
  /** Owners not sent before; the first two are always free and unclaimed RAM. */
  readonly owners: readonly Owner[];
  /** start, frames, owner, t; start, frames, owner, t; … */
  readonly operations: readonly number[];
  readonly moments: readonly Moment[];
  readonly stages: readonly Stage[];
}

/**
 * A stretch of time, or a mark (`to` is `from`), in nanoseconds. It stands for `count` stretches or
 * marks.
 */
export type LaneMark = readonly [from: number, to: number, count: number, text: string];

/** A row of stretches and marks over the run: see lanes.ts. */
export interface Lane {
  readonly name: string;
  readonly marks: readonly LaneMark[];
}

/** Everything that a report page shows. */
export interface ReportData {
  readonly board: string;
  /** One clause: "reached its steady state". */
  readonly reason: string;
  readonly outcome: string;
  readonly exitStatus: number;
  readonly panic: string | null;
  readonly endNs: number;
  readonly banks: readonly FrameSpan[];
  /**
   * False for a guest that is not the modelled kernel: it has no stages, and what its allocator
   * does is not known.
   */
  readonly modelled: boolean;
  readonly story: StoryPart;
  readonly lanes: readonly Lane[];
  /** Null when there is no modelled kernel, or its tables could not be read. */
  readonly tables: readonly MappedRange[] | null;
  readonly keyFigures: readonly KeyFigure[];
  /** Parts that are not in the page, and why; shown to the reader. */
  readonly notes: readonly string[];
}
