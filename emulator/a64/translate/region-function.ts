// SPDX-License-Identifier: GPL-2.0-only
/**
 * A region as one WebAssembly function: its blocks in the order of their addresses, loops by its
 * structure, and a dispatcher in front.
 *
 *     loop ─ table of the places that are entered or branched back to
 *       block 0 … block 1 … loop [ block 2 … block 3 ] … block 4
 */

import type { Calls } from '#emulator/a64/a64-code.ts';
import { fieldsOf } from '#emulator/a64/decode/pattern.ts';
import { type Label } from '#emulator/a64/wasm/code.ts';
import { i32 } from '#emulator/a64/wasm/expressions.ts';
import type { FunctionBody } from '#emulator/a64/wasm/module.ts';
import { RegionCode } from './region-code.ts';
import type { Block, Region, Step } from './region.ts';
import { type Edge, isReachable, type Loop, type Structure, structureOf } from './structure.ts';

export interface RegionFunction {
  readonly body: FunctionBody;
  /** Block numbers by the offsets at which the region can be entered. */
  readonly entries: ReadonlyMap<number, number>;
}

/** @param immediateOf constant of the row for its word, or the number of the helper */
export function regionFunction(region: Region, calls: Calls, immediateOf: (step: Step) => bigint): RegionFunction {
  return new RegionWriter(region, calls, immediateOf).write();
}

const last = ({ steps }: Block): Step => steps.at(-1) as Step;
const isHelper = ({ row, flow }: Step): boolean => row?.meaning.kind === 'helper' && flow === 'next';

/** Most return addresses that an indirect branch is compared with. */
const MOST_RETURNS = 4;

/** Most instructions of a loop that is written twice. */
const MOST_TWICE = 24;

class RegionWriter {
  private readonly blocks: readonly Block[];
  private readonly numbers: ReadonlyMap<number, number>;
  private readonly structure: Structure;
  private readonly code: RegionCode;
  private readonly immediateOf: (step: Step) => bigint;
  /** Labels of blocks ahead, of open loops, and of the dispatcher. */
  private readonly ahead = new Map<number, Label>();
  private readonly loops = new Map<number, Label>();
  private dispatcher: Label = 0;
  /** Block being written. */
  private current = 0;
  /** Last block that ends with a helper. */
  private readonly lastHelper: number;

  constructor({ blocks, entry }: Region, calls: Calls, immediateOf: (step: Step) => bigint) {
    this.blocks = blocks;
    this.immediateOf = immediateOf;
    this.numbers = new Map(blocks.map(({ start }, number) => [start, number]));
    const returns = [...this.returns()];
    this.structure = structureOf(
      this.edges(),
      [...returns, entry].map((offset) => this.numbers.get(offset) as number),
    );
    this.lastHelper = blocks.findLastIndex((block) => isHelper(last(block)));
    this.code = new RegionCode(calls, (offset) => this.goTo(offset), returns.slice(0, MOST_RETURNS));
  }

  write(): RegionFunction {
    const { code } = this;
    code.function(() => {
      this.dispatcher = code.open('loop');
      this.range(0, this.blocks.length - 1, null, () => this.dispatch());
      code.close();
    });
    const entries = new Map<number, number>();
    for (const [offset, number] of this.numbers) if (isReachable(this.structure, number)) entries.set(offset, number);
    return { body: code.body, entries };
  }

  private edges(): Edge[] {
    const to = (from: number, offset: number | null): Edge[] => {
      const number = offset === null ? undefined : this.numbers.get(offset);
      return number === undefined ? [] : [[from, number]];
    };
    return this.blocks.flatMap((block, from) => [...to(from, block.next), ...to(from, last(block).target)]);
  }

  /** Offsets to which calls return. */
  private *returns(): Generator<number> {
    for (const { steps, start } of this.blocks) {
      const { flow } = steps.at(-1) as Step;
      const after = start + 4 * steps.length;
      if ((flow === 'call' || flow === 'indirect call') && this.numbers.has(after)) yield after;
    }
  }

  private dispatch(): void {
    const none = [...this.ahead.values()][0] as Label;
    const labels = this.blocks.map((_, number) => this.ahead.get(number) ?? none);
    if (labels.length > 1) this.code.jumpTable(this.code.nextBlock.get, labels);
    else this.code.jump(none);
  }

  /**
   * Writes blocks `from` to `to` inside `loop`. `head` is written first; it needs a label for the
   * first block.
   */
  private range(from: number, to: number, loop: Loop | null, head: (() => void) | null): void {
    const { code, structure } = this;
    const items: { readonly start: number; readonly loop: Loop | null }[] = [];
    for (let number = from; number <= to; number++) {
      const inner = structure.loops.get(number);
      const isInner = inner !== undefined && inner !== loop;
      items.push({ start: number, loop: isInner ? inner : null });
      if (isInner) number = inner.last;
    }
    for (const { start } of items.slice(head === null ? 1 : 0).reverse()) this.ahead.set(start, code.open('block'));
    head?.();
    for (const { start, loop: inner } of items) {
      if (this.ahead.delete(start)) code.close();
      if (inner === null) {
        this.block(start);
        continue;
      }
      const again = code.open('loop');
      if (inner.last === start) this.firstTurn(start);
      this.loops.set(start, again);
      this.range(start, inner.last, inner, null);
      this.loops.delete(start);
      code.close();
    }
  }

  /**
   * Writes a block that is a loop once more, in front of itself: WebAssembly's loop then has two
   * turns of the guest's, and the host's work at each turn is halved.
   */
  private firstTurn(number: number): void {
    const { code } = this;
    const { steps, next } = this.blocks[number] as Block;
    if (steps.length > MOST_TWICE) return;
    this.loops.set(number, code.open('block'));
    this.block(number);
    if (next !== null) this.goTo(next);
    code.close();
  }

  private block(number: number): void {
    const { code } = this;
    const { start, steps, next } = this.blocks[number] as Block;
    this.current = number;
    code.begin(start, steps.length);
    steps.forEach((step, i) => {
      code.at(start + 4 * i, steps.length - 1 - i, step.row === null ? 0n : this.immediateOf(step));
      this.step(step);
    });
    if (next !== null && this.numbers.get(next) !== number + 1) this.goTo(next);
  }

  private step(step: Step): void {
    const { code } = this;
    const { row, word, flow } = step;
    if (row === null || (row.meaning.kind === 'helper' && flow !== 'next')) return code.interpret();
    const { fields } = row.pattern;
    const values = fieldsOf(word, fields);
    if (row.fp) code.checkFp();
    if (row.meaning.kind === 'helper') {
      const registers = fields.filter(({ name }) => name.startsWith('R')).map(({ name }) => values[name] as number);
      return code.callHelper(this.immediateOf(step), registers);
    }
    const operands: Record<string, unknown> = values;
    for (const { name, isOperand } of fields) if (isOperand) operands[name] = i32(values[name] as number);
    return row.meaning.emit(code, operands);
  }

  private goTo(offset: number): void {
    const { code } = this;
    const number = this.numbers.get(offset);
    if (number === undefined) return code.exit(offset);
    const ahead = number > this.current ? this.ahead.get(number) : undefined;
    if (ahead !== undefined) return code.jump(ahead);
    // Helpers read registers from memory: before a backward branch, those written so far are
    // stored.
    if (number <= this.lastHelper) code.synchronize();
    const loop = this.loops.get(number);
    if (loop !== undefined) return code.jump(loop);
    code.nextBlock.set(i32(number));
    return code.jump(this.dispatcher);
  }
}
