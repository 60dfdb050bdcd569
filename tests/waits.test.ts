// SPDX-License-Identifier: GPL-2.0-only
/**
 * WFE, SEV, SEVL, YIELD and the timer's event stream, in a guest of assembly
 * (firmware/guests/waits.S): a waiting core gives its time to the others, and no core waits for
 * ever for an event that has happened.
 */

import { afterEach, describe, expect, it } from 'vitest';
import { bootGuest, type Guest } from './support/guest-machine.ts';

const GATE = 0x200;
const CORES = 2;
const WFE = 0xd503_205f;

interface Probe {
  readonly tag: number;
  readonly core: number;
  readonly x1: bigint;
  readonly x2: bigint;
}

const open: Guest[] = [];
afterEach(() => {
  for (const guest of open.splice(0)) guest.machine.close();
});

function boot(what: number, rounds: number, cpus = CORES): { guest: Guest; probes: Probe[] } {
  const guest = bootGuest('waits', { cpus });
  open.push(guest);
  const { machine, base } = guest;
  machine.memory.write64(base + 8, BigInt(what));
  machine.memory.write64(base + 16, BigInt(rounds));
  const probes: Probe[] = [];
  machine.setGates({
    owns: (immediate) => immediate === GATE,
    enter: (_immediate, { index: core, engine }) => {
      probes.push({ tag: Number(engine.getX(0)), core, x1: engine.getX(1), x2: engine.getX(2) });
    },
  });
  return { guest, probes };
}

describe('a core alone', () => {
  it('is let pass by SEVL and SEV, woken by the event stream, and otherwise waits: the machine is idle', () => {
    const { guest, probes } = boot(1, 0, 1);
    expect(guest.run()).toEqual({ kind: 'idle' });
    const { machine } = guest;
    expect(probes.map(({ tag }) => tag)).toEqual([1, 2, 2, 2]);
    // Each wait lasts to the next rise of bit 8, except the first, which an earlier event may end.
    for (const { x1, x2 } of probes.slice(2)) {
      const rise = ((x1 + 0x100n) / 0x200n + 1n) * 0x200n - 0x100n;
      expect(x2 - rise).toBeGreaterThanOrEqual(0n);
      expect(x2 - rise).toBeLessThan(4n);
    }
    expect(machine.coreState(0)).toBe('waiting');
    expect(machine.memory.read32(Number(machine.bootCore.engine.getPc()))).toBe(WFE);
  });

  it('waits for the same time on every run', () => {
    const [first, second] = [boot(1, 0, 1), boot(1, 0, 1)];
    first.guest.run();
    second.guest.run();
    expect(second.probes).toEqual(first.probes);
    expect(second.guest.machine.clock.ticks).toBe(first.guest.machine.clock.ticks);
  });
});

describe.each([
  { hint: 'WFE', what: 2 },
  { hint: 'YIELD', what: 3 },
])('a loop with $hint that waits for a store of another core', ({ what }) => {
  const ROUNDS = 800;
  const INSTRUCTIONS = 1000 * ROUNDS;

  it('looks once a turn of the other core, and sees the store', () => {
    const { guest, probes } = boot(what, ROUNDS);
    expect(guest.run()).toEqual({ kind: 'power off' });
    const turns = INSTRUCTIONS / guest.machine.turns.length;
    expect(probes).toHaveLength(1);
    expect(Number(probes[0]?.x1)).toBeGreaterThan(turns / 2);
    expect(Number(probes[0]?.x1)).toBeLessThan(2 * turns);
    // Unused instructions of a turn are not counted.
    expect(guest.machine.clock.instructions).toBeLessThan(INSTRUCTIONS * 1.01);
  });
});

describe('a lock that is waited for by LDAXR and WFE', () => {
  it.each([1, 7, 100, 20_000])('is handed on without SEV, in turns of %i ticks', (ticks) => {
    const rounds = 300;
    const { guest, probes } = boot(4, rounds);
    guest.machine.turns.length = ticks;
    expect(guest.run()).toEqual({ kind: 'power off' });
    expect(probes.map(({ x1 }) => x1)).toEqual([BigInt(CORES * rounds)]);
  });
});

describe('SEV', () => {
  it('lets another core go on that waits in WFE', () => {
    const { guest, probes } = boot(5, 100_000);
    expect(guest.run()).toEqual({ kind: 'power off' });
    expect(probes).toMatchObject([{ tag: 5, core: 1 }]);
  });
});
