// SPDX-License-Identifier: GPL-2.0-only
/**
 * The decisions of a leading core are recorded, and a following core must repeat them: the same
 * number of instructions in a slice, interrupts before the same instructions. Then only the effects
 * of instructions can differ.
 *
 *     leader    run ─► 4711 instructions, "count"   interrupt: taken   run ─► 17, "wfi"   …
 *     follower  run(4711)                           is made to take it run(17) must end by WFI
 */

import { A64Core } from '#emulator/a64/core.ts';
import type { CoreStop, MachineCore } from '#emulator/cpu/machine-core.ts';
import type { Clock } from '#emulator/timer/clock.ts';

export type Decision =
  | {
      readonly kind: 'run';
      readonly executed: number;
      readonly stop: CoreStop;
      readonly inBlock: boolean;
      /** Exceptions that were taken so far. */
      readonly entered: number;
    }
  | { readonly kind: 'interrupt'; readonly taken: boolean };

/** The follower did not do what the leader has done. */
export class DivergenceError extends Error {}

/** Stops before which the instruction in progress may or may not have been counted. */
const WAITS: readonly CoreStop['kind'][] = ['wfi', 'wfe', 'yield'];

/** Records the core's decisions in `decisions` from now on. `entered` counts its exceptions. */
export function lead(core: MachineCore, clock: Clock, decisions: Decision[], entered: () => number): void {
  const run = core.run.bind(core);
  const takeInterrupt = core.takeInterrupt.bind(core);
  core.run = (count, most) => {
    const before = clock.instructions;
    const stop = run(count, most);
    decisions.push({
      kind: 'run',
      executed: clock.instructions - before,
      stop,
      inBlock: core.inBlock,
      entered: entered(),
    });
    return stop;
  };
  core.takeInterrupt = () => {
    const taken = takeInterrupt();
    decisions.push({ kind: 'interrupt', taken });
    return taken;
  };
}

/** The port of a following core: its decisions, and its exceptions. */
export interface Following {
  next(): Decision | undefined;
  /** Its exceptions so far. */
  entered(): number;
  /** To be called at its next exception. */
  atException: (() => void) | null;
}

/** Makes the core repeat the decisions of `port.next` from now on. */
export function follow(core: MachineCore, clock: Clock, port: Following): void {
  if (!(core instanceof A64Core)) throw new TypeError('the own core follows');
  core.takesInterrupts = 'between slices';
  const run = core.run.bind(core);
  const takeInterrupt = core.takeInterrupt.bind(core);
  const finish = core.interruptSlice.bind(core);
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
      throw new DivergenceError(`${done} instructions and "${stop.kind}", not ${executed} and "${wanted.kind}"`);
    }
    return stop;
  };
  /** The leader has looked at what comes next, which cannot be fetched; that is no instruction. */
  const takeAbort = (): void => {
    port.atException = finish;
    const before = clock.instructions;
    run(1);
    port.atException = null;
    if (clock.instructions !== before) throw new DivergenceError('an instruction, not an exception in its place');
  };
  core.run = () => {
    const decision = port.next();
    if (decision?.kind !== 'run') throw new DivergenceError(`a slice, not ${decision?.kind ?? 'the end'}`);
    const { executed, stop: wanted } = decision;
    const stop = exactly(executed, wanted);
    if (stop.kind === 'count' && port.entered() < decision.entered) takeAbort();
    inBlock = decision.inBlock;
    // Whoever stopped the leader does so here: the number of instructions is what counts.
    const isSame =
      stop.kind === wanted.kind || (stop.kind === 'count' && ['stopped', 'recurring'].includes(wanted.kind));
    if (!isSame) throw new DivergenceError(`a slice that ends by "${stop.kind}", not "${wanted.kind}"`);
    return wanted;
  };
  core.takeInterrupt = () => {
    const decision = port.next();
    if (decision?.kind !== 'interrupt') {
      throw new DivergenceError(`a look for interrupts, not ${decision?.kind ?? 'the end'}`);
    }
    if (decision.taken && !takeInterrupt()) throw new DivergenceError('an interrupt that cannot be taken');
    return decision.taken;
  };
  // The leader decides where a slice ends.
  core.stop = () => {};
  core.interruptSlice = () => {};
  core.timePassed = () => {};
}
