// SPDX-License-Identifier: GPL-2.0-only
/**
 * Random numbers for whole-machine tests: the same in every run, unless LEVITATE_SEED asks for
 * others. Not for unit tests, which use fast-check.
 */

/** The seed when none is asked for: any will do, as long as it stays. */
const DEFAULT_SEED = 0x1e71_7a7e;

/**
 * A Weyl sequence through a 32-bit mixer, uniform in [0, 1). Neighbouring seeds give unrelated
 * numbers.
 */
export function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e37_79b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x85eb_ca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  };
}

/**
 * Runs `test` with the seed; an error that it throws gets the seed in front of its message.
 * @throws RangeError when LEVITATE_SEED is not an integer
 */
export function withSeed(test: (seed: number) => void): void {
  const asked = process.env['LEVITATE_SEED'];
  const seed = asked === undefined || asked === '' ? DEFAULT_SEED : Number(asked);
  if (!Number.isInteger(seed)) throw new RangeError(`LEVITATE_SEED is "${asked}", not an integer`);
  try {
    test(seed);
  } catch (error) {
    if (error instanceof Error) error.message = `LEVITATE_SEED=${seed}: ${error.message}`;
    throw error;
  }
}
