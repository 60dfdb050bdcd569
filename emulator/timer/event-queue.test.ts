// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ScheduledEvent, EventQueue } from './event-queue.ts';

/** Events that happened, in order: [label, tick of the caller]. */
function recorder() {
  const happened: string[] = [];
  return { happened, note: (label: string) => () => void happened.push(label) };
}

describe('an event queue', () => {
  it('is empty at first: nothing is due, ever', () => {
    const eventQueue = new EventQueue();
    expect(eventQueue.nextTick).toBe(Infinity);
    eventQueue.runDue(Number.MAX_SAFE_INTEGER);
    expect(eventQueue.nextTick).toBe(Infinity);
  });

  it('lets things happen by tick, and in the order made at one tick', () => {
    const eventQueue = new EventQueue();
    const { happened, note } = recorder();
    for (const [tick, label] of [
      [30, 'd'],
      [10, 'a'],
      [20, 'b'],
      [20, 'c'],
    ] as const) {
      eventQueue.at(tick, note(label));
    }
    expect(eventQueue.nextTick).toBe(10);
    eventQueue.runDue(9);
    expect(happened).toEqual([]);
    eventQueue.runDue(20);
    expect(happened).toEqual(['a', 'b', 'c']);
    expect(eventQueue.nextTick).toBe(30);
  });

  it('runs what an action schedules for the same moment or the past in the same go, and later things later', () => {
    const eventQueue = new EventQueue();
    const { happened, note } = recorder();
    eventQueue.at(5, () => {
      happened.push('first');
      eventQueue.at(5, note('now'));
      eventQueue.at(1, note('past'));
      eventQueue.at(6, note('later'));
    });
    eventQueue.at(5, note('second'));
    eventQueue.runDue(5);
    expect(happened).toEqual(['first', 'past', 'second', 'now']);
    eventQueue.runDue(6);
    expect(happened.at(-1)).toBe('later');
  });

  it('forgets what was cancelled, also by an action at the same tick, and a second or late cancel does nothing', () => {
    const eventQueue = new EventQueue();
    const { happened, note } = recorder();
    const gone = eventQueue.at(1, note('gone'));
    gone.cancel();
    gone.cancel();
    expect(eventQueue.nextTick).toBe(Infinity);
    eventQueue.at(2, () => victim.cancel());
    const victim = eventQueue.at(2, note('victim'));
    const done = eventQueue.at(2, note('done'));
    eventQueue.runDue(2);
    done.cancel();
    expect(happened).toEqual(['done']);
  });

  it('tells each tick as it is scheduled, and forgets all at a reset', () => {
    const eventQueue = new EventQueue();
    const told: number[] = [];
    eventQueue.onScheduled = (tick) => told.push(tick);
    const { happened, note } = recorder();
    eventQueue.at(7, note('x'));
    eventQueue.at(3, note('y'));
    expect(told).toEqual([7, 3]);
    eventQueue.clear();
    eventQueue.runDue(100);
    expect([eventQueue.nextTick, happened]).toEqual([Infinity, []]);
  });

  it('does what a sorted list would, under any mix of scheduling, cancelling and the passing of time', () => {
    const tick = fc.integer({ min: 0, max: 60 });
    const step = fc.oneof(
      // `follow`: what the action itself schedules when it happens, this many ticks after its own.
      fc.record({ what: fc.constant('at' as const), tick, follow: fc.option(fc.integer({ min: -3, max: 9 })) }),
      fc.record({ what: fc.constant('cancel' as const), which: fc.nat(200) }),
      fc.record({ what: fc.constant('advance' as const), by: fc.nat(12) }),
      fc.record({ what: fc.constant('clear' as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
        const eventQueue = new EventQueue();
        const handles: ScheduledEvent[] = [];
        const happened: number[] = [];
        let listed: { id: number; tick: number; follow: number | null }[] = [];
        const expected: number[] = [];
        let now = 0;
        let next = 0;
        // The identity of what an action adds must not depend on which of the two sides adds first.
        const childOf = (id: number): number => -1 - id;
        const add = (id: number, at: number, follow: number | null) => {
          const handle = eventQueue.at(at, () => {
            happened.push(id);
            if (follow !== null) add(childOf(id), at + follow, null);
          });
          if (id >= 0) handles[id] = handle;
        };
        const modelNext = () => listed.reduce((least, entry) => Math.min(least, entry.tick), Infinity);
        for (const one of steps) {
          if (one.what === 'at') {
            listed.push({ id: next, tick: one.tick, follow: one.follow });
            add(next++, one.tick, one.follow);
          } else if (one.what === 'cancel' && next > 0) {
            const id = one.which % next;
            handles[id]?.cancel();
            listed = listed.filter((entry) => entry.id !== id);
          } else if (one.what === 'clear') {
            eventQueue.clear();
            listed = [];
          } else if (one.what === 'advance') {
            now += one.by;
            eventQueue.runDue(now);
            for (;;) {
              const least = modelNext();
              if (least > now) break;
              const first = listed.findIndex((entry) => entry.tick === least);
              const [entry] = listed.splice(first, 1);
              if (entry === undefined) break;
              expected.push(entry.id);
              if (entry.follow !== null) {
                listed.push({ id: childOf(entry.id), tick: entry.tick + entry.follow, follow: null });
              }
            }
          }
          expect(eventQueue.nextTick).toBe(modelNext());
          expect(happened).toEqual(expected);
        }
      }),
      { numRuns: 300 },
    );
  });
});
