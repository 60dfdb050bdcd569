/** What a guest that is asleep costs, in instructions: nothing, however long it sleeps. */

import { afterEach, describe, expect, it } from 'vitest';
import { bootGuest, type Guest, type GuestOptions } from './support/guest-machine.ts';

const SECOND = 1_000_000_000;
const COUNTER_HZ = 62_500_000n;

/**
 * The distributor and the CPU interface of GICv2 on, PPI 30 enabled, the timer on; then WFI for
 * ever.
 */
const WORDS = [
  0xd2a1_0009,
  0x5280_0021,
  0xb900_0121,
  0xb901_0122,
  0xd2a1_0029,
  0xb900_0523,
  0xb900_0121,
  0xd51b_e244, // msr cntp_cval_el0, x4
  0xd51b_e221, // msr cntp_ctl_el0, x1
  0xd503_207f, // wfi
  0x17ff_ffff, // b back
];

const guests: Guest[] = [];
afterEach(() => {
  for (const guest of guests.splice(0)) guest.machine.close();
});

/** Interrupts are masked. */
function boot(comparator: bigint, options: GuestOptions = {}): Guest {
  const guest = bootGuest(new Uint8Array(Uint32Array.from(WORDS).buffer), options);
  guests.push(guest);
  guest.machine.reset(guest.base, 1);
  const { engine } = guest.machine.bootCore;
  for (const [index, value] of [0x4000_0000n, 0xf0n, comparator].entries()) engine.setX(2 + index, value);
  return guest;
}

describe.each([1, 4])('on a board of %i cores, ten seconds', (cpus) => {
  it('asleep are the instructions that go to sleep', () => {
    const { machine } = boot(20n * COUNTER_HZ, { cpus });
    expect(machine.run({ untilNs: 10 * SECOND })).toEqual({ kind: 'limit', limit: 'time' });
    expect(machine.clock.instructions).toBeLessThanOrEqual(WORDS.length);
  });
});
