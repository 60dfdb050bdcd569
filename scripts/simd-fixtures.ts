// SPDX-License-Identifier: GPL-2.0-only
/**
 * `npm run simd-fixtures`: executes the families of SIMD and FP instructions (simd-fixtures/) on
 * QEMU's user-mode emulator and writes digests of the results. The own core is compared with them
 * by tests/a64-simd.test.ts, wherever there is no QEMU.
 */

import { concatBytes } from '#common/bytes.ts';
import { writeFileSync } from 'node:fs';
import { commandMain } from '#workbench/cli/command.ts';
import { CLASSES, type EncodingClass, digestOf, DIGESTS, familiesOf, recordsOf } from './simd-fixtures/families.ts';
import { type Oracle, withQemu } from './simd-fixtures/qemu.ts';

const EXIT_SKIPPED = 77;

/** The lines of a class: its name, then the families that are not UNDEFINED. */
function linesOf(encodingClass: EncodingClass, oracle: Oracle): string[] {
  const families = [...familiesOf(encodingClass)];
  const bytes = families[0]?.records.length ?? 0;
  const after = oracle(concatBytes(families.map(({ records }) => records)), bytes);
  const lines = families.flatMap(({ key, records }, i) => {
    const digest = digestOf(records, recordsOf(after.subarray(i * bytes, (i + 1) * bytes)));
    return digest === null ? [] : [`${key} ${digest}`];
  });
  return [`# ${encodingClass.name}`, ...lines];
}

export const main = commandMain({
  name: 'simd-fixtures',
  summary:
    "Executes the families of SIMD, FP and atomic instructions on QEMU's user-mode emulator and writes digests of the results, with which the tests compare the own core.",
  usage: '[options]',
  options: {},
  examples: [['npm run simd-fixtures']],
  statuses: { 0: 'written', [EXIT_SKIPPED]: 'qemu-user or the GNU cross binutils are missing' },
  run: () =>
    withQemu((oracle) => {
      if (oracle === null) {
        process.stderr.write('simd-fixtures: skipped; install qemu-user and the GNU cross binutils for aarch64\n');
        return EXIT_SKIPPED;
      }
      writeFileSync(DIGESTS, `${CLASSES.flatMap((one) => linesOf(one, oracle)).join('\n')}\n`);
      return 0;
    }),
});
