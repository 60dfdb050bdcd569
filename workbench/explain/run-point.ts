// SPDX-License-Identifier: GPL-2.0-only
/**
 * The point of a run at which a question is asked: its end, or somewhere in the middle of it.
 *
 * The modelled kernel boots inside one gate, during which the machine does not stop. So a point
 * inside it is the first event at or after it: everything that the kernel does of interest is an
 * event, and the question is answered then and there.
 */

import type { LogEvent } from '#workbench/machine/event-kinds.ts';
import { parseTime } from '#workbench/cli/quantities.ts';
import { InputError } from '#workbench/input-error.ts';
import type { LevitateMachine, RunBounds } from '#workbench/machine/levitate-machine.ts';
import type { Outcome } from '#workbench/machine/outcome.ts';

/** A point of a run. */
export type RunPoint =
  | { readonly kind: 'end' }
  /** Simulated nanoseconds since reset. */
  | { readonly kind: 'time'; readonly ns: number }
  | { readonly kind: 'instructions'; readonly count: number }
  /** The kernel enters the stage: its number, or part of its name in lower case. */
  | { readonly kind: 'stage'; readonly number: number | null; readonly name: string };

/**
 * "120ms", "38000" (instructions), "stage3", "memory & mmu".
 * @throws InputError for an empty text or a time that is none
 */
export function parseRunPoint(text: string): RunPoint {
  const trimmed = text.trim().toLowerCase();
  if (trimmed === '') {
    throw new InputError('--at: a time (120ms), a number of instructions, or a stage (stage3) is wanted');
  }
  if (trimmed === 'end') return { kind: 'end' };
  const digits = trimmed.replaceAll('_', '');
  if (/^\d+$/.test(digits)) return { kind: 'instructions', count: Number(digits) };
  if (/^\d/.test(trimmed)) return { kind: 'time', ns: parseTime('--at', trimmed) };
  const stage = /^stage\s*(\d+)$/.exec(trimmed);
  return { kind: 'stage', number: stage === null ? null : Number(stage[1]), name: trimmed };
}

/** The result at a point. */
export interface AnswerAtPoint<T> {
  readonly answer: T;
  /** The end of the run; null when the point came first. */
  readonly outcome: Outcome | null;
  readonly atNs: number;
  readonly instructions: number;
}

/**
 * Runs `machine` to `point`, or to the end of its run when that comes first, and asks there.
 * @param bounds of the run
 * @throws InputError when a stage was waited for that the boot did not enter
 */
export function askAt<T>(
  machine: LevitateMachine,
  point: RunPoint,
  bounds: RunBounds,
  ask: (machine: LevitateMachine) => T,
): AnswerAtPoint<T> {
  const { clock } = machine.machine;
  const now = (outcome: Outcome | null): AnswerAtPoint<T> => askNow(machine, outcome, ask);
  let early: AnswerAtPoint<T> | null = null;
  const end =
    point.kind === 'end'
      ? () => {}
      : machine.events.subscribe((event) => {
          if (early !== null || !hasCome(point, event, clock.instructions)) return;
          early = now(null);
          machine.machine.stop();
        });
  const outcome = machine.run(limitsOf(point, bounds));
  end();
  if (early !== null) return early;
  if (point.kind === 'stage') throw stageNotEntered(machine, point.name, outcome);
  const isPoint = point.kind !== 'end' && outcome.outcome === 'limit';
  return now(isPoint ? null : outcome);
}

/** Asks `machine` as it stands. @param outcome how its run ended, null where it did not */
export function askNow<T>(
  machine: LevitateMachine,
  outcome: Outcome | null,
  ask: (machine: LevitateMachine) => T,
): AnswerAtPoint<T> {
  const { nowNs, instructions } = machine.machine.clock;
  return { answer: ask(machine), outcome, atNs: nowNs, instructions };
}

function hasCome(point: RunPoint, event: LogEvent, instructions: number): boolean {
  switch (point.kind) {
    case 'end':
      return false;
    case 'time':
      return event.t >= point.ns;
    case 'instructions':
      return instructions >= point.count;
    case 'stage':
      if (event.kind !== 'stage') return false;
      return point.number === null
        ? event.fields.name.toLowerCase().includes(point.name)
        : event.fields.number === point.number;
  }
}

/** The nearer of the point and the run's own bounds. */
function limitsOf(point: RunPoint, { timeoutNs = Infinity, maxInstructions = Infinity }: RunBounds): RunBounds {
  return {
    timeoutNs: point.kind === 'time' ? Math.min(point.ns, timeoutNs) : timeoutNs,
    maxInstructions: point.kind === 'instructions' ? Math.min(point.count, maxInstructions) : maxInstructions,
  };
}

function stageNotEntered(machine: LevitateMachine, wanted: string, { reason }: Outcome): InputError {
  const entered = machine.events.get('stage').map(({ fields }) => `${fields.number} "${fields.name}"`);
  const told = entered.length === 0 ? 'it entered none' : `it entered ${entered.join(', ')}`;
  return new InputError(
    `--at ${wanted}: the boot entered no such stage: ${told}, and ${reason}; a time (20ms) or a number of instructions can be asked for too`,
  );
}
