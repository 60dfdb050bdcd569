/**
 * `levitate-emulator/testing`: vitest matchers for machines that have run.
 *
 *     import 'levitate-emulator/testing';
 *     expect(bootBoard('pixel6', { dtb })).toPanicWith('PANIC: No RAM regions found in DTB');
 *
 * A failure shows how the run ended and the last lines of the serial line.
 */

import { expect } from 'vitest';
import type { BootResult } from './index.ts';

/** Lines of serial output that a failure shows. */
const LINES_SHOWN = 12;

interface MatcherResult {
  readonly pass: boolean;
  readonly message: () => string;
}

function verdict(result: BootResult, pass: boolean, wanted: string): MatcherResult {
  return {
    pass,
    message: () => {
      const lines = result.machine.serial.lines.slice(-LINES_SHOWN);
      return [
        `expected the machine ${pass ? 'not ' : ''}${wanted}`,
        `it ${result.outcome.reason} (outcome "${result.outcome.outcome}")`,
        'last lines of the serial line:',
        ...lines.map((line) => `  ${line}`),
      ].join('\n');
    },
  };
}

/** The matchers, for `expect.extend`; importing this module has done that already. */
export const matchers = {
  /** The kernel panicked, and a line of the serial line is exactly `text`: "PANIC: No RAM regions found in DTB". */
  toPanicWith(result: BootResult, text: string): MatcherResult {
    const pass = result.outcome.outcome === 'panic' && result.machine.serial.lines.includes(text);
    return verdict(result, pass, `to panic with "${text}"`);
  },
  /** The text appears on the serial line, or a match of the expression. */
  toPrint(result: BootResult, text: string | RegExp): MatcherResult {
    const printed = result.machine.serial.text;
    const pass = typeof text === 'string' ? printed.includes(text) : text.test(printed);
    return verdict(result, pass, `to print ${typeof text === 'string' ? `"${text}"` : String(text)}`);
  },
  /** The kernel entered the stage, by number (1 to 5) or name ("Steady State (BDS)"). */
  toReachStage(result: BootResult, stage: number | string): MatcherResult {
    const stages = result.machine.events.get('stage');
    const pass = stages.some(({ fields }) => fields['number'] === stage || fields['name'] === stage);
    return verdict(result, pass, `to reach stage ${stage}`);
  },
};

expect.extend(matchers);

interface LevitateMatchers<R> {
  /** The kernel panicked with exactly this line. */
  toPanicWith(text: string): R;
  /** This appeared on the serial line. */
  toPrint(text: string | RegExp): R;
  /** The kernel entered this boot stage. */
  toReachStage(stage: number | string): R;
}

declare module 'vitest' {
  // The type parameter must be declared as vitest declares it.
  interface Matchers<T> extends LevitateMatchers<T> {}
}
