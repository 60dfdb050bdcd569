// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import type { CoreStop } from './machine-core.ts';
import { SliceOutcome } from './slice-outcome.ts';

const LOCKUP: CoreStop = { kind: 'lockup', reason: 'no vector' };
const GATE: CoreStop = { kind: 'gate', immediate: 0x4c01 };

describe('how a slice ends', () => {
  it.each<[first: CoreStop, second: CoreStop, kept: CoreStop]>([
    [{ kind: 'count' }, { kind: 'wfe' }, { kind: 'wfe' }],
    [{ kind: 'wfe' }, { kind: 'count' }, { kind: 'wfe' }],
    [{ kind: 'recurring' }, { kind: 'stopped' }, { kind: 'stopped' }],
    [GATE, { kind: 'stopped' }, GATE],
    [{ kind: 'stopped' }, GATE, GATE],
    [LOCKUP, { kind: 'stopped' }, LOCKUP],
  ])('%j, then %j', (first, second, kept) => {
    const outcome = new SliceOutcome();
    outcome.end(first);
    outcome.end(second);
    expect(outcome.stop).toEqual(kept);
  });

  it('is forgotten when the next slice begins, but for a lockup', () => {
    const outcome = new SliceOutcome();
    outcome.end(GATE);
    outcome.begin();
    expect(outcome.stop).toBeNull();
    outcome.end(LOCKUP);
    outcome.begin();
    expect(outcome.stop).toEqual(LOCKUP);
    outcome.reset();
    expect(outcome.stop).toBeNull();
  });
});
