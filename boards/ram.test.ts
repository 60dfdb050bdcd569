// SPDX-License-Identifier: GPL-2.0-only
/** Banks, entries and clipping as properties. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { physAddr } from '#common/address.ts';
import { clipToRam, fillBanks, memoryEntries } from './ram.ts';
import type { ReservedRegion } from './types.ts';

const PAGE = 4096;
const pages = (max: number) => fc.integer({ min: 1, max }).map((n) => n * PAGE);

describe('fillBanks', () => {
  it('hands out exactly what was asked for, filling each bank before the next', () => {
    fc.assert(
      fc.property(pages(2 ** 20), pages(2 ** 20), fc.nat(), (first, second, pick) => {
        const slots = [
          { base: physAddr(0x8000_0000), size: first },
          { base: physAddr(0x8_8000_0000), size: second },
        ];
        const bytes = (1 + (pick % ((first + second) / PAGE))) * PAGE;
        const banks = fillBanks(slots, bytes);
        expect(banks.reduce((sum, bank) => sum + bank.size, 0)).toBe(bytes);
        expect(banks[0]?.size).toBe(Math.min(bytes, first));
        expect(banks).toHaveLength(bytes > first ? 2 : 1);
      }),
    );
  });

  it('refuses more than the banks hold', () => {
    const slots = [{ base: physAddr(0), size: 2 ** 30 }];
    expect(() => fillBanks(slots, 3 * 2 ** 30)).toThrow('3 GiB of memory is 2 GiB more than the banks hold');
  });
});

describe('memoryEntries', () => {
  it('covers the bank without gap, each entry a size that one cell holds', () => {
    fc.assert(
      fc.property(pages(2 ** 26), (size) => {
        const bank = { base: physAddr(0x8_8000_0000), size };
        const entries = memoryEntries(bank, 1);
        let end: number = bank.base;
        for (const entry of entries) {
          expect(entry.base).toBe(end);
          expect(entry.size).toBeLessThan(2 ** 32);
          end += entry.size;
        }
        expect(end).toBe(bank.base + size);
        expect(memoryEntries(bank, 2)).toEqual([bank]);
      }),
    );
  });

  it.each([
    [3 * 2 ** 30, 1],
    [2 ** 32 - PAGE, 1],
    [2 ** 32, 2],
    [6 * 2 ** 30, 3],
    [62 * 2 ** 30, 31],
  ])('%i bytes take %i entries', (size, count) => {
    expect(memoryEntries({ base: physAddr(0), size }, 1)).toHaveLength(count);
  });
});

describe('clipToRam', () => {
  // Bank          [----------------)
  // a      [--)                          outside: dropped
  // b          [------)                  keeps its second half
  // c                  [---)             untouched
  // d                          [-----)   keeps its first half
  it('keeps what lies in RAM', () => {
    const region = (name: string, base: number, size: number): ReservedRegion => ({
      name,
      base: physAddr(base),
      size,
      noMap: true,
    });
    const bank = { base: physAddr(0x10_000), size: 0x10_000 };
    const regions = [
      region('a', 0x8000, 0x8000),
      region('b', 0xe000, 0x4000),
      region('c', 0x14_000, 0x1000),
      region('d', 0x1e_000, 0x4000),
    ];
    expect(clipToRam(regions, [bank]).map(({ name, base, size }) => [name, base, size])).toEqual([
      ['b', 0x10_000, 0x2000],
      ['c', 0x14_000, 0x1000],
      ['d', 0x1e_000, 0x2000],
    ]);
  });
});
