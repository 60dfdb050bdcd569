import { describe, expect, it } from 'vitest';
import { eventLines, parseEventLines } from './event-lines.ts';
import { EventLog, type LogEvent } from './event-log.ts';

describe('EventLog', () => {
  it('stamps events with simulated time and core', () => {
    let t = 100;
    let core = 0;
    const log = new EventLog({ now: () => t, core: () => core });
    log.emit('serial', { text: 'a' });
    t = 250;
    core = 3;
    log.emit('panic', { reason: 'b' });
    expect(log.events).toEqual([
      { t: 100, core: 0, kind: 'serial', fields: { text: 'a' } },
      { t: 250, core: 3, kind: 'panic', fields: { reason: 'b' } },
    ]);
  });

  it('survives JSON.stringify, and says there what a log file says', () => {
    const log = new EventLog({ now: () => 5 });
    log.emit('fault', { address: 0xffff_8000_0000_1000n, bytes: Uint8Array.of(1, 2), list: [3n], never: undefined });
    expect(JSON.parse(JSON.stringify(log.events))).toEqual([
      { t: 5, core: 0, kind: 'fault', fields: { address: '0xffff800000001000', bytes: [1, 2], list: ['0x3'] } },
    ]);
    expect(JSON.parse(JSON.stringify(log.events))).toEqual(parseEventLines(eventLines(log.events)));
  });

  it('keeps the quiet kinds always and the loud ones when they are traced', () => {
    const log = new EventLog({ now: () => 0, trace: ['irq'] });
    expect(['serial', 'irq', 'mmio', 'unmapped'].map((kind) => log.enabled(kind))).toEqual([true, true, false, true]);
    log.emit('irq', { intid: 27 });
    log.emit('mmio', { offset: 0 });
    expect(log.events.map((event) => event.kind)).toEqual(['irq']);
  });

  it('keeps a kind that the table does not know', () => {
    const log = new EventLog({ now: () => 0 });
    log.emit('newcomer', {});
    expect(log.enabled('newcomer')).toBe(true);
    expect(log.get('newcomer')).toHaveLength(1);
  });

  it('gives the events of one kind', () => {
    const log = new EventLog({ now: () => 0 });
    log.emit('serial', { text: '1' });
    log.emit('stage', { name: 'x' });
    log.emit('serial', { text: '2' });
    expect(log.get('serial').map((event) => event.fields['text'])).toEqual(['1', '2']);
    expect(log.get('panic')).toEqual([]);
  });

  it('tells its listeners, by kind or all, until they leave', () => {
    const log = new EventLog({ now: () => 0 });
    const all: string[] = [];
    const serial: LogEvent[] = [];
    const leave = log.subscribe((event) => all.push(event.kind));
    log.subscribe((event) => serial.push(event), 'serial');
    log.emit('stage', {});
    log.emit('serial', { text: 'x' });
    leave();
    log.emit('serial', { text: 'y' });
    expect(all).toEqual(['stage', 'serial']);
    expect(serial).toHaveLength(2);
  });

  it('bounds the loud events in memory, not the quiet ones and not what listeners see', () => {
    const log = new EventLog({ now: () => 0, trace: ['irq'], loudLimit: 2 });
    let seen = 0;
    log.subscribe(() => seen++);
    for (let i = 0; i < 5; i++) {
      log.emit('irq', { i });
      log.emit('serial', { i });
    }
    expect(log.get('irq').map((event) => event.fields['i'])).toEqual([0, 1]);
    expect(log.get('serial')).toHaveLength(5);
    expect([log.notKept, seen]).toEqual([3, 10]);
  });
});
