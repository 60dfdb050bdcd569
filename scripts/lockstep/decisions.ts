// SPDX-License-Identifier: GPL-2.0-only
/**
 * What a leading core does is written down, and a following one is made to do the same: so many
 * instructions a slice, interrupts taken before the same ones. What is left to differ is what
 * instructions do.
 *
 *     leader    run ─► 4711 instructions, "count"   interrupt: taken   run ─► 17, "wfi"   …
 *     follower  run(4711)                           is made to take it run(17) must end by WFI
 */

import { A64Core } from '#emulator/a64/core.ts';
import type { CoreStop, MachineCore } from '#emulator/cpu/machine-core.ts';
import type { Clock } from '#emulator/machine/clock.ts';

export type Decision =
  | { readonly kind: 'run'; readonly executed: number; readonly stop: CoreStop; readonly inBlock: boolean }
  | { readonly kind: 'interrupt'; readonly taken: boolean };

/** The follower did not do what the leader has done. */
export class Parted extends Error {}

/** Stops before which the instruction in progress may or may not have been counted. */
const WAITS: readonly CoreStop['kind'][] = ['wfi', 'wfe', 'yield'];

/** `decisions` are told what the core does from now on. */
export function lead(core: MachineCore, clock: Clock, decisions: Decision[]): void {
  const run = core.run.bind(core);
  const takeInterrupt = core.takeInterrupt.bind(core);
  core.run = (count, most) => {
    const before = clock.instructions;
    const stop = run(count, most);
    decisions.push({ kind: 'run', executed: clock.instructions - before, stop, inBlock: core.inBlock });
    return stop;
  };
  core.takeInterrupt = () => {
    const taken = takeInterrupt();
    decisions.push({ kind: 'interrupt', taken });
    return taken;
  };
}

/** From now on the core does what `next` says. */
export function follow(core: MachineCore, clock: Clock, next: () => Decision | undefined): void {
  if (!(core instanceof A64Core)) throw new TypeError('the own core follows');
  core.takesInterrupts = 'between slices';
  const run = core.run.bind(core);
  const takeInterrupt = core.takeInterrupt.bind(core);
  let inBlock = false;
  Object.defineProperty(core, 'inBlock', { get: () => inBlock });
  const exactly = (executed: number, wanted: CoreStop): CoreStop => {
    const before = clock.instructions;
    let stop: CoreStop = executed === 0 ? { kind: 'count' } : run(executed);
    let done = clock.instructions - before;
    if (done === executed && stop.kind === 'count' && WAITS.includes(wanted.kind)) {
      // The leader has not counted the instruction that waits.
      stop = run(1);
      done = clock.instructions - before;
    }
    if (done !== executed) {
      throw new Parted(`${done} instructions and "${stop.kind}", not ${executed} and "${wanted.kind}"`);
    }
    return stop;
  };
  core.run = () => {
    const decision = next();
    if (decision?.kind !== 'run') throw new Parted(`a slice, not ${decision?.kind ?? 'the end'}`);
    const { executed, stop: wanted } = decision;
    const stop = exactly(executed, wanted);
    inBlock = decision.inBlock;
    // Whoever stopped the leader does so here: the number of instructions is what counts.
    const isSame =
      stop.kind === wanted.kind || (stop.kind === 'count' && ['stopped', 'recurring'].includes(wanted.kind));
    if (!isSame) throw new Parted(`a slice that ends by "${stop.kind}", not "${wanted.kind}"`);
    return wanted;
  };
  core.takeInterrupt = () => {
    const decision = next();
    if (decision?.kind !== 'interrupt') throw new Parted(`a look for interrupts, not ${decision?.kind ?? 'the end'}`);
    if (decision.taken && !takeInterrupt()) throw new Parted('an interrupt that cannot be taken');
    return decision.taken;
  };
  // Where a slice ends is the leader's decision.
  core.stop = () => {};
  core.interruptSlice = () => {};
  core.timePassed = () => {};
}
