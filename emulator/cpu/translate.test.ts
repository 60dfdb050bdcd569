// SPDX-License-Identifier: GPL-2.0-only
/**
 * The emulator's own walker against the Arm ARM, by hand. The engine's answers to the same
 * questions: tests/cpu-agrees.test.ts.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AccessType, type Translation, translate, type TranslationRegisters, walk } from './translate.ts';

const PHYSICAL_BITS = 44;
const SCTLR_M = 1n;
const SCTLR_WXN = 1n << 19n;
const AF = 1n << 10n;
const PAGE = AF | 3n;
const BLOCK = AF | 1n;
const TABLE = 3n;
const PXN = 1n << 53n;
const UXN = 1n << 54n;
const READ_ONLY = 2n << 6n;
const EL0 = 1n << 6n;

const PXN_TABLE = 1n << 59n;
const UXN_TABLE = 1n << 60n;
const NO_EL0_TABLE = 1n << 61n;
const READ_ONLY_TABLE = 1n << 62n;

const GRANULES = [
  { name: '4 KiB', shift: 12, tg0: 0n, tg1: 2n },
  { name: '16 KiB', shift: 14, tg0: 2n, tg1: 1n },
  { name: '64 KiB', shift: 16, tg0: 1n, tg1: 3n },
] as const;

interface Setup {
  readonly inputBits?: number;
  readonly granule?: (typeof GRANULES)[number];
  readonly upper?: boolean;
  /** OR-ed into TCR_EL1 and SCTLR_EL1. */
  readonly tcr?: bigint;
  readonly sctlr?: bigint;
  /** TCR_EL1.IPS, 48 bits when not given. */
  readonly ips?: bigint;
}

/**
 * Tables as they are written: descriptors by physical address, zero where none was written below
 * `end`, nothing beyond.
 */
class Tables {
  readonly words = new Map<number, bigint>();
  readonly registers: TranslationRegisters;
  readonly root = 0x4000_0000;
  readonly end = 0x5000_0000;
  readonly granuleShift: number;
  readonly inputBits: number;
  readonly startLevel: number;
  private next = 0x4010_0000;

  constructor({ inputBits = 48, granule = GRANULES[0], upper = false, tcr = 0n, sctlr = 0n, ips = 5n }: Setup = {}) {
    this.granuleShift = granule.shift;
    this.inputBits = inputBits;
    this.startLevel = 4 - Math.ceil((inputBits - granule.shift) / (granule.shift - 3));
    const size = BigInt(64 - inputBits);
    const fields = upper ? (size << 16n) | (granule.tg1 << 30n) : size | (granule.tg0 << 14n);
    const root = BigInt(this.root);
    this.registers = {
      sctlr: SCTLR_M | sctlr,
      tcr: fields | (ips << 32n) | tcr,
      ttbr0: upper ? 0n : root,
      ttbr1: upper ? root : 0n,
    };
  }

  /** log2 of what one entry of `level` covers. */
  spanShift(level: number): number {
    return this.granuleShift + (3 - level) * (this.granuleShift - 3);
  }

  /**
   * Writes the tables down to `level` for `va`, `hierarchical` in each table descriptor, and `leaf`
   * there. Returns where the leaf lies.
   */
  map(va: bigint, level: number, leaf: bigint, hierarchical = 0n): number {
    const offset = BigInt.asUintN(this.inputBits, va);
    let table = this.root;
    for (let at = this.startLevel; ; at++) {
      const index = Number((offset >> BigInt(this.spanShift(at))) % 2n ** BigInt(this.granuleShift - 3));
      const slot = table + index * 8;
      if (at === level) {
        this.words.set(slot, leaf);
        return slot;
      }
      const known = this.words.get(slot);
      table = known === undefined ? this.newTable() : Number(BigInt.asUintN(48, (known >> 12n) << 12n));
      this.words.set(slot, BigInt(table) | TABLE | hierarchical);
    }
  }

  walk(va: bigint): Translation {
    return walk(va, this.registers, this.read, PHYSICAL_BITS);
  }

  access(va: bigint, type: AccessType, level: 0 | 1): Translation {
    return translate(va, type, level, this.registers, this.read, PHYSICAL_BITS);
  }

  /** The accesses that are allowed at `va`: "r1 w1 x1 r0 w0 x0" or fewer. */
  allowed(va: bigint): string {
    const names: string[] = [];
    for (const level of [1, 0] as const) {
      for (const [letter, type] of [
        ['r', 'read'],
        ['w', 'write'],
        ['x', 'fetch'],
      ] as const) {
        if (this.access(va, type, level).ok) names.push(`${letter}${level}`);
      }
    }
    return names.join(' ');
  }

  private readonly read = (address: number): bigint | null =>
    address >= this.root && address < this.end ? (this.words.get(address) ?? 0n) : null;

  private newTable(): number {
    return (this.next += 0x1_0000) - 0x1_0000;
  }
}

const status = (translation: Translation): number | null => (translation.ok ? null : translation.fault.status);

describe('a walk', () => {
  it('gives the address, the leaf and every step', () => {
    const tables = new Tables();
    const slot = tables.map(0x12_3456_7000n, 3, 0x8_8000_5000n | PAGE | (3n << 2n));
    const found = tables.walk(0x12_3456_7abcn);
    expect(found).toMatchObject({
      ok: true,
      pa: 0x8_8000_5abc,
      mapping: { vaBase: 0x12_3456_7000n, paBase: 0x8_8000_5000, size: 4096, level: 3, attributeIndex: 3 },
    });
    expect(found.steps.map(({ level }) => level)).toEqual([0, 1, 2, 3]);
    expect(found.steps.at(-1)).toEqual({ level: 3, address: slot, descriptor: 0x8_8000_5000n | PAGE | (3n << 2n) });
  });

  it.each([
    // [granule, input bits, start level, sizes of leaves in bytes]: Arm ARM D8.2.5, tables of
    // lookup levels
    ['4 KiB', 48, 0, { 1: 2 ** 30, 2: 2 ** 21, 3: 2 ** 12 }],
    ['4 KiB', 40, 0, { 1: 2 ** 30, 2: 2 ** 21, 3: 2 ** 12 }],
    ['4 KiB', 39, 1, { 1: 2 ** 30, 2: 2 ** 21, 3: 2 ** 12 }],
    ['4 KiB', 31, 1, { 1: 2 ** 30, 2: 2 ** 21, 3: 2 ** 12 }],
    ['4 KiB', 30, 2, { 2: 2 ** 21, 3: 2 ** 12 }],
    ['4 KiB', 25, 2, { 2: 2 ** 21, 3: 2 ** 12 }],
    ['16 KiB', 48, 0, { 2: 2 ** 25, 3: 2 ** 14 }],
    ['16 KiB', 47, 1, { 2: 2 ** 25, 3: 2 ** 14 }],
    ['16 KiB', 36, 2, { 2: 2 ** 25, 3: 2 ** 14 }],
    ['16 KiB', 25, 3, { 3: 2 ** 14 }],
    ['64 KiB', 48, 1, { 2: 2 ** 29, 3: 2 ** 16 }],
    ['64 KiB', 42, 2, { 2: 2 ** 29, 3: 2 ** 16 }],
    ['64 KiB', 29, 3, { 3: 2 ** 16 }],
    ['64 KiB', 25, 3, { 3: 2 ** 16 }],
  ] as const)('with %s granules and %i bits starts at level %i', (name, inputBits, startLevel, leaves) => {
    const granule = GRANULES.find((g) => g.name === name) as (typeof GRANULES)[number];
    for (const upper of [false, true]) {
      for (const [level, size] of Object.entries(leaves)) {
        const tables = new Tables({ inputBits, granule, upper });
        const va = BigInt.asUintN(64, upper ? -BigInt(size) : 2n ** BigInt(inputBits) - BigInt(size));
        tables.map(va, Number(level), 0x8_0000_0000n | (level === '3' ? PAGE : BLOCK));
        const found = tables.walk(va + 0x123n);
        expect(found).toMatchObject({
          ok: true,
          pa: 0x8_0000_0123,
          mapping: { size, vaBase: va, level: Number(level) },
        });
        expect(found.steps[0]?.level).toBe(startLevel);
      }
    }
  });

  it('finds what is mapped and nothing beside it, for any granule, size, half and level', () => {
    const setup = fc.record({
      granule: fc.constantFrom(...GRANULES),
      inputBits: fc.integer({ min: 25, max: 48 }),
      upper: fc.boolean(),
    });
    const offsets = fc.array(fc.bigInt(0n, 2n ** 48n - 1n), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(setup, offsets, fc.bigInt(0n, 2n ** 48n - 1n), (options, places, probe) => {
        const tables = new Tables(options);
        const size = 1n << BigInt(tables.granuleShift);
        const inHalf = (offset: bigint) => {
          const inside = BigInt.asUintN(options.inputBits, offset);
          return options.upper ? BigInt.asUintN(64, inside - (1n << BigInt(options.inputBits))) : inside;
        };
        const mapped = new Map<bigint, bigint>();
        places.forEach((place, index) => {
          const va = (inHalf(place) / size) * size;
          const pa = (0x10_0000n + BigInt(index)) * size;
          tables.map(va, 3, pa | PAGE);
          mapped.set(va, pa);
        });
        for (const va of [...mapped.keys(), ...mapped.keys()].map(
          (base, i) => base + (i % 2 === 0 ? probe % size : size),
        )) {
          const address = BigInt.asUintN(64, va);
          const pa = mapped.get((address / size) * size);
          const found = tables.walk(address);
          expect(found.ok ? BigInt(found.pa) : null).toBe(pa === undefined ? null : pa + (address % size));
        }
      }),
    );
  });
});

describe('input addresses', () => {
  it.each([
    ['lower half, one bit too many', { inputBits: 39 }, 1n << 39n],
    ['upper half, one bit missing', { inputBits: 39, upper: true }, 0xffff_ff7f_ffff_f000n],
    ['bit 55 selects the half', {}, 0x0080_0000_0000_0000n],
    ['a tag without TBI', {}, 0x0100_0000_0000_1000n],
    ['EPD0', { tcr: 1n << 7n }, 0x1000n],
    ['EPD1', { upper: true, tcr: 1n << 23n }, 0xffff_ffff_ffff_f000n],
  ])('%s: translation fault of level 0, no table read', (_, setup, va) => {
    const tables = new Tables(setup);
    tables.map(va, 3, 0x8000_0000n | PAGE);
    const found = tables.walk(va);
    expect(status(found)).toBe(0b000100);
    expect(found.steps).toEqual([]);
  });

  it('with top byte ignore may carry any tag, and the leaf keeps it', () => {
    const tables = new Tables({ tcr: 1n << 37n });
    tables.map(0x1000n, 3, 0x8000_0000n | PAGE);
    expect(tables.walk(0x5a00_0000_0000_1008n)).toMatchObject({
      pa: 0x8000_0008,
      mapping: { vaBase: 0x5a00_0000_0000_1000n },
    });
    expect(status(tables.walk(0x5a01_0000_0000_1008n))).toBe(0b000100);
  });

  it.each([
    ['TxSZ below 16 is 16', 0n, 0x8000_0000_0000n, true],
    ['TxSZ above 39 is 39', 63n, 1n << 25n, false],
    ['TxSZ of 39 reaches 32 MiB', 39n, (1n << 25n) - 4096n, true],
  ])('%s', (_, size, va, reached) => {
    const tables = new Tables({ inputBits: size < 16n ? 48 : 25 });
    tables.map(va, 3, 0x8000_0000n | PAGE);
    const registers = { ...tables.registers, tcr: (tables.registers.tcr & ~0x3fn) | size };
    const found = walk(va, registers, (address) => tables.words.get(address) ?? 0n, PHYSICAL_BITS);
    expect(found.ok).toBe(reached);
  });

  it('the ASID and CnP in TTBRn_EL1 are no part of the table address', () => {
    const tables = new Tables();
    tables.map(0x1000n, 3, 0x8000_0000n | PAGE);
    const registers = { ...tables.registers, ttbr0: tables.registers.ttbr0 | (0xabcdn << 48n) | 1n };
    expect(walk(0x1000n, registers, (a) => tables.words.get(a) ?? 0n, PHYSICAL_BITS)).toMatchObject({
      pa: 0x8000_0000,
    });
  });
});

describe('faults', () => {
  it.each([0, 1, 2, 3])('translation, level %i', (level) => {
    const tables = new Tables();
    tables.map(0x1000n, level, 0x8000_0000n | AF);
    expect(status(tables.walk(0x1000n))).toBe(0b000100 + level);
  });

  it.each([
    ['a block at level 0', GRANULES[0], 48, 0],
    ['a block at level 1 with 16 KiB granules', GRANULES[1], 47, 1],
    ['a block at level 1 with 64 KiB granules', GRANULES[2], 48, 1],
    ['the reserved encoding at level 3', GRANULES[0], 48, 3],
  ])('%s is taken for invalid', (_, granule, inputBits, level) => {
    const tables = new Tables({ granule, inputBits });
    tables.map(0x1000n, level, 0x8000_0000n | BLOCK);
    expect(status(tables.walk(0x1000n))).toBe(0b000100 + level);
  });

  it.each([1, 2, 3])('access flag, level %i, before permissions', (level) => {
    const tables = new Tables();
    tables.map(0x1000n, level, 0x8000_0000n | READ_ONLY | (level === 3 ? 3n : 1n));
    expect(status(tables.access(0x1000n, 'write', 1))).toBe(0b001000 + level);
  });

  it.each([1, 2, 3])('permission, level %i', (level) => {
    const tables = new Tables();
    tables.map(0x1000n, level, 0x8000_0000n | READ_ONLY | (level === 3 ? PAGE : BLOCK));
    expect(status(tables.access(0x1000n, 'write', 1))).toBe(0b001100 + level);
    expect(status(tables.access(0x1000n, 'read', 0))).toBe(0b001100 + level);
    expect(tables.access(0x1000n, 'read', 1).ok).toBe(true);
  });

  it.each([
    [0, TABLE],
    [1, TABLE],
    [1, BLOCK],
    [2, BLOCK],
    [3, PAGE],
  ])('address size, level %i, before the access flag, by PARange and by IPS', (level, kind) => {
    const tables = new Tables();
    tables.map(0x1000n, level, (1n << 44n) | (kind & ~AF));
    expect(status(tables.walk(0x1000n))).toBe(level);
    const narrow = new Tables({ ips: 0n });
    narrow.map(0x1000n, level, (1n << 32n) | (kind & ~AF));
    expect(status(narrow.walk(0x1000n))).toBe(level);
  });

  it('address size of the root table is level 0, whatever the start level', () => {
    const tables = new Tables({ inputBits: 30 });
    const registers = { ...tables.registers, ttbr0: 1n << 44n };
    expect(status(walk(0x1000n, registers, () => 0n, PHYSICAL_BITS))).toBe(0);
  });

  it.each([0, 1, 2])('external abort on the walk, from a table descriptor of level %i', (level) => {
    const tables = new Tables();
    tables.map(0x1000n, level, 0x2000_0000n | TABLE);
    const found = tables.walk(0x1000n);
    expect(status(found)).toBe(0b010101 + level);
    expect(found.steps).toHaveLength(level + 1);
  });
});

describe('permissions', () => {
  // Arm ARM D8.4.1: AP[2:1], PXN, UXN for an EL1&0 regime.
  it.each([
    [0n, 'r1 w1 x1 x0'],
    [UXN, 'r1 w1 x1'],
    [PXN, 'r1 w1 x0'],
    [PXN | UXN, 'r1 w1'],
    [EL0, 'r1 w1 r0 w0 x0'],
    [EL0 | UXN, 'r1 w1 r0 w0'],
    [READ_ONLY, 'r1 x1 x0'],
    [READ_ONLY | PXN | UXN, 'r1'],
    [READ_ONLY | EL0, 'r1 x1 r0 x0'],
    [READ_ONLY | EL0 | PXN, 'r1 r0 x0'],
  ])('of a leaf with 0x%x are %s', (bits, allowed) => {
    const tables = new Tables();
    tables.map(0x1000n, 3, 0x8000_0000n | PAGE | bits);
    expect(tables.allowed(0x1000n)).toBe(allowed);
  });

  it.each([
    ['PXNTable', PXN_TABLE, 'r1 r0 x0', 'r1 w1 x0'],
    ['UXNTable', UXN_TABLE, 'r1 x1 r0', 'r1 w1 x1'],
    ['APTable, no EL0', NO_EL0_TABLE, 'r1 x1 x0', 'r1 w1 x1 x0'],
    ['APTable, read-only', READ_ONLY_TABLE, 'r1 x1 r0 x0', 'r1 x1 x0'],
    ['APTable, both', NO_EL0_TABLE | READ_ONLY_TABLE, 'r1 x1 x0', 'r1 x1 x0'],
  ])('are restricted by %s of any table above', (_, hierarchical, shared, kernel) => {
    for (const level of [0, 1, 2]) {
      const tables = new Tables();
      const [sharedVa, kernelVa] = [0x1000n, 0x2000n];
      tables.map(sharedVa, 3, 0x8000_0000n | PAGE | READ_ONLY | EL0);
      tables.map(kernelVa, 3, 0x8000_0000n | PAGE);
      const step = tables.walk(sharedVa).steps[level];
      tables.words.set(step?.address as number, (step?.descriptor as bigint) | hierarchical);
      expect(tables.allowed(sharedVa)).toBe(shared);
      expect(tables.allowed(kernelVa)).toBe(kernel);
    }
  });

  it('are not restricted by tables where TCR_EL1.HPDn says so', () => {
    const tables = new Tables({ tcr: 1n << 41n });
    tables.map(0x1000n, 3, 0x8000_0000n | PAGE | EL0, PXN_TABLE | UXN_TABLE | NO_EL0_TABLE | READ_ONLY_TABLE);
    expect(tables.allowed(0x1000n)).toBe('r1 w1 r0 w0 x0');
    const other = new Tables({ tcr: 1n << 42n });
    other.map(0x1000n, 3, 0x8000_0000n | PAGE | EL0, READ_ONLY_TABLE);
    expect(other.allowed(0x1000n)).toBe('r1 x1 r0 x0');
  });

  it.each([
    ['writable at both', EL0, 'r1 w1 r0 w0'],
    ['writable at EL1 only', 0n, 'r1 w1 x0'],
    ['read-only', READ_ONLY | EL0, 'r1 x1 r0 x0'],
  ])('with SCTLR_EL1.WXN: %s', (_, bits, allowed) => {
    const tables = new Tables({ sctlr: SCTLR_WXN });
    tables.map(0x1000n, 3, 0x8000_0000n | PAGE | bits);
    expect(tables.allowed(0x1000n)).toBe(allowed);
  });

  it('with WXN: memory that a table above makes read-only may be executed', () => {
    const tables = new Tables({ sctlr: SCTLR_WXN });
    tables.map(0x1000n, 3, 0x8000_0000n | PAGE, READ_ONLY_TABLE);
    expect(tables.allowed(0x1000n)).toBe('r1 x1 x0');
  });
});

describe('with the MMU off', () => {
  const off = (va: bigint) =>
    translate(va, 'write', 0, { sctlr: 0n, tcr: 0n, ttbr0: 0n, ttbr1: 0n }, () => null, PHYSICAL_BITS);

  it('addresses are physical, and nothing is read', () => {
    expect(off(0x8_8000_0123n)).toMatchObject({ ok: true, pa: 0x8_8000_0123, steps: [] });
    expect(off(2n ** 44n - 1n)).toMatchObject({ ok: true, pa: 2 ** 44 - 1 });
  });

  it('addresses beyond the physical size are address size faults of level 0', () => {
    expect(off(2n ** 44n)).toMatchObject({ ok: false, fault: { kind: 'address size', level: 0, status: 0 } });
  });
});
