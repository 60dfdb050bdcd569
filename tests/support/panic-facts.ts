/**
 * What a panic must look like, as one value to compare: how the run ended, the panic's two lines, and the raw bytes of the first.
 */

import { expect } from 'vitest';
import type { BootResult } from '../../scripts/index.ts';

/** How a machine that panicked ended. */
export interface PanicFacts {
  readonly outcome: string;
  readonly exitStatus: number;
  /** The panic as the outcome has it. */
  readonly panic: string | null;
  /** The last line but one on the serial line, and the last. */
  readonly line: string | undefined;
  readonly reason: string | undefined;
  /** True when the bytes of `line` in UTF-8, and nothing else, stand between two line feeds. */
  readonly alone: boolean;
  /** Lines that start with "PANIC: ". */
  readonly panicLines: number;
}

/** The facts of `result`; its machine is closed. */
export function panicFacts({ machine, outcome }: BootResult): PanicFacts {
  const { lines } = machine.serial;
  const line = lines.at(-2);
  const sent = Buffer.from(machine.serial.bytes);
  machine.close();
  return {
    outcome: outcome.outcome,
    exitStatus: outcome.exitStatus,
    panic: outcome.panic,
    line,
    reason: lines.at(-1),
    alone: sent.includes(Buffer.from(`\n${line}\n`)),
    panicLines: lines.filter((text) => text.startsWith('PANIC: ')).length,
  };
}

/** The facts of a panic with this first line and a second one that matches. */
export function panicWith(line: string, reason: RegExp): PanicFacts {
  return {
    outcome: 'panic',
    exitStatus: 1,
    panic: line,
    line,
    reason: expect.stringMatching(reason) as string,
    alone: true,
    panicLines: 1,
  };
}
