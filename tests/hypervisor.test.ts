// SPDX-License-Identifier: GPL-2.0-only
/**
 * The effects of EL2 on EL1 and EL0 on the own core, compared with QEMU 7.2 for the same guest:
 * stage 2 faults, traps, virtual interrupts; and EL2 as a host (FEAT_VHE). Unicorn has no EL2 for
 * guests.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { restoreCheckpoint, takeCheckpoint } from '#emulator/debug/checkpoint.ts';
import { saveMachine } from '#emulator/machine/machine-state.ts';
import { packageRoot } from '#workbench/package-root.ts';
import { bootGuest, type GuestOptions } from './support/guest-machine.ts';
import { qemuVersion, runInQemu } from './support/qemu-transcript.ts';
import { parseTrials, type Trial } from './support/trial-transcript.ts';

/**
 * A trial in which QEMU is wrong: a register after it, here and there, and the line of
 * docs/fidelity.md.
 */
type Difference = readonly [register: string, here: string, there: string, reason: string];

const STAGE2_LEVEL = 'A stage 2 fault on a walk of stage 1 has the level of stage 2';
const HYPERVISOR: Readonly<Record<string, Difference>> = {
  'both stages: ldr through a table that is not there': ['esr', '92000087', '92000086', STAGE2_LEVEL],
  'both stages: code through a table that is not there': ['esr', '82000087', '82000086', STAGE2_LEVEL],
  'both stages: no tables': ['esr', '82000087', '82000085', STAGE2_LEVEL],
  'both stages: at s1e1r through a table that is not there': ['esr', '920001c7', '920001c6', STAGE2_LEVEL],
  // D24.3.17: MDCR_EL2.TPMCR.
  'TPMCR: pmcr': ['esr', '6230e479', '56000eee', 'MDCR_EL2.TPMCR traps PMCR_EL0'],
};

const VAE2IS = 'TLBI VAE2IS is of EL2&0 where that is the regime';
const HOST: Readonly<Record<string, Difference>> = {
  'tlbi vae2is: a global page': ['x3', 'd', 'c', VAE2IS],
  'tlbi vae2is: a page of an ASID': ['x3', 'f', 'e', VAE2IS],
  'id_aa64pfr0 and mmfr1': ['x2', '1100000010111111', '1100000010111112', 'AArch64 only.'],
  'id_aa64dfr0 and mmfr2': ['x2', '10305108', '10305408', 'PMUv3 as in Armv8.0'],
  // D24.2.40, ISS of a trapped MSR, MRS: op2, then op1.
  daifset: ['esr', '620cd3e4', '620793e4', 'The syndrome of a trapped MSR DAIFSet has op1 and op2 in their places'],
};

const kept = (guest: string): string =>
  readFileSync(join(packageRoot(), 'tests', 'transcripts', `${guest}.qemu-7.2.txt`), 'utf8');

/** An abort taken from EL2 to EL2 has no instruction syndrome: ISV to AR, which QEMU gives. */
function withoutSyndrome(trial: Trial): Trial {
  const esr = Number.parseInt(trial.taken['esr'] ?? '', 16);
  if (!trial.state.startsWith('EL2') || esr >>> 26 !== 0x25) return trial;
  return { ...trial, taken: { ...trial.taken, esr: ((esr & ~0x01ff_c000) >>> 0).toString(16) } };
}

describe.each([
  { guest: 'hypervisor', cpu: 'cortex-a72', differences: HYPERVISOR },
  { guest: 'host', cpu: 'cortex-a76', differences: HOST },
])('$guest', ({ guest: name, cpu, differences }) => {
  const options: GuestOptions = { engine: 'wasm', guestHasEl2: true, cpuType: cpu };

  it('shows what QEMU 7.2 shows, except for the differences listed', () => {
    const guest = bootGuest(name, options);
    const { machine, serial } = guest;
    expect(guest.run()).toEqual({ kind: 'idle' });
    const here = parseTrials(serial.text);
    const there = parseTrials(kept(name));
    machine.close();
    expect([...here.keys()]).toEqual([...there.keys()]);
    const different = [...here].flatMap(([key, trial]) => {
      const other = withoutSyndrome(there.get(key) as Trial);
      if (JSON.stringify(trial) === JSON.stringify(other)) return [];
      const register = differences[trial.name]?.[0] ?? 'esr';
      // An exception that is not taken leaves other registers too.
      if (register !== 'esr') {
        expect({ ...trial.taken, [register]: '' }).toEqual({ ...other.taken, [register]: '' });
      }
      return [[trial.name, register, trial.taken[register], other.taken[register]]];
    });
    expect(different).toEqual(
      Object.entries(differences).map(([trial, [...values]]) => [trial, ...values.slice(0, 3)]),
    );
  });

  it.each([1, 3])('goes on at the same instruction when it is saved after %i quarters', (quarters) => {
    const boot = () => bootGuest(name, options);
    const whole = boot();
    whole.run();
    const { instructions } = whole.machine.clock;
    const first = boot();
    first.run({ maxInstructions: Math.round((instructions * quarters) / 4) });
    const second = boot();
    const checkpoint = takeCheckpoint(first.machine, first.serial, null);
    if (checkpoint === null) throw new Error('a core cannot be saved');
    restoreCheckpoint(checkpoint, second.machine, second.serial);
    expect(second.run()).toEqual({ kind: 'idle' });
    expect(second.serial.text).toBe(whole.serial.text);
    expect(second.machine.clock.instructions).toBe(instructions);
    expect(saveMachine(second.machine.parts)).toEqual(saveMachine(whole.machine.parts));
    for (const { machine } of [whole, first, second]) machine.close();
  });

  it.skipIf(qemuVersion() !== '7.2')('is what QEMU prints today', async () => {
    expect(await runInQemu(name, 'virt,virtualization=on,secure=on', 'done\n', cpu)).toBe(kept(name));
  });
});
