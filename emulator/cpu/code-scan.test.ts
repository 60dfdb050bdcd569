// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';
import { PhysicalMemory } from '#emulator/memory/physical-memory.ts';
import { findMoves, physicalOfCode } from './code-scan.ts';
import { FakeEngine } from './testing/fake-engine.ts';
import { type TranslationRegisters, walk } from './translate.ts';

const PHYSICAL_BITS = 48;
const RAM = { base: 0x8_8000_0000, size: 16 * 2 ** 20 };
const SCTLR_M = 1n;
const AF = 1n << 10n;

/**
 * A core with the MMU registers given, over `memory`. `slow` counts how often the general walk was
 * asked for.
 */
class Bench {
  readonly engine = new FakeEngine();
  readonly memory = new PhysicalMemory([RAM]);
  slow = 0;
  registers: TranslationRegisters = { sctlr: 0n, tcr: 0n, ttbr0: 0n, ttbr1: 0n };

  load(registers: TranslationRegisters): void {
    this.registers = registers;
    this.engine.set('SCTLR_EL1', registers.sctlr);
    this.engine.set('TCR_EL1', registers.tcr);
    this.engine.set('TTBR0_EL1', registers.ttbr0);
    this.engine.set('TTBR1_EL1', registers.ttbr1);
  }

  find(va: bigint, level = 1): number {
    const [high, low] = [Number(va >> 32n), Number(BigInt.asUintN(32, va))];
    return physicalOfCode(this.engine, this.memory, high, low, level, () => {
      this.slow++;
      return { registers: this.registers, physicalBits: PHYSICAL_BITS };
    });
  }

  walked(va: bigint): number {
    const read = (address: number) => (this.memory.contains(address, 8) ? this.memory.read64(address) : null);
    const found = walk(va, this.registers, read, PHYSICAL_BITS);
    return found.ok ? found.pa : -1;
  }
}

describe('physicalOfCode', () => {
  it.each([0, 1])('is the address itself at EL%i with the MMU off', (level) => {
    const bench = new Bench();
    expect(bench.find(0x8_8000_1234n, level)).toBe(0x8_8000_1234);
  });

  it.each([2, 3])('is the address itself at EL%i, whatever EL1 translates', (level) => {
    const bench = new Bench();
    bench.load({ sctlr: SCTLR_M, tcr: 16n, ttbr0: BigInt(RAM.base), ttbr1: 0n });
    expect(bench.find(0x8_8000_1234n, level)).toBe(0x8_8000_1234);
    expect(bench.find(0x8_8000_1234n)).toBe(-1);
  });

  it.each([25, 31, 32, 33])('finds a first table of few entries where it lies, TCR.T0SZ %i', (sizeOffset) => {
    const bench = new Bench();
    const bytes = 8 * 2 ** (34 - sizeOffset);
    const table = RAM.base + 0x1000 + bytes;
    bench.memory.write64(table + 8, 0x1_4000_0000n | AF | 1n);
    bench.load({ sctlr: SCTLR_M, tcr: BigInt(sizeOffset), ttbr0: BigInt(table), ttbr1: 0n });
    expect(bench.find(0x4123_4568n)).toBe(0x1_4123_4568);
    expect(bench.slow).toBe(0);
  });

  it('says -1 where a table lies outside RAM', () => {
    const bench = new Bench();
    bench.load({ sctlr: SCTLR_M, tcr: 16n, ttbr0: 0x1000n, ttbr1: 0n });
    expect(bench.find(0x1234n)).toBe(-1);
  });

  const tableAt = (index: number): number => RAM.base + 0x1_0000 * index;
  const TABLES = 7;
  const WORDS = 1 << 13;

  /**
   * Every entry of every table random: mostly tables, pages and blocks, of every output address.
   */
  function fill(bench: Bench, seed: number): void {
    let state = BigInt(seed) + 0x9e37_79b9_7f4a_7c15n;
    const random = (): bigint => {
      state = BigInt.asUintN(64, state * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n);
      return state >> 16n;
    };
    for (let table = 0; table < TABLES; table++) {
      for (let entry = 0; entry < WORDS; entry++) {
        const choice = Number(random() % 8n);
        const attributes = ((random() & 0xfffn) << 52n) | (random() & 0xffcn) | AF;
        const next = BigInt(tableAt(Number(random() % BigInt(TABLES))));
        const output = random() & 0xffff_ffff_f000n;
        const descriptor =
          choice === 0 ? 0n : choice < 5 ? next | attributes | 3n : output | attributes | (choice === 5 ? 3n : 1n);
        bench.memory.write64(tableAt(table) + 8 * entry, descriptor);
      }
    }
  }

  it('agrees with the walk on random tables, wherever that finds a place, for any granule and size', () => {
    const bench = new Bench();
    // By TG0: 4, 64 and 16 KiB; by TG1 the same.
    const granule = fc.constantFrom([0n, 2n], [0n, 2n], [1n, 3n], [2n, 1n]);
    const half = fc.record({
      sizeOffset: fc.oneof(fc.constantFrom(16n, 24n, 25n, 33n), fc.bigInt(16n, 39n)),
      offset: fc.bigInt(0n, 0x1ffn),
    });
    const address = fc.record({ upper: fc.boolean(), bits: fc.bigInt(0n, (1n << 48n) - 1n), tag: fc.nat(255) });
    let fast = 0;
    let found = 0;
    fc.assert(
      fc.property(
        fc.nat(),
        granule,
        fc.tuple(half, half),
        fc.tuple(fc.boolean(), fc.boolean()),
        fc.array(address, { minLength: 40, maxLength: 40 }),
        (seed, [tg0, tg1], [lower, upper], [tbi0, tbi1], addresses) => {
          fill(bench, seed % 4);
          bench.load({
            sctlr: SCTLR_M,
            tcr:
              lower.sizeOffset |
              (tg0 << 14n) |
              (upper.sizeOffset << 16n) |
              (tg1 << 30n) |
              (5n << 32n) |
              (tbi0 ? 1n << 37n : 0n) |
              (tbi1 ? 1n << 38n : 0n),
            // A full table is at a multiple of its size; the offset is what only a small one can
            // have.
            ttbr0: BigInt(tableAt(0)) + lower.offset * 8n,
            ttbr1: BigInt(tableAt(1)) + upper.offset * 8n,
          });
          for (const { upper: isUpper, bits, tag } of addresses) {
            const inputBits = 64n - (isUpper ? upper : lower).sizeOffset;
            const offset = BigInt.asUintN(Number(inputBits), bits) & ~3n;
            const canonical = isUpper ? (1n << 64n) - (1n << inputBits) + offset : offset;
            const tagged = (isUpper ? tbi1 : tbi0) ? (canonical & ~(0xffn << 56n)) | (BigInt(tag) << 56n) : canonical;
            const expected = bench.walked(tagged);
            const before = bench.slow;
            const answer = bench.find(tagged);
            if (bench.slow === before) fast++;
            // Outputs and tables beyond RAM are the engine's to refuse: what it does execute is
            // where the walk says.
            if (expected < 0) continue;
            expect(answer).toBe(expected);
            found++;
          }
        },
      ),
      { numRuns: 60 },
    );
    expect(fast).toBeGreaterThan(300);
    expect(found).toBeGreaterThan(300);
  });
});

describe('findMoves', () => {
  const NOP = 0xd503_201f;
  const encode = ([op0, op1, crn, crm, op2]: SystemRegisterEncoding, read: boolean, rt = 0): number =>
    (0xd500_0000 + ((read ? 1 : 0) << 21) + (op0 << 19) + (op1 << 16) + (crn << 12) + (crm << 8) + (op2 << 5) + rt) >>>
    0;
  const find = (words: readonly (number | null)[], wanted: Parameters<typeof findMoves>[2] = () => true) =>
    findMoves(words.length, (index) => words[index] ?? null, wanted);

  it('finds the moves that are wanted, where they stand and which way they go', () => {
    const words = [
      NOP,
      encode([3, 3, 14, 0, 2], true, 5),
      null,
      encode([3, 3, 14, 3, 1], false),
      encode([3, 0, 1, 0, 0], true),
    ];
    expect(find(words, ([, , crn]) => crn === 14)).toEqual([
      { offset: 4, kind: 'mrs' },
      { offset: 12, kind: 'msr' },
    ]);
  });

  it.each([
    ['tlbi vmalle1is', 0xd508_831f],
    ['tlbi vae1, x3', 0xd508_8723],
    ['tlbi alle2', 0xd50c_871f],
    ['ic iallu', 0xd508_751f],
    ['ic ialluis', 0xd508_711f],
    ['ic ivau, x1', 0xd50b_7521],
  ])('finds %s', (_name, word) => {
    expect(find([NOP, word], () => false)).toEqual([{ offset: 4, kind: 'sys' }]);
  });

  it.each([
    ['nop', NOP],
    ['isb', 0xd503_3fdf],
    ['msr daifset, #2', 0xd503_42df],
    ['dc civac, x0', 0xd50b_7e20],
    ['dc zva, x0', 0xd50b_7420],
    ['at s1e1r, x0', 0xd508_7800],
    ['svc #0', 0xd400_0001],
    ['b .', 0x1400_0000],
    ['a word of data', 0xffff_ffff],
  ])('passes over %s', (_name, word) => {
    expect(find([word])).toBeNull();
  });

  it('finds every register by any encoding and nothing in other words', () => {
    const encoding = fc.tuple(
      fc.constantFrom(2, 3),
      fc.nat(7),
      fc.nat(15),
      fc.nat(15),
      fc.nat(7),
    ) as fc.Arbitrary<SystemRegisterEncoding>;
    const item = fc.oneof(
      fc.record({ encoding, read: fc.boolean(), rt: fc.nat(31), wanted: fc.boolean() }),
      fc.nat(0xffff_ffff).filter((word) => word >>> 22 !== 0xd500_0000 >>> 22),
    );
    fc.assert(
      fc.property(fc.array(item, { maxLength: 60 }), (items) => {
        const words = items.map((one) => (typeof one === 'number' ? one : encode(one.encoding, one.read, one.rt)));
        const wanted = new Set(
          items.flatMap((one) => (typeof one === 'number' || !one.wanted ? [] : [one.encoding.join()])),
        );
        const expected = items.flatMap((one, index) =>
          typeof one === 'number' || !wanted.has(one.encoding.join())
            ? []
            : [{ offset: 4 * index, kind: one.read ? 'mrs' : 'msr' }],
        );
        const found = find(words, (one) => wanted.has(one.join()));
        expect(found).toEqual(expected.length === 0 ? null : expected);
      }),
    );
  });
});
