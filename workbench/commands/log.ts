// SPDX-License-Identifier: GPL-2.0-only
/**
 * `npm run log`: shows an event log to people. Options and exit statuses: --help,
 * workbench/log/options.ts.
 */

import { EventFormatError } from '#workbench/log/event-header.ts';
import { commandMain, EXIT_INTERRUPTED } from '#workbench/cli/command.ts';
import { diffEventLogs, showDifference } from '#workbench/log/diff.ts';
import { followLog } from '#workbench/log/follow.ts';
import { compareWithGolden, showGoldenDifference, updateGolden } from '#workbench/log/golden.ts';
import type { ScannedLine } from '#workbench/log/log-file.ts';
import { LOG, type LogRequest, logRequest } from '#workbench/log/options.ts';
import { Output } from '#workbench/log/output.ts';
import { writePerfetto } from '#workbench/log/perfetto.ts';
import { type Paint, paintFor } from '#workbench/cli/terminal-style.ts';
import { acceptor, readEventLogHeader, scanLog } from '#workbench/log/read-event-log.ts';
import { summaryOf } from '#workbench/log/run-summary.ts';
import { showEvent } from '#workbench/log/show-event.ts';
import { showStatistics, StatisticsCounter } from '#workbench/log/statistics.ts';
import { showTimeline, timeline } from '#workbench/log/timeline.ts';
import { InputError } from '#workbench/input-error.ts';

const EXIT_DIFFERENT = 1;
export const main = commandMain({
  ...LOG,
  async run(call) {
    const output = new Output(process.stdout);
    const request = logRequest(call.options, call.words);
    try {
      return await perform(request, output, paintFor(process.stdout, process.env), () => call.interrupt);
    } catch (error) {
      if (!(error instanceof EventFormatError)) throw error;
      throw new InputError(`${request.file}: ${error.message}`);
    } finally {
      await output.flush();
    }
  },
});

function perform(
  request: LogRequest,
  output: Output,
  paint: Paint,
  interrupt: () => AbortSignal,
): Promise<number> | number {
  const { action, file, other, filter, masks, json } = request;
  switch (action) {
    case 'events':
      return showEvents(request, output, paint);
    case 'follow':
      return follow(request, output, paint, interrupt());
    case 'timeline': {
      const header = readEventLogHeader(file);
      const summary = summaryOf(file);
      const { memory, panic, stop, events, endNs } = summary;
      output.write(
        json
          ? jsonText({ ...header, events, endNs, timeline: timeline(summary), memory, panic, stop })
          : showTimeline(header, summary, paint),
      );
      return 0;
    }
    case 'stats': {
      const counter = new StatisticsCounter();
      const accepts = acceptor(filter);
      for (const line of scanLog(file)) if (accepts(line)) counter.count(line);
      output.write(json ? jsonText(counter.result()) : showStatistics(counter.result(), paint));
      return 0;
    }
    case 'diff': {
      const difference = diffEventLogs(file, other, filter);
      output.write(json ? jsonText(difference) : showDifference(difference, file, other, paint));
      return difference.identical ? 0 : EXIT_DIFFERENT;
    }
    case 'golden': {
      const difference = compareWithGolden(file, other, masks, filter);
      if (json) output.write(jsonText({ same: difference === null, difference }));
      else {
        output.write(
          difference === null ? `${file} is as ${other} has it\n` : showGoldenDifference(difference, other, paint),
        );
      }
      return difference === null ? 0 : EXIT_DIFFERENT;
    }
    case 'perfetto': {
      const events = writePerfetto(file, other, filter);
      output.write(
        json ? jsonText({ trace: other, events }) : `${other}: ${events} events; open it in ui.perfetto.dev\n`,
      );
      return 0;
    }
    case 'update': {
      const events = updateGolden(file, other, masks, filter);
      output.write(json ? jsonText({ golden: other, events }) : `${other}: ${events} events\n`);
      return 0;
    }
  }
}

async function showEvents({ file, filter, json }: LogRequest, output: Output, paint: Paint): Promise<number> {
  const accepts = acceptor(filter);
  for (const line of scanLog(file)) {
    if (!accepts(line)) continue;
    output.write(shown(line, json, paint));
    if (output.isFull) await output.flush();
  }
  return 0;
}

async function follow(
  { file, filter, json }: LogRequest,
  output: Output,
  paint: Paint,
  interrupt: AbortSignal,
): Promise<number> {
  const end = await followLog(file, filter, interrupt, {
    event: (line) => output.write(shown(line, json, paint)),
    pause: () => output.flush(),
    note: (note) => process.stderr.write(`log: ${note}\n`),
  });
  return end === 'interrupted' ? EXIT_INTERRUPTED : 0;
}

function shown(line: ScannedLine, json: boolean, paint: Paint): string {
  return `${json ? line.text : showEvent(line.parse(), paint)}\n`;
}

function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
