// SPDX-License-Identifier: GPL-2.0-only
/**
 * Guests from outside this project, for the tests that boot them: found in the cache, fetched on
 * continuous integration, and talked to over the serial line. Not a test.
 *
 * Typing hangs on what the guest has sent, to the byte: the same conversation twice is the same run
 * twice.
 */

import { readFileSync } from 'node:fs';
import { fetchGuest, findGuest, type GuestName } from '#scripts/guests/guest-files.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import type { Outcome } from '#workbench/machine/outcome.ts';

/** True where a missing guest fails the test instead of skipping it. */
const mustRun = process.env['CI'] === 'true';

/** Longer than any guest here runs, in simulated time: a guest that hangs ends here. */
const MOST_SIMULATED_NS = 60e9;
const MOST_INSTRUCTIONS = 12e9;

/**
 * Paths of `names` in their order, or the reason why the tests cannot run, for their title. On
 * continuous integration what the cache lacks is fetched.
 * @throws GuestFetchError there, when it cannot be had
 */
export function foreignGuests(...names: readonly GuestName[]): readonly string[] | string {
  const files = names.map((name) => (mustRun ? fetchGuest(name) : findGuest(name)));
  const missing = names.filter((_, index) => files[index] === null);
  return missing.length > 0
    ? `skipped: ${missing.join(', ')} not in the cache; npm run guest-images fetches it`
    : files.flatMap((file) => (file === null ? [] : [file.path]));
}

/** As Linux prints it: "[    1.234567] …". */
const KERNEL_LINE = /^\[ *\d+\.\d{6}\] /;

/** A file as the machine takes it. */
export function bytesOf(path: string): Uint8Array {
  return new Uint8Array(readFileSync(path));
}

/**
 * One turn of a conversation: when `after` has come over the line, later than the turn before it,
 * `type` is typed.
 */
export interface Turn {
  readonly after: string;
  readonly type: string;
}

/**
 * Runs the machine to its end while the turns are taken, one after the other. Bounded in simulated
 * time and in instructions.
 */
export function converse(machine: LevitateMachine, turns: readonly Turn[]): Outcome {
  const take = (index: number): void => {
    const turn = turns[index];
    if (turn === undefined) return;
    const answer = (): void => {
      machine.type(turn.type);
      take(index + 1);
    };
    // A text that the turn before has seen does not count again.
    machine.serial.watch(turn.after, answer, machine.serial.byteLength);
  };
  take(0);
  return machine.run({ timeoutNs: MOST_SIMULATED_NS, maxInstructions: MOST_INSTRUCTIONS });
}

/**
 * Turns that give a shell `commands` one by one and end with `last`, for which nothing is waited.
 * Each command but the last stands between two echoes of its number, in whose typed form the number
 * is quoted: what the guest echoes while it is typed is never taken for what it answers. `prompt`
 * is what the shell shows when it is first ready.
 */
export function shellTurns(prompt: string, commands: readonly string[], last: string): readonly Turn[] {
  const lines = commands.map(
    (command, index) => `echo answer-"${index}"-begins; ${command}; echo answer-"${index}"-ends`,
  );
  return [...lines, last].map((line, index) => ({
    after: index === 0 ? prompt : endOf(index - 1),
    type: `${line}\n`,
  }));
}

/**
 * The output of the command with this number, with line feeds between its lines. The kernel's own
 * lines, which may come at any time, are left out.
 * @throws Error when it was not answered
 */
export function answerOf(text: string, index: number): string {
  const begin = `answer-${index}-begins\r\n`;
  const start = text.indexOf(begin);
  const end = text.indexOf(endOf(index), start);
  if (start < 0 || end < 0) throw new Error(`command ${index} was not answered:\n${text.slice(-2000)}`);
  const lines = text.slice(start + begin.length, end).split(/\r*\n/);
  return lines
    .filter((line) => !KERNEL_LINE.test(line))
    .join('\n')
    .trim();
}

function endOf(index: number): string {
  return `answer-${index}-ends\r\n`;
}
