// SPDX-License-Identifier: GPL-2.0-only
/** The counts of `--stats`, for a machine from reset and for one from a snapshot. */

import { expect, it } from 'vitest';
import { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import { restoreMachine } from '#workbench/machine/restore-snapshot.ts';
import { engineStatistics } from './engine-statistics.ts';

/** ADD x0, x0, #1; B .-4 */
const LOOP = new Uint8Array(new Uint32Array([0x9100_0400, 0x17ff_ffff]).buffer);
const BEFORE = 300_000;
const AFTER = 100_000;

/** A host clock that only this variable moves. */
const ticking = (): (() => number) => {
  let milliseconds = 0;
  return () => milliseconds++;
};

it('counts what was executed here, not what was executed before a snapshot', () => {
  const saved = new LevitateMachine({ board: 'qemu-virt', bios: LOOP, engine: 'wasm' }, ticking());
  saved.run({ maxInstructions: BEFORE });
  expect(saved.statistics?.().executed).toBe(BEFORE);
  const snapshot = saved.save();
  saved.close();

  const restored = restoreMachine(snapshot, { now: ticking() });
  restored.run({ maxInstructions: BEFORE + AFTER });
  expect(restored.machine.clock.instructions).toBe(BEFORE + AFTER);
  const { executed = 0, interpreted = 0, times = null } = restored.statistics?.() ?? {};
  expect(executed).toBe(AFTER);
  expect(interpreted).toBeGreaterThan(0);
  expect(interpreted).toBeLessThan(AFTER);
  expect(times?.running).toBeGreaterThan(0);
  expect(engineStatistics(restored)).toContain(`, ${(AFTER - interpreted).toLocaleString('en')} translated (`);
  restored.close();
});
