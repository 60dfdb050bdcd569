// SPDX-License-Identifier: GPL-2.0-only
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cacheFolder } from './cache-folder.ts';

const CHECKOUT = '/src/levitate';
const DEPENDENCY = '/src/app/node_modules/levitate-emulator';

describe('cacheFolder', () => {
  it.each([
    ['in a checkout', {}, CHECKOUT, 'linux', `${CHECKOUT}/.cache`],
    ['in a checkout, whatever the user has', { XDG_CACHE_HOME: '/c' }, CHECKOUT, 'linux', `${CHECKOUT}/.cache`],
    ['of a dependency', {}, DEPENDENCY, 'linux', join(homedir(), '.cache/levitate-emulator')],
    ['of a dependency, moved', { XDG_CACHE_HOME: '/c' }, DEPENDENCY, 'linux', '/c/levitate-emulator'],
    [
      'of a dependency, moved nowhere',
      { XDG_CACHE_HOME: 'c' },
      DEPENDENCY,
      'linux',
      join(homedir(), '.cache/levitate-emulator'),
    ],
    ['of a dependency on macOS', {}, DEPENDENCY, 'darwin', join(homedir(), 'Library/Caches/levitate-emulator')],
    ['of a dependency on Windows', { LOCALAPPDATA: '/u/local' }, DEPENDENCY, 'win32', '/u/local/levitate-emulator'],
    ['that was asked for', { LEVITATE_CACHE: 'here' }, DEPENDENCY, 'linux', resolve('here')],
    ['when an empty one was asked for', { LEVITATE_CACHE: '' }, CHECKOUT, 'linux', `${CHECKOUT}/.cache`],
  ] as const)('%s', (_where, env, root, platform, folder) => {
    expect(cacheFolder(env, root, platform)).toBe(folder);
  });
});
