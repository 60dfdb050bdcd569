// SPDX-License-Identifier: GPL-2.0-only
/** A live machine that goes back: the same machine there, and the same life from there on. */

import { afterEach, describe, expect, it } from 'vitest';
import { eventLines } from '#workbench/log/event-lines.ts';
import { logHeader } from '#workbench/log/event-header.ts';
import { LevitateMachine, type MachineSettings } from '#workbench/machine/levitate-machine.ts';
import { dtb } from '#workbench/testing.ts';
import { LiveMachine } from './live-machine.ts';

const BRANCH_TO_SELF = 0x1400_0000;
/** Nanoseconds: a moment lies between two ticks. */
const TICK = 10;

let live: LiveMachine;
afterEach(() => live.close());

const state = () => {
  const { serial, machine, cpu } = live.present;
  return {
    sent: serial.text,
    instructions: machine.clock.instructions,
    ns: machine.clock.nowNs,
    x: cpu.engine.getX(0),
  };
};
const step = (instructions: number): void => live.command({ action: 'step', instructions });

describe('the modelled kernel', () => {
  it('is at an earlier instruction what it was there, with what was typed on the way', () => {
    live = new LiveMachine({ board: 'qemu-virt' }, true);
    step(41_000);
    live.type(new TextEncoder().encode('help\n'));
    step(300);
    const there = state();
    step(500);
    const after = state();
    live.command({ action: 'back', instructions: after.instructions - there.instructions });
    expect(state()).toEqual(there);
    step(500);
    expect(state()).toEqual(after);
    live.command({ action: 'go', ns: there.ns });
    expect(state().ns).toBeGreaterThanOrEqual(there.ns);
    expect(state().ns).toBeLessThan(there.ns + TICK);
    expect(state().sent).toBe(there.sent);
    live.command({ action: 'go', ns: 0 });
    expect(state()).toMatchObject({ sent: '', instructions: 0 });
  });
});

it('answers while it stands still, and says what is no question', () => {
  live = new LiveMachine({ board: 'qemu-virt', bios: new Uint8Array(Uint32Array.of(BRANCH_TO_SELF).buffer) }, true);
  step(10);
  const lines = (question: string): string => {
    const answer = live.ask(question);
    return 'lines' in answer ? answer.lines.join('\n') : `refused: ${answer.refused}`;
  };
  expect(lines('registers')).toMatch(/pc 0000000000000000 {3}EL1 /);
  expect(lines('code')).toContain('▶ 0000000000000000  14000000  b 0x0');
  expect(lines('frame 0x40000000')).toContain('0x40000000');
  expect(lines('why')).toMatch(/^refused: why: there is no such question/);
});

/** The log of a run from reset to its end, as the command line writes it. */
function logOfRun(settings: MachineSettings): string {
  const machine = new LevitateMachine(settings);
  const { outcome, reason } = machine.run({});
  machine.serial.finish();
  machine.events.emit('stop', { outcome, reason });
  machine.close();
  return eventLines(machine.events.events, logHeader(settings));
}

it.each<[string, MachineSettings, RegExp]>([
  ['that waits', { board: 'qemu-virt' }, /"text":"levitate> "}\n.*"kind":"stop","outcome":"steady"/],
  ['with kinds traced', { board: 'qemu-virt', trace: ['exception', 'buddy'] }, /"stop","outcome":"steady"/],
  ['that has panicked', { board: 'qemu-virt', dtb: dtb().build() }, /"stop","outcome":"panic"/],
])('logs what the command line logs of a run %s, and goes on as if nobody had asked', async (_run, settings, end) => {
  live = new LiveMachine(settings, false);
  const isOver = new Promise<void>((resolve) => {
    live.subscribe(({ status }) => {
      if (status.state !== 'running') resolve();
    });
  });
  void live.run();
  await isOver;
  const expected = logOfRun(settings);
  expect(live.log).toBe(expected);
  expect(live.log).toBe(expected);
  expect(expected).toMatch(end);
});
