// SPDX-License-Identifier: GPL-2.0-only
/**
 * Places of code that a core's control reaches: counts the visits, requests translation of hot
 * places, and stores links to translations in the core's block.
 *
 * Changed code: this core's stores to a page with translations that it enters go through {@link
 * CodePlaces.stored}. After {@link CodePlaces.revalidate}, translations are compared with memory,
 * which others may have written.
 */

import type { CoreState } from '#emulator/a64/core-state.ts';
import type { Features } from '#emulator/a64/features.ts';
import { HASH, LAYOUT, NO_ADDRESS, PLACE_ENTRIES, PLACE_ENTRY } from '#emulator/a64/layout.ts';
import type { Translations } from './translations.ts';

const PAGE = 4096;
/**
 * Most places that are translated together, and the factor by which the first one waits longer for
 * the others.
 */
const MOST_QUEUED = 48;
const PATIENCE = 2;
const HASH_SHIFT = 32 - Math.log2(PLACE_ENTRIES);

/**
 * Core's view of memory, which reports its stores to a guarded page to {@link CodePlaces.stored}.
 */
export interface CodeGuard {
  guard(page: number): void;
  release(page: number): void;
}

export class CodePlaces {
  private readonly translations: Translations;
  private readonly state: CoreState;
  private readonly memory: CodeGuard;
  private readonly features: Features;
  private readonly hotAfter: number;

  /** @param hotAfter visits of a place before it is translated; 0: at once */
  constructor(
    translations: Translations,
    parts: {
      readonly state: CoreState;
      readonly memory: CodeGuard;
      readonly features: Features;
      readonly hotAfter: number;
    },
  ) {
    this.translations = translations;
    this.state = parts.state;
    this.memory = parts.memory;
    this.features = parts.features;
    this.hotAfter = parts.hotAfter;
  }

  /**
   * Notes that others may have changed code: every translation is compared before it is entered
   * again.
   */
  revalidate(): void {
    this.translations.epoch++;
    this.followEpoch();
    this.state.wide[LAYOUT.fetchPage / 8] = NO_ADDRESS;
  }

  /** True when translations were dropped that this core may still have places of. */
  get isBehind(): boolean {
    return this.state.word(LAYOUT.codeEpoch) !== this.translations.epoch;
  }

  private followEpoch(): void {
    this.state.setWord(LAYOUT.codeEpoch, this.translations.epoch);
  }

  /**
   * Follows a store by the core of `bytes` at `address` of the WebAssembly memory, in a guarded
   * page.
   */
  stored(address: number, bytes: number): void {
    const found = this.translations.written(address, bytes);
    if (found === 'kept') return;
    this.memory.release(address - (address % PAGE));
    if (found === 'dropped') this.revalidate();
  }

  enter(entry: number, where: number): number {
    const place = where >>> 0;
    this.set(entry, PLACE_ENTRY.place, place);
    if (this.link(entry, place)) return 0;
    this.set(entry, PLACE_ENTRY.function, 0);
    this.set(entry, PLACE_ENTRY.count, this.hotAfter);
    if (this.hotAfter === 0) this.hot(entry, where);
    return 0;
  }

  hot(entry: number, where: number): number {
    const { translations, features } = this;
    const place = where >>> 0;
    if (this.link(entry, place)) return 0;
    if (!translations.mayTranslate(place - (place % PAGE))) return 0;
    const wasQueued = translations.enqueue(place, features);
    if (!wasQueued && translations.queued < MOST_QUEUED && this.hotAfter > 0) {
      this.set(entry, PLACE_ENTRY.count, PATIENCE * this.hotAfter);
      return 0;
    }
    // Translated at once: nothing is known of where control comes to.
    const made = translations.translate((other) => this.hotAfter === 0 || this.isKnown(other));
    this.followEpoch();
    for (const other of made) {
      if (this.isKnown(other)) this.link(this.entryOf(other), other);
    }
    return 0;
  }

  /** Links an entry to the translation of its place. Returns false when there is none. */
  private link(entry: number, place: number): boolean {
    const found = this.translations.find(place, this.features);
    this.followEpoch();
    if (found === null) return false;
    this.memory.guard(place - (place % PAGE));
    this.set(entry, PLACE_ENTRY.function, found.region.function);
    this.set(entry, PLACE_ENTRY.block, found.block);
    this.set(entry, PLACE_ENTRY.epoch, this.translations.epoch);
    return true;
  }

  /** True when control has come to `place` and the entry is still its own. */
  private isKnown(place: number): boolean {
    return this.get(this.entryOf(place), PLACE_ENTRY.place) === (place | 0);
  }

  private entryOf(place: number): number {
    const index = Math.imul(place, HASH) >>> HASH_SHIFT;
    return this.state.address + LAYOUT.places + PLACE_ENTRY.bytes * index;
  }

  private get(entry: number, field: number): number {
    return this.state.words[(entry - this.state.address + field) / 4] as number;
  }

  private set(entry: number, field: number, value: number): void {
    this.state.words[(entry - this.state.address + field) / 4] = value;
  }
}
