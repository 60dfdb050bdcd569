// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import type { LogEvent } from '#workbench/machine/event-kinds.ts';
import { LaneRecorder } from './lanes.ts';

const event = (t: number, core: number, kind: string, fields: object): LogEvent =>
  ({ t, core, kind, fields }) as unknown as LogEvent;

function lanesOf(...events: readonly LogEvent[]): Record<string, readonly unknown[]> {
  const recorder = new LaneRecorder();
  for (const one of events) recorder.add(one);
  return Object.fromEntries(recorder.at(100).map(({ name, marks }) => [name, marks]));
}

describe('lanes', () => {
  it('cores are on from their start to their end, or that of the run', () => {
    const on = (t: number, core: number) => event(t, 0, 'power', { action: 'core on', core });
    expect(lanesOf(on(10, 2), on(20, 10), event(50, 2, 'power', { action: 'core off', core: 2 }), on(60, 2))).toEqual({
      'core 0': [[0, 100, 1, 'on']],
      'core 2': [
        [10, 50, 1, 'on'],
        [60, 100, 1, 'on'],
      ],
      'core 10': [[20, 100, 1, 'on']],
    });
  });

  it('levels lie between two exceptions; interrupts nest, and may not have ended', () => {
    const taken = (t: number, from: number) =>
      event(t, 1, 'exception', { level: 1, from, esr: 0x5600_0000, pc: '0x80' });
    const irq = (t: number, fields: object) => event(t, 1, 'irq', fields);
    const lanes = lanesOf(
      taken(10, 0),
      taken(30, 1),
      irq(40, { acknowledged: 27 }),
      irq(50, { acknowledged: 30 }),
      irq(55, { ended: 30 }),
      irq(60, { acknowledged: 31 }),
      irq(70, { ended: 27 }),
      event(80, 1, 'mmio', { device: 'pl011', offset: '0x0', write: true, value: '0x41' }),
    );
    expect(lanes['core 1, level']).toEqual([[10, 30, 1, 'EL1']]);
    expect(lanes['core 1, exceptions']?.[1]).toEqual([30, 30, 1, 'EL1 to EL1, ESR 0x56000000, at 0x80']);
    expect(lanes['core 1, interrupts']).toEqual([
      [50, 55, 1, 'INTID 30'],
      [40, 70, 1, 'INTID 27'],
      [60, 100, 1, 'INTID 31'],
    ]);
    expect(lanes['core 1, MMIO']).toEqual([[80, 80, 1, 'pl011 0x0 = 0x41']]);
  });

  it('a reset ends what was open, and core 0 begins anew', () => {
    const lanes = lanesOf(
      event(0, 0, 'boot', {}),
      event(5, 0, 'power', { action: 'core on', core: 1 }),
      event(10, 0, 'exception', { level: 1, from: 0, esr: 0, pc: '0x80' }),
      event(20, 0, 'irq', { acknowledged: 27 }),
      event(40, 0, 'power', { action: 'reset' }),
      event(40, 0, 'boot', {}),
      event(60, 0, 'exception', { level: 1, from: 1, esr: 0, pc: '0x80' }),
      event(70, 0, 'irq', { ended: 27 }),
    );
    expect(lanes['core 0']).toEqual([
      [0, 40, 1, 'on'],
      [40, 100, 1, 'on'],
    ]);
    expect(lanes['core 1']).toEqual([[5, 40, 1, 'on']]);
    expect(lanes['core 0, interrupts']).toEqual([[20, 40, 1, 'INTID 27']]);
    expect(lanes['core 0, level']).toBeUndefined();
  });

  it('a lane with a great many keeps fewer, and counts them all', () => {
    const access = { device: 'x', offset: '0x0', write: false, value: '0x0' };
    const marks = lanesOf(...Array.from({ length: 5001 }, (_, t) => event(t, 0, 'mmio', access)))['core 0, MMIO'];
    expect(marks?.length).toBeLessThanOrEqual(1000);
    expect(marks?.reduce((sum: number, mark) => sum + Number((mark as number[])[2]), 0)).toBe(5001);
    expect(marks?.at(-1)).toMatchObject({ 1: 5000 });
  });
});
