// SPDX-License-Identifier: GPL-2.0-only
/**
 * Selection of a region, the instructions that are translated together: the basic blocks that
 * direct branches reach from a hot place without leaving its page of code.
 *
 *     entry ─► block ─┬─► next block            a branch to another page or to where control was never,
 *                     └─► target, if reached    an indirect one, an exception: the region is left there
 *
 * Knows the control flow of instructions, and nothing of their effects.
 */

import { flowOf } from '#emulator/a64/decode/decoder.ts';
import type { Flow, Instruction } from '#emulator/a64/decode/instruction.ts';
import { fieldsOf } from '#emulator/a64/decode/pattern.ts';

const PAGE = 4096;
const INSTRUCTION = 4;
/**
 * Most instructions of a region, and of one of its blocks. Most instructions of a larger region are
 * never executed, and generating code for one costs more than interpreting it a hundred times.
 */
const MOST_INSTRUCTIONS = 96;
const MOST_IN_BLOCK = 48;

/** Instruction of a region; `row` is null when it is undefined. */
export interface Step {
  readonly word: number;
  readonly row: Instruction | null;
  readonly flow: Flow;
  /** Page-relative target of a direct branch; null for other instructions. */
  readonly target: number | null;
}

/** Basic block; all offsets are bytes from the start of the page. */
export interface Block {
  readonly start: number;
  readonly steps: readonly Step[];
  /**
   * Offset of the block that follows when the last instruction does not branch; null when it always
   * branches.
   */
  readonly next: number | null;
}

export interface Region {
  /** Blocks by address. */
  readonly blocks: readonly Block[];
  /** Offset of the hot place. */
  readonly entry: number;
}

/** Source of code, for the core that the region is translated for. */
export interface CodeReader {
  /** Word at an offset of the page. */
  word(offset: number): number;
  /** Decodes a word; null when it is undefined. */
  decode(word: number): Instruction | null;
  /** True when control is known to have come to an offset of the page. */
  isReached(offset: number): boolean;
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

const fallsThrough = ({ flow }: Step): boolean => flow === 'next' || flow === 'conditional';
/**
 * True for instructions that end a block. A helper does, because the region may be left after it.
 */
const endsBlock = ({ flow, row }: Step): boolean => flow !== 'next' || row?.meaning.kind === 'helper';
/** False for targets of conditional branches that control never came to: most never run. */
const isTaken = ({ flow, target }: Step, reader: CodeReader): boolean =>
  flow !== 'conditional' || target === null || reader.isReached(target);
const isInPage = (offset: number): boolean => offset >= 0 && offset < PAGE;

/** Region around the hot place at `entry`. */
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
      // The next instruction comes before the target: code after a call belongs to the caller
      // itself.
      if (step.flow !== 'jump' && step.flow !== 'indirect' && step.flow !== 'exception') open.push(offset);
      if (step.target !== null && isTaken(step, reader)) open.push(step.target);
      break;
    }
  }
  const starts = [...leaders].filter((offset) => steps.has(offset)).sort((a, b) => a - b);
  return { entry, blocks: starts.flatMap((start) => blocksFrom(start, steps, leaders)) };
}

/** Blocks from `start` on: several, when one would be too long. */
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
      cut(offset, fallsThrough(step) ? offset : null);
      return blocks;
    }
    if (steps.length === MOST_IN_BLOCK) cut(offset, offset);
  }
}
