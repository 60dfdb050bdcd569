// SPDX-License-Identifier: GPL-2.0-only
/**
 * `npm run explain`: boots a board and answers a question about its memory. Options and questions:
 * --help, workbench/explain/options.ts.
 */

import { hex } from '#common/address.ts';
import { showCount, showTime } from '#common/quantities.ts';
import { commandMain } from '#workbench/cli/command.ts';
import { type AnswerAtPoint, askAt, askNow } from '#workbench/explain/run-point.ts';
import { EXPLAIN, type ExplainRequest, explainRequest } from '#workbench/explain/options.ts';
import type { Answer } from '#workbench/explain/questions.ts';
import { styleOf } from '#workbench/cli/terminal-style.ts';
import { LevitateMachine } from '#workbench/machine/levitate-machine.ts';

const EXIT_NOT_KNOWN = 1;

export const main = commandMain({ ...EXPLAIN, run: ({ options, words }) => explain(explainRequest(options, words)) });

function explain({ settings, question, point, bounds, json, showSerial }: ExplainRequest): number {
  const machine = new LevitateMachine(settings);
  try {
    // Without the modelled kernel, a question about it has no answer at any point of the boot: do
    // not wait.
    const neverKnown = question.ofKernel && machine.findKernel() === null;
    const asked = neverKnown
      ? askNow(machine, null, (unbooted) => question.ask(unbooted))
      : askAt(machine, point, bounds, (booted) => question.ask(booted));
    if (showSerial) process.stderr.write(machine.serial.text);
    const { answer } = asked;
    if (json) {
      process.stdout.write(`${toJson(document(machine, question.text, asked))}\n`);
    } else {
      process.stderr.write(`${circumstances(machine, asked)}\n`);
      process.stdout.write(`${answer.lines(styleOf(process.stdout, process.env)).join('\n')}\n`);
    }
    return answer.known ? 0 : EXIT_NOT_KNOWN;
  } finally {
    machine.close();
  }
}

/** The answer, with its context for a program. */
function document(machine: LevitateMachine, question: string, asked: AnswerAtPoint<Answer>): object {
  const { answer, outcome, atNs, instructions } = asked;
  return {
    board: machine.board.name,
    question,
    at: { simulatedNs: atNs, instructions },
    outcome: outcome?.outcome ?? null,
    panic: outcome?.panic ?? null,
    answer: answer.data,
  };
}

/** "pixel6 reached its steady state: asked at 41.4 ms, 38,180 instructions" */
function circumstances({ board }: LevitateMachine, { outcome, atNs, instructions }: AnswerAtPoint<Answer>): string {
  const under = instructions === 0 ? 'has not begun to run' : 'is on its way';
  const state = outcome === null ? under : outcome.reason;
  return `${board.name} ${state}: asked at ${showTime(atNs)}, ${showCount(instructions)} instructions`;
}

/** Keys whose numbers are addresses or register values. A bigint always is one. */
const HEXADECIMAL: ReadonlySet<string> = new Set(
  'start end base pa paStart frame table root physical esr fsc unreadable'.split(' '),
);

/**
 * An answer in two-space indented JSON: addresses, descriptors and syndromes as "0x…" strings,
 * counts and sizes as numbers.
 */
function toJson(value: unknown): string {
  return JSON.stringify(
    value,
    (key, member: unknown) => {
      if (typeof member === 'bigint') return hex(member);
      if (!HEXADECIMAL.has(key)) return member;
      if (Array.isArray(member)) {
        return member.map((item) => (typeof item === 'number' ? hex(item) : (item as unknown)));
      }
      return typeof member === 'number' ? hex(member) : member;
    },
    2,
  );
}
