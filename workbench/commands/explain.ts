/**
 * `npm run explain`: boots a board and answers a question about its memory. Options and questions:
 * --help, workbench/explain/options.ts.
 */

import { showCount, showTime } from '#common/quantities.ts';
import { commandMain } from '#workbench/cli/command.ts';
import { toJson } from '#workbench/explain/json.ts';
import { type Asked, askAt, askNow } from '#workbench/explain/moment.ts';
import { EXPLAIN, type ExplainRequest, explainRequest } from '#workbench/explain/options.ts';
import type { Answer } from '#workbench/explain/questions.ts';
import { styleOf } from '#workbench/explain/style.ts';
import { LevitateMachine } from '#workbench/machine/levitate-machine.ts';

const EXIT_NOT_KNOWN = 1;

export const main = commandMain({ ...EXPLAIN, run: ({ options, words }) => explain(explainRequest(options, words)) });

function explain({ settings, question, moment, bounds, json, showSerial }: ExplainRequest): number {
  const machine = new LevitateMachine(settings);
  try {
    // What no moment of the boot would answer need not be waited for.
    const neverKnown = question.ofKernel && machine.findKernel() === null;
    const asked = neverKnown
      ? askNow(machine, null, (unbooted) => question.ask(unbooted))
      : askAt(machine, moment, bounds, (booted) => question.ask(booted));
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

/** The answer with what a program needs to place it. */
function document(machine: LevitateMachine, question: string, asked: Asked<Answer>): object {
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
function circumstances({ board }: LevitateMachine, { outcome, atNs, instructions }: Asked<Answer>): string {
  const under = instructions === 0 ? 'has not begun to run' : 'is on its way';
  const state = outcome === null ? under : outcome.reason;
  return `${board.name} ${state}: asked at ${showTime(atNs)}, ${showCount(instructions)} instructions`;
}
