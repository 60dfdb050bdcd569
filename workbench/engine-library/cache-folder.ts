// SPDX-License-Identifier: GPL-2.0-only
/**
 * The folder for what is obtained once and can be obtained again: the engine's library, guest
 * kernels, device trees.
 */

import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { packageRoot } from '#workbench/package-root.ts';

/**
 * Absolute path of the cache, which is not created:
 *
 *   1  LEVITATE_CACHE, when it is set
 *   2  `.cache` in the package root, in a checkout
 *   3  the user's own cache, where the package is a dependency: `npm ci` empties node_modules
 */
export function cacheFolder(
  env: NodeJS.ProcessEnv = process.env,
  root = packageRoot(),
  platform: NodeJS.Platform = process.platform,
): string {
  const chosen = env['LEVITATE_CACHE'] ?? '';
  if (chosen !== '') return resolve(chosen);
  const isDependency = root.replaceAll('\\', '/').includes('/node_modules/');
  return isDependency ? join(usersCache(env, platform), 'levitate-emulator') : join(root, '.cache');
}

/** The cache of this user: the XDG Base Directory Specification, and its counterparts. */
function usersCache(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string {
  if (platform === 'win32') return env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local');
  if (platform === 'darwin') return join(homedir(), 'Library', 'Caches');
  const chosen = env['XDG_CACHE_HOME'] ?? '';
  // The specification: a relative path is ignored.
  return chosen.startsWith('/') ? chosen : join(homedir(), '.cache');
}
