// SPDX-License-Identifier: GPL-2.0-only
/**
 * Any memory layout that a device tree can describe ends in one of two ways: a steady state in
 * which every promise holds, or the documented panic for that layout. This test computes the
 * expected end from the layout alone.
 */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { OwnerKind } from '#kernel-ts/kernel/mm/owner.ts';
import { type BootResult, bootBoard } from '#workbench/index.ts';
import { expectedMemoryOfTree, type Reserved, treeBlob, type TreeSource } from './support/test-tree.ts';
import { findFaults, kernelSpans } from './support/sound-machine.ts';
import { bytesIn, pagesInside, pagesTouched, type Span, span, without } from './support/spans.ts';

const KiB = 2 ** 10;
const MiB = 2 ** 20;
const GiB = 2 ** 30;

/** Lowest address of RAM: above the devices of qemu-virt, below the window of PCIe. */
const NEAR = 0x4000_0000;
const RUNS = Number(process.env['LAYOUT_RUNS'] ?? 60);

/** A start that is mostly near the kernel, now and then far away, aligned or not. */
const place = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 255 }).map((n) => NEAR + n * MiB) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 256 * MiB }).map((n) => NEAR + n) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 200 }).map((n) => n * GiB) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 200 }).map((n) => n * GiB - 3 * MiB + 0x1234) },
);
const length = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 64 }).map((n) => n * MiB) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 9 * MiB }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1, 4095, 4096, 4097, 64 * KiB, GiB) },
);
const spans = (maxLength: number) =>
  fc.array(
    fc.tuple(place, length).map(([start, size]) => span(start, size)),
    { maxLength },
  );
const reserved: fc.Arbitrary<Reserved> = fc.record(
  {
    at: fc.array(
      fc.tuple(place, length).map(([start, size]) => span(start, size)),
      { minLength: 1, maxLength: 3 },
    ),
    noMap: fc.boolean(),
    reusable: fc.boolean(),
    status: fc.constantFrom('okay', 'disabled', 'ok'),
  },
  { requiredKeys: ['at'] },
);
const dynamic: fc.Arbitrary<Reserved> = fc.record(
  {
    size: fc.integer({ min: 1, max: 4 * MiB }),
    alignment: fc.constantFrom(4096, 64 * KiB, 2 * MiB, 16 * MiB),
    allocRanges: spans(2).filter((list) => list.length > 0),
    noMap: fc.boolean(),
  },
  { requiredKeys: ['size'] },
);
/** More small reservations than the kernel's static tables hold. */
const crowd = fc
  .record({
    first: place,
    count: fc.integer({ min: 60, max: 400 }),
    stride: fc.constantFrom(8 * KiB, 68 * KiB, MiB, 37 * MiB + 5),
  })
  .map(({ first, count, stride }) => Array.from({ length: count }, (_, i) => span(first + i * stride, 4096)));
const layouts: fc.Arbitrary<TreeSource> = fc.record({
  // Half of the layouts have enough for a heap; the others mostly do not.
  ram: fc
    .tuple(spans(24), fc.constantFrom<Span[][]>([], [span(NEAR, 64 * MiB)], [span(0x40_0000_0000, 48 * MiB)]))
    .chain(([scattered, sure]) => fc.shuffledSubarray([...scattered, ...sure], { minLength: scattered.length })),
  memoryNodes: fc.constantFrom('one' as const, 'each' as const),
  reserved: fc
    .tuple(fc.array(reserved, { maxLength: 24 }), fc.array(dynamic, { maxLength: 4 }))
    .map((lists) => lists.flat()),
  reservationBlock: fc
    .oneof({ weight: 3, arbitrary: spans(4) }, { weight: 1, arbitrary: crowd })
    .map((list) => list.filter(({ start, end }) => end > start)),
});

const PANICS = {
  noRam: 'No RAM regions found in DTB',
  allReserved: 'All RAM is reserved — no free memory',
  noHole: 'Cannot allocate mem_map — insufficient contiguous memory',
  noHeap: 'Cannot allocate kernel heap — insufficient free memory',
  noTables: 'Cannot grow the memblock tables — insufficient contiguous memory',
};

/** Panics for lack of memory, which a dynamic reservation may cause wherever it is placed. */
const LACK_OF_MEMORY = [PANICS.allReserved, PANICS.noHole, PANICS.noHeap];

/** Bytes that the kernel says it needs for larger tables of regions, 0 when it does not say so. */
const tableBytesWanted = (machine: BootResult['machine']): number =>
  Number(/ranges found, (\d+) bytes needed/.exec(machine.serial.text)?.[1] ?? 0);

/** The outcomes that `source` allows: one, or two where what the kernel itself takes decides. */
function allowed({ machine }: BootResult, source: TreeSource): string[] {
  const facts = expectedMemoryOfTree(source);
  const ram = pagesInside(facts.ram);
  if (ram.length === 0) return [PANICS.noRam];
  const dynamicSpans = [...(machine.kernel.memory?.memblock.reservedRanges() ?? [])].filter(
    ({ owner }) => owner.kind === OwnerKind.RESERVED_DYNAMIC,
  );
  const free = without(ram, pagesTouched([...facts.reserved, ...kernelSpans(machine), ...dynamicSpans]));
  // More regions than the static tables hold need a place for larger ones before anything else is
  // placed.
  const wanted = tableBytesWanted(machine);
  if (wanted > 0 && free.every(({ start, end }) => end - start < wanted)) return [PANICS.noTables];
  const hasDynamic = (source.reserved ?? []).some(({ size }) => size !== undefined);
  if (free.length === 0) return [PANICS.allReserved];
  const mapBytes = Math.ceil(((bytesIn(ram) / 4096) * 24) / 4096) * 4096;
  const hole = free.find(({ start, end }) => end - start >= mapBytes);
  // A dynamic reservation may take the last hole, and a kernel that panicked cannot say where it
  // was placed.
  if (hole === undefined) return hasDynamic ? [PANICS.noHole, PANICS.allReserved] : [PANICS.noHole];
  const heap = Math.max(16 * MiB, Math.min(64 * MiB, bytesIn(ram) / 128));
  const rest = without(free, [span(hole.start, mapBytes)]);
  const usable = rest.reduce((sum, { start, end }) => {
    const from = Math.ceil(start / (64 * KiB)) * 64 * KiB;
    return sum + Math.max(0, Math.floor(end / (64 * KiB)) * 64 * KiB - from);
  }, 0);
  const tables = 4 * 4096 * (free.length + 64);
  if (bytesIn(rest) < heap) return hasDynamic ? LACK_OF_MEMORY : [PANICS.noHeap];
  if (usable >= heap + tables && !hasDynamic) return ['steady'];
  return hasDynamic ? ['steady', ...LACK_OF_MEMORY] : ['steady', PANICS.noHeap];
}

it(`random layouts end in a sound steady state or in the panic that they call for (${RUNS} runs)`, () => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(layouts, (source) => {
      const result = bootBoard('qemu-virt', { dtb: treeBlob(source) });
      const { outcome, machine } = result;
      try {
        const ending = outcome.outcome === 'panic' ? (outcome.panic ?? '').slice('PANIC: '.length) : outcome.outcome;
        seen.set(ending, (seen.get(ending) ?? 0) + 1);
        expect(allowed(result, source), machine.serial.text).toContain(ending);
        if (ending === 'steady') expect(findFaults(machine, expectedMemoryOfTree(source))).toEqual([]);
        else expect(outcome.exitStatus).toBe(1);
      } finally {
        machine.close();
      }
    }),
    { numRuns: RUNS },
  );
  // A generator that only ever made machines without RAM would prove nothing.
  expect(seen.get('steady')).toBeGreaterThan(RUNS / 6);
});
