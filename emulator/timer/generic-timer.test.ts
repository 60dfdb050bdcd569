// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Clock } from './clock.ts';
import { EventQueue } from './event-queue.ts';
import { GenericTimer, TIMER_INTERRUPTS, type TimerName } from './generic-timer.ts';

const [TVAL, CTL, CVAL] = [0, 1, 2] as const;
const [ENABLE, IMASK, ISTATUS] = [1n, 2n, 4n] as const;
const [CNTFRQ, CNTPCT, CNTVCT] = [
  [3, 0, 0],
  [3, 0, 1],
  [3, 0, 2],
] as const;
const CNTKCTL = [0, 1, 0] as const;
const CNTHCTL = [4, 1, 0] as const;
const CNTVOFF = [4, 0, 3] as const;
/** op1 and CRm of each timer's registers (Arm ARM D24.10). */
const ENCODING: Readonly<Record<TimerName, readonly [number, number]>> = {
  physical: [3, 2],
  virtual: [3, 3],
  hypervisorPhysical: [4, 2],
  hypervisorVirtual: [4, 3],
  secure: [7, 2],
};
const TIMERS = Object.keys(ENCODING) as TimerName[];
const U64 = 1n << 64n;

/** A timer with a machine's loop around it: time goes to the next event, never over it. */
class Bench {
  readonly clock: Clock;
  readonly eventQueue = new EventQueue();
  readonly timer: GenericTimer;
  /** [tick, intid, level] of each change of a line. */
  readonly changes: [tick: number, intid: number, level: boolean][] = [];

  constructor(instructionHz: number, counterHz: number) {
    this.clock = new Clock(instructionHz);
    this.timer = new GenericTimer(this.clock, this.eventQueue, counterHz, (intid, level) =>
      this.changes.push([this.clock.ticks, intid, level]),
    );
  }

  advanceTo(tick: number): void {
    for (;;) {
      this.eventQueue.runDue(this.clock.ticks);
      if (this.clock.ticks >= tick) return;
      this.clock.idleTicks += Math.min(tick, this.eventQueue.nextTick) - this.clock.ticks;
    }
  }

  set(timer: TimerName, register: number, value: bigint): void {
    if (!this.timer.write(...ENCODING[timer], register, value)) {
      throw new Error(`${timer} refuses register ${register}`);
    }
  }

  get(timer: TimerName, register: number): bigint | undefined {
    return this.timer.read(...ENCODING[timer], register);
  }
}

/** 1 GHz and 62.5 MHz: 16 ticks a count. */
const virtBench = (): Bench => new Bench(1_000_000_000, 62_500_000);

describe('the counters', () => {
  it('count CNTFRQ in simulated time; the virtual one is CNTVOFF behind, modulo 2^64', () => {
    const bench = virtBench();
    bench.advanceTo(16_015);
    expect([bench.timer.read(...CNTFRQ), bench.timer.read(...CNTPCT)]).toEqual([62_500_000n, 1000n]);
    expect(bench.timer.read(...CNTVCT)).toBe(1000n);
    bench.timer.write(...CNTVOFF, 300n);
    expect(bench.timer.read(...CNTVCT)).toBe(700n);
    bench.timer.write(...CNTVOFF, 1001n);
    expect([bench.timer.read(...CNTVCT), bench.timer.read(...CNTPCT)]).toEqual([U64 - 1n, 1000n]);
  });

  it('keep their rate whatever firmware writes to CNTFRQ, and cannot be written', () => {
    const bench = virtBench();
    bench.timer.write(...CNTFRQ, 0x1_0000_0005n);
    bench.advanceTo(160);
    expect(bench.timer.write(...CNTPCT, 5n) || bench.timer.write(...CNTVCT, 5n)).toBe(false);
    expect([bench.timer.read(...CNTFRQ), bench.timer.read(...CNTPCT)]).toEqual([5n, 10n]);
  });
});

describe.each(TIMERS)('the %s timer', (name) => {
  const intid = TIMER_INTERRUPTS[name];

  it('raises its level at the very tick of CVAL and keeps it until CVAL, ENABLE or IMASK takes it back', () => {
    const bench = virtBench();
    bench.set(name, CVAL, 100n);
    bench.set(name, CTL, ENABLE);
    bench.advanceTo(1599);
    expect([bench.changes, bench.get(name, CTL)]).toEqual([[], ENABLE]);
    bench.advanceTo(5000);
    expect([bench.changes, bench.get(name, CTL)]).toEqual([[[1600, intid, true]], ENABLE | ISTATUS]);
    bench.set(name, CTL, ENABLE | IMASK);
    expect(bench.get(name, CTL)).toBe(ENABLE | IMASK | ISTATUS);
    bench.set(name, CTL, ENABLE);
    bench.set(name, CVAL, 1000n);
    bench.set(name, CVAL, 10n);
    bench.set(name, CTL, 0n);
    expect(bench.get(name, CTL)).toBe(0n);
    expect(bench.changes.slice(1)).toEqual([false, true, false, true, false].map((level) => [5000, intid, level]));
  });

  it('takes TVAL as a signed 32-bit distance from now, and gives it back counting down through zero', () => {
    const bench = virtBench();
    bench.advanceTo(1600);
    bench.set(name, CTL, ENABLE);
    bench.set(name, TVAL, 0xffff_ffff_0000_0005n);
    expect([bench.get(name, CVAL), bench.get(name, TVAL)]).toEqual([105n, 5n]);
    bench.advanceTo(1600 + 7 * 16);
    expect([bench.get(name, TVAL), bench.changes.at(-1)]).toEqual([0xffff_fffen, [1680, intid, true]]);
    bench.set(name, TVAL, 0xffff_fff6n);
    expect(bench.get(name, CVAL)).toBe(97n);
    bench.set(name, TVAL, -200n);
    expect(bench.get(name, CVAL)).toBe(U64 - 93n);
    expect(bench.changes.at(-1)).toEqual([1712, intid, false]);
  });

  it('keeps ENABLE and IMASK only, has no further register, and is off after a reset with its line low', () => {
    const bench = virtBench();
    bench.set(name, CTL, U64 - 1n);
    bench.set(name, CTL, ENABLE | ISTATUS);
    expect([bench.get(name, CTL), bench.get(name, CVAL), bench.get(name, 3)]).toEqual([
      ENABLE | ISTATUS,
      0n,
      undefined,
    ]);
    expect(bench.timer.write(...ENCODING[name], 3, 0n)).toBe(false);
    bench.timer.reset();
    expect([bench.get(name, CTL), bench.get(name, CVAL)]).toEqual([0n, 0n]);
    expect(bench.changes).toEqual([
      [0, intid, true],
      [0, intid, false],
    ]);
  });

  it('is programmed by nothing that a reset left over', () => {
    const bench = virtBench();
    bench.set(name, CVAL, 100n);
    bench.set(name, CTL, ENABLE);
    bench.timer.reset();
    expect(bench.eventQueue.nextTick).toBe(Infinity);
    bench.advanceTo(10_000);
    expect(bench.changes).toEqual([]);
  });
});

describe('CNTVOFF', () => {
  it('moves the virtual timer alone, at once', () => {
    const bench = virtBench();
    bench.advanceTo(1000);
    for (const name of TIMERS) {
      bench.set(name, CVAL, 100n);
      bench.set(name, CTL, ENABLE);
    }
    bench.timer.write(...CNTVOFF, 50n);
    bench.advanceTo(2399);
    expect(bench.changes.map(([, intid]) => intid)).not.toContain(TIMER_INTERRUPTS.virtual);
    expect(bench.changes).toHaveLength(4);
    bench.advanceTo(2400);
    expect(bench.changes.at(-1)).toEqual([2400, TIMER_INTERRUPTS.virtual, true]);
    bench.timer.write(...CNTVOFF, 51n);
    expect(bench.changes.at(-1)).toEqual([2400, TIMER_INTERRUPTS.virtual, false]);
  });

  it('with a comparison value that the counter never reaches schedules nothing', () => {
    const bench = virtBench();
    bench.advanceTo(16_000);
    bench.timer.write(...CNTVOFF, 10n);
    bench.set('virtual', CVAL, U64 - 1n);
    bench.set('virtual', CTL, ENABLE);
    expect(bench.eventQueue.nextTick).toBe(Infinity);
    expect([bench.get('virtual', CTL), bench.changes]).toEqual([ENABLE, []]);
  });

  it('beyond the counter makes virtual time a huge number, which starts again from zero', () => {
    const bench = virtBench();
    bench.timer.write(...CNTVOFF, 100n);
    bench.set('virtual', CVAL, 20n);
    bench.set('virtual', CTL, ENABLE);
    bench.advanceTo(10_000);
    expect(bench.changes).toEqual([
      [0, TIMER_INTERRUPTS.virtual, true],
      [1600, TIMER_INTERRUPTS.virtual, false],
      [1920, TIMER_INTERRUPTS.virtual, true],
    ]);
  });
});

describe('CNTKCTL', () => {
  const ALL = [
    ['CNTFRQ', 0, 0, 0b11n],
    ['CNTPCT', 0, 1, 1n << 0n],
    ['CNTVCT', 0, 2, 1n << 1n],
    ['CNTP_TVAL', 2, TVAL, 1n << 9n],
    ['CNTP_CTL', 2, CTL, 1n << 9n],
    ['CNTP_CVAL', 2, CVAL, 1n << 9n],
    ['CNTV_TVAL', 3, TVAL, 1n << 8n],
    ['CNTV_CTL', 3, CTL, 1n << 8n],
    ['CNTV_CVAL', 3, CVAL, 1n << 8n],
  ] as const;

  it.each(ALL)('gives EL0 %s by its own bit only', (_name, crm, op2, bits) => {
    const { timer } = virtBench();
    expect(timer.allowedAtEl0(crm, op2)).toBe(false);
    for (let bit = 0n; bit < 10n; bit++) {
      timer.write(...CNTKCTL, 1n << bit);
      expect(timer.allowedAtEl0(crm, op2), `bit ${bit}`).toBe(((1n << bit) & bits) !== 0n);
    }
    timer.reset();
    expect(timer.allowedAtEl0(crm, op2)).toBe(false);
  });

  it.each(ALL)('gives EL0 %s by the same bit of CNTHCTL where EL2 is its host', (_name, crm, op2, bits) => {
    const { timer } = virtBench();
    timer.write(...CNTKCTL, 0x3ffn);
    for (let bit = 0n; bit < 10n; bit++) {
      timer.write(...CNTHCTL, 1n << bit);
      expect(timer.allowedAtEl0(crm, op2, true), `bit ${bit}`).toBe(((1n << bit) & bits) !== 0n);
    }
  });

  it('and CNTHCTL have an event stream each, on the virtual and on the physical counter', () => {
    const { timer } = virtBench();
    const stream = (bit: bigint): bigint => (bit << 4n) | 4n;
    timer.write(...CNTVOFF, 3n);
    timer.write(...CNTKCTL, stream(6n));
    const ofVirtual = timer.nextStreamTick;
    timer.write(...CNTKCTL, 0n);
    timer.write(...CNTHCTL, stream(6n));
    const ofPhysical = timer.nextStreamTick;
    expect([ofVirtual, ofPhysical].every((tick) => Number.isFinite(tick))).toBe(true);
    expect(ofVirtual).not.toBe(ofPhysical);
    timer.write(...CNTKCTL, stream(6n));
    expect(timer.nextStreamTick).toBe(Math.min(ofVirtual, ofPhysical));
  });

  it('and CNTHCTL keep what is written, and come back from reset', () => {
    const { timer } = virtBench();
    timer.write(...CNTKCTL, 0x3ffn);
    timer.write(...CNTHCTL, 0n);
    expect([timer.read(...CNTKCTL), timer.read(...CNTHCTL)]).toEqual([0x3ffn, 0n]);
    timer.reset();
    expect([timer.read(...CNTKCTL), timer.read(...CNTHCTL)]).toEqual([0n, 3n]);
  });
});

describe('an encoding that is none of the timer registers', () => {
  it.each([
    [3, 0, 3],
    [3, 0, 5],
    [3, 4, 0],
    [5, 2, 1],
    [0, 2, 0],
    [4, 1, 1],
  ])('op1 %i, CRm %i, op2 %i, reads undefined and takes no write', (op1, crm, op2) => {
    const { timer } = virtBench();
    expect([timer.read(op1, crm, op2), timer.write(op1, crm, op2, 1n)]).toEqual([undefined, false]);
  });
});

describe('the lines', () => {
  /** The definition, asked again at every tick. */
  class Model {
    voff = 0n;
    readonly ctl = new Map<TimerName, bigint>(TIMERS.map((name) => [name, 0n]));
    readonly cval = new Map<TimerName, bigint>(TIMERS.map((name) => [name, 0n]));
    readonly levels = new Map<TimerName, boolean>(TIMERS.map((name) => [name, false]));
    readonly changes: [number, number, boolean][] = [];
    tick = 0;
    private readonly rates: readonly [instructionHz: number, counterHz: number];

    constructor(rates: readonly [number, number]) {
      this.rates = rates;
    }

    count(name: TimerName): bigint {
      const [instructionHz, counterHz] = this.rates;
      const physical = BigInt(Math.floor((this.tick * counterHz) / instructionHz));
      return name === 'virtual' ? BigInt.asUintN(64, physical - this.voff) : physical;
    }

    met(name: TimerName): boolean {
      return ((this.ctl.get(name) as bigint) & ENABLE) !== 0n && this.count(name) >= (this.cval.get(name) as bigint);
    }

    look(): void {
      for (const name of TIMERS) {
        const level = this.met(name) && ((this.ctl.get(name) as bigint) & IMASK) === 0n;
        if (level === this.levels.get(name)) continue;
        this.levels.set(name, level);
        this.changes.push([this.tick, TIMER_INTERRUPTS[name], level]);
      }
    }
  }

  const near = fc.oneof(
    { weight: 6, arbitrary: fc.bigInt(0n, 90n) },
    { weight: 1, arbitrary: fc.bigInt(U64 - 40n, U64 - 1n) },
  );
  const name = fc.constantFrom<TimerName[]>('virtual', 'virtual', ...TIMERS);
  const step = fc.oneof(
    fc.record({ what: fc.constant('ctl' as const), name, value: fc.bigInt(0n, 7n) }),
    fc.record({ what: fc.constant('cval' as const), name, value: near }),
    fc.record({ what: fc.constant('tval' as const), name, value: fc.bigInt(-30n, 30n) }),
    fc.record({ what: fc.constant('voff' as const), value: near }),
    fc.record({ what: fc.constant('advance' as const), ticks: fc.nat(400) }),
  );
  /** Rates of the boards in small; one where the counter is the faster. */
  const rates = fc.constantFrom<(readonly [number, number])[]>([1000, 62], [1000, 25], [7, 3], [10, 10], [3, 10]);

  it('change exactly when the definition says so, tick by tick, whatever is programmed', () => {
    fc.assert(
      fc.property(rates, fc.array(step, { maxLength: 40, size: 'max' }), (pair, steps) => {
        const bench = new Bench(...pair);
        const model = new Model(pair);
        for (const one of steps) {
          if (one.what === 'advance') {
            for (let i = 0; i < one.ticks; i++) {
              model.tick++;
              model.look();
            }
            bench.advanceTo(model.tick);
          } else if (one.what === 'voff') {
            model.voff = one.value;
            bench.timer.write(...CNTVOFF, one.value);
          } else if (one.what === 'ctl') {
            model.ctl.set(one.name, one.value & 3n);
            bench.set(one.name, CTL, one.value);
          } else {
            const cval = one.what === 'cval' ? one.value : BigInt.asUintN(64, model.count(one.name) + one.value);
            model.cval.set(one.name, cval);
            bench.set(one.name, one.what === 'cval' ? CVAL : TVAL, one.value);
          }
          model.look();
          for (const timer of TIMERS) {
            expect(bench.get(timer, CVAL)).toBe(model.cval.get(timer));
            expect(bench.get(timer, CTL)).toBe((model.ctl.get(timer) as bigint) | (model.met(timer) ? ISTATUS : 0n));
            expect(bench.get(timer, TVAL)).toBe(
              BigInt.asUintN(32, (model.cval.get(timer) as bigint) - model.count(timer)),
            );
          }
        }
        const byTimer = (all: [number, number, boolean][]) => all.toSorted((a, b) => a[1] - b[1] || a[0] - b[0]);
        expect(byTimer(bench.changes)).toEqual(byTimer(model.changes));
      }),
      { numRuns: 300 },
    );
  });
});

describe('the trace', () => {
  it('tells of programming and of the line, in the order in which they happen', () => {
    const clock = new Clock(1_000_000_000);
    const eventQueue = new EventQueue();
    const seen: unknown[] = [];
    const timer = new GenericTimer(
      clock,
      eventQueue,
      62_500_000,
      (intid, level) => seen.push([intid, level]),
      (fields) => seen.push(fields),
    );
    timer.write(...ENCODING.virtual, CVAL, 10n);
    timer.write(...ENCODING.virtual, CTL, ENABLE);
    clock.idleTicks += 160;
    eventQueue.runDue(clock.ticks);
    expect(seen).toEqual([
      { timer: 'virtual', what: 'programmed', ctl: 0, cval: '0xa' },
      { timer: 'virtual', what: 'programmed', ctl: 1, cval: '0xa' },
      { timer: 'virtual', what: 'line', intid: 27, level: true },
      [27, true],
    ]);
  });
});
