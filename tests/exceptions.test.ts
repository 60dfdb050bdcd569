// SPDX-License-Identifier: GPL-2.0-only
/**
 * Exceptions as guest code sees them, from every level to every level, compared with QEMU 7.2 for
 * the same guest. QEMU's transcripts are kept, and compared with a fresh run where QEMU is
 * installed. Every difference is listed below, with its reason.
 *
 * Specification: Arm ARM DDI 0487 K.a, D1.3 (exceptions), D24.2.40 (ESR_ELx).
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { packageRoot } from '#workbench/package-root.ts';
import { ENGINES_HERE, isOwnCore } from './support/engines.ts';
import { bootGuest, type Guest, type GuestOptions } from './support/guest-machine.ts';
import { qemuVersion, runInQemu } from './support/qemu-transcript.ts';
import { parseTrials, type Trial } from './support/trial-transcript.ts';

const guests: Guest[] = [];

function boot(name: string, options?: GuestOptions): Guest {
  const guest = bootGuest(name, options);
  guests.push(guest);
  return guest;
}

afterEach(() => {
  for (const guest of guests.splice(0)) guest.machine.close();
});

const kept = (guest: string): string =>
  readFileSync(join(packageRoot(), 'tests', 'transcripts', `${guest}.qemu-7.2.txt`), 'utf8');

/** The transcript of a run here. */
function transcript(name: string, options?: GuestOptions): string {
  const guest = boot(name, options);
  expect(guest.run()).toEqual({ kind: 'idle' });
  return guest.serial.text;
}

/** A difference between this machine and QEMU 7.2. */
interface Difference {
  readonly trials: RegExp;
  readonly reason: string;
  /** Fields of the exception that is taken here. */
  readonly here: (trial: Trial) => Readonly<Record<string, string>>;
}

/** The second SVC of a trial: nothing was taken at the instruction. */
const nothingTaken = { esr: '56000eee' };

const DIFFERENCES: readonly Difference[] = [
  {
    trials: /^EL0 daifset without the right/,
    // D24.2.40, ISS of MSR/MRS traps.
    reason: 'The syndrome of a trapped MSR DAIFSet has op1 and op2 in their places',
    here: () => ({ esr: '620cd3e4', v: '400' }),
  },
  {
    trials: /^EL[012].* SCR_EL3\.EA/,
    // D1.3.6.
    reason: 'An SCR_EL3.EA that routes external aborts to EL3 is obeyed',
    here: ({ name }) => ({
      el: '3',
      v: '400',
      esr: name.endsWith('fetch') ? '82000010' : /st[rp]$/.test(name) ? '92000050' : '92000010',
    }),
  },
  {
    trials: /^EL2[th] (nothing answers: (ldr|strb)|HCR_EL2\.TEA: ldr)/,
    // Only stage 2 aborts have an instruction syndrome.
    reason: 'An abort taken from EL2 to EL2 has no instruction syndrome',
    here: ({ name }) => ({ el: '2', esr: name.endsWith('strb') ? '96000050' : '96000010' }),
  },
];

describe.each(['exceptions-el1', 'exceptions-el3'])('%s', (name) => {
  it('shows what QEMU 7.2 shows, except for the differences listed', () => {
    const here = parseTrials(transcript(name));
    const there = parseTrials(kept(name));
    expect([...here.keys()]).toEqual([...there.keys()]);
    const unexplained: unknown[] = [];
    for (const [key, trial] of here) {
      const difference = DIFFERENCES.find(({ trials }) => trials.test(key));
      const expected = there.get(key) as Trial;
      const same = JSON.stringify(trial) === JSON.stringify(expected);
      if (difference === undefined) {
        if (!same) unexplained.push({ key, here: trial, there: expected });
      } else if (!same) {
        expect({ key, ...trial.taken }, difference.reason).toMatchObject(difference.here(trial));
      }
    }
    expect(unexplained).toEqual([]);
  });

  it.skipIf(qemuVersion() !== '7.2')('is what QEMU prints today', async () => {
    expect(await runInQemu(name, 'virt,virtualization=on,secure=on', 'done\n')).toBe(kept(name));
  });
});

it('lists no difference that is none', () => {
  const pairs = ['exceptions-el1', 'exceptions-el3'].flatMap((name) => {
    const there = parseTrials(kept(name));
    return [...parseTrials(transcript(name))].map(([key, trial]) => ({ key, trial, other: there.get(key) }));
  });
  for (const { trials, reason } of DIFFERENCES) {
    const differing = pairs.filter(
      ({ key, trial, other }) => trials.test(key) && JSON.stringify(trial) !== JSON.stringify(other),
    );
    expect(differing.length, reason).toBeGreaterThan(0);
  }
});

describe('by the book', () => {
  const trials = new Map<string, Trial>();
  const trial = (key: string): Trial => {
    if (trials.size === 0) {
      for (const name of ['exceptions-el3', 'exceptions-el1']) {
        for (const [found, value] of parseTrials(transcript(name))) trials.set(found, value);
      }
    }
    const found = trials.get(key);
    if (found === undefined) throw new Error(`no trial "${key}"`);
    return found;
  };

  it.each([
    // state and name, level, vector offset, ESR, FAR
    ['EL0 svc', 1, 0x400, 0x5600_1234, 0],
    ['EL1t svc', 1, 0x000, 0x5600_1234, 0],
    ['EL1h svc', 1, 0x200, 0x5600_1234, 0],
    ['EL2t svc', 2, 0x000, 0x5600_4321, 0],
    ['EL2h svc', 2, 0x200, 0x5600_4321, 0],
    ['EL3t svc', 3, 0x000, 0x5600_4321, 0],
    ['EL3h svc', 3, 0x200, 0x5600_4321, 0],
    ['EL0 brk', 1, 0x400, 0xf200_f0f0, 0],
    ['EL1h udf', 1, 0x200, 0x0200_0000, 0],
    ['EL1h hlt that is no gate', 1, 0x200, 0x0200_0000, 0],
    ['EL0 ctr without the right', 1, 0x400, 0x6232_c061, 0],
    ['EL0 read, level 3 translation', 1, 0x400, 0x9200_0007, 0x40c0_1010],
    ['EL1h write to constants', 1, 0x200, 0x9600_004e, 0x4040_0044],
    ['EL1t access flag, level 2', 1, 0x000, 0x9600_000a, 0x40e0_0123],
    ['EL1h address size', 1, 0x200, 0x9600_0001, 0x8000_0018],
    ['EL0 branch to data', 1, 0x400, 0x8200_000e, 0x4020_0020],
    ['EL1h branch to two beyond a word', 1, 0x200, 0x8a00_0000, 0x4000_0102],
    ['EL1h unaligned exclusive', 1, 0x200, 0x9600_0021, 0x4020_0204],
    ['EL0 nothing answers: ldr pre-indexed', 1, 0x400, 0x9200_0010, 0x4060_1010],
    ['EL1h nothing answers: stp pre-indexed', 1, 0x200, 0x9600_0050, 0x4060_0fe0],
    ['EL1h nothing answers: into the hole, pair', 1, 0x200, 0x9600_0010, 0x40c0_4000],
    ['EL1h nothing answers: dc zva', 1, 0x200, 0x9600_0050, 0x4060_1000],
    ['EL1h nothing answers: instruction fetch', 1, 0x200, 0x8600_0010, 0x4100_0400],
    ['EL1h nothing answers: page table, write', 1, 0x200, 0x9600_0057, 0x4080_3008],
    ['EL0 HCR_EL2.TGE: svc', 2, 0x400, 0x5600_0009, 0],
    ['EL0 HCR_EL2.TGE: nothing answers', 2, 0x400, 0x9200_0010, 0x0f00_0000],
    ['EL1h HCR_EL2.TSC: smc', 2, 0x400, 0x5e00_0005, 0],
    ['EL1h HCR_EL2.TWI: wfi', 2, 0x400, 0x07e0_0000, 0],
    ['EL2h SCR_EL3.TWI: wfi', 3, 0x400, 0x07e0_0000, 0],
  ])('%s', (key, level, vector, esr, far) => {
    const { taken } = trial(key);
    expect({ el: taken['el'], v: taken['v'], esr: taken['esr'], far: taken['far'] }).toEqual({
      el: level.toString(16),
      v: vector.toString(16),
      esr: esr.toString(16),
      far: far.toString(16),
    });
  });

  it('returns to the level, stack, flags and masks that the exception came from', () => {
    trial('EL1h svc');
    for (const [key, { state, taken, returned }] of trials) {
      // A trial that writes SPSR returns with that; under TRVM the vector at EL1 is trapped too.
      if (/illegal|TRVM/.test(key)) continue;
      expect(returned['spsr'], key).toBe(taken['spsr']);
      expect(returned['sp'], key).toBe(taken['sp']);
      expect(returned['el'], key).toBe(state === 'EL0' ? (/TGE/.test(key) ? '2' : '1') : state.charAt(2));
      expect(taken['daif'], key).toBe('3c0');
    }
  });
});

describe('an access that nothing answers', () => {
  it('is an event with PC, width, value and a device-like name', () => {
    const guest = boot('exceptions-el1');
    guest.run();
    const events = guest.machine.events.get('unmapped').map(({ fields }) => fields);
    const find = (access: string, width: number) =>
      events.find((fields) => fields.access === access && fields.width === width);
    expect(find('read', 8)).toMatchObject({ device: expect.stringMatching(/^unmapped, 0x\w+ past secure-ram$/) });
    // strh w0, [x1, #2] with w0 = 0xa0
    expect(find('write', 2)).toMatchObject({ address: '0xf001002', value: '0xa0', reason: 'unmapped' });
    for (const fields of events) {
      expect(fields.pc).toMatch(/^0x[0-9a-f]+$/);
      expect(fields.device).toMatch(/past secure-ram$/);
    }
  });

  it('is told once for DC ZVA, which stores many times', () => {
    const guest = boot('exceptions-el1');
    guest.run();
    const bytes = guest.machine.events
      .get('unmapped')
      .filter(({ fields }) => fields.access === 'write' && fields.width === 1);
    expect(bytes.map(({ fields }) => fields.address)).toEqual(['0xf001000', '0xf001000']);
  });
});

describe('a device that refuses an access', () => {
  const refusals = [
    // trial, ESR at EL1, FAR, registers x0 to x2
    ['ldrb', 0x9600_0010, 0x10a0_0010],
    ['ldrb post-indexed', 0x9600_0010, 0x10a0_0000],
    ['ldrsh pre-indexed', 0x9600_0010, 0x10a0_0018],
    ['strb pre-indexed', 0x9600_0050, 0x10a0_0020],
    ['strh', 0x9600_0050, 0x10a0_0020],
    ['ldr b', 0x9600_0010, 0x10a0_0010],
    ['ld1 bytes', 0x9600_0010, 0x10a0_0000],
    // Eight bytes at a multiple of four: the own core does not make such an access to a device.
    [
      'str across the end',
      ...(isOwnCore ? ([0x9600_0061, 0x10a0_00dc] as const) : ([0x9600_0050, 0x10a0_00e0] as const)),
    ],
  ] as const;

  it.each(refusals)('%s is an external abort with the registers as they were', (name, esr, far) => {
    const trials = parseTrials(transcript('refused-pixel6', { board: 'pixel6' }));
    for (const [state, level] of [
      ['EL1h', 1],
      ['EL3h', 3],
    ] as const) {
      expect(trials.get(`${state} ${name}`)?.taken).toMatchObject({
        el: String(level),
        v: '200',
        esr: esr.toString(16),
        far: far.toString(16),
        x0: 'a0',
        x1: '10a00000',
        x2: 'a2',
        x3: 'a3',
      });
    }
  });

  it.each(ENGINES_HERE)(
    'gets an unaligned access as the aligned ones around it, where %s does not check that',
    (engine) => {
      const taken = engine === 'wasm' ? { esr: '96000021', x0: 'a0' } : { ...nothingTaken, x0: '0' };
      const trials = parseTrials(transcript('refused-pixel6', { board: 'pixel6', engine }));
      expect(trials.get('EL1h ldr unaligned')?.taken).toMatchObject(taken);
    },
  );

  it('answers 32 bits, and 64 as two times 32', () => {
    const trials = parseTrials(transcript('refused-pixel6', { board: 'pixel6' }));
    expect(trials.get('EL1h 32 bits are answered')?.taken).toMatchObject({ ...nothingTaken, x0: '6' });
    expect(trials.get('EL1h 64 bits are two times 32')?.taken).toMatchObject({ ...nothingTaken, x0: '80000006b' });
  });

  it('is an event that names the device and the register', () => {
    const guest = boot('refused-pixel6', { board: 'pixel6' });
    guest.run();
    expect(guest.machine.events.get('unmapped')[0]?.fields).toMatchObject({
      device: expect.stringMatching(/uart0\+0x10$/),
      reason: 'device',
      access: 'read',
      address: '0x10a00010',
      width: 1,
      pc: expect.stringMatching(/^0x[0-9a-f]+$/),
    });
  });
});

describe('a vector that cannot be executed', () => {
  it.each([
    ['because nothing answers there', 0n, 0x0f00_0200n],
    ['because it is undefined itself', 1n, null],
    ['at EL3', 2n, 0x0f00_0200n],
  ])('%s is a lockup', (_why, parameter, vector) => {
    const guest = boot('lockup', { parameter });
    const stop = guest.run({ maxInstructions: 1_000_000 });
    const at = vector ?? BigInt(guest.base + 0x800 + 0x200);
    expect(stop).toEqual({
      kind: 'lockup',
      reason: `core 0 cannot execute its own exception vector at 0x${at.toString(16)}`,
    });
    expect(guest.machine.clock.instructions).toBeLessThan(100);
  });

  it('is forgotten at reset', () => {
    const guest = boot('lockup', { parameter: 0n });
    guest.run();
    guest.machine.reset(guest.base);
    expect(guest.run({ maxInstructions: guest.machine.clock.instructions + 3 })).toMatchObject({ kind: 'limit' });
  });
});
