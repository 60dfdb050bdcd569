// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { EventLog, type EventLogOptions, type EventOf } from './event-log.ts';

/** Kinds of this test: one that is kept always, a loud one, and two of a guest's. */
interface Kinds {
  said: { readonly text: string };
  loud: { readonly number: number };
}
interface GuestKinds extends Kinds {
  'guest-said': { readonly text: string };
  'guest-loud': { readonly number: number };
}

const KINDS = { said: { always: true, meaning: '' }, loud: { always: false, meaning: '' } };
const GUEST_KINDS = { ...KINDS, 'guest-said': KINDS.said, 'guest-loud': KINDS.loud };

const logOf = (options: Partial<EventLogOptions<Kinds>> = {}): EventLog<Kinds> =>
  new EventLog<Kinds>({ kinds: KINDS, now: () => 0, ...options });

describe('EventLog', () => {
  it('stamps events with simulated time and core', () => {
    let t = 100;
    let core = 0;
    const log = logOf({ now: () => t, core: () => core, trace: ['loud'] });
    log.emit('said', { text: 'a' });
    t = 250;
    core = 3;
    log.emit('loud', { number: 1 });
    expect(log.events).toEqual([
      { t: 100, core: 0, kind: 'said', fields: { text: 'a' } },
      { t: 250, core: 3, kind: 'loud', fields: { number: 1 } },
    ]);
  });

  it('keeps the quiet kinds always and the loud ones when they are traced', () => {
    const log = logOf();
    expect([log.enabled('said'), log.enabled('loud')]).toEqual([true, false]);
    log.emit('loud', { number: 1 });
    expect(log.events).toEqual([]);
    expect(logOf({ trace: ['loud'] }).enabled('loud')).toBe(true);
  });

  it('takes kinds of a guest: those that it traces, and those that are kept always', () => {
    const machine = logOf({ trace: ['guest-loud'] });
    const log = machine.extendedBy<GuestKinds>(GUEST_KINDS);
    log.emit('guest-said', { text: 'g' });
    log.emit('guest-loud', { number: 2 });
    log.emit('loud', { number: 1 });
    expect(machine.events.map(({ kind }) => kind)).toEqual(['guest-said', 'guest-loud']);
    expect(logOf().extendedBy<GuestKinds>(GUEST_KINDS).enabled('guest-loud')).toBe(false);
  });

  it('gives the events of one kind', () => {
    const log = logOf({ trace: ['loud'] });
    log.emit('said', { text: '1' });
    log.emit('loud', { number: 1 });
    log.emit('said', { text: '2' });
    expect(log.get('said').map(({ fields }) => fields.text)).toEqual(['1', '2']);
    expect(logOf().get('said')).toEqual([]);
  });

  it('tells its listeners, by kind or all, until they leave', () => {
    const log = logOf({ trace: ['loud'] });
    const all: string[] = [];
    const said: EventOf<Kinds, 'said'>[] = [];
    const leave = log.subscribe((event) => all.push(event.kind));
    log.subscribe((event) => said.push(event), 'said');
    log.emit('loud', { number: 1 });
    log.emit('said', { text: 'x' });
    leave();
    log.emit('said', { text: 'y' });
    expect(all).toEqual(['loud', 'said']);
    expect(said).toHaveLength(2);
  });

  it('bounds the loud events in memory, not the quiet ones and not what listeners see', () => {
    const log = logOf({ trace: ['loud'], loudLimit: 2 });
    let seen = 0;
    log.subscribe(() => seen++);
    for (let i = 0; i < 5; i++) {
      log.emit('loud', { number: i });
      log.emit('said', { text: '' });
    }
    expect(log.get('loud').map(({ fields }) => fields.number)).toEqual([0, 1]);
    expect(log.get('said')).toHaveLength(5);
    expect([log.notKept, seen]).toEqual([3, 10]);
  });
});
