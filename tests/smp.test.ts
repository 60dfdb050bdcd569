// SPDX-License-Identifier: GPL-2.0-only
/**
 * Several cores, their wake-ups, and interrupts at the very instruction, in guests of assembly that
 * hand over what they see (firmware/guests/cores.S, firmware/guests/wakes.S): PSCI for cores,
 * exclusives across cores, WFI, timers, unmasking, waits for the counter. Two runs are one run.
 */

import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { MachineCore } from '#emulator/cpu/machine-core.ts';
import { bootGuest, type Guest, type GuestOptions } from './support/guest-machine.ts';

const GATE = 0x200;
/** 1 GHz of instructions, 62.5 MHz of counter. */
const TICKS_PER_COUNT = 16;

/** The values of a guest's gate: core, time, x0 and the rest. */
interface Probe {
  readonly tag: number;
  readonly core: number;
  readonly tick: number;
  readonly instructions: number;
  readonly x: readonly bigint[];
}

interface Probed extends Guest {
  readonly probes: Probe[];
  /** Those with a tag, by core where one is named. */
  tagged(tag: number, core?: number): Probe[];
}

const open: Guest[] = [];
afterEach(() => {
  for (const guest of open.splice(0)) guest.machine.close();
});

/** Boots a guest; `parameters` are its quads from offset 8 on. */
function boot(image: string, parameters: readonly bigint[], options: GuestOptions): Probed {
  const guest = bootGuest(image, options);
  open.push(guest);
  const { machine } = guest;
  parameters.forEach((value, index) => machine.memory.write64(guest.base + 8 + 8 * index, value));
  const probes: Probe[] = [];
  machine.setGates({
    owns: (immediate) => immediate === GATE,
    enter: (_immediate, core: MachineCore) => {
      const x = [1, 2, 3, 4].map((index) => core.engine.getX(index));
      const { ticks: tick, instructions } = machine.clock;
      probes.push({ tag: Number(core.engine.getX(0)), core: core.index, tick, instructions, x });
    },
  });
  return {
    ...guest,
    probes,
    tagged: (tag, core) => probes.filter((probe) => probe.tag === tag && (core === undefined || probe.core === core)),
  };
}

const values = (probes: readonly Probe[], count: number): bigint[][] => probes.map(({ x }) => x.slice(0, count));
const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value);

describe('PSCI', () => {
  const CORES = 4;
  const run = () => {
    const guest = boot('cores', [1000n, BigInt(CORES)], { cpus: CORES });
    expect(guest.run()).toEqual({ kind: 'power off' });
    return guest;
  };
  const others = Array.from({ length: CORES - 1 }, (_, index) => BigInt(index + 1));

  it('says that cores are off until CPU_ON, turns each on once, and knows which there are', () => {
    const guest = run();
    expect(values(guest.tagged(1), 2)).toEqual(others.map((core) => [core, 1n]));
    expect(values(guest.tagged(2), 2)).toEqual(others.map((core) => [core, 0n]));
    expect(values(guest.tagged(3), 2)).toEqual(others.map((core) => [core, unsigned(-4n)]));
    expect(values(guest.tagged(4), 2)).toEqual([[BigInt(CORES), unsigned(-2n)]]);
  });

  it('starts a core at EL1 with its context in x0, knowing who it is; CPU_OFF does not come back, and it can be turned on again', () => {
    const guest = run();
    const began = guest.tagged(6).toSorted((a, b) => a.core - b.core || a.tick - b.tick);
    expect(began.map(({ core, x }) => [core, x[0], (x[1] as bigint) & 0xff_00ff_ffffn, x[2]])).toEqual([
      [1, 0xc1n, 1n, 4n],
      [1, 0xd1n, 1n, 4n],
      [2, 0xc2n, 2n, 4n],
      [3, 0xc3n, 3n, 4n],
    ]);
    expect(guest.tagged(7)).toEqual([]);
    const power = guest.machine.events.get('power').map(({ fields }) => fields);
    expect(power.filter(({ action }) => action === 'core on')).toHaveLength(CORES);
    expect(power.filter(({ action }) => action === 'core off')).toHaveLength(CORES);
    expect(power.at(-1)).toEqual({ action: 'off' });
  });

  it('starts over with one core after a reset', () => {
    const guest = boot('cores', [1000n, 3n], { cpus: 3 });
    guest.run({ maxInstructions: 30_000 });
    expect(guest.tagged(2)).toHaveLength(2);
    expect(guest.tagged(5)).toHaveLength(0);
    guest.probes.length = 0;
    guest.machine.reset(guest.base);
    expect(guest.run()).toEqual({ kind: 'power off' });
    expect(values(guest.tagged(1), 2)).toEqual([
      [1n, 1n],
      [2n, 1n],
    ]);
  });
});

describe('a counter that cores increment by LDXR and STXR', () => {
  const total = (guest: Probed): bigint[] | undefined => values(guest.tagged(5), 2)[0];

  it.each([2, 3, 8])('counts every increment of %i cores', (cpus) => {
    const rounds = 20_000n;
    const guest = boot('cores', [rounds, BigInt(cpus)], { cpus });
    expect(guest.run()).toEqual({ kind: 'power off' });
    expect(total(guest)).toEqual([rounds * BigInt(cpus), rounds * BigInt(cpus + 1)]);
  });

  it('counts them also when cores take turns in the middle of it, after any few instructions', () => {
    const rounds = 60n;
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 13 }), { minLength: 1, maxLength: 20 }), (sizes) => {
        const guest = boot('cores', [rounds, 2n], { cpus: 2 });
        const { machine } = guest;
        let step = 0;
        let stop = machine.run({ maxInstructions: 0 });
        while (stop.kind === 'limit' && step < 20_000) {
          machine.turns.length = sizes[step++ % sizes.length] as number;
          stop = machine.run({ maxInstructions: machine.clock.instructions + machine.turns.length });
        }
        expect(stop).toEqual({ kind: 'power off' });
        expect(total(guest)).toEqual([2n * rounds, 3n * rounds]);
        machine.close();
        open.pop();
      }),
      { numRuns: 12 },
    );
  });
});

describe.each([2, 3] as const)('with GICv%i', (gicVersion) => {
  const run = (wait = 1000n, spin = 10n) => {
    const guest = boot('wakes', [BigInt(gicVersion), wait, spin], { cpus: 2, gicVersion, trace: ['irq'] });
    expect(guest.run()).toEqual({ kind: 'power off' });
    return guest;
  };

  it('an SGI wakes a core from WFI, and its answer wakes the first', () => {
    const guest = run();
    expect(guest.tagged(1, 1).length).toBeGreaterThan(1);
    const [sent] = guest.tagged(3, 0);
    const [woke] = guest.tagged(2, 1);
    const [answered] = guest.tagged(4, 0);
    expect(woke?.x[0]).toBe(1n);
    // GICv2 names the core that an SGI came from, in bits 12:10.
    expect(answered?.x[0]).toBe(gicVersion === 2 ? 2n | (1n << 10n) : 2n);
    const [sentAt, wokeAt, answeredAt] = [sent, woke, answered].map((probe) => probe?.tick as number);
    expect(wokeAt).toBeGreaterThan(sentAt as number);
    expect(answeredAt).toBeGreaterThan(wokeAt as number);
    // Both slept: from the request to the answer pass the few instructions of the two, not a slice.
    expect((answeredAt as number) - (sentAt as number)).toBeLessThan(150);
  });

  it('a timer wakes a core from WFI at the count that was asked for, and time was slept through', () => {
    const guest = run();
    const armed = guest.tagged(5);
    const woke = guest.tagged(6);
    expect(woke.map(({ x }) => x[2])).toEqual([30n, 27n]);
    for (const [index, { x, tick, instructions }] of woke.entries()) {
      expect(x[0]).toBe(x[1]);
      const expiry = Number(x[1]) * TICKS_PER_COUNT;
      // From waking to the probe: the counter's read, the acknowledgement, and no more than 40
      // instructions in all.
      expect(tick).toBeGreaterThanOrEqual(expiry);
      expect(tick - expiry).toBeLessThan(40);
      expect(instructions - (armed[index]?.instructions as number)).toBeLessThan(60);
    }
  });

  it.each([
    [1, 'MSR DAIFClr and an instruction before MSR DAIFSet'],
    [2, 'MSR DAIFClr with MSR DAIFSet after it'],
    [3, 'MSR DAIF'],
    [4, 'an exception return'],
    [5, 'MSR DAIFClr in every turn of a loop, when a timer expires'],
  ])('window %i: an interrupt is taken once, right after what unmasks it: %s', (window) => {
    const guest = run();
    const [over] = values(guest.tagged(7), 4).filter(([, , , number]) => number === BigInt(window));
    expect(over?.slice(0, 3)).toEqual([BigInt(window), over?.[2], over?.[2]]);
  });

  it('an interrupt of a timer is taken at the first window after it expired', () => {
    const guest = run();
    const taken = guest.machine.events.get('irq').filter(({ fields }) => fields.taken === 'irq')[4];
    const before = guest.tagged(7).find(({ x }) => x[3] === 4n);
    // 2000 counts, the few instructions until the counter is read, and a turn of the loop of 25
    // instructions.
    const passed = (taken?.t as number) - (before?.tick as number);
    expect(passed).toBeGreaterThanOrEqual(2000 * TICKS_PER_COUNT - TICKS_PER_COUNT);
    expect(passed).toBeLessThan(2001 * TICKS_PER_COUNT + 10 + 25);
  });

  // Looked at line by line for 64 lines, two a turn: see emulator/cpu/interrupt-lines.ts.
  it.each([1n, 5n, 12n, 24n])('a window after %i turns of a loop with interrupts masked is not missed', (spin) => {
    const guest = run(1000n, spin);
    const [over] = values(guest.tagged(7), 4).filter(([, , , number]) => number === 6n);
    expect(over).toEqual([6n, over?.[2], over?.[2], 6n]);
  });

  it('an interrupt that has waited for very long is taken in one of the windows that a loop opens, right after the instruction', () => {
    const guest = run();
    const [over] = values(guest.tagged(7), 4).filter(([, , , number]) => number === 7n);
    expect(over?.[1]).toBe(over?.[2]);
    expect(guest.tagged(12)[0]?.x[0]).toBeLessThan(5000n);
  });

  it('a core that was woken runs before the one that waits for it has spent a shared slice', () => {
    const guest = run();
    const [sent, answered] = [guest.tagged(10)[0], guest.tagged(11)[0]];
    expect((answered?.instructions as number) - (sent?.instructions as number)).toBeLessThan(25_000);
  });

  // 62.5 counts are a microsecond: 1 us, 20 us, 1 ms, 100 ms.
  it.each([63n, 1250n, 62_500n, 6_250_000n])(
    'a wait of %i counts ends within 5 us of the time, for few instructions',
    (wait) => {
      const guest = run(wait);
      const [begun] = guest.tagged(8);
      const [ended] = guest.tagged(9);
      const waited = (ended?.tick as number) - (begun?.tick as number);
      const asked = Number(wait) * TICKS_PER_COUNT;
      expect((ended?.x[0] as bigint) >= (ended?.x[1] as bigint)).toBe(true);
      expect(waited).toBeGreaterThanOrEqual(asked - TICKS_PER_COUNT);
      expect(waited).toBeLessThanOrEqual(asked + 5_000);
      const instructions = (ended?.instructions as number) - (begun?.instructions as number);
      expect(instructions).toBeLessThan(100 + asked / 500);
    },
  );

  it('two runs are the same in every probe, event and tick', () => {
    const [first, second] = [run(), run()];
    expect(second.probes).toEqual(first.probes);
    expect(second.machine.events.events).toEqual(first.machine.events.events);
    expect(second.machine.clock.ticks).toBe(first.machine.clock.ticks);
  });
});

describe('two runs of four cores', () => {
  it('end in the same registers, clock, probes and memory', () => {
    const state = () => {
      const guest = boot('cores', [5000n, 4n], { cpus: 4 });
      guest.run();
      const { machine, base, probes } = guest;
      return {
        probes,
        ticks: machine.clock.ticks,
        image: machine.memory.readBytes(base, 4096),
        cores: machine.cores.map(({ engine }) => [
          ...Array.from({ length: 31 }, (_, index) => engine.getX(index)),
          engine.getPc(),
          BigInt(engine.getPstate()),
        ]),
        events: machine.events.events,
      };
    };
    expect(state()).toEqual(state());
  });
});
