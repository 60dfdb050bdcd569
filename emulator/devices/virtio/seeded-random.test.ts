// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { SeededRandom } from './seeded-random.ts';

describe('SeededRandom', () => {
  it('is xoshiro128**, step by step as its authors state it', () => {
    const word = (value: bigint) => BigInt.asUintN(32, value);
    const rotl = (value: bigint, bits: bigint) => word((value << bits) | (value >> (32n - bits)));
    let [s0, s1, s2, s3] = [1n, 2n, 3n, 4n];
    const expected = Array.from({ length: 200 }, () => {
      const result = word(rotl(word(s1 * 5n), 7n) * 9n);
      const t = word(s1 << 9n);
      s2 ^= s0;
      s3 ^= s1;
      s1 ^= s2;
      s0 ^= s3;
      s2 ^= t;
      s3 = rotl(s3, 11n);
      return Number(result);
    });
    const random = SeededRandom.fromState([1, 2, 3, 4]);
    expect(expected.map(() => random.next())).toEqual(expected);
    expect(expected[0]).toBe(11_520); // rotl(2 * 5, 7) * 9
  });

  it('depends on all 64 bits of the seed', () => {
    const first = (seed: bigint) => new SeededRandom(seed).next();
    const seeds = [0n, ...Array.from({ length: 64 }, (_, bit) => 1n << BigInt(bit))];
    expect(new Set(seeds.map(first)).size).toBe(65);
    expect(first(1n << 64n)).toBe(first(0n));
  });

  it('fills any number of bytes, low byte first', () => {
    const word = new SeededRandom(3n).next();
    const bytes = new Uint8Array(6);
    new SeededRandom(3n).fillBytes(bytes);
    expect([...bytes.subarray(0, 4)]).toEqual([0, 8, 16, 24].map((shift) => (word >>> shift) & 0xff));
  });

  it('is even: each bit is set about half of the time', () => {
    const random = new SeededRandom(2026n);
    const counts = new Array<number>(32).fill(0);
    for (let i = 0; i < 10_000; i++) {
      const word = random.next();
      for (let bit = 0; bit < 32; bit++) counts[bit] = (counts[bit] as number) + ((word >>> bit) & 1);
    }
    for (const count of counts) expect(Math.abs(count - 5000)).toBeLessThan(250);
  });

  it('refuses a state of zeroes', () => {
    expect(() => SeededRandom.fromState([0, 0, 0, 0])).toThrow(RangeError);
  });
});
