// SPDX-License-Identifier: GPL-2.0-only
/**
 * memblock: RAM, its reservations, and free memory. Drawings show pages; `=` is RAM, `#` reserved,
 * `.` free.
 */

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BaseAndSize, lengthOf, placeOf, type Range, rangeOf } from '#common/range.ts';
import { KernelPanic } from '#kernel-ts/kernel/panic.ts';
import { Memblock, STATIC_REGIONS } from './memblock.ts';
import { OwnerKind, type Owner } from './owner.ts';
import { fakeMemblock, fakeMemory, GIB, MIB, PIXEL6_BANKS, TEST_OWNER } from './testing/fake-machine.ts';

const P = 4096;
const pages = (from: number, to: number): BaseAndSize => ({ base: from * P, size: (to - from) * P });

const places = (ranges: Iterable<Range>): BaseAndSize[] => [...ranges].map(placeOf);

/** The drawing of each case, one character a page, is both input and documentation. */
function parse(drawing: string, mark: string): BaseAndSize[] {
  return [...drawing.matchAll(new RegExp(`\\${mark}+`, 'g'))].map((m) => pages(m.index, m.index + m[0].length));
}

function empty(): Memblock {
  const { memory, bss } = fakeMemory([{ base: 0, size: 64 * GIB }]);
  return new Memblock(memory, bss);
}

describe('addMemory', () => {
  it.each([
    ['adjacent', ['====    ', '    ====']],
    ['overlapping', ['=====   ', '   =====']],
    ['one inside the other', ['========', '  ===   ']],
    ['the same twice', ['========', '========']],
    ['a third one joins two', ['===     ', '     ===', '  ====  ']],
    ['one covers several', ['=  =  ==', '========']],
  ])('merges regions: %s', (_, drawings) => {
    for (const order of [drawings, [...drawings].reverse()]) {
      const memblock = empty();
      for (const { base, size } of order.flatMap((drawing) => parse(drawing, '='))) memblock.add(base, size);
      expect(places(memblock.banks())).toEqual([pages(0, 8)]);
    }
  });

  it('keeps what does not touch apart, sorted', () => {
    const memblock = empty();
    for (const { base, size } of parse('== == ==', '=').reverse()) memblock.add(base, size);
    expect(places(memblock.banks())).toEqual(parse('== == ==', '='));
  });

  it('trims partial pages inward, but only at the ends of what touches', () => {
    const memblock = empty();
    memblock.add(0x1100, 0x700);
    memblock.add(0x1800, 0x2900);
    // [0x1100, 0x4100): each alone would lose page 1; together they hold pages 2 and 3.
    expect(places(memblock.banks())).toEqual([pages(2, 4)]);
    expect(memblock.totals().trimmed).toBe(0x1000);
  });

  it('ignores a region smaller than a page and an empty one', () => {
    const memblock = empty();
    memblock.add(0x1100, 0x100);
    memblock.add(0x8000n, 0n);
    expect(places(memblock.banks())).toEqual([]);
  });

  it('clips what the direct map does not reach and says how much', () => {
    const memblock = empty();
    expect(memblock.add(2n ** 47n - 0x2000n, 0x5000n)).toBe(0x3000n);
    expect(memblock.add(0xffff_ffff_ffff_0000n, 0xffff_ffff_ffffn)).toBe(0xffff_ffff_ffffn);
    expect(places(memblock.banks())).toEqual([{ base: 2 ** 47 - 0x2000, size: 0x2000 }]);
    expect(memblock.totals().clipped).toBe(0x3000n + 0xffff_ffff_ffffn);
  });
});

describe('reserve and freeRanges', () => {
  it.each([
    // ram,        reserved (any number),         free
    ['========', ['  ##    '], '..  ....'],
    ['========', ['##      '], '  ......'],
    ['========', ['      ##'], '......  '],
    ['========', ['########'], '        '],
    [' ====== ', ['########'], '        '],
    ['========', [' ###    ', '   ### '], '.     ..'],
    ['========', [' #####  ', '  ##    '], '.     ..'],
    ['========', [' ##     ', ' ##     '], '.  .....'],
    ['===  ===', ['  ####  '], '..    ..'],
    ['===  ===', ['   ##   '], '...  ...'],
  ])('%s minus %j leaves %s', (ram, reserved, free) => {
    const memblock = empty();
    for (const { base, size } of parse(ram, '=')) memblock.add(base, size);
    for (const { base, size } of reserved.flatMap((drawing) => parse(drawing, '#'))) {
      memblock.reserve(base, size, { owner: TEST_OWNER });
    }
    expect(places(memblock.freeRanges())).toEqual(parse(free, '.'));
  });

  it('got wrong in LevitateOS: a reservation that is not page-aligned takes every page it touches', () => {
    const memblock = empty();
    memblock.add(0, 8 * P);
    memblock.reserve(P + 1, P, { owner: TEST_OWNER });
    expect(places(memblock.freeRanges())).toEqual([pages(0, 1), pages(3, 8)]);
  });

  it('keeps each owner of overlapping ranges and counts a page once', () => {
    const memblock = empty();
    memblock.add(0, 8 * P);
    const owner = (cookie: bigint): Owner => ({ kind: OwnerKind.RESERVED_MEMORY, cookie });
    memblock.reserve(2 * P, 4 * P, { owner: owner(1n), noMap: true });
    memblock.reserve(4 * P, 10 * P, { owner: owner(2n) });
    memblock.reserve(2 * P, 4 * P, { owner: owner(3n) });
    const ranges = [...memblock.reservedRanges()];
    expect(
      ranges.map(({ owner: { cookie }, ramBytes, countedBytes, noMap }) => [
        cookie,
        ramBytes / P,
        countedBytes / P,
        noMap,
      ]),
    ).toEqual([
      [1n, 4, 4, true],
      [3n, 4, 0, false],
      [2n, 4, 2, false],
    ]);
    expect(memblock.totals()).toMatchObject({ ram: 8 * P, reserved: 6 * P, free: 2 * P });
  });

  it('leaves only no-map ranges out of what may be mapped', () => {
    const memblock = empty();
    memblock.add(0, 16 * P);
    memblock.reserve(2 * P, 4 * P, { owner: TEST_OWNER });
    memblock.reserve(4 * P, 4 * P, { owner: TEST_OWNER, noMap: true });
    memblock.reserve(10 * P, 2 * P, { owner: TEST_OWNER });
    expect(places(memblock.mappableRanges())).toEqual([pages(0, 4), pages(8, 16)]);
  });

  it('equals a page by page model for any input', () => {
    const range = fc.record({ base: fc.integer({ min: 0, max: 64 * P }), size: fc.integer({ min: 0, max: 20 * P }) });
    const reservation = fc.record({ range, noMap: fc.boolean() });
    fc.assert(
      fc.property(fc.array(range, { maxLength: 8 }), fc.array(reservation, { maxLength: 12 }), (ram, reserved) => {
        const memblock = empty();
        const isRam = new Array<boolean>(100 * P).fill(false);
        for (const { base, size } of ram) {
          memblock.add(base, size);
          isRam.fill(true, base, base + size);
        }
        const takenPages = new Set<number>();
        const noMapPages = new Set<number>();
        for (const {
          range: { base, size },
          noMap,
        } of reserved) {
          memblock.reserve(BigInt(base), BigInt(size), { owner: TEST_OWNER, noMap });
          for (let page = Math.floor(base / P), end = size > 0 ? base + size : 0; page * P < end; page++) {
            takenPages.add(page);
            if (noMap) noMapPages.add(page);
          }
        }
        const ramPages = [...Array(100).keys()].filter(
          (page) => isRam.indexOf(false, page * P) >= (page + 1) * P || isRam.indexOf(false, page * P) < 0,
        );
        const listed = (ranges: Iterable<Range>) =>
          [...ranges].flatMap(({ start, end }) => [...Array((end - start) / P).keys()].map((i) => start / P + i));
        const free = ramPages.filter((page) => !takenPages.has(page));
        expect(listed(memblock.banks())).toEqual(ramPages);
        expect(listed(memblock.freeRanges())).toEqual(free);
        expect(listed(memblock.mappableRanges())).toEqual(ramPages.filter((page) => !noMapPages.has(page)));
        for (const ranges of [[...memblock.freeRanges()], [...memblock.mappableRanges()], [...memblock.banks()]]) {
          expect(ranges.every(({ start }, i) => i === 0 || ranges[i - 1]!.end < start)).toBe(true);
        }
        const counted = [...memblock.reservedRanges()].reduce((sum, { countedBytes }) => sum + countedBytes, 0);
        expect(counted).toBe((ramPages.length - free.length) * P);
        expect(memblock.totals()).toMatchObject({ ram: ramPages.length * P, reserved: counted, free: free.length * P });
      }),
      { numRuns: 150 },
    );
  });
});

describe('alloc', () => {
  it('takes the first hole that fits, and explains every other', () => {
    const { memblock } = fakeMemblock([pages(0, 64)], [pages(2, 10), pages(13, 20)]);
    const verdicts = memblock.explainHoles(4 * P, 8 * P);
    expect(verdicts.map((verdict) => (verdict.accepted ? verdict.at / P : verdict.reason))).toEqual([
      'too small: 8192 bytes, 16384 needed',
      'too small: 12288 bytes, 16384 needed',
      24,
    ]);
    expect(memblock.alloc(4 * P, 8 * P, { owner: TEST_OWNER })).toBe(24 * P);
    expect(places(memblock.freeRanges())).toEqual([pages(0, 2), pages(10, 13), pages(20, 24), pages(28, 64)]);
  });

  it('says when alignment or a limit is why a hole is refused', () => {
    const { memblock } = fakeMemblock([pages(1, 7), pages(32, 64)]);
    const [first, second] = memblock.explainHoles(4 * P, 8 * P, { limit: 34 * P });
    expect(first).toMatchObject({
      accepted: false,
      reason: `0 bytes between 0x8000 (aligned to 0x8000) and the end, 16384 needed`,
    });
    expect(second).toMatchObject({
      accepted: false,
      reason: `8192 bytes between 0x20000 (aligned to 0x8000) and the end, 16384 needed`,
    });
    expect(memblock.alloc(4 * P, 8 * P, { owner: TEST_OWNER, limit: 34 * P })).toBeNull();
  });

  it.each([
    [0, P],
    [P, 3000],
    [Number.NaN, P],
  ])('panics on a size of %d aligned to %d', (size, align) => {
    expect(() => empty().alloc(size, align, { owner: TEST_OWNER })).toThrow(KernelPanic);
  });
});

describe('placeDynamic', () => {
  const gib = (n: number) => n * GIB;
  it('tries its ranges in their order: the Pixel 6 wants its vscaler pool high', () => {
    const { memblock } = fakeMemblock(PIXEL6_BANKS);
    const place = memblock.placeDynamic({
      size: 0x400_0000n,
      alignment: 0x10_0000n,
      allocRanges: [
        { start: 0x9_8000_0000n, end: 0xa_0000_0000n },
        { start: 0x8000_0000n, end: 0x1_0000_0000n },
      ],
      owner: TEST_OWNER,
    });
    expect(place).toBe(0x9_8000_0000);
  });

  it('falls through to the next range when one is full, and is null when all are', () => {
    const { memblock } = fakeMemblock([{ base: 0, size: gib(4) }], [{ base: gib(2), size: gib(1) }]);
    const allocRanges = [
      { start: gib(2), end: gib(3) },
      { start: gib(1), end: gib(1) + MIB },
    ];
    const request = { size: MIB, allocRanges, owner: TEST_OWNER, noMap: true };
    expect(memblock.placeDynamic(request)).toBe(gib(1));
    expect(memblock.placeDynamic(request)).toBeNull();
    expect(places(memblock.mappableRanges())).toHaveLength(2);
  });

  it.each([
    ['size 0', { size: 0n }],
    ['an alignment that is no power of two', { size: 4096n, alignment: 0x3000n }],
    ['a size of 2^63', { size: 2n ** 63n }],
  ])('is null for %s', (_, request) => {
    const { memblock } = fakeMemblock(PIXEL6_BANKS);
    expect(memblock.placeDynamic({ ...request, owner: TEST_OWNER })).toBeNull();
  });
});

describe('capacity', () => {
  it('got wrong in LevitateOS: more than 16 RAM and 32 reserved regions are all kept', () => {
    const ram = [...Array(100).keys()].map((i) => ({ base: i * 4 * MIB, size: 2 * MIB }));
    const reserved = [...Array(60).keys()].map((i) => ({ base: i * 4 * MIB, size: P }));
    const { memblock } = fakeMemblock(ram, reserved);
    expect(places(memblock.banks())).toHaveLength(100);
    expect([...memblock.reservedRanges()]).toHaveLength(60);
  });

  it('grows into RAM before the tables overflow, clear of every reservation to come, and reserves itself', () => {
    const count = 1000;
    const ram = [...Array(count).keys()].map((i) => ({ base: GIB + i * 4 * MIB, size: 2 * MIB }));
    const reserved = ram.map(({ base }) => ({ base, size: MIB + 1 }));
    const { memblock } = fakeMemblock(ram, reserved);
    expect(places(memblock.banks())).toEqual(ram);
    const tables = [...memblock.reservedRanges()].filter(({ owner }) => owner.kind === OwnerKind.MEMBLOCK);
    expect(tables).toHaveLength(1);
    expect(tables[0]!.start).toBe(GIB + MIB + P);
    expect(tables[0]!.countedBytes).toBe(lengthOf(tables[0]!));
    expect(memblock.totals().reserved).toBe(count * (MIB + P) + lengthOf(tables[0]!));
  });

  it('keeps what was added before it grew', () => {
    const { memory, bss } = fakeMemory([{ base: 0, size: GIB }]);
    const memblock = new Memblock(memory, bss);
    memblock.add(0, 512 * MIB);
    memblock.reserve(0, MIB, { owner: { kind: OwnerKind.KERNEL_IMAGE, cookie: 7n } });
    const reserved = [...Array(STATIC_REGIONS).keys()].map((i) => ({ base: (2 + i) * MIB, size: P }));
    memblock.ensureCapacity({ memory: [], reserved: reserved.map(rangeOf), within: { start: 0, end: 2 * MIB } });
    for (const { base, size } of reserved) memblock.reserve(base, size, { owner: TEST_OWNER });
    const [image, tables] = [...memblock.reservedRanges()];
    expect(image).toMatchObject({ start: 0, end: MIB, owner: { kind: OwnerKind.KERNEL_IMAGE, cookie: 7n } });
    expect(tables).toMatchObject({ start: MIB, owner: { kind: OwnerKind.MEMBLOCK } });
  });

  it.each([
    ['No RAM regions found in DTB', []],
    ['All RAM is reserved — no free memory', [{ start: 0, end: GIB }]],
    ['Cannot grow the memblock tables — insufficient contiguous memory', [{ start: 0, end: GIB + P }]],
  ])('panics with %s when there is no place', (reason, memory) => {
    const { memory: port, bss } = fakeMemory([{ base: 0, size: 2 * GIB }]);
    const reserved = [...Array(300).keys()].map(() => ({ start: 0, end: GIB }));
    expect(() => new Memblock(port, bss).ensureCapacity({ memory, reserved })).toThrow(`PANIC: ${reason}`);
  });

  it('panics rather than drop a region when nobody asked for capacity', () => {
    const memblock = empty();
    const overflow = () => {
      for (let i = 0; i <= STATIC_REGIONS; i++) memblock.add(i * 2 * P, P);
    };
    expect(overflow).toThrow("PANIC: Memory region table 'memory' is full");
  });
});

it('holds its state in emulated RAM: a second handle on the same bytes sees the same map', () => {
  const first = fakeMemory([{ base: 0, size: GIB }]);
  const memblock = new Memblock(first.memory, first.bss);
  memblock.add(0, GIB);
  memblock.alloc(MIB, P, { owner: TEST_OWNER });
  const entries = first.bss.variables().find(({ name }) => name === 'memblock.reserved')!.va;
  expect(first.memory.read64(entries)).toBe(0n);
  first.memory.write64(entries, BigInt(512 * MIB));
  expect(places(memblock.freeRanges())).toEqual([
    { base: 0, size: 512 * MIB },
    { base: 513 * MIB, size: 511 * MIB },
  ]);
});
