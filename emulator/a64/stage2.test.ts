// SPDX-License-Identifier: GPL-2.0-only
/** Stage 2 walks, of every granule and size of address. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RIGHT, type Stage2Extensions, walkStage2 } from './stage2.ts';

const GRANULES = [
  { shift: 12, tg0: 0n, firstBlock: 1 },
  { shift: 14, tg0: 2n, firstBlock: 2 },
  { shift: 16, tg0: 1n, firstBlock: 2 },
] as const;
const PHYSICAL_BITS = 44;
const PLAIN: Stage2Extensions = { xnx: false, accessFlag: false, dirtyState: false };
const [VALID, TABLE, READ, WRITE, ACCESSED, DBM] = [1n, 2n, 1n << 6n, 1n << 7n, 1n << 10n, 1n << 51n];

/** Mapping of one address: its tables are 1 MiB apart, each as large as the first may be. */
interface Mapped {
  readonly granule: (typeof GRANULES)[number];
  readonly inputBits: number;
  readonly start: number;
  readonly leaf: number;
  readonly ipa: number;
  readonly frame: number;
}

const TABLES = 2 ** 32;
const startsOf = (shift: number, inputBits: number): number[] =>
  [0, 1, 2, 3].filter((level) => {
    const bits = inputBits - (shift + (3 - level) * (shift - 3));
    // SL0 has three values; of 4 KiB they are levels 2, 1 and 0, else 3, 2 and 1.
    return bits > 0 && bits <= shift - 3 + 4 && (shift === 12 ? level < 3 : level > 0);
  });

const mapped: fc.Arbitrary<Mapped> = fc
  .record({
    granule: fc.constantFrom(...GRANULES),
    inputBits: fc.integer({ min: 25, max: PHYSICAL_BITS }),
    choice: fc.nat(),
    depth: fc.nat(),
    place: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    frame: fc.integer({ min: 0, max: 2 ** 10 - 1 }),
  })
  .filter(({ granule, inputBits }) => startsOf(granule.shift, inputBits).length > 0)
  .map(({ granule, inputBits, choice, depth, place, frame }) => {
    const starts = startsOf(granule.shift, inputBits);
    const start = starts[choice % starts.length] as number;
    const least = Math.max(start, granule.firstBlock);
    return {
      granule,
      inputBits,
      start,
      leaf: least + (depth % (4 - least)),
      ipa: Math.floor(place * 2 ** inputBits),
      frame,
    };
  });

const shiftAt = ({ granule }: Mapped, level: number): number => granule.shift + (3 - level) * (granule.shift - 3);

/** Address of the descriptor that a walk for the address reads at a level. */
function descriptorAt(one: Mapped, level: number): number {
  const index = Math.floor(one.ipa / 2 ** shiftAt(one, level));
  return TABLES + level * 2 ** 20 + 8 * (level === one.start ? index : index % 2 ** (one.granule.shift - 3));
}

function walk(
  one: Mapped,
  attributes: bigint,
  extensions = PLAIN,
  spoil: (at: number, descriptor: bigint) => bigint | null = (_, d) => d,
) {
  const { granule, inputBits, start, leaf, ipa, frame } = one;
  const tables = new Map<number, bigint>();
  for (let level = start; level < leaf; level++) {
    tables.set(descriptorAt(one, level), BigInt(TABLES + (level + 1) * 2 ** 20) | TABLE | VALID);
  }
  const base = (BigInt(frame) << BigInt(shiftAt(one, leaf))) % (1n << BigInt(PHYSICAL_BITS));
  tables.set(descriptorAt(one, leaf), base | attributes | (leaf === 3 ? TABLE : 0n) | VALID);
  const sl0 = BigInt(granule.shift === 12 ? 2 - start : 3 - start);
  const vtcr = (4n << 16n) | (granule.tg0 << 14n) | (sl0 << 6n) | BigInt(64 - inputBits);
  const vttbr = (9n << 48n) | BigInt(TABLES + start * 2 ** 20);
  const found = walkStage2(ipa, { vtcr, vttbr }, (at) => spoil(at, tables.get(at) ?? 0n), PHYSICAL_BITS, extensions);
  return { found, base: Number(base) };
}

describe('a stage 2 walk', () => {
  it('finds the address, its level and its leaf, and no other has a descriptor', () => {
    fc.assert(
      fc.property(mapped, (one) => {
        const { found, base } = walk(one, ACCESSED | READ | WRITE | (15n << 2n));
        const pa = base + (one.ipa % 2 ** shiftAt(one, one.leaf));
        expect(found).toMatchObject({
          ok: true,
          pa,
          level: one.leaf,
          leaf: descriptorAt(one, one.leaf),
          isDevice: false,
        });
      }),
    );
  });

  it('faults at the level whose descriptor is invalid or cannot be read', () => {
    fc.assert(
      fc.property(mapped, fc.nat(), (one, choice) => {
        const level = one.start + (choice % (one.leaf - one.start + 1));
        const at = descriptorAt(one, level);
        const invalid = walk(one, ACCESSED | READ, PLAIN, (address, d) => (address === at ? 0n : d)).found;
        expect(invalid).toMatchObject({ ok: false, fault: { kind: 'translation', status: 4 + level } });
        const lost = walk(one, ACCESSED | READ, PLAIN, (address, d) => (address === at ? null : d)).found;
        expect(lost).toMatchObject({ ok: false, lost: at, fault: { kind: 'external abort on walk' } });
      }),
    );
  });

  it('faults for an address beyond its size, whatever the tables say', () => {
    fc.assert(
      fc.property(mapped, (one) => {
        const beyond = { ...one, ipa: one.ipa + 2 ** one.inputBits };
        expect(walk(beyond, ACCESSED | READ).found).toMatchObject({ ok: false, fault: { kind: 'translation' } });
      }),
    );
  });

  it('has no rights that S2AP does not give', () => {
    fc.assert(
      fc.property(mapped, fc.boolean(), fc.boolean(), (one, read, write) => {
        const { found } = walk(one, ACCESSED | (read ? READ : 0n) | (write ? WRITE : 0n));
        const rights = (read ? RIGHT.read : 0) | (write ? RIGHT.write : 0) | RIGHT.fetch;
        expect(found).toMatchObject({ ok: true, el0: rights, el1: rights, isClean: false });
      }),
    );
  });

  const ONE: Mapped = { granule: GRANULES[0], inputBits: 39, start: 1, leaf: 3, ipa: 0x4000_1234, frame: 0x80 };
  const MANAGED = { ...PLAIN, accessFlag: true };
  const DIRTY = { ...MANAGED, dirtyState: true };

  it.each([
    ['nobody manages it', PLAIN, ACCESSED, { ok: true, isOld: false }],
    ['nobody manages it', PLAIN, 0n, { ok: false, fault: { kind: 'access flag', status: 0b1011 } }],
    ['hardware does', MANAGED, ACCESSED, { ok: true, isOld: false }],
    ['hardware does', MANAGED, 0n, { ok: true, isOld: true }],
  ])('has an access flag: %s', (_text, extensions, flag, expected) => {
    expect(walk(ONE, READ | flag, extensions).found).toMatchObject(expected);
  });

  it.each([
    [DIRTY, DBM, true],
    [DIRTY, DBM | WRITE, false],
    [DIRTY, 0n, false],
    [MANAGED, DBM, false],
  ])('is clean where hardware notes what is written: %o, %i', (extensions, bits, isClean) => {
    expect(walk(ONE, ACCESSED | READ | bits, extensions).found).toMatchObject({ ok: true, isClean });
  });

  it.each([
    [false, 0n, true, true],
    [false, 1n, true, true],
    [false, 2n, false, false],
    [false, 3n, false, false],
    [true, 0n, true, true],
    [true, 1n, false, true],
    [true, 2n, false, false],
    [true, 3n, true, false],
  ])('says who may execute, with XNX %s and XN %i', (xnx, xn, atEl1, atEl0) => {
    const { found } = walk(ONE, ACCESSED | (xn << 53n), { ...PLAIN, xnx });
    expect(found).toMatchObject({ el1: atEl1 ? RIGHT.fetch : 0, el0: atEl0 ? RIGHT.fetch : 0 });
  });
});
