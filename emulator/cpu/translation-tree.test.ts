// SPDX-License-Identifier: GPL-2.0-only
/**
 * Whole trees against the walk of one address: a walk finds every address of a run, and no other
 * address.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type TranslationRegisters, walk } from './translate.ts';
import {
  type MappedRun,
  MOST_RUNS,
  MOST_TABLES,
  type ReadTable,
  type TranslationTree,
  translationTree,
} from './translation-tree.ts';

const PHYSICAL_BITS = 44;
const ROOT = 0x4000_0000;
const END = 0x4060_0000;
const ACCESS_FLAG = 1n << 10n;

const GRANULES = [
  { name: '4 KiB', shift: 12, tg0: 0n, tg1: 2n },
  { name: '16 KiB', shift: 14, tg0: 2n, tg1: 1n },
  { name: '64 KiB', shift: 16, tg0: 1n, tg1: 3n },
] as const;

/** Tables in a piece of memory that starts at the root. */
class Tables {
  readonly memory = new Uint8Array(END - ROOT);
  readonly registers: TranslationRegisters;
  readonly register: TranslationTree['register'];
  private readonly view = new DataView(this.memory.buffer);
  private readonly shift: number;
  private readonly inputBits: number;
  private next = ROOT + 0x10_0000;

  constructor(granule: (typeof GRANULES)[number], inputBits: number, upper: boolean, tcr = 0n) {
    this.shift = granule.shift;
    this.inputBits = inputBits;
    this.register = upper ? 'TTBR1_EL1' : 'TTBR0_EL1';
    const size = BigInt(64 - inputBits);
    this.registers = {
      sctlr: 1n,
      tcr: (upper ? (size << 16n) | (granule.tg1 << 30n) : size | (granule.tg0 << 14n)) | (5n << 32n) | tcr,
      ttbr0: upper ? 0n : BigInt(ROOT),
      ttbr1: upper ? BigInt(ROOT) : 0n,
    };
  }

  get startLevel(): number {
    return 4 - Math.ceil((this.inputBits - this.shift) / (this.shift - 3));
  }

  spanShift(level: number): number {
    return this.shift + (3 - level) * (this.shift - 3);
  }

  /**
   * Writes `leaf` for `offset` at `level`, makes the tables above with `hierarchical`, and
   * overwrites earlier entries.
   */
  map(offset: bigint, level: number, leaf: bigint, hierarchical: bigint): void {
    let table = ROOT;
    for (let at = this.startLevel; ; at++) {
      const index = Number((offset >> BigInt(this.spanShift(at))) % 2n ** BigInt(this.shift - 3));
      const slot = table - ROOT + index * 8;
      if (at === level) {
        this.view.setBigUint64(slot, leaf, true);
        return;
      }
      const known = this.view.getBigUint64(slot, true);
      if ((known & 3n) === 3n) {
        table = Number(BigInt.asUintN(48, (known >> 12n) << 12n));
        continue;
      }
      table = this.next;
      this.next += 2 ** this.shift;
      this.view.setBigUint64(slot, BigInt(table) | 3n | hierarchical, true);
    }
  }

  readonly read: ReadTable = (address, bytes) =>
    address >= ROOT && address + bytes <= END ? this.memory.slice(address - ROOT, address - ROOT + bytes) : null;

  walk(va: bigint): ReturnType<typeof walk> {
    const word = (address: number): bigint | null => {
      const bytes = this.read(address, 8);
      return bytes === null ? null : new DataView(bytes.buffer).getBigUint64(0, true);
    };
    return walk(va, this.registers, word, PHYSICAL_BITS);
  }

  tree(): TranslationTree {
    return translationTree(this.register, this.registers, this.read, PHYSICAL_BITS);
  }
}

const mappings = fc.record({
  granule: fc.constantFrom(...GRANULES),
  inputBits: fc.integer({ min: 30, max: 48 }),
  upper: fc.boolean(),
  entries: fc.array(
    fc.record({
      // Few numbers, so that entries become neighbours.
      slot: fc.nat({ max: 5 }),
      far: fc.nat({ max: 3 }),
      level: fc.integer({ min: 0, max: 3 }),
      frame: fc.nat({ max: 7 }),
      attributes: fc.constantFrom(0n, 1n << 2n, 1n << 6n, 1n << 7n, 3n << 53n, 3n << 8n, 1n << 11n),
      accessed: fc.boolean(),
      hierarchical: fc.constantFrom(0n, 0n, 1n << 59n, 1n << 60n, 1n << 61n, 1n << 62n),
    }),
    { minLength: 1, maxLength: 24 },
  ),
});

type Source = typeof mappings extends fc.Arbitrary<infer T> ? T : never;

function build({ granule, inputBits, upper, entries }: Source): Tables {
  const tables = new Tables(granule, inputBits, upper);
  for (const { slot, far, level, frame, attributes, accessed, hierarchical } of entries) {
    const at = Math.max(tables.startLevel, level);
    const span = BigInt(tables.spanShift(at));
    const offset = BigInt.asUintN(inputBits, (BigInt(slot) << span) + (BigInt(far) << BigInt(inputBits - 3)));
    const pa = BigInt.asUintN(PHYSICAL_BITS, BigInt(frame) << span);
    tables.map(offset, at, pa | attributes | (accessed ? ACCESS_FLAG : 0n) | (at === 3 ? 3n : 1n), hierarchical);
  }
  return tables;
}

const inRun = (runs: readonly MappedRun[], va: bigint): MappedRun | undefined =>
  runs.find(({ vaStart, vaEnd }) => va >= vaStart && va < vaEnd);

describe('translationTree', () => {
  it('has for every address what a walk finds, of every granule and size of address', () => {
    fc.assert(
      fc.property(mappings, (source) => {
        const tables = build(source);
        const { runs } = tables.tree();
        const edges = runs.flatMap(({ vaStart, vaEnd }) => [
          vaStart - 1n,
          vaStart,
          (vaStart + vaEnd) / 2n,
          vaEnd - 1n,
          vaEnd,
        ]);
        for (const edge of [...edges, 0n, 2n ** 63n]) {
          const va = BigInt.asUintN(64, edge);
          if ((va >> 55n) % 2n !== (source.upper ? 1n : 0n)) continue;
          const run = inRun(runs, va);
          const found = tables.walk(va);
          const isOne = found.ok || found.fault.kind === 'access flag';
          expect([va, run !== undefined]).toEqual([va, isOne]);
          if (run === undefined) continue;
          expect(run.accessed).toBe(found.ok);
          if (!found.ok) continue;
          expect(run.paStart + Number(va - run.vaStart)).toBe(found.pa);
          expect(run.permissions).toEqual(found.mapping.permissions);
          expect(run.attributeIndex).toBe(found.mapping.attributeIndex);
          expect(run.leaves[found.mapping.level as 0 | 1 | 2 | 3]).toBeGreaterThan(0);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('has runs that ascend, and whose leaves add up to their bytes', () => {
    fc.assert(
      fc.property(mappings, (source) => {
        const tables = build(source);
        const { runs } = tables.tree();
        for (const [index, { vaStart, vaEnd, bytes, leaves }] of runs.entries()) {
          expect(vaStart).toBeGreaterThanOrEqual(runs[index - 1]?.vaEnd ?? 0n);
          expect(Number(vaEnd - vaStart)).toBe(bytes);
          expect(leaves.reduce((sum, n, level) => sum + n * 2 ** tables.spanShift(level), 0)).toBe(bytes);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('maps nothing with the MMU off, or the half switched off', () => {
    const off = new Tables(GRANULES[0], 48, false, 1n << 7n);
    off.map(0n, 1, ACCESS_FLAG | 1n, 0n);
    expect(off.tree()).toMatchObject({ walked: false, runs: [] });
    const tables = new Tables(GRANULES[0], 48, false);
    tables.map(0n, 1, ACCESS_FLAG | 1n, 0n);
    expect(tables.tree()).toMatchObject({ walked: true, runs: [{ vaStart: 0n, vaEnd: 2n ** 30n }] });
    const flat = translationTree('TTBR0_EL1', { ...tables.registers, sctlr: 0n }, tables.read, PHYSICAL_BITS);
    expect(flat).toMatchObject({ walked: false, runs: [] });
  });

  it('names tables where no memory answers', () => {
    const tables = new Tables(GRANULES[0], 48, true);
    tables.map(0n, 0, 0x9000_0003n, 0n);
    expect(tables.tree().unreadable).toEqual([{ address: 0x9000_0000, level: 1, bytes: 4096 }]);
  });

  it('gives up a tree that runs in a circle, and says so', () => {
    const tables = new Tables(GRANULES[0], 48, false);
    for (let index = 0n; index < 512n; index++) tables.map(index << 39n, 0, BigInt(ROOT) | 3n, 0n);
    const tree = tables.tree();
    expect(tree.truncated).toBe(true);
    expect(tree.tables.length).toBeLessThanOrEqual(MOST_TABLES);
    expect(tree.runs.length).toBeLessThanOrEqual(MOST_RUNS);
  });
});
