// SPDX-License-Identifier: GPL-2.0-only
/**
 * Where a core's control comes to: counts how often, has translated what is hot, and remembers in
 * the core's block where the translation is.
 *
 * Code that changes: a page with translations that this core enters is written through
 * {@link CodePlaces.stored}; what others may have written meanwhile is compared after
 * {@link CodePlaces.doubt}.
 */

import type { CoreState } from '#emulator/a64/core-state.ts';
import type { Features } from '#emulator/a64/features.ts';
import { HASH, LAYOUT, NO_ADDRESS, PLACE_ENTRIES, PLACE_ENTRY } from '#emulator/a64/layout.ts';
import type { Translations } from './translations.ts';

const PAGE = 4096;
/** Places that are translated together, and how much longer the first one waits for the others. */
const MOST_WANTED = 48;
const PATIENCE = 2;
const HASH_SHIFT = 32 - Math.log2(PLACE_ENTRIES);

/** The core's view of memory: whether its stores into a page come to {@link CodePlaces.stored}. */
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

  /** @param hotAfter how often control comes to a place before it is translated: 0: at once */
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

  /** Others may have changed code: every translation is compared before it is entered again. */
  doubt(): void {
    this.translations.epoch++;
    this.changed();
  }

  private changed(): void {
    this.state.setWord(LAYOUT.codeEpoch, this.translations.epoch);
    this.state.wide[LAYOUT.fetchPage / 8] = NO_ADDRESS;
  }

  /** The core has written `bytes` at `address` of the WebAssembly memory, in a guarded page. */
  stored(address: number, bytes: number): void {
    const found = this.translations.written(address, bytes);
    if (found === 'kept') return;
    this.memory.release(address - (address % PAGE));
    if (found === 'dropped') this.doubt();
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
    const wasWanted = translations.want(place, features);
    if (!wasWanted && translations.wanted < MOST_WANTED && this.hotAfter > 0) {
      this.set(entry, PLACE_ENTRY.count, PATIENCE * this.hotAfter);
      return 0;
    }
    const made = translations.translate();
    if (translations.epoch !== this.state.word(LAYOUT.codeEpoch)) this.changed();
    for (const other of made) {
      const at = this.entryOf(other);
      if (this.get(at, PLACE_ENTRY.place) === (other | 0)) this.link(at, other);
    }
    return 0;
  }

  /** Has the entry lead to the translation of its place; false where there is none. */
  private link(entry: number, place: number): boolean {
    const found = this.translations.find(place, this.features);
    if (found === null) return false;
    this.memory.guard(place - (place % PAGE));
    this.set(entry, PLACE_ENTRY.function, found.region.function);
    this.set(entry, PLACE_ENTRY.block, found.block);
    this.set(entry, PLACE_ENTRY.epoch, this.translations.epoch);
    return true;
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
