/** `node scripts/launch.mjs check-imports`: holds the rules in architecture/rules.ts. */

import { commandMain } from '#workbench/cli/command.ts';
import { packageRoot } from '#workbench/package-root.ts';
import { checkArchitecture, readSources } from './architecture/check-architecture.ts';

export const main = commandMain({
  name: 'check-imports',
  summary:
    'Holds "Who may import whom" (scripts/architecture/rules.ts): prints each violation as FILE:LINE, and what was read.',
  usage: '',
  options: {},
  examples: [['node scripts/launch.mjs check-imports']],
  statuses: { 0: 'every rule holds', 1: 'one does not' },
  run() {
    const { violations, filesRead, importsSeen } = checkArchitecture(readSources(packageRoot()));
    for (const { file, line, message } of violations) process.stdout.write(`${file}:${line}: ${message}\n`);
    const counts = [...filesRead].map(([folder, count]) => `${folder} ${count}`).join(', ');
    process.stdout.write(`${importsSeen} imports read in files of: ${counts}\n`);
    process.stdout.write(violations.length === 0 ? 'every rule holds\n' : `${violations.length} violations\n`);
    return violations.length === 0 ? 0 : 1;
  },
});
