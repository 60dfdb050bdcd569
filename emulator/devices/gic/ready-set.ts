// SPDX-License-Identifier: GPL-2.0-only
/**
 * The interrupts that may be forwarded to one core, ordered by priority and then by INTID.
 *
 *     levels   ▓░░▓…  1 word: which of the 32 priority levels hold something
 *       └─► words     per level, 1 word: which of its 32 words of INTIDs hold something
 *             └─► bits   per level, 32 words of 32 INTIDs
 *
 * Three find-first-set steps give the best interrupt, so adding, removing and asking cost the same
 * whether one interrupt waits or a thousand. It knows no enable, group or target: those decide who
 * gets in (interrupt-state.ts).
 *
 * A smaller INTID wins between equal priorities. The architecture leaves that choice to the
 * implementation (IHI 0069, 4.8; IHI 0048, 3.3.2); Arm's own controllers choose so too.
 */

/**
 * Priority levels that the controllers implement: 5 bits, as GIC-400, GIC-600 and the Cortex-A CPU
 * interfaces do.
 */
export const PRIORITY_LEVELS = 32;
/** From an 8-bit priority field to its level: the low bits are RAZ/WI. */
export const PRIORITY_SHIFT = 3;

/** INTIDs below the special ones: SGIs, PPIs and SPIs are [0, 1020). */
export const FIRST_SPECIAL_INTID = 1020;

const INTID_BITS = 10;
const INTID_MASK = (1 << INTID_BITS) - 1;
const WORDS = 32;

/** What `best` answers when nothing waits: greater than every key. */
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
 * A set of (level, INTID). Invariant: a summary bit is set exactly when the word below it is not
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
    if (bits !== 0) {
      return;
    }
    const words = this.words[level]! & ~(1 << word);
    this.words[level] = words;
    if (words === 0) {
      this.levels &= ~(1 << level);
    }
  }

  /**
   * level * 1024 + INTID of the best member, or {@link NOTHING_READY}. The smaller key is the more
   * urgent one. O(1).
   */
  best(): number {
    if (this.levels === 0) {
      return NOTHING_READY;
    }
    const level = lowestBit(this.levels);
    const word = lowestBit(this.words[level]!);
    const bit = lowestBit(this.bits[level * WORDS + word]!);
    return (level << INTID_BITS) | (word << 5) | bit;
  }
}
