// SPDX-License-Identifier: GPL-2.0-only
import { appendFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventFormatError, eventHeaderLine } from './event-header.ts';
import { eventLine, eventLines } from './event-lines.ts';
import type { EventRecord } from './event-lines.ts';
import { InputError } from '#workbench/input-error.ts';
import type { EventFilter } from './read-event-log.ts';
import { LogCursor } from './log-file.ts';
import { readEventLog, readEventLogHeader, scanLog } from './read-event-log.ts';
import { event, logFile, temporaryPath, textFile } from './testing/log-fixture.ts';

const events = fc.array(
  fc.record({
    t: fc.nat(1000),
    core: fc.nat(3),
    kind: fc.constantFrom('serial', 'irq', 'mmio-unknown', 'odd "kind"', 'panic'),
    fields: fc.dictionary(fc.string(), fc.oneof(fc.string({ unit: 'binary' }), fc.nat(), fc.boolean()), { maxKeys: 3 }),
  }),
  { maxLength: 12 },
);

describe('readEventLog', () => {
  it('reads what was written, for any events', () => {
    fc.assert(
      fc.property(events, (written) => {
        expect([...readEventLog(logFile(written))]).toEqual(written);
      }),
      { numRuns: 50 },
    );
  });

  it('gives the events that satisfy every filter, for any filter', () => {
    const filters = fc.record(
      {
        kinds: fc.array(fc.constantFrom('serial', 'irq', 'odd "kind"')),
        cores: fc.array(fc.nat(3)),
        fromNs: fc.nat(1000),
        toNs: fc.nat(1000),
        grep: fc.constantFrom(/irq/, /"core":[12]/, /a/g),
      },
      { requiredKeys: [] },
    );
    const satisfies = (one: EventRecord, { kinds, cores, fromNs, toNs, grep }: EventFilter): boolean =>
      (kinds?.includes(one.kind) ?? true) &&
      (cores?.includes(one.core) ?? true) &&
      (fromNs === undefined || one.t >= fromNs) &&
      (toNs === undefined || one.t <= toNs) &&
      (grep === undefined || eventLine(one).replaceAll('\\"', '"').search(grep) >= 0);
    fc.assert(
      fc.property(events, filters, (written, filter) => {
        const expected = written.filter((one) => satisfies(one, filter));
        expect([...readEventLog(logFile(written), filter as Parameters<typeof readEventLog>[1])]).toEqual(expected);
      }),
      { numRuns: 100 },
    );
  });

  it('takes lines that somebody wrote in another order or with spaces', () => {
    const line = '{ "kind": "irq", "core": 2, "t": 7, "taken": "fiq" }';
    expect([...readEventLog(textFile(`${eventHeaderLine()}\n${line}\n\n`), { kinds: ['irq'], cores: [2] })]).toEqual([
      event('irq', { taken: 'fiq' }, 7, 2),
    ]);
  });

  it('reads lines across pieces of the file, and one longer than a piece, with characters of several bytes', () => {
    const written = Array.from({ length: 3000 }, (_, t) => event('serial', { text: 'é—'.repeat(t % 300) }, t));
    written.push(event('serial', { text: '—'.repeat(2 ** 20) }));
    const read = [...readEventLog(logFile(written))];
    expect(read).toHaveLength(3001);
    expect(read).toEqual(written);
  });

  it('tells line numbers as an editor counts them', () => {
    const path = textFile(`\n${eventHeaderLine()}\n${eventLine(event('irq'))}${eventLine(event('panic'))}`);
    expect([...scanLog(path)].map(() => 0)).toHaveLength(2);
    const numbers: number[] = [];
    for (const { number } of scanLog(path)) numbers.push(number);
    expect(numbers).toEqual([4, 5]);
  });

  it.each([
    ['', 'line 1: no header: the file is empty'],
    ['\u007fELF\n', 'line 1: not JSON'],
    ['nothing at all', 'line 1: not JSON'],
    ['{"format":"levitate-events","version":7}\n', 'line 1: version 7, expected 1; a newer'],
    [`${eventHeaderLine()}{"t":1,"core":0,"kind":"irq","pc":"0x`, 'line 2: the file ends within the line'],
    [`${eventHeaderLine()}{"t":1,"core":0}\n`, 'line 2: t, core or kind is missing'],
    [`${eventHeaderLine()}{"t":1,"core":0,"kind":"irq"\n`, 'line 2: not JSON'],
  ])('refuses %j', (text, problem) => {
    const path = textFile(text);
    expect(() => [...readEventLog(path)]).toThrow(EventFormatError);
    expect(() => [...readEventLog(path)]).toThrow(problem);
  });

  it('takes a last line that only lacks its line feed', () => {
    const path = textFile(eventLines([event('irq', { taken: '—' })]).trimEnd());
    expect([...readEventLog(path)]).toEqual([event('irq', { taken: '—' })]);
  });

  it('names a file that is not there, and the command that makes one', () => {
    const path = temporaryPath();
    expect(() => [...readEventLog(path)]).toThrow(InputError);
    expect(() => [...readEventLog(path)]).toThrow(`${path}: there is no such file; "npm run boot`);
  });
});

describe('readEventLogHeader', () => {
  it('reads the header, also of a log without events or without a line feed', () => {
    expect(readEventLogHeader(logFile([], { board: 'pixel6' })).board).toBe('pixel6');
    expect(readEventLogHeader(logFile([event('irq')], { board: 'pixel6' })).board).toBe('pixel6');
    expect(readEventLogHeader(textFile(eventHeaderLine({ board: 'pixel6' }).trimEnd())).board).toBe('pixel6');
  });

  it.each(['', '\n', 'x\n'])('refuses %j', (text) => {
    expect(() => readEventLogHeader(textFile(text))).toThrow(EventFormatError);
  });
});

describe('LogCursor', () => {
  it('shows a growing file line by line, never half a line', () => {
    const path = logFile([]);
    const cursor = new LogCursor(path);
    const available = (): string[] => {
      const kinds: string[] = [];
      for (const { kind } of cursor.available()) kinds.push(kind);
      return kinds;
    };
    expect(available()).toEqual([]);
    const line = eventLine(event('irq'));
    appendFileSync(path, line + line.slice(0, 9));
    expect(available()).toEqual(['irq']);
    expect(available()).toEqual([]);
    appendFileSync(path, line.slice(9));
    expect(available()).toEqual(['irq']);
    cursor.close();
  });
});
