// SPDX-License-Identifier: GPL-2.0-only
/**
 * The folder for what is obtained once and can be obtained again: the engine's library, guest
 * kernels, device trees.
 */

import { join, resolve } from 'node:path';
import { packageRoot } from '#workbench/package-root.ts';

/**
 * Absolute path of the cache: the environment variable LEVITATE_CACHE when it is set, else `.cache`
 * in the package root. Not created.
 */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const chosen = env['LEVITATE_CACHE'];
  return chosen === undefined || chosen === '' ? join(packageRoot(), '.cache') : resolve(chosen);
}
