// SPDX-License-Identifier: GPL-2.0-only
/**
 * The cost of a guest that sleeps, or waits in WFI with a masked interrupt pending: almost no
 * instructions, however long it waits.
 */

import { afterEach, describe, expect, it } from 'vitest';
import { SYSTEM_REGISTERS } from '#emulator/engine/system-registers.ts';
import { bootGuest, type Guest, type GuestOptions } from './support/guest-machine.ts';

/** Somewhere in RAM; a FIQ at EL1 with SP_EL1. */
const VECTORS = 0x4100_0000;
const FIQ_VECTOR = 0x300;
const HLT = 0xd440_0000;

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
function boot(comparator: bigint, options: GuestOptions = {}, words: readonly number[] = WORDS): Guest {
  const guest = bootGuest(new Uint8Array(Uint32Array.from(words).buffer), options);
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

  it('with a masked interrupt pending are the instructions that go to sleep', () => {
    const { machine } = boot(0n, { cpus });
    machine.after(20 * SECOND, () => {});
    expect(machine.run({ untilNs: 10 * SECOND })).toEqual({ kind: 'limit', limit: 'time' });
    expect(machine.bootCore.interruptPending).toBe(true);
    expect(machine.clock.instructions).toBeLessThanOrEqual(WORDS.length);
  });

  it('with a masked interrupt pending and something to look at are a hundred looks a second', () => {
    // ldr x5, [x6] before the WFI.
    const { machine } = boot(0n, { cpus }, [...WORDS.slice(0, -2), 0xf940_00c5, 0xd503_207f, 0x17ff_fffe]);
    machine.bootCore.engine.setX(6, 0x4000_0000n);
    expect(machine.run({ untilNs: 10 * SECOND })).toEqual({ kind: 'limit', limit: 'time' });
    expect(machine.clock.instructions).toBeGreaterThan(3 * 1000);
    expect(machine.clock.instructions).toBeLessThan(3 * 1100);
  });
});

it('an interrupt that the guest lets through ends such a wait at once', () => {
  const { machine } = boot(0n);
  const until = 5 * SECOND;
  machine.memory.write32(VECTORS + FIQ_VECTOR, HLT);
  machine.bootCore.engine.setSystemRegister(SYSTEM_REGISTERS.VBAR_EL1, BigInt(VECTORS));
  machine.after(SECOND, () => machine.bootCore.setInterruptLines(true, true));
  machine.run({ untilNs: SECOND / 2 });
  const { engine } = machine.bootCore;
  // The FIQ mask alone is lifted while the core waits.
  engine.setPstate(engine.getPstate() & ~(1 << 6));
  machine.setGates({ owns: () => true, enter: () => machine.stop() });
  expect(machine.run({ untilNs: until })).toEqual({ kind: 'stopped' });
  expect(machine.clock.nowNs - SECOND).toBeLessThan(1000);
});

it.each([7, 1_000_003, 999_999_937])('a stop every %i ns changes nothing of such waits', (step) => {
  const words = [...WORDS.slice(0, -2), 0xf940_00c5, 0xd503_207f, 0x17ff_fffe];
  const until = step < 1000 ? 20_000 : 3 * SECOND;
  const end = (stops: number) => {
    const { machine } = boot(0n, {}, words);
    machine.bootCore.engine.setX(6, 0x4000_0000n);
    for (let at = stops; at < until; at += stops) machine.run({ untilNs: at });
    machine.run({ untilNs: until });
    return machine.clock.saveState();
  };
  expect(end(step)).toEqual(end(until));
});
