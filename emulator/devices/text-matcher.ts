// SPDX-License-Identifier: GPL-2.0-only
/**
 * Finds a sequence of bytes in a stream, one byte at a time, without storing the stream.
 *
 * `matched` is the length of the longest prefix of the pattern that ends the stream so far;
 * `fallback[i]` is the length of the longest proper prefix of pattern[0..i] that is also its
 * suffix: the match continues there when the next byte does not fit.
 *
 * Knuth, Morris, Pratt, "Fast Pattern Matching in Strings", SIAM J. Comput. 6 (1977).
 */

/** Matcher of one pattern in one stream. */
export class TextMatcher {
  private readonly pattern: Uint8Array;
  private readonly fallback: Uint32Array;
  private matched = 0;

  /**
   * O(length).
   * @throws RangeError when the pattern is empty: it would be found before anything was sent
   */
  constructor(pattern: Uint8Array) {
    if (pattern.length === 0) throw new RangeError('an empty text cannot be waited for');
    this.pattern = pattern;
    this.fallback = new Uint32Array(pattern.length);
    for (let index = 1, length = 0; index < pattern.length; index++) {
      length = this.extend(length, pattern[index] as number);
      this.fallback[index] = length;
    }
  }

  /** Length of the pattern in bytes. */
  get length(): number {
    return this.pattern.length;
  }

  /** Takes the next byte; true when it completes an occurrence. Amortised O(1). */
  push(byte: number): boolean {
    this.matched = this.extend(this.matched, byte);
    if (this.matched < this.pattern.length) return false;
    this.matched = this.fallback[this.pattern.length - 1] as number;
    return true;
  }

  /**
   * Length of the matched prefix after `byte`, when it was `length` before; never called with the
   * whole pattern matched.
   */
  private extend(length: number, byte: number): number {
    let candidate = length;
    while (candidate > 0 && this.pattern[candidate] !== byte) {
      candidate = this.fallback[candidate - 1] as number;
    }
    return this.pattern[candidate] === byte ? candidate + 1 : candidate;
  }
}
