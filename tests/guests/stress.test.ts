/**
 * A round of `npm run stress`, small: Debian's user space here and on QEMU, on one core and four.
 */

import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import type { StressLine } from '#scripts/stress/compare.ts';
import { QEMU } from '#scripts/stress/machines.ts';
import { runStress } from '#scripts/stress/run-stress.ts';
import { foreignGuests } from '#tests/support/foreign-guest.ts';

const guests = foreignGuests('linux-6.12', 'debian-12', 'busybox');
const noQemu = spawnSync(QEMU, ['--version']).status !== 0;
const isMissing = typeof guests === 'string' || (noQemu && process.env['CI'] !== 'true');
const reason = typeof guests === 'string' ? guests : `skipped: ${QEMU} is not installed`;
const why = isMissing ? ` (${reason})` : '';

const PARTS = 'shell digests perl python gcc threads signals memory code arithmetic forks tree disk timers'.split(' ');

/**
 * What QEMU gave in the first of the runs: it does not depend on the number of cores, and takes a
 * while.
 */
let agreed: readonly StressLine[] = [];

describe.skipIf(isMissing).each([
  { cpus: 1, withQemu: true },
  { cpus: 4, withQemu: false },
])(`Debian's user space, cores: $cpus${why}`, ({ cpus, withQemu }) => {
  it('gives the results that QEMU gives', async () => {
    const { fault, lines } = await runStress({
      cpus,
      withQemu,
      // With 2 the programs are compiled without optimisation, which is the quickest.
      seed: 2,
      scale: 1,
      restSeconds: 1,
      rounds: 1,
      guestSeconds: 120,
      parts: PARTS,
      say: () => {},
    });
    expect(fault).toBeNull();
    expect(lines.map(({ part }) => part)).toEqual(['begin', ...PARTS, 'end']);
    if (withQemu) agreed = lines;
    else expect(lines).toEqual(agreed);
  });
});
