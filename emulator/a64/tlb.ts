// SPDX-License-Identifier: GPL-2.0-only
/**
 * TLB of a core: keeps translations until a TLBI removes them.
 *
 *     pages of a table ─ TTBR, and ASID or for all ─► found once
 *          └─► slots: what WebAssembly looks into, one for a regime and the tables that it has now
 *
 * A core that returns to earlier tables finds their slot again. Tables in use for only a few
 * instructions get no slot. Tables are identified by their base as well as by the ASID, so a guest
 * that reuses an ASID for other tables without a TLBI sees the new ones.
 *
 * Specification: Arm ARM DDI 0487 K.a, D8.14 (TLBs), D8.16 (TLB maintenance).
 */

import type { TlbScope } from '#emulator/cpu/stale-caches.ts';
import type { CoreState } from './core-state.ts';
import {
  FETCH_ENTRY,
  FETCH_START,
  fetchIndex,
  LAYOUT,
  NO_ADDRESS,
  TLB_ENTRIES,
  TLB_ENTRY,
  TLB_PAGE_SHIFT,
  TLB_SLOT_BYTES,
  TLB_SLOTS,
} from './layout.ts';
import { PageMap } from './page-map.ts';
import { allows, type PageTranslation, type Regime, REGIME, REGIMES, type Tables } from './regimes.ts';

const PAGE = 2 ** TLB_PAGE_SHIFT;
/** Slot that stays empty: for tables that have no slot yet. */
const NO_SLOT = LAYOUT.tlbs;
/** With more pages, or tables, all entries are removed. */
const MOST_PAGES = 0x1_0000;
const MOST_TABLES = 256;
/** Lookups of code pages before tables get a slot for code alone. */
const PATIENCE = 16;

/** Translated page, with its host memory. */
export interface Page extends PageTranslation {
  /** Address of the page's bytes in the WebAssembly memory; -1: a device or nothing. */
  readonly host: number;
  readonly hostWritable: boolean;
  /** True for Device memory, where accesses must be aligned. */
  readonly isDevice: boolean;
}

/** Pages of one table, for one ASID or for all. */
interface Space {
  readonly asid: number | null;
  readonly pages: PageMap<Page>;
}

/** Current tables, with their known pages. */
interface Context {
  readonly number: number;
  /** For the lower and the upper half: the global pages, and those of this ASID. */
  readonly spaces: readonly (readonly [global: Space, own: Space])[];
}

interface Slot {
  readonly at: number;
  regime: Regime;
  context: number;
  lastUse: number;
}

export class Tlb {
  private readonly state: CoreState;
  private readonly tables: () => Tables;
  private readonly spaces = new Map<string, Space>();
  private readonly contexts = new Map<string, Context>();
  private context: Context | null = null;
  private contextsMade = 0;
  private readonly levels: readonly [el2: Space, el3: Space] = [newSpace(null), newSpace(null)];
  private readonly slots: Slot[];
  /** Slot of the current tables, by regime; null for none. */
  private readonly bound: (Slot | null)[] = Array<Slot | null>(REGIMES).fill(null);
  private uses = 0;
  /** Code pages looked up without a slot since the tables changed. */
  private codeLookups = 0;
  private pageCount = 0;
  /**
   * Pages with translated code, by address in the WebAssembly memory: WebAssembly may not store to
   * them directly.
   */
  private readonly guarded = new Set<number>();
  private readonly bytes: Uint8Array;
  private current: Regime = REGIME.el3;
  private unprivileged: Regime = REGIME.el3;

  constructor(state: CoreState, tables: () => Tables) {
    this.state = state;
    this.tables = tables;
    this.bytes = new Uint8Array(state.words.buffer, state.address + LAYOUT.tlbs, TLB_SLOTS * TLB_SLOT_BYTES).fill(0xff);
    this.slots = Array.from({ length: TLB_SLOTS - 1 }, (_, n) => ({
      at: LAYOUT.tlbs + (n + 1) * TLB_SLOT_BYTES,
      regime: REGIME.el3,
      context: -1,
      lastUse: 0,
    }));
  }

  /** Selects the regimes of normal and of unprivileged accesses. */
  select(current: Regime, unprivileged: Regime): void {
    if (current !== this.current) this.state.wide[LAYOUT.fetchPage / 8] = NO_ADDRESS;
    this.current = current;
    this.unprivileged = unprivileged;
    this.point();
  }

  /**
   * Follows a write of TTBR0_EL1 or TTBR1_EL1. The current page of code stays valid until a context
   * synchronization event.
   */
  tablesChanged(): void {
    this.context = null;
    this.codeLookups = 0;
    this.bound.fill(null, REGIME.el0, REGIME.el2);
    this.point();
  }

  /** True when the current tables have a slot that WebAssembly reads. */
  isBound(regime: Regime): boolean {
    return this.bound[regime] !== null;
  }

  /**
   * True when a page of code may be added. Tables get a slot when data is accessed, or when code is
   * looked up again and again.
   */
  takesCode(regime: Regime): boolean {
    return this.bound[regime] !== null || ++this.codeLookups > PATIENCE;
  }

  /** Known page at an address, or undefined. */
  find(low: number, high: number, regime: Regime): Page | undefined {
    if (regime >= REGIME.el2) return this.levels[regime - REGIME.el2]?.pages.get(low, high);
    const spaces = this.spacesAt(high);
    return spaces[0].pages.get(low, high) ?? spaces[1].pages.get(low, high);
  }

  add(low: number, high: number, regime: Regime, page: Page): void {
    if (this.pageCount++ >= MOST_PAGES) this.invalidate({ kind: 'all' });
    const space =
      regime >= REGIME.el2 ? (this.levels[regime - REGIME.el2] as Space) : this.spacesAt(high)[page.isGlobal ? 0 : 1];
    space.pages.set(low, high, page, page.size / PAGE);
  }

  /** Adds a page of RAM to the slot that WebAssembly reads, for the data accesses it allows. */
  fill(low: number, high: number, regime: Regime, page: Page): void {
    const slot = this.bound[regime] ?? this.bind(regime);
    const at = slot.at + dataEntry(low >>> TLB_PAGE_SHIFT);
    const { rights, host, hostWritable } = page;
    const tag = low & -PAGE;
    this.setTag(at + TLB_ENTRY.read, tag, high, allows(rights, regime, 'read'));
    const isWritten = hostWritable && allows(rights, regime, 'write') && !this.guarded.has(host);
    this.setTag(at + TLB_ENTRY.write, tag, high, isWritten);
    const { words } = this.state;
    words[(at + TLB_ENTRY.host) / 4] = host;
    words[(at + TLB_ENTRY.shift) / 4] = host - tag;
  }

  /** Adds a page of code, which may be executed, to the slot that WebAssembly reads. */
  fillCode(low: number, high: number, regime: Regime, { host }: Page): void {
    const slot = this.bound[regime] ?? this.bind(regime);
    const at = slot.at + codeEntry(low >>> TLB_PAGE_SHIFT);
    this.setTag(at + FETCH_ENTRY.tag, low & -PAGE, high, true);
    this.state.words[(at + FETCH_ENTRY.host) / 4] = host;
  }

  private setTag(at: number, low: number, high: number, isAllowed: boolean): void {
    const { words } = this.state;
    words[at / 4] = isAllowed ? low : -1;
    words[at / 4 + 1] = isAllowed ? high : -1;
  }

  /** Makes stores into the page at `host` call out. */
  guard(host: number): void {
    if (this.guarded.has(host)) return;
    this.guarded.add(host);
    const { wide, words } = this.state;
    for (const { at: start, context } of this.slots) {
      if (context < 0) continue;
      for (let at = start; at < start + FETCH_START; at += TLB_ENTRY.bytes) {
        if (words[(at + TLB_ENTRY.host) / 4] === (host | 0)) wide[(at + TLB_ENTRY.write) / 8] = NO_ADDRESS;
      }
    }
  }

  release(host: number): void {
    this.guarded.delete(host);
  }

  isGuarded(host: number): boolean {
    return this.guarded.has(host);
  }

  invalidate(scope: TlbScope): void {
    this.state.wide[LAYOUT.fetchPage / 8] = NO_ADDRESS;
    switch (scope.kind) {
      case 'page':
        this.invalidatePage(scope.page, scope.asid);
        return;
      case 'asid':
        for (const space of this.spaces.values()) if (space.asid === scope.asid) this.clear(space);
        this.invalidateSlots((slot) => slot.regime < REGIME.el2);
        return;
      case 'level':
        this.clear(this.levels[scope.level - 2] as Space);
        this.invalidateSlots(({ regime }) => regime === (scope.level === 2 ? REGIME.el2 : REGIME.el3));
        return;
      default:
        for (const space of this.spaces.values()) this.clear(space);
        for (const space of this.levels) this.clear(space);
        this.spaces.clear();
        this.contexts.clear();
        this.context = null;
        this.pageCount = 0;
        this.invalidateSlots(() => true);
    }
  }

  private invalidatePage(page: number, asid: number | null): void {
    for (const space of this.spaces.values()) {
      if (space.asid === null || asid === null || space.asid === asid) this.removeFrom(space, page);
    }
    for (const space of this.levels) this.removeFrom(space, page);
    const { wide } = this.state;
    for (const { at, context } of this.slots) {
      if (context < 0) continue;
      wide[(at + dataEntry(page) + TLB_ENTRY.read) / 8] = NO_ADDRESS;
      wide[(at + dataEntry(page) + TLB_ENTRY.write) / 8] = NO_ADDRESS;
      wide[(at + codeEntry(page) + FETCH_ENTRY.tag) / 8] = NO_ADDRESS;
    }
  }

  /** Removes the page, under every top byte, and all pages of the same leaf. */
  private removeFrom({ pages }: Space, page: number): void {
    if (pages.delete(page)) this.invalidateSlots(() => true);
  }

  private clear({ pages }: Space): void {
    pages.clear();
  }

  private invalidateSlots(which: (slot: Slot) => boolean): void {
    for (const slot of this.slots) {
      if (slot.context < 0 || !which(slot)) continue;
      this.empty(slot);
    }
    this.point();
  }

  private empty(slot: Slot): void {
    slot.context = -1;
    if (this.bound[slot.regime] === slot) this.bound[slot.regime] = null;
    this.bytes.fill(0xff, slot.at - LAYOUT.tlbs, slot.at - LAYOUT.tlbs + TLB_SLOT_BYTES);
  }

  /** Tells WebAssembly the current slots. */
  private point(): void {
    const { state, bound } = this;
    state.setWord(LAYOUT.tlb, state.address + (bound[this.current]?.at ?? NO_SLOT));
    state.setWord(LAYOUT.tlbUnprivileged, state.address + (bound[this.unprivileged]?.at ?? NO_SLOT));
  }

  /** Binds a slot to the current tables of the regime. */
  private bind(regime: Regime): Slot {
    const context = regime >= REGIME.el2 ? 0 : this.contextNow().number;
    let slot = this.slots.find((other) => other.context === context && other.regime === regime);
    if (slot === undefined) {
      // Bound slots stay: WebAssembly may use them. Five regimes bind at most five of the six
      // slots.
      slot = this.slots
        .filter((other) => !this.bound.includes(other))
        .reduce((oldest, other) => (other.lastUse < oldest.lastUse ? other : oldest));
      if (slot.context >= 0) this.empty(slot);
      slot.context = context;
      slot.regime = regime;
    }
    slot.lastUse = ++this.uses;
    this.bound[regime] = slot;
    this.point();
    return slot;
  }

  private spacesAt(high: number): readonly [global: Space, own: Space] {
    // Bit 55 selects the half.
    return this.contextNow().spaces[(high >>> 23) & 1] as readonly [Space, Space];
  }

  private contextNow(): Context {
    if (this.context !== null) return this.context;
    const { ttbr0, ttbr1, asid, world } = this.tables();
    const key = `${ttbr0} ${ttbr1} ${asid} ${world}`;
    let context = this.contexts.get(key);
    if (context === undefined) {
      if (this.contexts.size >= MOST_TABLES) this.invalidate({ kind: 'all' });
      const half = (name: string): readonly [Space, Space] => [this.space(name, null), this.space(name, asid)];
      context = { number: ++this.contextsMade, spaces: [half(`0 ${ttbr0} ${world}`), half(`1 ${ttbr1} ${world}`)] };
      this.contexts.set(key, context);
    }
    this.context = context;
    return context;
  }

  private space(name: string, asid: number | null): Space {
    const key = `${name} ${asid}`;
    let space = this.spaces.get(key);
    if (space === undefined) {
      space = newSpace(asid);
      this.spaces.set(key, space);
    }
    return space;
  }
}

/** Offsets in a slot of the entries of a page, by its number. */
const dataEntry = (page: number): number => (page % TLB_ENTRIES) * TLB_ENTRY.bytes;
const codeEntry = (page: number): number => FETCH_START + fetchIndex(page) * FETCH_ENTRY.bytes;

const newSpace = (asid: number | null): Space => ({ asid, pages: new PageMap() });
