// SPDX-License-Identifier: GPL-2.0-only
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { installCommands, linuxFlavours } from './engine-advice.ts';
import type { Host } from './engine-candidates.ts';
import type { EngineVersion } from '#emulator/engine/unicorn.ts';
import { EngineLibraryError, type EngineProbe, locateEngine } from './engine-library.ts';

const TWO_ONE: EngineVersion = { major: 2, minor: 1, patch: 1 };
const TWO_ZERO: EngineVersion = { major: 2, minor: 0, patch: 1 };

let cache = '';
let savedPath: string | undefined;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'levitate-engine-'));
  // No apt on the path: nothing below may reach the network.
  savedPath = process.env['PATH'];
  process.env['PATH'] = cache;
});
afterEach(() => {
  process.env['PATH'] = savedPath;
  rmSync(cache, { recursive: true, force: true });
});

function hostWith(env: NodeJS.ProcessEnv = {}): Host {
  return { platform: 'linux', arch: 'x64', env: { LEVITATE_CACHE: cache, ...env } };
}

function fileInCache(...parts: string[]): string {
  const path = join(cache, 'engine', ...parts);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, '');
  return path;
}

/** Knows the files of `known`, and nothing else on the system. */
function probeOf(known: Readonly<Record<string, EngineVersion>>): EngineProbe {
  return (path) => known[path] ?? null;
}

function failureOf(probe: EngineProbe, env: NodeJS.ProcessEnv = {}): EngineLibraryError {
  try {
    locateEngine(probe, { host: hostWith(env) });
  } catch (error) {
    if (error instanceof EngineLibraryError) {
      return error;
    }
    throw error;
  }
  throw new Error('an engine was located');
}

describe('locateEngine', () => {
  it('takes the file of LEVITATE_UNICORN before all others', () => {
    const cached = fileInCache('libunicorn.so.2');
    const probe = probeOf({ '/opt/mine.so': TWO_ONE, [cached]: TWO_ONE });
    const engine = locateEngine(probe, { host: hostWith({ LEVITATE_UNICORN: '/opt/mine.so' }) });
    expect(engine).toEqual({ path: '/opt/mine.so', version: TWO_ONE, source: 'LEVITATE_UNICORN' });
  });

  it('does not silently use another library when the file of LEVITATE_UNICORN will not do', () => {
    const cached = fileInCache('libunicorn.so.2');
    const failure = failureOf(probeOf({ [cached]: TWO_ONE }), { LEVITATE_UNICORN: '/opt/absent.so' });
    expect(failure.reason).toBe('missing');
    expect(failure.message).toContain('/opt/absent.so cannot be loaded');
  });

  it('prefers the cache to the system, and in the cache the preferred suite', () => {
    const sid = fileInCache('sid-x64', 'usr', 'lib', 'x86_64-linux-gnu', 'libunicorn.so.2');
    const trixie = fileInCache('trixie-x64', 'usr', 'lib', 'x86_64-linux-gnu', 'libunicorn.so.2');
    const probe = probeOf({ [sid]: TWO_ONE, [trixie]: TWO_ONE, 'libunicorn.so.2': TWO_ONE });
    expect(locateEngine(probe, { host: hostWith() })).toMatchObject({ path: trixie, source: 'cache' });
  });

  it('ignores a package fetched for another processor', () => {
    const other = fileInCache('trixie-arm64', 'usr', 'lib', 'aarch64-linux-gnu', 'libunicorn.so.2');
    expect(failureOf(probeOf({ [other]: TWO_ONE })).reason).toBe('missing');
  });

  it('asks the dynamic loader by bare name when no folder has it', () => {
    const probe: EngineProbe = (path) => (path === basename(path) ? TWO_ONE : null);
    expect(locateEngine(probe, { host: hostWith() })).toMatchObject({ path: 'libunicorn.so.2', source: 'system' });
  });

  it('goes on past one that is too old, and says so when there is no other', () => {
    const cached = fileInCache('libunicorn.so.2');
    const newer = fileInCache('trixie-x64', 'usr', 'lib', 'libunicorn.so.2');
    expect(locateEngine(probeOf({ [cached]: TWO_ZERO, [newer]: TWO_ONE }), { host: hostWith() }).path).toBe(newer);
    const failure = failureOf(probeOf({ [cached]: TWO_ZERO }));
    expect(failure.reason).toBe('unfit');
    expect(failure.message).toContain(`${cached} is version 2.0.1`);
    expect(failure.message).toContain('2.1 or a later 2.x is needed');
  });

  it('does not ask by bare name once an unfit library of that name is loaded: the loader would answer with that one', () => {
    const cached = fileInCache('libunicorn.so.2');
    const asked: string[] = [];
    const probe: EngineProbe = (path) => {
      asked.push(path);
      return path === cached ? TWO_ZERO : null;
    };
    expect(failureOf(probe).reason).toBe('unfit');
    expect(asked).not.toContain('libunicorn.so.2');
  });

  it('names the lack of apt when nothing is found and nothing can be fetched', () => {
    const failure = failureOf(probeOf({}));
    expect(failure.reason).toBe('missing');
    expect(failure.message).toContain('this system has no apt-get');
    expect(failure.message).toContain('LEVITATE_UNICORN');
  });

  it.each([
    [{ major: 2, minor: 1, patch: 0 }, true],
    [{ major: 2, minor: 2, patch: 0 }, true],
    [{ major: 3, minor: 1, patch: 0 }, false],
    [{ major: 2, minor: 0, patch: 9 }, false],
    [{ major: 1, minor: 9, patch: 9 }, false],
  ])('version %o is usable: %s', (version, usable) => {
    const cached = fileInCache('libunicorn.so.2');
    const locate = (): unknown => locateEngine(probeOf({ [cached]: version }), { host: hostWith() });
    if (usable) {
      expect(locate()).toMatchObject({ version });
    } else {
      expect(locate).toThrow(EngineLibraryError);
    }
  });
});

describe('installCommands', () => {
  it.each([
    ['linux', 'ID=fedora', 'sudo dnf install unicorn'],
    ['linux', 'ID=manjaro\nID_LIKE=arch', 'sudo pacman -S unicorn'],
    ['linux', 'ID=debian\nVERSION_ID="12"', 'sudo apt install libunicorn2t64  # Debian 13 or newer'],
    ['linux', 'ID=unheard-of', 'python3 -m pip install --target unicorn-wheel "unicorn>=2.1"'],
    ['darwin', '', 'brew install unicorn'],
    ['win32', '', 'py -m pip install --target unicorn-wheel "unicorn>=2.1"'],
  ] as const)('on %s %j begins with %s', (platform, osRelease, first) => {
    expect(installCommands(platform, osRelease)[0]).toBe(first);
  });

  it('reads quoted and several-word fields of os-release', () => {
    expect(linuxFlavours('NAME="X"\nID="rocky"\nID_LIKE="rhel centos fedora"\n')).toEqual([
      'rocky',
      'rhel',
      'centos',
      'fedora',
    ]);
  });
});
