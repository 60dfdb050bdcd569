// SPDX-License-Identifier: GPL-2.0-only
/** The map of pages against a list of them. */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PageMap } from './page-map.ts';

/** Pages of 4 KiB: of few leaves, in both halves, with and without a top byte. */
const place = fc.record({
  number: fc.nat({ max: 40 }),
  high: fc.constantFrom(0, 1, 0xffff_8000, 0x0100_0000, 0x0100_0001),
});
/** Pages that a leaf maps: a multiple of them is where it begins. */
const count = fc.constantFrom(1, 1, 4, 16);
const step = fc.oneof(
  fc.record({ what: fc.constant('set' as const), place, count }),
  fc.record({ what: fc.constant('delete' as const), place }),
  fc.record({ what: fc.constant('clear' as const) }),
);

interface Known {
  readonly high: number;
  readonly number: number;
  readonly count: number;
  readonly value: number;
}
/** Bits 55:12, as TLBI names a page. */
const pageOf = ({ high, number }: { readonly high: number; readonly number: number }): number =>
  (high & 0xff_ffff) * 2 ** 20 + number;

it('has the pages that were set and not deleted, of a leaf all or none', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const map = new PageMap<number>();
      let known: Known[] = [];
      steps.forEach((one, value) => {
        if (one.what === 'set') {
          const { high, number } = one.place;
          map.set(number << 12, high, value, one.count);
          known = known.filter((other) => other.high !== high || other.number !== number);
          known.push({ high, number, count: one.count, value });
        } else if (one.what === 'delete') {
          const page = pageOf(one.place);
          map.delete(page);
          // Pages of another leaf may be dropped too: dropping more is allowed.
          const mustGo = (other: Known): boolean =>
            Math.floor(pageOf(other) / other.count) === Math.floor(page / other.count);
          const gone = known.filter(mustGo);
          for (const { high, number } of gone) expect(map.get(number << 12, high)).toBeUndefined();
          known = known.filter(({ high, number }) => map.get(number << 12, high) !== undefined);
        } else {
          map.clear();
          known = [];
        }
      });
      for (const { high, number, value } of known) expect(map.get(number << 12, high)).toBe(value);
    }),
  );
});

it('keeps what has nothing to do with a page that is deleted', () => {
  fc.assert(
    fc.property(fc.array(place, { maxLength: 30 }), place, (places, gone) => {
      const map = new PageMap<number>();
      places.forEach(({ high, number }, value) => map.set(number << 12, high, value, 1));
      expect(map.delete(pageOf(gone))).toBe(false);
      for (const other of places) {
        const isThere = map.get(other.number << 12, other.high) !== undefined;
        expect(isThere).toBe(pageOf(other) !== pageOf(gone));
      }
    }),
  );
});
