// SPDX-License-Identifier: GPL-2.0-only
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { EventRecord } from './event-lines.ts';
import { writePerfetto } from './perfetto.ts';
import { event, logFile, temporaryPath } from './testing/log-fixture.ts';

type TraceEvent = Readonly<Record<string, unknown>>;

function traceOf(events: readonly EventRecord[], kinds?: readonly string[]): TraceEvent[] {
  const file = temporaryPath('trace.json');
  const written = writePerfetto(logFile(events, { board: 'pixel6' }), file, { kinds });
  const trace = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  expect(trace).toMatchObject({ otherData: { board: 'pixel6' } });
  expect(trace).not.toHaveProperty('displayTimeUnit');
  const all = trace['traceEvents'] as TraceEvent[];
  const told = all.filter(({ ph }) => ph !== 'M');
  expect(told).toHaveLength(written);
  // Every lane that is written to has a name, and a number that no lane of another process has.
  const named = all.filter(({ name }) => name === 'thread_name');
  const lanes = new Set(named.map(({ pid, tid }) => `${pid}/${tid}`));
  expect(new Set(named.map(({ tid }) => tid)).size).toBe(lanes.size);
  for (const { ph, pid, tid } of told) if (ph !== 'C') expect(lanes).toContain(`${pid}/${tid}`);
  return told;
}

describe('a trace for Perfetto', () => {
  it('has the stages as stretches, to the nanosecond, and the panic across all lanes', () => {
    const stages = [
      event('boot', { kernel: '0x80080000' }),
      event('stage', { number: 1, name: 'Early' }, 1),
      event('stage', { number: 2, name: 'Memory' }, 2500),
      event('panic', { reason: 'No RAM', detail: '' }, 9001),
    ];
    expect(traceOf(stages)).toMatchObject([
      { name: 'power on: firmware, kernel entry', ph: 'X', ts: 0, dur: 0.001 },
      { name: 'stage 1: Early', ph: 'X', ts: 0.001, dur: 2.499 },
      { name: 'stage 2: Memory', ph: 'X', ts: 2.5, dur: 6.501 },
      { name: 'PANIC: No RAM', ph: 'i', s: 'g', ts: 9.001 },
    ]);
  });

  it('has an interrupt from its acknowledgement to its end, nested, on the lane of its core', () => {
    const irq = (fields: Readonly<Record<string, unknown>>, t: number, core = 0) => event('irq', fields, t, core);
    const events = [
      irq({ taken: 'irq', pc: '0x0' }, 1000),
      irq({ acknowledged: 27 }, 2000),
      irq({ acknowledged: 33 }, 3000),
      irq({ acknowledged: 27 }, 3500, 1),
      irq({ ended: 33 }, 4000),
      irq({ ended: 27 }, 5000),
      irq({ deactivated: 27 }, 6000),
    ];
    expect(traceOf(events)).toMatchObject([
      { name: 'irq taken', ph: 'i', pid: 2, ts: 1 },
      { name: 'INTID 33', ph: 'X', pid: 2, ts: 3, dur: 1 },
      { name: 'INTID 27', ph: 'X', pid: 2, ts: 2, dur: 3 },
      { name: 'INTID 27 ended', ph: 'i', pid: 2, ts: 6 },
      { name: 'INTID 27', ph: 'X', pid: 3, ts: 3.5, dur: 2.5 },
    ]);
  });

  it('has exceptions, MMIO and calls on lanes of their core, and free frames as a counter', () => {
    const events = [
      event('exception', { level: 1, esr: 0x96000045, far: '0x0' }, 1, 1),
      event('mmio', { device: 'uart0', offset: '0x18', write: false }, 2, 1),
      event('psci', { function: 'CPU_ON', argument: '0x1', result: '0x0' }, 3, 1),
      event('memory', { what: 'steady', freeFrames: 17 }, 4),
    ];
    expect(traceOf(events)).toMatchObject([
      { name: 'ESR 0x96000045', pid: 3, tid: 301, args: { far: '0x0' } },
      { name: 'uart0 0x18 read', pid: 3, tid: 303 },
      { name: 'CPU_ON', pid: 3, tid: 304 },
      { name: 'steady', pid: 1, tid: 103 },
      { name: 'free frames', ph: 'C', args: { freeFrames: 17 } },
    ]);
  });

  it('keeps the nanosecond where a reader multiplies by a thousand and cuts', () => {
    const times = [1, 1001, 2_499, 9_007, 1_146_612_629, 41_436_987_003];
    const told = traceOf(times.map((t) => event('mmio', { device: 'x', offset: '0x0', write: true }, t)));
    expect(told.map(({ ts }) => Math.trunc(Number(ts) * 1000))).toEqual(times);
  });

  it('has only what the filter chooses, and is whole however long the log is', () => {
    const events = Array.from({ length: 2500 }, (_, t) => event(t % 2 === 0 ? 'mmio' : 'sysreg', { register: 'x' }, t));
    expect(traceOf(events, ['sysreg'])).toHaveLength(1250);
    expect(traceOf(events)).toHaveLength(2500);
  });
});
