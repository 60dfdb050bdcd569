// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MapLayout, VIEW_ROWS, wholeRowFrames, zoomed } from './map-layout.ts';

const GIB = 2 ** 18;
/** The Pixel 6, in frames. */
const PIXEL6 = [
  { start: 2 * GIB, end: 4 * GIB },
  { start: 34 * GIB, end: 40 * GIB },
];

const layouts = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 1, max: 5000 })), { minLength: 1, maxLength: 5 })
  .map((pieces) => {
    let at = 0;
    return pieces.map(([gap, frames]) => {
      const bank = { start: at + gap, end: at + gap + frames };
      at = bank.end;
      return bank;
    });
  });

describe('MapLayout', () => {
  it('has a row for every frame of RAM, found in both directions', () => {
    fc.assert(
      fc.property(layouts, fc.integer({ min: 6, max: 13 }), fc.nat(1e9), (banks, power, pick) => {
        const layout = new MapLayout(banks, 2 ** power);
        const bank = banks[pick % banks.length]!;
        const pfn = bank.start + (pick % (bank.end - bank.start));
        const row = layout.row(layout.rowOf(pfn));
        expect(row?.start).toBeLessThanOrEqual(pfn);
        expect(row?.end).toBeGreaterThan(pfn);
        expect(banks[row?.bank ?? -1]).toBe(bank);
        expect(layout.row(layout.rowCount)).toBeNull();
        expect(layout.row(-1)).toBeNull();
      }),
    );
  });

  it('shows all 8 GiB of the Pixel 6 in 16 rows of 512 MiB, each bank from a row of its own', () => {
    const rowFrames = wholeRowFrames(PIXEL6);
    const layout = new MapLayout(PIXEL6, rowFrames);
    expect([rowFrames, layout.rowCount]).toEqual([GIB / 2, 16]);
    const heads = Array.from({ length: 16 }, (_, index) => layout.row(index)?.opensBank);
    expect(heads.flatMap((opens, index) => (opens === true ? [index] : []))).toEqual([0, 4]);
  });

  it('fits into view whatever the banks, or has one row a bank', () => {
    fc.assert(
      fc.property(layouts, (banks) => {
        const layout = new MapLayout(banks, wholeRowFrames(banks));
        expect(layout.rowCount).toBeLessThanOrEqual(Math.max(VIEW_ROWS, 2 * banks.length));
      }),
    );
  });

  it('zooms by two, between 256 KiB a row and everything', () => {
    expect(zoomed(PIXEL6, GIB / 2, true)).toBe(GIB / 4);
    expect(zoomed(PIXEL6, GIB / 2, false)).toBe(GIB / 2);
    expect(zoomed(PIXEL6, 64, true)).toBe(64);
  });
});
