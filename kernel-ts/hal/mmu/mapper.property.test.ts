// SPDX-License-Identifier: GPL-2.0-only
/**
 * Random sequences of operations on real tables and on a model, with every error injected that an
 * allocator can cause.
 */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { physAddr } from '#common/address.ts';
import type { AddressSpace } from './address-space.ts';
import { attributesOf, leafAddress, LEVEL_SPAN, MemoryAttributes } from './descriptor.ts';
import type { Level } from './descriptor.ts';
import { errorCode, makeLiveDirectMap, makeSpace } from './testing/fixture.ts';
import type { Fixture } from './testing/fixture.ts';
import { PageModel } from './testing/page-model.ts';
import { addressAt } from './virtual-range.ts';
import type { Half } from './virtual-range.ts';

const GIB = 2 ** 30;
const MIB2 = 2 ** 21;
const PAGE = 4096;

/** Offsets in a few places, so that operations meet: around ends of tables, blocks and pages. */
const offsets = fc
  .tuple(
    fc.constantFrom(0x20 * 2 ** 39, 0x20 * 2 ** 39 + GIB, 0x21 * 2 ** 39 - GIB),
    fc.constantFrom(0, 0, MIB2, GIB - MIB2),
    fc.constantFrom(0, 0, PAGE, 2 * PAGE, MIB2 - PAGE),
  )
  .map(([a, b, c]) => a + b + c);
const physical = fc
  .tuple(fc.constantFrom(0, GIB, 0x8_8000_0000), fc.constantFrom(0, 0, MIB2), fc.constantFrom(0, 0, PAGE))
  .map(([a, b, c]) => a + b + c);
const sizes = fc.constantFrom(PAGE, PAGE, 3 * PAGE, MIB2, MIB2 + PAGE, 3 * MIB2, GIB, GIB + MIB2, GIB + PAGE);
/** Ranges of a gigabyte are never all pages: 262,144 of them test nothing more and take seconds. */
const sameOffsetIn2MiB = (at: number, pa: number) => pa - (pa % MIB2) + (at % MIB2);
const attributes = fc.constantFrom(...Object.values(MemoryAttributes));
const operations = fc.oneof(
  fc
    .record({ op: fc.constant('range' as const), at: offsets, pa: physical, bytes: sizes, attrs: attributes })
    .map((range) => (range.bytes < GIB ? range : { ...range, pa: sameOffsetIn2MiB(range.at, range.pa) })),
  fc.record({ op: fc.constant('page' as const), at: offsets, pa: physical, attrs: attributes }),
  fc
    .record({
      op: fc.constant('block' as const),
      at: offsets,
      pa: physical,
      level: fc.constantFrom(1, 2),
      attrs: attributes,
      aligned: fc.boolean(),
    })
    .map((block) => {
      const size = block.level === 1 ? GIB : MIB2;
      return block.aligned ? { ...block, at: block.at - (block.at % size), pa: block.pa - (block.pa % size) } : block;
    }),
  fc.record({ op: fc.constant('unmap' as const), at: offsets }),
  fc.record({ op: fc.constant('unmapRange' as const), at: offsets, bytes: sizes }),
  fc.record({ op: fc.constant('protect' as const), at: offsets, bytes: sizes, attrs: attributes }),
);
type Operation = typeof operations extends fc.Arbitrary<infer T> ? T : never;

function onTables(space: AddressSpace, half: Half, operation: Operation): string | null {
  const va = addressAt(half, operation.at);
  return errorCode(() => {
    switch (operation.op) {
      case 'range':
        return space.mapRange(va, physAddr(operation.pa), operation.bytes, operation.attrs);
      case 'page':
        return space.mapPage(va, physAddr(operation.pa), operation.attrs);
      case 'block':
        return space.mapBlock(va, physAddr(operation.pa), operation.level, operation.attrs);
      case 'unmap':
        return space.unmapPage(va);
      case 'unmapRange':
        return space.unmapRange(va, operation.bytes);
      case 'protect':
        return space.protect(va, operation.bytes, operation.attrs);
    }
  });
}

function onModel(model: PageModel, operation: Operation): string | null {
  const { at } = operation;
  switch (operation.op) {
    case 'range':
      return model.mapRange(at, operation.pa, operation.bytes, operation.attrs);
    case 'page':
      return model.mapUnit(at, operation.pa, PAGE, operation.attrs);
    case 'block': {
      const size = operation.level === 1 ? GIB : MIB2;
      if (at % size !== 0 || operation.pa % size !== 0) return 'Misaligned';
      return model.mapUnit(at, operation.pa, size, operation.attrs);
    }
    case 'unmap':
      return model.unmapRange(at, PAGE);
    case 'unmapRange':
      return model.unmapRange(at, operation.bytes);
    case 'protect':
      return model.protect(at, operation.bytes, operation.attrs);
  }
}

/** Tables are as the model, only the root may be empty, and none is lost. */
function expectAgreement(fixture: Fixture & { space: AddressSpace }, model: PageModel): void {
  const { machine, space, allocator, mmu } = fixture;
  const actual = machine
    .leaves(space.root)
    .map(({ offset, level, descriptor }) =>
      [offset, LEVEL_SPAN[level as Level], leafAddress(descriptor, level as Level), attributesOf(descriptor)].join(),
    );
  const expected = [...model.leaves]
    .sort(([a], [b]) => a - b)
    .map(([offset, { size, pa, attrs }]) => [offset, size, pa, attrs].join());
  expect(actual.join('\n')).toBe(expected.join('\n'));

  const tables = machine.tables(space.root);
  for (const table of tables) {
    if (table === space.root) continue;
    expect(Array.from({ length: 512 }, (_, index) => machine.peek(table + index * 8) & 1n)).toContain(1n);
  }
  expect(new Set(tables)).toEqual(new Set(allocator.out));
  expect(mmu.pool.fromAllocator).toBe(tables.length);
  expect(machine.violations).toEqual([]);
}

/** The TLB keeps what it once found: asked again it must agree with the model. */
function expectTlbAgrees({ machine }: Fixture, half: Half, model: PageModel, at: readonly number[]): void {
  for (const offset of at) {
    const found = model.find(offset);
    const seen = machine.lookUp(addressAt(half, offset));
    expect(seen?.pa ?? null).toBe(found === null ? null : found.leaf.pa + (offset - found.start));
    if (seen !== null) expect(attributesOf(seen.descriptor)).toBe(found?.leaf.attrs);
  }
}

function probes(operation: Operation): number[] {
  const bytes = 'bytes' in operation ? operation.bytes : PAGE;
  return [
    operation.at,
    operation.at + bytes - 1,
    operation.at + bytes,
    operation.at - 1,
    operation.at + MIB2,
    operation.at + 8,
  ];
}

it.each(['high', 'low'] as const)(
  'random sequences agree with the model, %s half',
  (half) => {
    fc.assert(
      fc.property(fc.array(operations, { maxLength: 24, size: 'max' }), (sequence) => {
        const fixture = makeSpace(half, 8192);
        const model = new PageModel();
        const seen: number[] = [];
        for (const operation of sequence) {
          const before = fixture.machine.dump(fixture.space.root);
          seen.push(...probes(operation));
          expectTlbAgrees(fixture, half, model, seen);
          const expected = onModel(model, operation);
          expect(onTables(fixture.space, half, operation)).toBe(expected);
          if (expected !== null) expect(fixture.machine.dump(fixture.space.root)).toBe(before);
          expectTlbAgrees(fixture, half, model, seen);
        }
        expectAgreement(fixture, model);

        // Unmapping all that is left frees every table but the root.
        for (const [offset, { size }] of model.leaves) fixture.space.unmapRange(addressAt(half, offset), size);
        expect([...fixture.allocator.out]).toEqual([fixture.space.root]);
        expect(fixture.machine.violations).toEqual([]);
      }),
      { numRuns: 40 },
    );
  },
  60_000,
);

it('an allocator that fails at any moment leaves tables bit-identical and no leak', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(operations, fc.nat(4)), { maxLength: 16, size: 'max' }), (sequence) => {
      const fixture = makeSpace('high', 8192);
      const { machine, space, allocator, mmu } = fixture;
      for (let index = 0; index < 16; index++) mmu.pool.markUsed(index);
      for (const [operation, budget] of sequence) {
        const before = machine.dump(space.root);
        const out = allocator.out.size;
        allocator.budget = budget;
        const code = onTables(space, 'high', operation);
        if (code !== null) {
          expect(machine.dump(space.root)).toBe(before);
          expect([allocator.out.size, allocator.budget]).toEqual([out, budget]);
        }
        expect(new Set(machine.tables(space.root))).toEqual(new Set(allocator.out));
      }
      expect(machine.violations).toEqual([]);
    }),
    { numRuns: 80 },
  );
});

it('a live direct map can be changed anywhere but where its own tables lie', () => {
  // 1 GiB block at 0x4000_0000; tables come from 0x4100_0000 on, so 64 MiB above that are left
  // alone.
  const places = fc.nat(0x3fff_f000 / PAGE).map((page) => 0x4000_0000 + page * PAGE);
  const base = 0x8000_0000_0000;
  fc.assert(
    fc.property(
      fc.array(fc.record({ place: places, pages: fc.integer({ min: 1, max: 600 }), remove: fc.boolean() }), {
        maxLength: 8,
      }),
      (edits) => {
        const fixture = makeLiveDirectMap();
        const { space, machine } = fixture;
        const model = new PageModel();
        model.mapRange(base + 0x4000_0000, 0x4000_0000, GIB, MemoryAttributes.kernelData);
        for (const { place, pages, remove } of edits) {
          const bytes = Math.min(pages * PAGE, 0x8000_0000 - place);
          if (place < 0x4500_0000 && place + bytes > 0x4000_0000) continue;
          const va = addressAt('high', base + place);
          if (remove) {
            expect(errorCode(() => space.unmapRange(va, bytes))).toBe(model.unmapRange(base + place, bytes));
          } else {
            const attrs = MemoryAttributes.kernelRodata;
            expect(errorCode(() => space.protect(va, bytes, attrs))).toBe(model.protect(base + place, bytes, attrs));
          }
          expectTlbAgrees(fixture, 'high', model, [
            base + place,
            base + place + bytes,
            base + place - 1,
            base + 0x4100_0000,
          ]);
        }
        expectAgreement(fixture, model);
        expect(machine.violations).toEqual([]);
      },
    ),
    { numRuns: 40 },
  );
});

it('mapRange writes the least number of entries', () => {
  /** Least entries for pages [0, count) from `first` to `out`, by dynamic programming. */
  const least = (first: number, out: number, count: number): number => {
    const best = new Uint32Array(count + 1);
    for (let end = 1; end <= count; end++) {
      best[end] = (best[end - 1] as number) + 1;
      for (const size of [512, 512 * 512]) {
        const start = end - size;
        if (start < 0 || (first + start) % size !== 0 || (out + start) % size !== 0) continue;
        best[end] = Math.min(best[end] as number, (best[start] as number) + 1);
      }
    }
    return best[count] as number;
  };
  const near = (unit: number) =>
    fc.tuple(fc.nat(3), fc.integer({ min: -3, max: 3 })).map(([n, d]) => Math.max(0, n * unit + d));
  const page = fc.oneof(near(512), near(512 * 512), fc.nat(2000));
  fc.assert(
    fc.property(
      page,
      page,
      page.map((pages) => pages + 1),
      (first, out, wanted) => {
        // When only pages fit, a gigabyte of them proves no more than a few megabytes.
        const count = (first - out) % 512 === 0 ? wanted : Math.min(wanted, 3000);
        const { space } = makeSpace('low', 8192);
        const counts = space.mapRange(
          addressAt('low', first * PAGE),
          physAddr(out * PAGE),
          count * PAGE,
          MemoryAttributes.kernelData,
        );
        expect(counts.blocks1GiB + counts.blocks2MiB + counts.pages4KiB).toBe(least(first, out, count));
      },
    ),
    {
      numRuns: 60,
      examples: [
        [0, 0, 3 * 512 * 512],
        [511, 511, 512 * 512 + 1025],
        [512, 1024, 512 * 512],
      ],
    },
  );
});
