// SPDX-License-Identifier: GPL-2.0-only
/**
 * Set of the interrupts that may be forwarded to one core, ordered by priority and then by INTID.
 *
 *     levels   ▓░░▓…  1 word: which of the 32 priority levels hold something
 *       └─► words     per level, 1 word: which of its 32 words of INTIDs hold something
 *             └─► bits   per level, 32 words of 32 INTIDs
 *
 * Three find-first-set steps find the best interrupt, so all operations cost the same for one
 * interrupt and for a thousand. It knows no enable, group or target; interrupt-state.ts applies
 * them before it adds an interrupt.
 *
 * Between equal priorities, the smaller INTID wins. The architecture leaves this choice to the
 * implementation (IHI 0069, 4.8; IHI 0048, 3.3.2); Arm's own controllers choose so too.
 */

/**
 * Priority levels that the controllers implement: 5 bits, as GIC-400, GIC-600 and the Cortex-A CPU
 * interfaces do.
 */
export const PRIORITY_LEVELS = 32;
/** Shift from an 8-bit priority field to its level: the low bits are RAZ/WI. */
export const PRIORITY_SHIFT = 3;

/** First special INTID: SGIs, PPIs and SPIs are [0, 1020). */
export const FIRST_SPECIAL_INTID = 1020;

const INTID_BITS = 10;
const INTID_MASK = (1 << INTID_BITS) - 1;
const WORDS = 32;

/** Result of `best` for an empty set: greater than every key. */
export const NOTHING_READY = PRIORITY_LEVELS << INTID_BITS;

/** The INTID in a key of `best`. */
export function intidOfKey(key: number): number {
  return key & INTID_MASK;
}

/** The 8-bit priority in a key of `best`. */
export function priorityOfKey(key: number): number {
  return (key >>> INTID_BITS) << PRIORITY_SHIFT;
}

/** Index of the lowest set bit of a word that is not zero. */
export function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}

/**
 * Set of (level, INTID). Invariant: a summary bit is set exactly when the word below it is not
 * zero.
 */
export class ReadySet {
  private levels = 0;
  private readonly words = new Int32Array(PRIORITY_LEVELS);
  private readonly bits = new Int32Array(PRIORITY_LEVELS * WORDS);

  clear(): void {
    this.levels = 0;
    this.words.fill(0);
    this.bits.fill(0);
  }

  add(level: number, intid: number): void {
    const word = intid >>> 5;
    const index = level * WORDS + word;
    this.bits[index] = this.bits[index]! | (1 << (intid & 31));
    this.words[level] = this.words[level]! | (1 << word);
    this.levels |= 1 << level;
  }

  remove(level: number, intid: number): void {
    const word = intid >>> 5;
    const index = level * WORDS + word;
    const bits = this.bits[index]! & ~(1 << (intid & 31));
    this.bits[index] = bits;
    if (bits !== 0) return;
    const words = this.words[level]! & ~(1 << word);
    this.words[level] = words;
    if (words === 0) this.levels &= ~(1 << level);
  }

  /**
   * Key of the best member, level * 1024 + INTID, or {@link NOTHING_READY}. A smaller key is more
   * urgent. O(1).
   */
  best(): number {
    if (this.levels === 0) return NOTHING_READY;
    const level = lowestBit(this.levels);
    const word = lowestBit(this.words[level]!);
    const bit = lowestBit(this.bits[level * WORDS + word]!);
    return (level << INTID_BITS) | (word << 5) | bit;
  }
}
