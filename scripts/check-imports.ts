/**
 * `node scripts/launch.mjs check-imports`: holds "Who may import whom". Exit status 0 when every
 * rule holds, 1 otherwise.
 */

import { checkArchitecture, readSources } from './architecture/check-architecture.ts';
import { packageRoot } from '#workbench/package-root.ts';

/** Prints each violation as FILE:LINE and what was read; returns the exit status. */
export function main(): number {
  const { violations, filesRead, importsSeen } = checkArchitecture(readSources(packageRoot()));
  for (const { file, line, message } of violations) {
    process.stdout.write(`${file}:${line}: ${message}\n`);
  }
  const counts = [...filesRead].map(([folder, count]) => `${folder} ${count}`).join(', ');
  process.stdout.write(`${importsSeen} imports read in files of: ${counts}\n`);
  process.stdout.write(violations.length === 0 ? 'every rule holds\n' : `${violations.length} violations\n`);
  return violations.length === 0 ? 0 : 1;
}
