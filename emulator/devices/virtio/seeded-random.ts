// SPDX-License-Identifier: GPL-2.0-only
/**
 * Pseudorandom numbers from a seed: xoshiro128**, with its state filled by SplitMix64. Fast and
 * uniform; not for cryptography.
 *
 * Source: Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators", 2021
 * (xoshiro128**, and seeding by SplitMix64); Steele, Lea, Flood, "Fast Splittable Pseudorandom
 * Number Generators", 2014.
 */

/** Sequence of 32-bit numbers. */
export class SeededRandom {
  private readonly state: Uint32Array;

  /** @param seed only its low 64 bits are used */
  constructor(seed: bigint) {
    this.state = seededState(seed);
  }

  /** Generator in a given state, four words that are not all zero. @throws RangeError otherwise */
  static fromState(state: readonly [number, number, number, number]): SeededRandom {
    if (state.every((word) => word === 0)) throw new RangeError('a state of zeroes gives zeroes for ever');
    const generator = new SeededRandom(0n);
    generator.state.set(state);
    return generator;
  }

  saveState(): number[] {
    return [...this.state];
  }

  restoreState(state: readonly number[]): void {
    this.state.set(state);
  }

  /** Next number, 32 unsigned bits. */
  next(): number {
    const s = this.state;
    const [s0, s1, s2, s3] = s as unknown as [number, number, number, number];
    const result = Math.imul(rotate(Math.imul(s1, 5), 7), 9) >>> 0;
    const t2 = s2 ^ s0;
    const t3 = s3 ^ s1;
    s[0] = s0 ^ t3;
    s[1] = s1 ^ t2;
    s[2] = t2 ^ (s1 << 9);
    s[3] = rotate(t3, 11);
    return result;
  }

  /**
   * Fills `bytes`, four from each number, low byte first; the rest of the last number is discarded.
   * O(bytes).
   */
  fillBytes(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += 4) {
      const word = this.next();
      for (let i = at; i < Math.min(at + 4, bytes.length); i++) bytes[i] = word >>> (8 * (i - at));
    }
  }
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

function seededState(seed: bigint): Uint32Array {
  const words: number[] = [];
  let state = BigInt.asUintN(64, seed);
  for (let i = 0; i < 2; i++) {
    state = BigInt.asUintN(64, state + 0x9e37_79b9_7f4a_7c15n);
    let z = BigInt.asUintN(64, (state ^ (state >> 30n)) * 0xbf58_476d_1ce4_e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d0_49bb_1331_11ebn);
    z ^= z >> 31n;
    words.push(Number(z & 0xffff_ffffn), Number(z >> 32n));
  }
  return Uint32Array.from(words);
}
