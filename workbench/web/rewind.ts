// SPDX-License-Identifier: GPL-2.0-only
/**
 * Takes a machine back to an earlier moment: another machine is made and run up to there, with the
 * same input. The modelled kernel is run from its reset, which takes a second; other guests are run
 * from the last checkpoint before the moment.
 *
 *     reset ───────┬─────────┬──────► now           "go to" a moment: the last point before it, then run
 *                  checkpoints
 *
 * Everything after the moment, inputs included, is discarded once something else happens there.
 */

import { RestartPoints } from '#emulator/debug/restart-points.ts';
import { GuestCheckpoints } from '#workbench/machine/guest-checkpoints.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';

/**
 * Instructions between two checkpoints while there are few: at most so many are run again. A
 * checkpoint reads all touched memory and keeps the changes. With a checkpoint every 50 million
 * instructions, a tab with Linux took 50 MB more.
 */
const INTERVAL = 200_000_000;

/** A machine at one point of its run. */
interface RestoredMachine {
  readonly machine: LevitateMachine;
  /** Number of inputs that it has already received. */
  readonly inputs: number;
}

interface Input {
  readonly instructions: number;
  readonly ticks: number;
  readonly ns: number;
  readonly bytes: Uint8Array;
}

/** A moment to go to: instructions since reset, or simulated nanoseconds. */
export type Moment = { readonly instructions: number } | { readonly ns: number };

export class Rewind {
  private readonly points: RestartPoints<RestoredMachine>;
  private inputs: Input[] = [];
  private readonly checkpoints = new GuestCheckpoints();

  /** @param begin makes the machine as it is at its beginning */
  constructor(begin: () => LevitateMachine) {
    this.points = new RestartPoints(() => ({ machine: begin(), inputs: 0 }), INTERVAL);
  }

  /** Discards the inputs after this point: the machine continues from here. */
  continueFrom({ machine: { clock } }: LevitateMachine): void {
    this.inputs = this.inputs.filter(({ ns }) => ns <= clock.nowNs);
    this.points.forgetFrom(clock.instructions + 1);
  }

  /** Call it between two runs, before the machine receives the bytes. */
  noteInput(machine: LevitateMachine, bytes: Uint8Array): void {
    const { clock } = machine.machine;
    this.continueFrom(machine);
    this.inputs.push({ instructions: clock.instructions, ticks: clock.ticks, ns: clock.nowNs, bytes: bytes.slice() });
  }

  /** Between two runs: takes a checkpoint when one is due, and can be taken. */
  pass(machine: LevitateMachine): void {
    const { instructions } = machine.machine.clock;
    if (!this.points.isDue(instructions)) return;
    const restore = this.checkpoints.take(machine);
    if (restore === null) return;
    const inputs = this.inputs.length;
    const begin = (): RestoredMachine => ({ machine: restore(), inputs });
    this.points.add({ instructions, entries: inputs, begin });
  }

  /** The machine at `moment`, or at its end where that comes earlier: a new one. */
  goTo(moment: Moment, now: LevitateMachine): LevitateMachine {
    let from = now.machine.clock.instructions;
    let { machine, inputs } = this.pointBefore(from);
    while (!isBefore(machine, moment) && machine.machine.clock.instructions > 0) {
      from = machine.machine.clock.instructions;
      machine.close();
      ({ machine, inputs } = this.pointBefore(from));
    }
    for (const input of this.inputs.slice(inputs)) {
      if ('ns' in moment ? input.ns > moment.ns : input.instructions > moment.instructions) break;
      runTo(machine, input);
      sleepTo(machine, input.ticks);
      machine.type(input.bytes);
    }
    runTo(machine, moment);
    return machine;
  }

  private pointBefore(instructions: number): RestoredMachine {
    return this.points.before(instructions).begin();
  }
}

function isBefore({ machine: { clock } }: LevitateMachine, moment: Moment): boolean {
  return 'ns' in moment ? clock.nowNs <= moment.ns : clock.instructions <= moment.instructions;
}

function runTo(machine: LevitateMachine, moment: Moment): void {
  const { clock } = machine.machine;
  const left = (): number => ('ns' in moment ? moment.ns - clock.nowNs : moment.instructions - clock.instructions);
  while (left() > 0) {
    const before = clock.ticks;
    const outcome = 'ns' in moment ? machine.runSlice(Infinity, {}, left()) : machine.runSlice(left());
    // The machine has ended, or sleeps for good.
    if ((outcome !== null && outcome.outcome !== 'steady') || clock.ticks === before) return;
  }
}

/** At this instruction the machine may sleep, so it runs to the exact tick. */
function sleepTo(machine: LevitateMachine, ticks: number): void {
  const { clock } = machine.machine;
  if (clock.ticks < ticks) machine.runSlice(Infinity, { timeoutNs: (ticks * 1e9) / clock.frequencyHz });
}
