// SPDX-License-Identifier: GPL-2.0-only
/** Random numbers of a campaign: the same for the same seed, on every host. */

export interface RandomSource {
  /** A whole number in [0, end). */
  below(end: number): number;
  /** 32 bits. */
  word(): number;
  /** 64 bits. */
  wide(): bigint;
  /** True once in `n` times. */
  oneIn(n: number): boolean;
  /** One of them. */
  of<T>(choices: readonly T[]): T;
}

/** A Weyl sequence through a 32-bit mixer. Neighbouring seeds give unrelated numbers. */
export function randomSource(seed: number): RandomSource {
  let state = seed | 0;
  const word = (): number => {
    state = (state + 0x9e37_79b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x85eb_ca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
    return (mixed ^ (mixed >>> 16)) >>> 0;
  };
  const below = (end: number): number => Math.floor((word() / 2 ** 32) * end);
  return {
    word,
    below,
    wide: () => (BigInt(word()) << 32n) | BigInt(word()),
    oneIn: (n) => below(n) === 0,
    of: <T>(choices: readonly T[]): T => choices[below(choices.length)] as T,
  };
}
