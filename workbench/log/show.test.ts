// SPDX-License-Identifier: GPL-2.0-only
/** Output for people: events, timeline, statistics, colour. */

import { describe, expect, it } from 'vitest';
import { summaryOf } from './run-summary.ts';
import { COLOURED, PLAIN, paintFor } from '#workbench/cli/terminal-style.ts';
import { readEventLogHeader, scanLog } from './read-event-log.ts';
import { showEvent } from './show-event.ts';
import { StatisticsCounter, showStatistics } from './statistics.ts';
import { event, logFile } from './testing/log-fixture.ts';
import { showTimeline, timeline } from './timeline.ts';

describe('showEvent', () => {
  it('tells time to the nanosecond, core, kind and fields', () => {
    const one = event('memory', { what: 'reserved', base: '0x80000000', owner: 'kernel image' }, 41_436_987, 3);
    expect(showEvent(one, PLAIN)).toBe(
      '   41.436987 ms  3  memory       what=reserved base=0x80000000 owner="kernel image"',
    );
  });

  it('lets nothing that a guest wrote control the terminal', () => {
    const shown = showEvent(event('serial', { text: 'red \u001b[31m \u009b1m \r end' }), PLAIN);
    expect(shown).toContain('red \\x1b[31m \\x9b1m \\x0d end');
    expect(showEvent(event('uart', { device: '\u001b' }), PLAIN)).not.toContain('\u001b');
  });
});

describe('paintFor', () => {
  it.each([
    [{ isTTY: true }, {}, true],
    [{ isTTY: true }, { NO_COLOR: '' }, true],
    [{ isTTY: true }, { NO_COLOR: '1' }, false],
    [{ isTTY: true }, { TERM: 'dumb' }, false],
    [{}, {}, false],
  ])('%j with %j: %s', (stream, environment, colour) => {
    expect(paintFor(stream, environment)).toBe(colour ? COLOURED : PLAIN);
  });

  it('begins and ends a style', () => {
    expect(COLOURED('red', 'x')).toBe('\u001b[31mx\u001b[39m');
  });
});

describe('timeline', () => {
  const boot = [
    event('boot', {}, 0),
    event('stage', { number: 1, name: 'Early' }, 100),
    event('power', { action: 'core on', core: 1 }, 150),
    event('stage', { number: 2, name: 'Memory' }, 400),
    event('panic', { reason: 'No RAM', detail: '' }, 900),
    event('stop', { outcome: 'panic', reason: 'the kernel panicked' }, 1000),
  ];

  it('gives stages until the next one, and moments without a duration', () => {
    const path = logFile(boot, { board: 'pixel6', options: { cpus: 2 } });
    expect(timeline(summaryOf(path)).map(({ atNs, tookNs }) => [atNs, tookNs])).toEqual([
      [0, 100],
      [100, 300],
      [150, null],
      [400, 600],
      [900, null],
      [1000, null],
    ]);
    const shown = showTimeline(readEventLogHeader(path), summaryOf(path), PLAIN);
    expect(shown).toMatch(/^pixel6 · cpus 2 · 6 events · 1 us simulated\n/);
    expect(shown).toMatch(/ 400 ns +600 ns +█{24} +stage 2: Memory\n/);
    expect(shown).toContain('PANIC: No RAM');
  });

  it('says when a log has no end', () => {
    const path = logFile(boot.slice(0, 2));
    expect(showTimeline(readEventLogHeader(path), summaryOf(path), PLAIN)).toContain('no end: the run was killed');
  });

  it('has the memory layout of the last boot, and the marks of all', () => {
    const bank = (base: string) => event('memory', { what: 'bank', base, bytes: 4096 });
    const summary = summaryOf(logFile([...boot.slice(0, 2), bank('0x0'), event('boot'), bank('0x8000')]));
    expect(summary.memory.banks).toEqual([{ base: 0x8000, bytes: 4096 }]);
    expect([summary.boots, summary.marks.length]).toEqual([2, 3]);
  });
});

describe('statistics', () => {
  it('counts by kind, core and sort, the most frequent first', () => {
    const counter = new StatisticsCounter();
    const events = [
      event('stage', { number: 1 }, 5),
      event('heap', { op: 'alloc', bytes: 1 }, 6),
      event('heap', { op: 'free', bytes: 1 }, 7, 2),
      event('heap', { op: 'free', bytes: 2 }, 9, 2),
      event('exception', { esr: 17, pc: '0x1' }, 9, 2),
    ];
    for (const line of scanLog(logFile(events))) counter.count(line);
    const result = counter.result();
    expect(result).toMatchObject({ events: 5, firstNs: 5, lastNs: 9, byCore: { 0: 2, 2: 3 } });
    expect(result.kinds.map(({ kind, events: n, sorts }) => [kind, n, sorts])).toEqual([
      ['heap', 3, { free: 2, alloc: 1 }],
      ['stage', 1, {}],
      ['exception', 1, { '0x11': 1 }],
    ]);
    expect(showStatistics(result, PLAIN)).toMatch(
      /^5 events in 4 ns · core 0: 2, core 2: 3\n.*\nheap .* free 2, alloc 1\n/,
    );
  });

  it('tells only so many sorts apart', () => {
    const counter = new StatisticsCounter();
    const events = Array.from({ length: 100 }, (_, i) => event('sysreg', { register: `R${i}` }));
    for (const line of scanLog(logFile(events))) counter.count(line);
    expect(counter.result().kinds[0]?.sorts['(others)']).toBe(36);
  });
});
