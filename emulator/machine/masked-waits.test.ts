// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { MaskedWaits } from './masked-waits.ts';

const CORE = 1;
const NEVER = Infinity;

/** A core that sleeps again `apart` ticks after each wait, so often: how long each wait was. */
function lengths(apart: number, count: number, nextEvent = NEVER): number[] {
  const waits = new MaskedWaits(2);
  let now = 1_000_000;
  return Array.from({ length: count }, () => {
    waits.begin(CORE, now, nextEvent, false);
    const length = waits.end(CORE) - now;
    now = waits.end(CORE) + apart;
    return length;
  });
}

describe('a wait with an interrupt pending that is masked', () => {
  it.each([
    ['a single one is over at once', lengths(1000, 1), [0]],
    ['so are those that are far apart', lengths(1000, 4), [0, 0, 0, 0]],
    ['each further one in close succession lasts twice as long', lengths(3, 5), [0, 1, 3, 7, 15]],
    ['but never past the next event', lengths(3, 4, 1_000_014), [0, 1, 3, 1]],
    ['and never longer than the guest could do without', lengths(3, 30).slice(-2), [1e7, 1e7]],
  ])('%s', (_what, found, expected) => {
    expect(found).toEqual(expected);
  });

  it.each([
    ['until the next event', 5000, 5000],
    ['for good, with no event,', NEVER, NEVER],
  ])('lasts %s where the code only goes round', (_what, nextEvent, end) => {
    const waits = new MaskedWaits(2);
    waits.begin(CORE, 100, nextEvent, true);
    expect(waits.end(CORE)).toBe(end);
    expect(waits.end(0)).toBe(0);
  });

  it.each([5000, NEVER])('is over when the core is woken before it ends, at %d', (nextEvent) => {
    const waits = new MaskedWaits(2);
    waits.begin(CORE, 100, nextEvent, true);
    waits.woken(CORE, 200);
    expect(waits.end(CORE)).toBe(200);
  });

  it('is saved as plain data, one without an end too', () => {
    const waits = new MaskedWaits(2);
    waits.begin(0, 100, NEVER, true);
    waits.begin(CORE, 100, 5000, false);
    const other = new MaskedWaits(2);
    other.restoreState(JSON.parse(JSON.stringify(waits.saveState())) as ReturnType<MaskedWaits['saveState']>);
    expect([other.end(0), other.end(CORE)]).toEqual([NEVER, 100]);
  });
});
