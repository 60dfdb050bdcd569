// SPDX-License-Identifier: GPL-2.0-only
/**
 * Which instructions are translated together: the basic blocks that direct branches reach from a
 * hot place without leaving its page of code.
 *
 *     entry ─► block ─┬─► next block        a branch to another page, an indirect one, an exception:
 *                     └─► target            the region is left there
 *
 * Knows where instructions go on, and nothing of what they do.
 */

import { flowOf } from '#emulator/a64/decode/decoder.ts';
import type { Flow, Instruction } from '#emulator/a64/decode/instruction.ts';
import { fieldsOf } from '#emulator/a64/decode/pattern.ts';

const PAGE = 4096;
const INSTRUCTION = 4;
/**
 * Instructions of a region, and of one of its blocks. Of a larger one most are never executed, and
 * making the code costs more than interpreting an instruction a hundred times.
 */
const MOST_INSTRUCTIONS = 64;
const MOST_IN_BLOCK = 48;

/** An instruction of a region; `row` is null where it is undefined. */
export interface Step {
  readonly word: number;
  readonly row: Instruction | null;
  readonly flow: Flow;
  /** Page-relative target of a direct branch; null: it has none. */
  readonly target: number | null;
}

/** Instructions that are executed one after the other; all offsets are bytes from the page. */
export interface Block {
  readonly start: number;
  readonly steps: readonly Step[];
  /** The offset where it goes on when its last instruction does not branch; null: it does. */
  readonly next: number | null;
}

export interface Region {
  /** By address. */
  readonly blocks: readonly Block[];
  /** Offset of the place that was hot. */
  readonly entry: number;
}

/** What instructions are, for the core that is translated for. */
export interface CodeReader {
  /** The word at an offset of the page. */
  word(offset: number): number;
  /** Null where it is undefined. */
  decode(word: number): Instruction | null;
}

function stepAt(reader: CodeReader, offset: number): Step {
  const word = reader.word(offset);
  const row = reader.decode(word);
  if (row === null) return { word, row, flow: 'exception', target: null };
  const flow = flowOf(row, word);
  const isDirect = flow === 'conditional' || flow === 'jump' || flow === 'call';
  const by = isDirect ? Number(row.immediate?.(fieldsOf(word, row.pattern.fields)) ?? 0) : 0;
  return { word, row, flow, target: isDirect ? offset + by : null };
}

const goesOn = ({ flow }: Step): boolean => flow === 'next' || flow === 'conditional';
/** A helper may leave the region behind itself. */
const endsBlock = ({ flow, row }: Step): boolean => flow !== 'next' || row?.meaning.kind === 'helper';
const isInPage = (offset: number): boolean => offset >= 0 && offset < PAGE;

/** The region around the hot place at `entry`. */
export function findRegion(reader: CodeReader, entry: number): Region {
  const steps = new Map<number, Step>();
  const leaders = new Set<number>();
  const open = [entry];
  for (let at = open.shift(); at !== undefined; at = open.shift()) {
    if (leaders.has(at) || steps.size >= MOST_INSTRUCTIONS) continue;
    leaders.add(at);
    for (let offset = at; isInPage(offset) && !steps.has(offset) && steps.size < MOST_INSTRUCTIONS; ) {
      const step = stepAt(reader, offset);
      steps.set(offset, step);
      offset += INSTRUCTION;
      if (!endsBlock(step)) continue;
      // The nearer ones first: what is behind a call is the caller's own code.
      if (step.flow !== 'jump' && step.flow !== 'indirect' && step.flow !== 'exception') open.push(offset);
      if (step.target !== null) open.push(step.target);
      break;
    }
  }
  const starts = [...leaders].filter((offset) => steps.has(offset)).sort((a, b) => a - b);
  return { entry, blocks: starts.flatMap((start) => blocksFrom(start, steps, leaders)) };
}

/** The block at `start`, in pieces where it is too long. */
function blocksFrom(start: number, all: ReadonlyMap<number, Step>, leaders: ReadonlySet<number>): Block[] {
  const blocks: Block[] = [];
  let [begin, steps]: [number, Step[]] = [start, []];
  const cut = (end: number, next: number | null): void => {
    blocks.push({ start: begin, steps, next });
    [begin, steps] = [end, []];
  };
  for (let offset = start; ; ) {
    const step = all.get(offset);
    // The region ends here, or another block begins.
    if (step === undefined || (offset !== start && leaders.has(offset))) {
      if (steps.length > 0) cut(offset, offset);
      return blocks;
    }
    steps.push(step);
    offset += INSTRUCTION;
    if (endsBlock(step)) {
      cut(offset, goesOn(step) ? offset : null);
      return blocks;
    }
    if (steps.length === MOST_IN_BLOCK) cut(offset, offset);
  }
}
