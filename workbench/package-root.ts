// SPDX-License-Identifier: GPL-2.0-only
/**
 * The package's folder on disk. Every file that is read at run time is found from it (firmware
 * images, the cache).
 *
 * Works from the sources (workbench/package-root.ts, under vitest) and from a bundle (dist/NAME.cjs
 * or .mjs), because both lie exactly one folder below the root; scripts/build.mjs keeps dist/ flat
 * for that reason.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Absolute path of the folder that holds package.json, without a trailing separator on POSIX
 * systems.
 * @throws Error when there is no package.json: the file was moved out of workbench/ or dist/
 */
export function packageRoot(): string {
  const root = join(fileURLToPath(import.meta.url), '..', '..');
  if (!existsSync(join(root, 'package.json'))) {
    throw new Error(`no package.json in ${root}: this file must lie in workbench/ or in dist/`);
  }
  return root;
}
