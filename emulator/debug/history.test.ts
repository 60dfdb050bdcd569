// SPDX-License-Identifier: GPL-2.0-only
/**
 * Input from outside a machine is replayed in order, each at its instruction, up to the instruction
 * to which the machine goes.
 */

import { describe, expect, it } from 'vitest';
import { History } from './history.ts';

function recorded(...times: readonly number[]) {
  const history = new History();
  const done: string[] = [];
  for (const time of times) history.note(time, () => done.push(`action ${time}`));
  const replay = (to: number, most = Infinity): boolean =>
    history.replay(to, (target) => {
      if (target > most) return false;
      done.push(`to ${target}`);
      return true;
    });
  return { history, done, replay };
}

describe('History', () => {
  it('repeats each action where it happened, then goes on to the end', () => {
    const { done, replay } = recorded(3, 3, 7, 20);
    expect(replay(10)).toBe(true);
    expect(done).toEqual(['to 3', 'action 3', 'to 3', 'action 3', 'to 7', 'action 7', 'to 10']);
  });

  it('gives up where the machine does not get to', () => {
    const { done, replay } = recorded(3, 7);
    expect(replay(10, 5)).toBe(false);
    expect(done).toEqual(['to 3', 'action 3']);
  });

  it('forgets what followed when the machine goes another way', () => {
    const { history, done, replay } = recorded(3, 7);
    history.forgetAfter(3);
    expect(replay(10)).toBe(true);
    expect(done).toEqual(['to 3', 'action 3', 'to 10']);
  });

  it('ends its runs where they ended, up to where the machine went another way', () => {
    const { history, done, replay } = recorded(3);
    for (const end of [2, 3, 5, 5, 9]) history.stopped(end);
    expect(replay(8)).toBe(true);
    expect(done.splice(0)).toEqual(['to 2', 'to 3', 'action 3', 'to 5', 'to 8']);
    history.forgetAfter(6);
    expect(replay(20)).toBe(true);
    expect(done).toEqual(['to 2', 'to 3', 'action 3', 'to 5', 'to 6', 'to 20']);
  });

  it('does not take a repetition for something new', () => {
    const history = new History();
    let count = 0;
    const action = () => {
      count++;
      history.note(1, action);
    };
    history.note(1, action);
    history.replay(2, () => true);
    history.replay(2, () => true);
    expect(count).toBe(2);
  });
});
