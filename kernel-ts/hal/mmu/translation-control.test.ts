// SPDX-License-Identifier: GPL-2.0-only
import { expect, it } from 'vitest';
import {
  describeTcr,
  MAIR_NON_CACHEABLE,
  MAIR_VALUE,
  outputAddressBits,
  TCR_FIELDS,
  TCR_VALUE,
} from './translation-control.ts';

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
