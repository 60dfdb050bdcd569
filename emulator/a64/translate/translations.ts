// SPDX-License-Identifier: GPL-2.0-only
/**
 * Translated regions of one machine, shared by its cores: creates them, finds them by place, and
 * drops them.
 *
 *     hot places ─► regions ─► one module ─► places of the table of functions
 *
 * A place is the address of a word in the WebAssembly memory, so a region serves every virtual
 * address that its page is mapped at. It is compared with memory once in each epoch before it is
 * entered, so writes by others (TypeScript, devices, other cores) need not be announced. Writes by
 * the core itself are announced, see code-places.ts.
 *
 * All decisions depend on counts, so that every run of a machine is the same.
 */

import type { Calls } from '#emulator/a64/a64-code.ts';
import type { Instruction } from '#emulator/a64/decode/instruction.ts';
import { fieldsOf } from '#emulator/a64/decode/pattern.ts';
import type { Features } from '#emulator/a64/features.ts';
import { functionType, HANDLER } from '#emulator/a64/handlers.ts';
import { compile, instantiate, type WasmMemory, type WasmTable } from '#emulator/a64/wasm/host.ts';
import { ModuleBuilder } from '#emulator/a64/wasm/module.ts';
import { regionFunction } from './region-function.ts';
import { findRegion, type Region, type Step } from './region.ts';

const PAGE = 4096;
/** Most regions; with more, all are dropped. */
const MOST_REGIONS = 16384;
/** Limits of drops and stores of a page of code, beyond which it is only interpreted. */
const MOST_DROPS = 64;
const MOST_STORES = 4096;

interface TranslatedRegion {
  readonly page: number;
  readonly features: Features;
  /** Offsets of its words in the page. */
  readonly offsets: Uint16Array;
  readonly words: Int32Array;
  /** Offsets of its entry points. */
  readonly entries: readonly number[];
  /** Place in the table of functions. */
  readonly function: number;
  /** Last epoch in which its words were compared with memory. */
  epoch: number;
}

export interface Translation {
  readonly region: TranslatedRegion;
  readonly block: number;
}

interface CodePage {
  readonly regions: Set<TranslatedRegion>;
  /** 1 for each translated word of the page. */
  readonly translated: Uint8Array;
  stores: number;
}

export interface TranslationContext {
  readonly memory: WasmMemory;
  readonly memoryPages: number;
  readonly table: WasmTable;
  /** Helper function that regions call: (core, helper). */
  readonly helper: (core: number, helper: number) => number;
  readonly decode: (word: number, has: Features) => Instruction | null;
  /** Number of the helper for a word. */
  readonly helperNumber: (word: number) => number;
}

export class Translations {
  /** Number of the current epoch; a new one begins whenever others may have changed code. */
  epoch = 0;
  private readonly parts: TranslationContext;
  private readonly words: Int32Array;
  private readonly places = new Map<number, Translation>();
  private readonly pages = new Map<number, CodePage>();
  private readonly drops = new Map<number, number>();
  private readonly queue = new Map<number, Features>();
  /** First table place for regions, and the next free one. */
  private readonly firstFunction: number;
  private nextFunction: number;
  /** Counts for `--stats`. */
  readonly made = { modules: 0, regions: 0, instructions: 0, dropped: 0 };

  constructor(parts: TranslationContext) {
    this.parts = parts;
    this.words = new Int32Array(parts.memory.buffer);
    this.firstFunction = parts.table.length;
    this.nextFunction = this.firstFunction;
  }

  /**
   * Translation of `place` that still equals memory; null for none. Where memory has changed, the
   * translations of the page are dropped, and a new epoch begins: other places may lead to them.
   */
  find(place: number, features: Features): Translation | null {
    const found = this.places.get(place);
    if (found === undefined || found.region.features !== features) return null;
    const { region } = found;
    if (region.epoch === this.epoch) return found;
    const { page, offsets, words } = region;
    for (let i = 0; i < words.length; i++) {
      if (this.words[(page + (offsets[i] as number)) / 4] !== words[i]) {
        this.drop(page);
        this.epoch++;
        return null;
      }
    }
    region.epoch = this.epoch;
    return found;
  }

  /** False for a page of code that changes too often to be translated. */
  mayTranslate(page: number): boolean {
    return (this.drops.get(page) ?? 0) < MOST_DROPS;
  }

  /** Queues `place` for the next translation. Returns true when it was queued before. */
  enqueue(place: number, features: Features): boolean {
    const wasWanted = this.queue.has(place);
    this.queue.set(place, features);
    return wasWanted;
  }

  get queued(): number {
    return this.queue.size;
  }

  /**
   * Translates the queued places. Returns the places that can be entered now. It may drop all other
   * regions; then it begins a new epoch.
   * @param isReached whether control has come to a place so far
   */
  translate(isReached: (place: number) => boolean): number[] {
    const batch = [...this.queue];
    this.queue.clear();
    if (this.nextFunction - this.firstFunction + batch.length > MOST_REGIONS) this.dropAll();
    const builder = new ModuleBuilder();
    builder.importMemory('m', 'memory', this.parts.memoryPages);
    const helper = builder.importFunction('m', 'helper', functionType(2));
    const first = this.nextFunction;
    const functions: number[] = [];
    const made: number[] = [];
    for (const [place, features] of batch) {
      // Another region created just now may have an entry here as well.
      if (this.places.has(place)) continue;
      const page = place - (place % PAGE);
      const region = findRegion(
        {
          word: (offset) => this.words[(page + offset) / 4] as number,
          decode: (word) => this.parts.decode(word, features),
          isReached: (offset) => isReached(page + offset),
        },
        place % PAGE,
      );
      const { body, entries } = regionFunction(region, callsOf(helper), (step) => this.immediateOf(step));
      const index = builder.declare(HANDLER);
      builder.define(index, body);
      made.push(...this.add(region, page, features, first + functions.length, entries));
      functions.push(index);
    }
    if (functions.length === 0) return made;
    const { table, memory } = this.parts;
    if (first + functions.length > table.length) table.grow(first + functions.length - table.length);
    builder.importTable('m', 'table', functions, first);
    instantiate(compile(builder.bytes()), { m: { memory, table, helper: this.parts.helper } });
    this.nextFunction += functions.length;
    this.made.modules++;
    this.made.regions += functions.length;
    return made;
  }

  private add(
    { blocks }: Region,
    page: number,
    features: Features,
    functionPlace: number,
    entries: ReadonlyMap<number, number>,
  ): number[] {
    const steps = blocks.flatMap(({ start, steps: of }) => of.map(({ word }, i) => ({ offset: start + 4 * i, word })));
    const region: TranslatedRegion = {
      page,
      features,
      offsets: Uint16Array.from(steps, ({ offset }) => offset),
      words: Int32Array.from(steps, ({ word }) => word),
      entries: [...entries.keys()],
      function: functionPlace,
      // Not compared yet: the core that enters it first must guard its page, too.
      epoch: -1,
    };
    const known = this.pages.get(page) ?? { regions: new Set(), translated: new Uint8Array(PAGE / 4), stores: 0 };
    this.pages.set(page, known);
    known.regions.add(region);
    for (const { offset } of steps) known.translated[offset / 4] = 1;
    this.made.instructions += steps.length;
    const places: number[] = [];
    for (const [offset, block] of entries) {
      if (this.places.has(page + offset)) continue;
      this.places.set(page + offset, { region, block });
      places.push(page + offset);
    }
    return places;
  }

  private immediateOf({ row, word }: Step): bigint {
    if (row === null) return 0n;
    if (row.meaning.kind === 'helper') return BigInt(this.parts.helperNumber(word));
    return row.immediate === null ? 0n : BigInt(row.immediate(fieldsOf(word, row.pattern.fields)));
  }

  /**
   * Follows a store of `bytes` at `address`. Returns 'none' when the page has no translations,
   * 'kept' when its translations are still right, 'dropped' when they were dropped.
   */
  written(address: number, bytes: number): 'none' | 'kept' | 'dropped' {
    const at = address % PAGE;
    const page = address - at;
    const found = this.pages.get(page);
    if (found === undefined) return 'none';
    const isTranslated = found.translated.subarray(at >>> 2, ((at + bytes - 1) >>> 2) + 1).includes(1);
    if (!isTranslated && ++found.stores < MOST_STORES) return 'kept';
    this.drop(page);
    // The page holds data that is written all the time, beside code.
    if (!isTranslated) this.drops.set(page, MOST_DROPS);
    return 'dropped';
  }

  private drop(page: number): void {
    for (const region of this.pages.get(page)?.regions ?? []) {
      for (const offset of region.entries) {
        if (this.places.get(page + offset)?.region === region) this.places.delete(page + offset);
      }
      this.parts.table.set(region.function, null);
      this.made.dropped++;
    }
    this.pages.delete(page);
    this.drops.set(page, (this.drops.get(page) ?? 0) + 1);
  }

  private dropAll(): void {
    this.places.clear();
    this.pages.clear();
    for (let place = this.firstFunction; place < this.nextFunction; place++) this.parts.table.set(place, null);
    this.made.dropped += this.nextFunction - this.firstFunction;
    this.nextFunction = this.firstFunction;
    this.epoch++;
  }
}

/** Regions call only helpers; everything else is left to the interpreter. */
const callsOf = (helper: number): Calls => ({
  helper,
  condition: NaN,
  load: NaN,
  store: NaN,
  update: NaN,
  fpTrap: NaN,
  stackMisaligned: NaN,
  misaligned: NaN,
});
