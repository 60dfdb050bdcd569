// SPDX-License-Identifier: GPL-2.0-only
/**
 * Reads the lines that the exception trials print (firmware/guests/trials.inc). Not a test.
 */

/** The guest's report of an exception: names and numbers as printed, hexadecimal without 0x. */
export type Observation = Readonly<Record<string, string>>;

/** One trial in one state of the core. */
export interface Trial {
  /** "EL1h". */
  readonly state: string;
  readonly name: string;
  /** At the exception. */
  readonly taken: Observation;
  /** At the second one, after the return. */
  readonly returned: Observation;
}

const LINE = /^(EL\d[th]?) (.*): (el=\S+ v=[^|]*) \| (el=.*)$/;

/** Trials by "STATE NAME". @throws Error at a line that is none, except the last, "done" */
export function parseTrials(text: string): Map<string, Trial> {
  const trials = new Map<string, Trial>();
  const lines = text.trimEnd().split('\n');
  if (lines.pop() !== 'done') throw new Error('the transcript does not end with "done"');
  for (const line of lines) {
    const match = LINE.exec(line);
    if (match === null) throw new Error(`not a trial: ${line}`);
    const [, state = '', name = '', taken = '', returned = ''] = match;
    trials.set(`${state} ${name}`, { state, name, taken: fields(taken), returned: fields(returned) });
  }
  return trials;
}

function fields(text: string): Observation {
  return Object.fromEntries(
    text
      .trim()
      .split(' ')
      .map((field) => field.split('=') as [string, string]),
  );
}
