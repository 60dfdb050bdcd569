// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { virtAddr } from '#common/address.ts';
import { halfOf, isCanonical } from '#kernel-ts/hal/mmu/virtual-range.ts';
import { makeFixture } from './fixture.ts';
import { randomAddresses, randomMappings } from './random-mappings.ts';

/** In [0, 1): a Weyl sequence through a 32-bit mixer, so that seeds do not resemble. */
function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  };
}

const physical = [
  { start: 0x4800_0000, end: 0x8000_0000 },
  { start: 0x8_8000_0000, end: 0xa_0000_0000 },
];
const DIRECT_MAP = { start: 0xffff_8000_0000_0000n, end: 0xffff_8080_0000_0000n };

/** Both halves mapped as a whole-machine test would. */
function makeMapped(seed: number, count = 40) {
  const random = generator(seed);
  const mappings = randomMappings(random, { count, physical, avoid: [DIRECT_MAP] });
  const fixture = makeFixture(8192);
  fixture.mmu.setPageAllocator(fixture.allocator);
  const spaces = { low: fixture.mmu.createSpace('low'), high: fixture.mmu.createSpace('high') };
  fixture.mmu.setTtbr0(spaces.low);
  fixture.mmu.switchTtbr1(spaces.high);
  for (const { va, pa, bytes, attrs } of mappings) spaces[halfOf(va)].mapRange(va, pa, bytes, attrs);
  return { ...fixture, random, mappings };
}

describe('randomMappings', () => {
  it('are disjoint, outside what is to be avoided, inside the physical windows', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const mappings = randomMappings(generator(seed), { count: 60, physical, avoid: [DIRECT_MAP] });
        const sorted = [DIRECT_MAP, ...mappings.map(({ va, bytes }) => ({ start: va, end: va + BigInt(bytes) }))].sort(
          (a, b) => (a.start < b.start ? -1 : 1),
        );
        for (const [index, range] of sorted.entries()) {
          if (index > 0) expect(range.start).toBeGreaterThanOrEqual(sorted[index - 1]?.end as bigint);
        }
        for (const { pa, bytes } of mappings) {
          expect(physical.some(({ start, end }) => pa >= start && pa + bytes <= end)).toBe(true);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('can all be mapped, and hold pages and both sizes of block', () => {
    const { mmu } = makeMapped(7, 80);
    const reports = [mmu.report(mmu.liveSpace('low')), mmu.report(mmu.liveSpace('high'))];
    for (const size of ['blocks1GiB', 'blocks2MiB', 'pages4KiB'] as const) {
      expect(reports.reduce((sum, { leaves }) => sum + leaves[size], 0)).toBeGreaterThan(0);
    }
  });

  it('are as many as asked for where there is room', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        expect(randomMappings(generator(seed), { count: 80, physical, avoid: [DIRECT_MAP] })).toHaveLength(80);
      }),
      { numRuns: 100 },
    );
  });

  it('repeat for the same seed', () => {
    const make = () => randomMappings(generator(5), { count: 20, physical });
    expect(make()).toEqual(make());
    expect(randomMappings(generator(6), { count: 20, physical })).not.toEqual(make());
  });
});

describe('randomAddresses', () => {
  it('reach every outcome', () => {
    const { mmu, random, mappings } = makeMapped(3, 80);
    const outcomes = new Map<string, number>();
    for (const va of randomAddresses(random, mappings, 5000)) {
      const answer = mmu.translate(va, { kind: 'write', el: 1 });
      const name = answer.ok
        ? `level ${answer.level}`
        : `${answer.fault} ${answer.level}${isCanonical(va) ? '' : ' not canonical'}`;
      outcomes.set(name, (outcomes.get(name) ?? 0) + 1);
    }
    expect([...outcomes.keys()]).toEqual(
      expect.arrayContaining([
        'level 1',
        'level 2',
        'level 3',
        'translation 0',
        'translation 0 not canonical',
        'translation 1',
        'translation 2',
        'translation 3',
        'permission 3',
        'accessFlag 3',
      ]),
    );
  });

  it('translate the same by the second walker', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const { mmu, machine, random, mappings } = makeMapped(seed, 20);
        for (const va of randomAddresses(random, mappings, 300)) {
          const first = mmu.translate(va);
          const second = machine.lookUp(virtAddr(va));
          const afClear = second !== null && (second.descriptor & (1n << 10n)) === 0n;
          if (first.ok) expect(first.pa).toBe(second?.pa);
          else expect(second === null || afClear).toBe(true);
        }
      }),
      { numRuns: 30 },
    );
  });
});
