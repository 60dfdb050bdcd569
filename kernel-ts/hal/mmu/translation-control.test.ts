// SPDX-License-Identifier: GPL-2.0-only
import { expect, it } from 'vitest';
import { MAIR_NON_CACHEABLE, MAIR_VALUE, outputAddressBits, TCR_VALUE } from './translation-control.ts';

/** Field of TCR_EL1: lowest bit, width in bits, and the meaning of a value. */
interface TcrField {
  readonly name: string;
  readonly shift: bigint;
  readonly width: bigint;
  readonly meaning: (value: number) => string;
}

const named = (names: readonly string[]) => (value: number) => names[value] ?? 'reserved';
const regionBits = (value: number) => `${64 - value}-bit region`;
const cacheability = named([
  'non-cacheable',
  'write-back, write-allocate',
  'write-through',
  'write-back, no write-allocate',
]);
const shareability = named(['non-shareable', 'reserved', 'outer shareable', 'inner shareable']);
const walks = named(['walks on', 'walks off']);
/** Used fields, lowest first. 4 KiB granules: TG0 is 0b00, TG1 is 0b10. */
const TCR_FIELDS: readonly TcrField[] = [
  { name: 'T0SZ', shift: 0n, width: 6n, meaning: regionBits },
  { name: 'EPD0', shift: 7n, width: 1n, meaning: walks },
  { name: 'IRGN0', shift: 8n, width: 2n, meaning: cacheability },
  { name: 'ORGN0', shift: 10n, width: 2n, meaning: cacheability },
  { name: 'SH0', shift: 12n, width: 2n, meaning: shareability },
  { name: 'TG0', shift: 14n, width: 2n, meaning: named(['4 KiB', '64 KiB', '16 KiB']) },
  { name: 'T1SZ', shift: 16n, width: 6n, meaning: regionBits },
  { name: 'A1', shift: 22n, width: 1n, meaning: named(['ASID from TTBR0', 'ASID from TTBR1']) },
  { name: 'EPD1', shift: 23n, width: 1n, meaning: walks },
  { name: 'IRGN1', shift: 24n, width: 2n, meaning: cacheability },
  { name: 'ORGN1', shift: 26n, width: 2n, meaning: cacheability },
  { name: 'SH1', shift: 28n, width: 2n, meaning: shareability },
  { name: 'TG1', shift: 30n, width: 2n, meaning: named(['reserved', '16 KiB', '4 KiB', '64 KiB']) },
  {
    name: 'IPS',
    shift: 32n,
    width: 3n,
    meaning: (value) => `${outputAddressBits(BigInt(value) << 32n, 5n)}-bit output`,
  },
];

/** Describes `tcr` field by field: "T0SZ=16 (48-bit region)". */
function describeTcr(tcr: bigint): string[] {
  return TCR_FIELDS.map(({ name, shift, width, meaning }) => {
    const value = Number((tcr >> shift) & ((1n << width) - 1n));
    return `${name}=${value} (${meaning(value)})`;
  });
}

it('the TCR value says 48-bit halves, 4 KiB granule, cached inner shareable walks, 48-bit output', () => {
  expect(describeTcr(TCR_VALUE)).toEqual([
    'T0SZ=16 (48-bit region)',
    'EPD0=0 (walks on)',
    'IRGN0=1 (write-back, write-allocate)',
    'ORGN0=1 (write-back, write-allocate)',
    'SH0=3 (inner shareable)',
    'TG0=0 (4 KiB)',
    'T1SZ=16 (48-bit region)',
    'A1=0 (ASID from TTBR0)',
    'EPD1=0 (walks on)',
    'IRGN1=1 (write-back, write-allocate)',
    'ORGN1=1 (write-back, write-allocate)',
    'SH1=3 (inner shareable)',
    'TG1=2 (4 KiB)',
    'IPS=5 (48-bit output)',
  ]);
});

it('the fields cover every bit that the TCR value sets', () => {
  const covered = TCR_FIELDS.reduce((mask, { shift, width }) => mask | (((1n << width) - 1n) << shift), 0n);
  expect(TCR_VALUE & ~covered).toBe(0n);
});

it('MAIR gives normal write-back at index 0 and device nGnRE at index 1', () => {
  expect([MAIR_VALUE & 0xffn, (MAIR_VALUE >> 8n) & 0xffn]).toEqual([0xffn, 0x04n]);
  expect((MAIR_VALUE | MAIR_NON_CACHEABLE) >> 16n, 'and non-cacheable at index 2').toBe(0x44n);
});

it.each([
  ['48-bit IPS on a Cortex-A55', TCR_VALUE, 2n, 40],
  ['48-bit IPS on a Cortex-A72', TCR_VALUE, 4n, 44],
  ['48-bit IPS on a 52-bit core', TCR_VALUE, 6n, 48],
  ['32-bit IPS on a 48-bit core', TCR_VALUE & ~(7n << 32n), 5n, 32],
])('output size of %s', (_, tcr, mmfr0, bits) => {
  expect(outputAddressBits(tcr, mmfr0)).toBe(bits);
});
