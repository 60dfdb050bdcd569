// SPDX-License-Identifier: GPL-2.0-only
import { appendFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { eventHeaderLine } from './event-header.ts';
import { eventLine, eventLines } from './event-lines.ts';
import type { EventFilter } from './read-event-log.ts';
import { followLog } from './follow.ts';
import { event, temporaryPath } from './testing/log-fixture.ts';

/** Follows `path`; at each pause the next of `steps` is done. */
async function follow(
  path: string,
  steps: (() => void)[],
  filter: EventFilter = {},
  signal = new AbortController().signal,
) {
  const [seen, notes]: [string[], string[]] = [[], []];
  const end = await followLog(path, filter, signal, {
    event: ({ kind }) => seen.push(kind),
    pause: () => {
      steps.shift()?.();
      return Promise.resolve();
    },
    note: (text) => {
      notes.push(text);
      if (text.startsWith('waiting')) steps.shift()?.();
    },
  });
  return { end, seen, notes };
}

const stop = eventLine(event('stop'));

describe('followLog', () => {
  it('waits for the file, shows what is complete, and ends with the run', async () => {
    const path = temporaryPath();
    const line = eventLine(event('irq'));
    const result = await follow(path, [
      () => writeFileSync(path, eventHeaderLine() + line + line.slice(0, 5)),
      () => appendFileSync(path, line.slice(5)),
      () => appendFileSync(path, stop),
    ]);
    expect(result).toEqual({ end: 'run ended', seen: ['irq', 'irq', 'stop'], notes: [`waiting for ${path}`] });
  });

  it('shows what the filter accepts, and sees the end nevertheless', async () => {
    const path = temporaryPath();
    writeFileSync(path, eventLines([event('irq'), event('stage')]) + stop);
    expect(await follow(path, [], { kinds: ['stage'] })).toMatchObject({ end: 'run ended', seen: ['stage'] });
  });

  it('goes over to a file that is begun anew', async () => {
    const path = temporaryPath();
    writeFileSync(path, eventLines([event('irq'), event('irq'), event('irq')]));
    const result = await follow(path, [() => writeFileSync(path, eventHeaderLine() + stop)]);
    expect(result).toEqual({ end: 'run ended', seen: ['irq', 'irq', 'irq', 'stop'], notes: [`${path} is begun anew`] });
  });

  it('ends when it is told to', async () => {
    const interrupt = new AbortController();
    const path = temporaryPath();
    writeFileSync(path, eventLines([event('irq')]));
    const abort = () => interrupt.abort();
    expect(await follow(path, [abort], {}, interrupt.signal)).toMatchObject({ end: 'interrupted', seen: ['irq'] });
    expect(await follow(temporaryPath(), [], {}, interrupt.signal)).toMatchObject({ end: 'interrupted', seen: [] });
  });
});
