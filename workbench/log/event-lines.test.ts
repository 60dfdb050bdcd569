// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventFormatError, eventHeaderLine } from './event-header.ts';
import { eventLine, eventLines, type EventRecord } from './event-lines.ts';
import { readEventLog } from './read-event-log.ts';
import { textFile } from './testing/log-fixture.ts';

const readBack = (text: string) => [...readEventLog(textFile(text))];

const event = (fields: Record<string, unknown>): EventRecord => ({ t: 5, core: 1, kind: 'mmio', fields });

describe('eventLine', () => {
  it('puts t, core and kind first, then the fields in their own order', () => {
    expect(eventLine(event({ zeta: 1, alpha: 'x' }))).toBe('{"t":5,"core":1,"kind":"mmio","zeta":1,"alpha":"x"}\n');
  });

  it.each([
    ['0x880000000', '"0x880000000"'],
    [[1, null, [true]], '[1,null,[true]]'],
    [{ pa: 4, gone: undefined }, '{"pa":4}'],
    ['— "quoted"\n', '"— \\"quoted\\"\\n"'],
  ])('writes %j as %s', (value, json) => {
    expect(eventLine(event({ value }))).toBe(`{"t":5,"core":1,"kind":"mmio","value":${json}}\n`);
  });

  it('leaves out what has no value', () => {
    expect(eventLine(event({ a: undefined }))).toBe('{"t":5,"core":1,"kind":"mmio"}\n');
  });

  it('does not let a field hide a stamp', () => {
    const line = eventLine(event({ kind: 'spi', t: 1, 'field.t': 2 }));
    expect(line).toBe('{"t":5,"core":1,"kind":"mmio","field.kind":"spi","field.t":1,"field.field.t":2}\n');
    expect(readBack(eventHeaderLine() + line)).toEqual([event({ kind: 'spi', t: 1, 'field.t': 2 })]);
  });
});

describe('readEventLog', () => {
  it('reads back what was written, for any fields', () => {
    const leaf = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
      fc.boolean(),
      fc.constant(null),
    );
    const value = fc.oneof(leaf, fc.array(leaf, { maxLength: 4 }));
    const name = fc.oneof(
      fc.string(),
      fc.constantFrom('t', 'core', 'kind', 'field.t', 'field.field.kind', '__proto__'),
    );
    const events = fc.array(
      fc.record({
        t: fc.nat(2 ** 31 - 1),
        core: fc.nat(7),
        kind: fc.string(),
        fields: fc
          .uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 6 })
          .map((entries) => Object.fromEntries(entries)),
      }),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(events, (written) => {
        const read = readBack(eventLines(written));
        expect(read).toEqual(written);
        expect(read.map((one) => Object.keys(one.fields))).toEqual(written.map((one) => Object.keys(one.fields)));
      }),
    );
  });

  it.each([
    ['', 1, 'no header'],
    ['{"t":0,"core":0,"kind":"irq"}\n', 1, 'not the header'],
    ['{"format":"levitate-events","version":2}\n', 1, 'version 2, expected 1'],
    [`${eventHeaderLine()}nonsense\n`, 2, 'not JSON'],
    [`${eventHeaderLine()}[1]\n`, 2, 'not a JSON object'],
    [`${eventHeaderLine()}\n{"t":0,"kind":"irq"}\n`, 3, 't, core or kind is missing'],
  ])('refuses %j at line %d: %s', (text, line, problem) => {
    const parse = () => readBack(text);
    expect(parse).toThrow(EventFormatError);
    expect(parse).toThrow(`event log, line ${line}: ${problem}`);
  });
});
