// SPDX-License-Identifier: GPL-2.0-only
/**
 * The start of Debian 12's Linux 6.1 on both engines side by side: MMU, page tables, timers, the
 * first interrupts, much of it translated. The whole boot takes a minute: `npm run lockstep`.
 */

import { expect, it } from 'vitest';
import { Lockstep } from '#scripts/lockstep/lockstep.ts';
import { bytesOf, foreignGuests } from '#tests/support/foreign-guest.ts';
import { describe } from '#tests/support/on-unicorn.ts';

const EVERY = 50_000;
const INSTRUCTIONS = 60_000_000;

const guests = foreignGuests('linux-6.1');
const [kernel = ''] = typeof guests === 'string' ? [] : guests;
const why = typeof guests === 'string' ? ` (${guests})` : '';

describe.skipIf(kernel === '')(`Linux${why}`, () => {
  it('has the same registers on both engines, interpreted and translated', () => {
    const pair = new Lockstep({ board: 'qemu-virt', kernel: bytesOf(kernel), append: 'console=ttyAMA0' });
    try {
      let end = null;
      while (end === null) end = pair.advance(EVERY, { maxInstructions: INSTRUCTIONS, timeoutNs: 60e9 });
      expect(end.difference).toBeNull();
      expect(end.instructions).toBe(INSTRUCTIONS);
      const { executed = 0, interpreted = 0 } = pair.follower.statistics?.() ?? {};
      expect(executed - interpreted).toBeGreaterThan(INSTRUCTIONS / 4);
    } finally {
      pair.close();
    }
  });
});
