// SPDX-License-Identifier: GPL-2.0-only
/**
 * The CPU agrees: for random mappings, made by the kernel's own MMU code, and random addresses, the
 * kernel's walker and the emulator's give what the engine gives through AT and PAR_EL1, and what a
 * real load, store or branch ends in.
 *
 * LEVITATE_SEED=n chooses another seed; a failure names the one it had. Where the engine departs
 * from the Arm ARM: cpu-deviations.test.ts.
 */

import { afterAll, beforeAll, expect } from 'vitest';
import { PAGE_SIZE, physAddr, type VirtAddr, virtAddr } from '#common/address.ts';
import type { AddressSpace } from '#kernel-ts/hal/mmu/address-space.ts';
import { LEVEL_SPAN, leafDescriptor, MemoryAttributes } from '#kernel-ts/hal/mmu/descriptor.ts';
import { MapError } from '#kernel-ts/hal/mmu/map-error.ts';
import {
  type Random,
  randomAddresses,
  randomMappings,
  type RandomMapping,
  TEST_ATTRIBUTES,
} from '#kernel-ts/hal/mmu/testing/random-mappings.ts';
import { SCTLR_WXN, TCR_EPD1 } from '#kernel-ts/hal/mmu/translation-control.ts';
import { halfOf, offsetOf } from '#kernel-ts/hal/mmu/virtual-range.ts';
import type { Access } from '#kernel-ts/hal/mmu/walk.ts';
import {
  type Answer,
  compareWithAccess,
  compareWithAt,
  compareWithPort,
  emulatorAnswer,
  kernelAnswer,
} from './support/mmu-answers.ts';
import { AT_ACCESSES, KEPT_RANGES, MAPPED_FRAMES, MmuBench } from './support/mmu-differential.ts';
import { seededRandom, withSeed } from './support/seeded-random.ts';
import { wildAddresses, writeWildTables } from './support/wild-tables.ts';
import { describe, it } from './support/on-unicorn.ts';

const LOADS_AND_STORES = AT_ACCESSES;
const BRANCHES: readonly Access[] = [
  { kind: 'execute', el: 1 },
  { kind: 'execute', el: 0 },
];
const ACCESSES: readonly Access[] = [...LOADS_AND_STORES, ...BRANCHES];

let bench: MmuBench;
let low: AddressSpace;
let high: AddressSpace;

beforeAll(() => {
  bench = new MmuBench();
  low = bench.mmu.createSpace('low');
  bench.mmu.setTtbr0(low);
  bench.mapLowStub(low);
  high = bench.mmu.liveSpace('high');
});

afterAll(() => {
  bench.close();
});

const spaceOf = (va: VirtAddr): AddressSpace => (halfOf(va) === 'low' ? low : high);

function mapAll(random: Random, count: number): RandomMapping[] {
  const mappings = randomMappings(random, { count, physical: MAPPED_FRAMES, avoid: KEPT_RANGES });
  for (const { va, pa, bytes, attrs } of mappings) spaceOf(va).mapRange(va, pa, bytes, attrs);
  return mappings;
}

/** Unmaps the remaining mappings: edits may have made holes. */
function unmapAll(mappings: readonly RandomMapping[]): void {
  for (const { va, bytes } of mappings) {
    const space = spaceOf(va);
    for (let done = 0; done < bytes; ) {
      const at = virtAddr(va + BigInt(done));
      const found = space.translate(at);
      // The span of the entry that decided, from `at` to its end.
      const span = LEVEL_SPAN[found.level];
      const length = Math.min(bytes - done, span - (offsetOf(at) % span));
      if (found.ok || found.fault === 'accessFlag') space.unmapRange(at, length);
      done += length;
    }
  }
}

/** The address or the status of an answer, without the attributes. */
const placeOf = (answer: Answer): string => (answer.ok ? `PA ${answer.pa}` : `status ${answer.status}`);

/**
 * Every kind of access at each address (rounded down to 4), on the CPU and at EL1 through the port.
 * Returns how often each end was met.
 */
function compareWithAccesses(
  addresses: readonly bigint[],
  accesses = ACCESSES,
  tables = bench.tables,
): Map<string, number> {
  const ends = new Map<string, number>();
  const registers = bench.registers();
  const regime = bench.mmu.regime();
  for (const access of accesses) {
    for (const address of addresses) {
      const va = address - (address % 4n);
      const answer = emulatorAnswer(bench, registers, va, access);
      expect(placeOf(kernelAnswer(tables, regime, va, access))).toBe(placeOf(answer));
      const end = compareWithAccess(bench, va, access, answer);
      if (access.el === 1 && access.kind !== 'execute') compareWithPort(bench, va, access, answer);
      const name = answer.ok ? end.replace(/,? (at |ESR )?0x.*/, '') : `${access.kind} fault ${answer.status}`;
      ends.set(name, (ends.get(name) ?? 0) + 1);
    }
  }
  return ends;
}

describe('mappings made by the kernel', () => {
  it('are understood alike by both walkers, AT and real accesses: 120,000 addresses', () => {
    const [rounds, addressesEach, accessedEach] = [20, 6000, 800];
    const met = new Map<string, number>();
    let pars = 0;
    withSeed((seed) => {
      const random = seededRandom(seed);
      const framesBefore = bench.frames.inUse;
      for (let round = 0; round < rounds; round++) {
        const mappings = mapAll(random, 20 + Math.floor(random() * 60));
        const addresses = randomAddresses(random, mappings, addressesEach);
        pars += compareWithAt(bench, addresses, 1, bench.tables);
        for (const [end, times] of compareWithAccesses(addresses.slice(0, accessedEach))) {
          met.set(end, (met.get(end) ?? 0) + times);
        }
        unmapAll(mappings);
      }
      expect(bench.frames.inUse).toBe(framesBefore);
    });
    expect(pars).toBe(rounds * addressesEach * AT_ACCESSES.length);
    // Every kind of end was met: data, executed code, nothing at the physical address, each fault
    // at each level where mappings have it.
    const faults = ['read', 'write', 'execute'].flatMap((kind) =>
      [4, 5, 6, 7, 9, 10, 11, 13, 14, 15].map((status) => `${kind} fault ${status}`),
    );
    const data = ['loaded', 'stored', 'BRK', 'read of nothing', 'write of nothing', 'execute of nothing'];
    expect([...met.keys()].sort()).toEqual([...data, ...faults].sort());
  });

  it('are understood alike when writable memory is never executable (SCTLR_EL1.WXN)', () => {
    withSeed((seed) => {
      const random = seededRandom(seed + 1);
      const mappings = mapAll(random, 60);
      const addresses = randomAddresses(random, mappings, 1500);
      const before = compareWithAccesses(addresses);
      const sctlr = bench.get('SCTLR_EL1');
      bench.set('SCTLR_EL1', sctlr | SCTLR_WXN);
      bench.tlbi('all');
      const after = compareWithAccesses(addresses);
      bench.set('SCTLR_EL1', sctlr);
      bench.tlbi('all');
      unmapAll(mappings);
      expect(after.get('BRK')).toBeLessThan(before.get('BRK') as number);
      expect(after.get('loaded')).toBe(before.get('loaded'));
    });
  });
});

describe('tables edited by the kernel while they are live', () => {
  type Edit = 'page' | 'hole' | 'holes' | 'attributes';

  /** One random edit inside a mapping, and the addresses in it and beside it. */
  function randomEdit(random: Random, { va, bytes }: RandomMapping) {
    const pages = bytes / PAGE_SIZE;
    const first = Math.floor(random() * pages);
    const at = virtAddr(va + BigInt(first * PAGE_SIZE));
    const kind: Edit = (['page', 'hole', 'holes', 'attributes', 'attributes'] as const)[
      Math.floor(random() * 5)
    ] as Edit;
    const several = kind === 'holes' || kind === 'attributes';
    const length = several ? (1 + Math.floor(random() * Math.min(pages - first, 700))) * PAGE_SIZE : PAGE_SIZE;
    const attrs = TEST_ATTRIBUTES[Math.floor(random() * TEST_ATTRIBUTES.length)] as MemoryAttributes;
    const frame = physAddr(0x4100_0000 + Math.floor(random() * 4096) * PAGE_SIZE);
    const around = [0, length - 4, -4, length].map((offset) => virtAddr(at + BigInt(offset)));
    return { kind, at, length, attrs, frame, around };
  }

  /** Makes the edit; false where the mapping, edited before, does not allow it. */
  function apply({ kind, at, length, attrs, frame }: ReturnType<typeof randomEdit>): boolean {
    const space = spaceOf(at);
    try {
      if (kind === 'page') space.mapPage(at, frame, attrs);
      else if (kind === 'attributes') space.protect(at, length, attrs);
      else if (kind === 'hole') space.unmapPage(at);
      else space.unmapRange(at, length);
      return true;
    } catch (error) {
      if (!(error instanceof MapError) || !['AlreadyMapped', 'NotMapped'].includes(error.code)) throw error;
      return false;
    }
  }

  it('are understood alike after each split, hole and new permission, with nothing stale in the TLB', () => {
    const made = new Set<Edit>();
    let tablesOfSplits = 0;
    withSeed((seed) => {
      const random = seededRandom(seed + 2);
      for (let round = 0; round < 6; round++) {
        const mappings = mapAll(random, 30);
        const addresses = randomAddresses(random, mappings, 500).concat(
          mappings.flatMap(({ va, bytes }) => [va, virtAddr(va + BigInt(bytes - 4))]),
        );
        const tablesBefore = bench.frames.inUse;
        for (let batch = 0; batch < 5; batch++) {
          for (let i = 0; i < 12; i++) {
            const edit = randomEdit(random, mappings[Math.floor(random() * mappings.length)] as RandomMapping);
            // These fill the TLB; what a missing TLBI left there would be used after the edit. (One
            // TLBI of a block's address makes the engine drop nearly everything, so each edit is
            // looked at by itself.)
            compareWithAccesses(edit.around, LOADS_AND_STORES);
            if (!apply(edit)) continue;
            made.add(edit.kind);
            compareWithAccesses(edit.around, LOADS_AND_STORES);
          }
          compareWithAt(bench, addresses, 1, bench.tables);
          compareWithAccesses(addresses, LOADS_AND_STORES);
          // The engine remembers branch targets apart from its TLB and forgets too few of them
          // (cpu-deviations.test.ts).
          bench.engine.flushTlb();
          compareWithAccesses(addresses, BRANCHES);
        }
        tablesOfSplits += Math.max(0, bench.frames.inUse - tablesBefore);
        unmapAll(mappings);
      }
    });
    expect([...made].sort()).toEqual(['attributes', 'hole', 'holes', 'page']);
    expect(tablesOfSplits).toBeGreaterThan(0);
  });

  it('leave a stale translation in the CPU where TLB maintenance is left out: real accesses do look into a TLB', () => {
    const page = virtAddr(0x7f00_0000_0000n);
    const read: Access = { kind: 'read', el: 1 };
    const answer = () => emulatorAnswer(bench, bench.registers(), page, read);
    low.mapPage(page, physAddr(0x4100_0000), MemoryAttributes.kernelData);
    const before = answer();
    compareWithAccess(bench, page, read, before);
    const { table, index } = low.translate(page).trace.at(-1)!;
    bench.memory.write64(table + index * 8, leafDescriptor(0x4100_1000, 3, MemoryAttributes.kernelData));
    expect(answer()).toMatchObject({ pa: 0x4100_1000 });
    compareWithAt(bench, [page], 1, bench.tables);
    compareWithAccess(bench, page, read, before);
    bench.tlbi('page', page);
    compareWithAccess(bench, page, read, answer());
    low.unmapPage(page);
  });
});

describe('walks that are switched off', () => {
  it('are translation faults of level 0 for all: EPD0 as the kernel sets it', () => {
    withSeed((seed) => {
      const random = seededRandom(seed + 3);
      const mappings = mapAll(random, 40);
      const addresses = randomAddresses(random, mappings, 2000);
      bench.mmu.setTtbr0(null);
      compareWithAt(bench, addresses, 1, bench.tables);
      const ends = compareWithAccesses(addresses.slice(0, 300));
      bench.mmu.setTtbr0(low);
      compareWithAt(bench, addresses, 1, bench.tables);
      unmapAll(mappings);
      expect(ends.get('read fault 4')).toBeGreaterThan(0);
    });
  });

  it('are translation faults of level 0 for all: EPD1, executing in the low half', () => {
    withSeed((seed) => {
      const random = seededRandom(seed + 4);
      const mappings = mapAll(random, 40);
      const addresses = randomAddresses(random, mappings, 2000);
      bench.stubHalf = 'low';
      const tcr = bench.get('TCR_EL1');
      bench.set('TCR_EL1', tcr | TCR_EPD1);
      bench.tlbi('all');
      compareWithAt(bench, addresses, 3, bench.physicalTables);
      const ends = compareWithAccesses(addresses.slice(0, 300), ACCESSES, bench.physicalTables);
      bench.set('TCR_EL1', tcr);
      bench.tlbi('all');
      bench.stubHalf = 'high';
      unmapAll(mappings);
      expect(ends.get('read fault 4')).toBeGreaterThan(0);
    });
  });
});

describe('tables of random descriptors, any granule and size', () => {
  it.each([
    ['lower', false],
    ['upper', true],
  ])('are understood alike in the %s half', (_, upper) => {
    const granules = new Set<number>();
    let pars = 0;
    withSeed((seed) => {
      const random = seededRandom(seed + (upper ? 6 : 5));
      const [tcr, mair] = [bench.get('TCR_EL1'), bench.get('MAIR_EL1')];
      const ttbr = upper ? 'TTBR1_EL1' : 'TTBR0_EL1';
      const root = bench.get(ttbr);
      for (let round = 0; round < 24; round++) {
        const wild = writeWildTables(bench, random, upper, tcr);
        bench.set('TCR_EL1', wild.tcr);
        bench.set(ttbr, BigInt(wild.root));
        // Any byte may stand in MAIR_EL1: PAR_EL1 gives it back.
        bench.set('MAIR_EL1', BigInt(Math.floor(random() * 2 ** 32)) * 0x1_0000_0001n);
        bench.tlbi('all');
        const addresses = wildAddresses(random, wild, 1000);
        granules.add(wild.granuleShift);
        pars += compareWithAt(bench, addresses, 3, null);
        if (!upper) compareWildAccesses(addresses.slice(0, 200), wild.topByteIgnored);
      }
      bench.set('TCR_EL1', tcr);
      bench.set(ttbr, root);
      bench.set('MAIR_EL1', mair);
      bench.tlbi('all');
    });
    expect(granules).toEqual(new Set([12, 14, 16]));
    expect(pars).toBe(24 * 1000 * AT_ACCESSES.length);
  });

  /**
   * A branch to a tagged address loses the tag on the way to PC, so its FAR differs from the
   * address in the register: no branches then.
   */
  function compareWildAccesses(addresses: readonly bigint[], tags: boolean): void {
    const registers = bench.registers();
    for (const access of ACCESSES.filter(({ kind }) => kind !== 'execute' || !tags)) {
      for (const address of addresses) {
        const va = address - (address % 4n);
        compareWithAccess(bench, va, access, emulatorAnswer(bench, registers, va, access));
      }
    }
  }
});
