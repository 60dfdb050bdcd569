// SPDX-License-Identifier: GPL-2.0-only
/**
 * State of every interrupt of a controller, and the cores to which it is forwarded. GICv2 and GICv3
 * share it; register layouts, routing registers and CPU interfaces are elsewhere.
 *
 *     word   0        1        …  n-1        n           n+1         …
 *          ┌────────┬────────┬───┬────────┬───────────┬───────────┬───
 *          │ core 0 │ core 1 │   │ core   │ SPIs      │ SPIs      │        one bit per interrupt in each of the
 *          │  0..31 │  0..31 │   │  n-1   │   32..63  │   64..95  │        arrays below; slot = word * 32 + bit
 *          └────────┴────────┴───┴────────┴───────────┴───────────┴───
 *
 *     line ──level-sensitive──┐
 *        └─rising edge─┐      ├─► pending ──enabled, not active, group on──► ready set of each target core
 *     ISPENDR, SGI ────┴► latch
 *
 * SGIs and PPIs (INTID 0..31) exist once for each core, SPIs once. The latch is cleared by
 * acknowledging and by ICPENDR; a level-sensitive interrupt is pending as long as its line is high,
 * whatever software writes. An interrupt that is active and pending is not forwarded.
 *
 * Every method that changes something moves the interrupt between ready sets at once and records
 * the cores concerned for `takeTouched`; the controller then updates those cores' lines.
 *
 * Specification: GICv3 and v4, IHI 0069, 4.1 (life cycle), 4.6 (grouping); GICv2, IHI 0048, 3.2 and
 * figure 4-10.
 */

import { lowestBit, PRIORITY_SHIFT, ReadySet } from './ready-set.ts';

/** First INTID that is not private to a core. */
export const FIRST_SPI = 32;
const SGI_BITS = 0xffff;
/** Most SPIs: INTIDs 32..1019. */
const MAX_SPIS = 988;
const MAX_CORES = 32;

/** Number of interrupts, and their state after reset. */
export interface InterruptStateOptions {
  readonly cpus: number;
  readonly spis: number;
  /** 8-bit priority after reset. */
  readonly resetPriority: number;
  /** Group after reset: 0 or 1. */
  readonly resetGroup: 0 | 1;
  /**
   * Mask of SGIs that cannot be disabled (an implementation option): 0xffff for all, 0 for none.
   */
  readonly alwaysEnabledSgis: number;
}

/** Names of the 1-bit fields that registers set and clear. */
export type BitField = 'enabled' | 'latched' | 'active' | 'grouped';

export class InterruptState {
  readonly cpus: number;
  readonly spis: number;
  /** Length of the arrays in words. */
  readonly words: number;
  /** Interrupts that may be forwarded, by core and group (core * 2 + group). */
  readonly ready: readonly ReadySet[];

  private readonly implementedBits: Int32Array;
  private readonly bits: Readonly<Record<BitField, Int32Array>>;
  private readonly line: Int32Array;
  private readonly edge: Int32Array;
  private readonly priorities: Uint8Array;
  private readonly targetMasks: Int32Array;
  /** Ready sets that hold a slot: the cores, and the level and group (level * 2 + group). */
  private readonly queuedAt: Int32Array;
  private readonly queuedRank: Uint8Array;
  private readonly resetPriority: number;
  private readonly resetGroup: 0 | 1;
  private readonly alwaysEnabledSgis: number;
  private enabledGroups = 0;
  private touched = 0;

  /** @throws RangeError when `cpus` is not in 1..32 or `spis` not in 0..988 */
  constructor(options: InterruptStateOptions) {
    const { cpus, spis } = options;
    if (!Number.isInteger(cpus) || cpus < 1 || cpus > MAX_CORES) {
      throw new RangeError(`an interrupt controller for ${cpus} cores: 1 to ${MAX_CORES} are possible`);
    }
    if (!Number.isInteger(spis) || spis < 0 || spis > MAX_SPIS) {
      throw new RangeError(`an interrupt controller with ${spis} SPIs: 0 to ${MAX_SPIS} are possible`);
    }
    this.cpus = cpus;
    this.spis = spis;
    this.words = cpus + Math.ceil(spis / 32);
    this.ready = Array.from({ length: 2 * cpus }, () => new ReadySet());
    this.implementedBits = implementedBits(cpus, spis, this.words);
    const bits = () => new Int32Array(this.words);
    this.bits = { enabled: bits(), latched: bits(), active: bits(), grouped: bits() };
    this.line = bits();
    this.edge = bits();
    this.priorities = new Uint8Array(this.words * 32);
    this.targetMasks = new Int32Array(this.words * 32);
    this.queuedAt = new Int32Array(this.words * 32);
    this.queuedRank = new Uint8Array(this.words * 32);
    this.resetPriority = options.resetPriority;
    this.resetGroup = options.resetGroup;
    this.alwaysEnabledSgis = options.alwaysEnabledSgis;
    for (let slot = 0; slot < cpus * 32; slot++) this.targetMasks[slot] = 1 << (slot >>> 5);
    this.resetWords(0, this.words);
  }

  /** Slot of `intid` as `cpu` sees it. The INTID must exist ({@link exists}). */
  slot(cpu: number, intid: number): number {
    return intid < FIRST_SPI ? (cpu << 5) | intid : (this.cpus << 5) + intid - FIRST_SPI;
  }

  intid(slot: number): number {
    const first = this.cpus << 5;
    return slot < first ? slot & 31 : slot - first + FIRST_SPI;
  }

  exists(intid: number): boolean {
    return intid < FIRST_SPI + this.spis;
  }

  /**
   * Word of `cpu`'s view that holds INTIDs 32k..32k+31, or -1 when the controller has none of them.
   */
  wordOf(cpu: number, k: number): number {
    const word = k === 0 ? cpu : this.cpus + k - 1;
    return word < this.words ? word : -1;
  }

  /** Mask of the bits of a word that are implemented interrupts. */
  implemented(word: number): number {
    return this.implementedBits[word]!;
  }

  /** Bits of one field in a word, unsigned. */
  field(field: BitField, word: number): number {
    return this.bits[field][word]! >>> 0;
  }

  /** Pending state as ISPENDR and ICPENDR show it, unsigned. */
  pending(word: number): number {
    return (this.bits.latched[word]! | (this.line[word]! & ~this.edge[word]!)) >>> 0;
  }

  /** Mask of the edge-triggered interrupts of a word, unsigned. */
  edgeTriggered(word: number): number {
    return this.edge[word]! >>> 0;
  }

  /** Replaces the bits of `mask` by those of `value`. O(bits that change). */
  writeField(field: BitField, word: number, mask: number, value: number): void {
    const array = this.bits[field];
    const old = array[word]!;
    let next = ((old & ~mask) | (value & mask)) & this.implementedBits[word]!;
    if (field === 'enabled' && word < this.cpus) next |= this.alwaysEnabledSgis;
    array[word] = next;
    this.refreshWord(word, old ^ next);
  }

  /** As `writeField`, for the trigger type. SGIs stay edge-triggered. */
  writeTrigger(word: number, mask: number, value: number): void {
    const writable = word < this.cpus ? mask & ~SGI_BITS : mask;
    const old = this.edge[word]!;
    this.edge[word] = ((old & ~writable) | (value & writable)) & this.implementedBits[word]!;
    this.refreshWord(word, old ^ this.edge[word]);
  }

  /** Sets or clears one bit. O(1). */
  writeBit(field: BitField, slot: number, value: boolean): void {
    const bit = 1 << (slot & 31);
    this.writeField(field, slot >>> 5, bit, value ? bit : 0);
  }

  hasBit(field: BitField, slot: number): boolean {
    return (this.bits[field][slot >>> 5]! & (1 << (slot & 31))) !== 0;
  }

  priority(slot: number): number {
    return this.priorities[slot]!;
  }

  /** Sets a priority; the low bits, which are RAZ/WI, are dropped. O(1). */
  setPriority(slot: number, priority: number): void {
    if ((this.implementedBits[slot >>> 5]! & (1 << (slot & 31))) !== 0) {
      this.priorities[slot] = (priority >>> PRIORITY_SHIFT) << PRIORITY_SHIFT;
      this.refresh(slot);
    }
  }

  /** Cores to which the interrupt is forwarded: bit n for core n. */
  targets(slot: number): number {
    return this.targetMasks[slot]!;
  }

  setTargets(slot: number, cores: number): void {
    this.targetMasks[slot] = cores;
    this.refresh(slot);
  }

  /**
   * Sets the group enables: bit 0 forwards group 0, bit 1 group 1. O(interrupts) when they change.
   */
  setGroupEnables(enables: number): void {
    if (enables === this.enabledGroups) return;
    this.enabledGroups = enables;
    for (let word = 0; word < this.words; word++) this.refreshWord(word, this.implementedBits[word]!);
  }

  get groupEnables(): number {
    return this.enabledGroups;
  }

  /** Sets the level of an input. A rising edge latches an edge-triggered interrupt. O(1). */
  setLine(slot: number, level: boolean): void {
    const word = slot >>> 5;
    const bit = 1 << (slot & 31);
    const old = this.line[word]!;
    if (((old & bit) !== 0) === level) return;
    this.line[word] = old ^ bit;
    if (level && (this.edge[word]! & bit) !== 0) this.bits.latched[word] = this.bits.latched[word]! | bit;
    this.refresh(slot);
  }

  /**
   * Makes a pending interrupt active; one whose level-sensitive input is still high becomes active
   * and pending. O(1).
   */
  acknowledge(slot: number): void {
    const word = slot >>> 5;
    const bit = 1 << (slot & 31);
    this.bits.latched[word] = this.bits.latched[word]! & ~bit;
    this.bits.active[word] = this.bits.active[word]! | bit;
    this.refresh(slot);
  }

  /**
   * Restores the reset state of the words of [from, to). Input levels stay: they belong to the
   * devices.
   */
  resetWords(from: number, to: number): void {
    for (let word = from; word < to; word++) {
      const isPrivate = word < this.cpus;
      this.bits.enabled[word] = isPrivate ? this.alwaysEnabledSgis : 0;
      this.bits.latched[word] = 0;
      this.bits.active[word] = 0;
      this.bits.grouped[word] = this.resetGroup === 1 ? this.implementedBits[word]! : 0;
      this.edge[word] = isPrivate ? SGI_BITS : 0;
      this.priorities.fill(this.resetPriority, word * 32, word * 32 + 32);
      this.refreshWord(word, this.implementedBits[word]!);
    }
  }

  saveState() {
    const { enabled, latched, active, grouped } = this.bits;
    return {
      enabled: [...enabled],
      latched: [...latched],
      active: [...active],
      grouped: [...grouped],
      line: [...this.line],
      edge: [...this.edge],
      priority: [...this.priorities],
      targets: [...this.targetMasks],
      groupEnables: this.enabledGroups,
      touched: this.touched,
    };
  }

  /** The ready sets follow from the rest and are rebuilt. */
  restoreState(state: ReturnType<InterruptState['saveState']>): void {
    for (const field of ['enabled', 'latched', 'active', 'grouped'] as const) this.bits[field].set(state[field]);
    this.line.set(state.line);
    this.edge.set(state.edge);
    this.priorities.set(state.priority);
    this.targetMasks.set(state.targets);
    this.enabledGroups = state.groupEnables;
    for (const set of this.ready) set.clear();
    this.queuedAt.fill(0);
    this.queuedRank.fill(0);
    for (let word = 0; word < this.words; word++) this.refreshWord(word, this.implementedBits[word]!);
    this.touched = state.touched;
  }

  /** Returns and clears the cores whose ready sets have changed: bit n for core n. */
  takeTouched(): number {
    const touched = this.touched;
    this.touched = 0;
    return touched;
  }

  private refreshWord(word: number, bits: number): void {
    while (bits !== 0) {
      this.refresh((word << 5) | lowestBit(bits));
      bits &= bits - 1;
    }
  }

  /** Moves the interrupt to the ready sets that match its state. */
  private refresh(slot: number): void {
    const word = slot >>> 5;
    const bit = 1 << (slot & 31);
    const bits = this.bits;
    const group = (bits.grouped[word]! & bit) === 0 ? 0 : 1;
    const pending = bits.latched[word]! | (this.line[word]! & ~this.edge[word]!);
    const forwarded =
      (pending & bits.enabled[word]! & ~bits.active[word]! & bit) !== 0 && ((this.enabledGroups >>> group) & 1) !== 0;
    const cores = forwarded ? this.targetMasks[slot]! : 0;
    const rank = ((this.priorities[slot]! >>> PRIORITY_SHIFT) << 1) | group;
    const oldCores = this.queuedAt[slot]!;
    const oldRank = this.queuedRank[slot]!;
    if (cores === oldCores && (rank === oldRank || cores === 0)) return;
    const intid = this.intid(slot);
    for (let rest = oldCores; rest !== 0; rest &= rest - 1) {
      this.ready[2 * lowestBit(rest) + (oldRank & 1)]!.remove(oldRank >>> 1, intid);
    }
    for (let rest = cores; rest !== 0; rest &= rest - 1) {
      this.ready[2 * lowestBit(rest) + group]!.add(rank >>> 1, intid);
    }
    this.queuedAt[slot] = cores;
    this.queuedRank[slot] = rank;
    this.touched |= oldCores | cores;
  }
}

function implementedBits(cpus: number, spis: number, words: number): Int32Array {
  const implemented = new Int32Array(words).fill(-1);
  const odd = spis % 32;
  if (odd !== 0 && words > cpus) implemented[words - 1] = 2 ** odd - 1;
  return implemented;
}
