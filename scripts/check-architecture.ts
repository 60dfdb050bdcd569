// SPDX-License-Identifier: GPL-2.0-only
/** `npm run check-architecture`: holds the rules in architecture/rules.ts. */

import { commandMain } from '#workbench/cli/command.ts';
import { packageRoot } from '#workbench/package-root.ts';
import {
  checkArchitecture,
  checkAssembly,
  checkHostSides,
  checkImportGraph,
  checkLicences,
  readOtherSources,
  readSources,
  scanAll,
} from './architecture/check-architecture.ts';

export const main = commandMain({
  name: 'check-architecture',
  summary:
    'Holds the rules in scripts/architecture/rules.ts: who may import whom, no circles, nothing for tests among what runs, one dialect, the width of comments, the licence. Prints each violation as FILE:LINE, and what was read.',
  usage: '',
  options: {},
  examples: [['npm run check-architecture']],
  statuses: { 0: 'every rule holds', 1: 'one does not' },
  run() {
    const sources = readSources(packageRoot());
    const others = readOtherSources(packageRoot());
    const scanned = scanAll(sources);
    const { violations: broken, filesRead, importsSeen } = checkArchitecture(sources, scanned);
    const violations = [
      ...broken,
      ...checkImportGraph(sources, scanned),
      ...checkHostSides(sources),
      ...checkAssembly(others),
      ...checkLicences(new Map([...sources, ...others])),
    ];
    for (const { file, line, message } of violations) process.stdout.write(`${file}:${line}: ${message}\n`);
    const counts = [...filesRead].map(([folder, count]) => `${folder} ${count}`).join(', ');
    process.stdout.write(`${importsSeen} imports read in files of: ${counts}\n`);
    process.stdout.write(violations.length === 0 ? 'every rule holds\n' : `${violations.length} violations\n`);
    return violations.length === 0 ? 0 : 1;
  },
});
