// SPDX-License-Identifier: GPL-2.0-only
/**
 * A round of `npm run stress`, small: Debian's user space on one core and on four, each with half
 * of the parts. QEMU's results are kept (tests/transcripts/stress.qemu-7.2.txt: round 2 of seed 1).
 * Results that depend on the packages' versions are tested by the command only.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '#workbench/package-root.ts';
import { runStress } from '#scripts/stress/run-stress.ts';
import { foreignGuests } from '#tests/support/foreign-guest.ts';

const guests = foreignGuests('linux-6.12', 'debian-12', 'busybox');
const isMissing = typeof guests === 'string';

/** Results by part, without the round. */
const QEMU = new Map(
  readFileSync(join(packageRoot(), 'tests', 'transcripts', 'stress.qemu-7.2.txt'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]),
);
const BY_PACKAGE: Readonly<Record<string, RegExp>> = {
  gcc: /^\d programs, -O0, returned 3 digest [0-9a-f]{32}$/,
  tree: /^files \d{2,} digest [0-9a-f]{32}$/,
};

describe.skipIf(isMissing).each([
  { cpus: 1, parts: 'shell digests perl python gcc tree disk signals memory code' },
  { cpus: 4, parts: 'gcc threads arithmetic forks timers' },
])(`Debian's user space, cores: $cpus${isMissing ? ` (${guests})` : ''}`, ({ cpus, parts }) => {
  it('gives the results that QEMU gives', async () => {
    const names = parts.split(' ');
    const { fault, lines } = await runStress({
      cpus,
      withQemu: false,
      // With 2 the programs are compiled without optimisation, which is the quickest.
      seed: 2,
      scale: 1,
      restSeconds: 1,
      rounds: 1,
      guestSeconds: 120,
      parts: names,
      say: () => {},
    });
    expect(fault).toBeNull();
    expect(lines.map(({ part }) => part)).toEqual(['begin', ...names, 'end']);
    for (const { part, result } of lines.slice(1, -1)) {
      const byPackage = BY_PACKAGE[part];
      if (byPackage === undefined) expect(result, part).toBe(QEMU.get(part));
      else expect(result, part).toMatch(byPackage);
    }
  });
});
