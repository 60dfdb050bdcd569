// SPDX-License-Identifier: GPL-2.0-only
/**
 * Stops do not change a machine's run. The course of this guest depends on the instruction at which
 * each of its timer interrupts came. It ends in the same bytes however often it is stopped, saved
 * or looked at.
 */

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { restoreMachine, saveMachine } from '#emulator/machine/machine-state.ts';
import { bootGuest, type Guest } from './support/guest-machine.ts';

const DATA = 0x4200_0000;
const DATA_BYTES = 0x4000;
const IMAGE_BYTES = 0x4000;

function fingerprint({ machine }: Guest) {
  return {
    memory: createHash('sha256').update(machine.memory.readBytes(DATA, DATA_BYTES)).digest('hex'),
    instructions: machine.clock.instructions,
    ticks: machine.clock.ticks,
    interrupts: machine.events.get('irq').filter(({ fields }) => fields.taken !== undefined),
  };
}

/** Runs to the end in steps of `next()` instructions, `between` after each. */
function run(cpus: number, next: () => number, between: (guest: Guest) => void = () => {}) {
  const guest = bootGuest('ticks', { cpus, parameter: BigInt(cpus), trace: ['irq'] });
  try {
    for (;;) {
      const { machine } = guest;
      const step = next();
      const before = machine.clock.instructions;
      const stop = machine.run({ maxInstructions: before + step });
      if (stop.kind === 'idle') return fingerprint(guest);
      expect(stop).toEqual({ kind: 'limit', limit: 'instructions' });
      expect(machine.clock.instructions).toBe(before + step);
      between(guest);
    }
  } finally {
    guest.machine.close();
  }
}

describe.each([1, 3])('a guest with %i cores and interrupts at odd moments', (cpus) => {
  const whole = run(cpus, () => 1e9);

  it('is interrupted often', () => {
    expect(whole.interrupts.length).toBe(400 * cpus);
  });

  it.each(cpus === 1 ? [1, 3, 64, 65, 997, 100_000] : [7, 64, 65, 997, 100_000])(
    'does the same when it is stopped every %i instructions',
    (step) => {
      expect(run(cpus, () => step)).toEqual(whole);
    },
  );

  it('does the same when it is stopped at any moments', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 40 }), (steps) => {
        let at = 0;
        expect(run(cpus, () => steps[at++ % steps.length] as number)).toEqual(whole);
      }),
      { numRuns: 10 },
    );
  });

  it('does the same when it is stopped by time', () => {
    const guest = bootGuest('ticks', { cpus, parameter: BigInt(cpus), trace: ['irq'] });
    let stop = guest.machine.run({ untilNs: 1000 });
    while (stop.kind !== 'idle') stop = guest.machine.run({ untilNs: guest.machine.clock.nowNs + 777 });
    expect(fingerprint(guest)).toEqual(whole);
    guest.machine.close();
  });

  it.each([200, 54_321, 100_000])('does the same in another machine that its state was saved to after %i', (at) => {
    const first = bootGuest('ticks', { cpus, parameter: BigInt(cpus), trace: ['irq'] });
    first.machine.run({ maxInstructions: at });
    const state = structuredClone(saveMachine(first.machine.parts));
    const second = bootGuest('ticks', { cpus, parameter: BigInt(cpus), trace: ['irq'] });
    second.machine.memory.writeBytes(first.base, first.machine.memory.readBytes(first.base, IMAGE_BYTES));
    second.machine.memory.writeBytes(DATA, first.machine.memory.readBytes(DATA, DATA_BYTES));
    restoreMachine(second.machine.parts, state);
    second.run();
    const { interrupts, ...rest } = fingerprint(second);
    expect(rest).toEqual({ memory: whole.memory, instructions: whole.instructions, ticks: whole.ticks });
    expect(interrupts).toEqual(whole.interrupts.slice(-interrupts.length));
    first.machine.close();
    second.machine.close();
  });
});
