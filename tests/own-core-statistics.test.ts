// SPDX-License-Identifier: GPL-2.0-only
/** Statistics of the own core: the same counts in every run, times by a clock. */

import { expect, it } from 'vitest';
import { a64Cores } from '#emulator/a64/cores.ts';
import { bootGuest } from './support/guest-machine.ts';

/** movz x0, #10000; loop: subs x0, x0, #1; b.ne loop; wfi */
const LOOP = [0xd284e200, 0xf1000400, 0x54ffffe1, 0xd503207f];

function statisticsOf(options: { readonly hotAfter: number; readonly now?: () => number }) {
  const cores = a64Cores(options);
  const guest = bootGuest(new Uint8Array(Uint32Array.from(LOOP).buffer), { cores });
  expect(guest.run()).toEqual({ kind: 'idle' });
  guest.machine.close();
  return cores.statistics();
}

it.each([
  [Infinity, 20_002, 0],
  // A hundred times round the loop, two hundred more while it waits for other code to become hot.
  [100, 603, 1],
])('counts what is interpreted when code is translated after %d times', (hotAfter, interpreted, regions) => {
  const found = statisticsOf({ hotAfter });
  expect(found.interpreted).toBe(interpreted);
  expect(found.translations.regions).toBe(regions);
  expect(found.times).toBeNull();
  expect(statisticsOf({ hotAfter })).toEqual(found);
});

it('measures times with the clock that it is given', () => {
  let time = 0;
  const { times } = statisticsOf({ hotAfter: 100, now: () => time++ });
  expect(times?.compiling).toBeGreaterThan(0);
  expect(times?.outside).toBeGreaterThan(0);
  expect(times?.running).toBeGreaterThan((times?.compiling ?? 0) + (times?.outside ?? 0));
});
