// SPDX-License-Identifier: GPL-2.0-only
/**
 * What EL2 does to EL1 and EL0 on the own core, against what QEMU 7.2 shows for the same guest:
 * stage 2 faults, traps, virtual interrupts. Unicorn has no EL2 for guests.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '#workbench/package-root.ts';
import { bootGuest } from './support/guest-machine.ts';
import { qemuVersion, runInQemu } from './support/qemu-transcript.ts';
import { parseTrials, type Trial } from './support/trial-transcript.ts';

const KEPT = readFileSync(join(packageRoot(), 'tests', 'transcripts', 'hypervisor.qemu-7.2.txt'), 'utf8');

/** Where QEMU is wrong: its ESR, and the right one. */
const DIFFERENCES: Readonly<Record<string, readonly [here: string, there: string, reason: string]>> = {
  'both stages: ldr through a table that is not there': ['92000087', '92000086', 'the level is that of stage 2'],
  'both stages: code through a table that is not there': ['82000087', '82000086', 'the level is that of stage 2'],
  'both stages: no tables': ['82000087', '82000085', 'the level is that of stage 2'],
  'both stages: at s1e1r through a table that is not there': ['920001c7', '920001c6', 'the level is that of stage 2'],
  // D24.3.17: MDCR_EL2.TPMCR.
  'TPMCR: pmcr': ['6230e479', '56000eee', 'accesses to PMCR_EL0 are trapped'],
};

it('shows what QEMU 7.2 shows, except for the differences listed', () => {
  const guest = bootGuest('hypervisor', { engine: 'wasm', guestHasEl2: true });
  const { machine, serial } = guest;
  expect(guest.run()).toEqual({ kind: 'idle' });
  const here = parseTrials(serial.text);
  const there = parseTrials(KEPT);
  machine.close();
  expect([...here.keys()]).toEqual([...there.keys()]);
  const different = [...here].flatMap(([key, trial]) => {
    const other = there.get(key) as Trial;
    if (JSON.stringify(trial) === JSON.stringify(other)) return [];
    return [[trial.name, trial.taken['esr'], other.taken['esr']]];
  });
  const listed = Object.entries(DIFFERENCES).map(([name, [own, others]]) => [name, own, others]);
  expect(different).toEqual(listed);
});

it.skipIf(qemuVersion() !== '7.2')('is what QEMU prints today', async () => {
  expect(await runInQemu('hypervisor', 'virt,virtualization=on,secure=on', 'done\n')).toBe(KEPT);
});
