// SPDX-License-Identifier: GPL-2.0-only
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { debianArchitecture, fetchDebianPackage, findDebianPackage, newestName } from './debian-packages.ts';
import { rankMirrors } from './private-apt.ts';

let cache = '';
beforeAll(() => {
  cache = mkdtempSync(join(tmpdir(), 'levitate-cache-'));
});
afterAll(() => {
  rmSync(cache, { recursive: true, force: true });
});

describe('newestName', () => {
  it('compares the numbers in names as numbers, not as text', () => {
    expect(newestName(['linux-6.12.9-arm64', 'linux-6.12.10-arm64', 'linux-6.2.99-arm64'])).toBe('linux-6.12.10-arm64');
  });

  it('is null for no names', () => {
    expect(newestName([])).toBeNull();
  });

  it('does not depend on the order of the names', () => {
    const version = fc
      .tuple(fc.nat(20), fc.nat(20), fc.nat(20))
      .map((parts) => `linux-base-${parts.join('.')}+deb13-arm64`);
    fc.assert(
      fc.property(fc.uniqueArray(version, { minLength: 1 }), (names) => {
        expect(newestName([...names].reverse())).toBe(newestName(names));
      }),
    );
  });
});

describe('rankMirrors', () => {
  it('puts the main Debian archive before the security archive', () => {
    const lines = ['m://mirror/debian-security/|Debian|Debian-Security', 'm://mirror/debian/|Debian|Debian'];
    expect(rankMirrors(lines)).toEqual(['m://mirror/debian/', 'm://mirror/debian-security/']);
  });

  it('leaves out archives of other origins, also where a second line does not name the origin', () => {
    const lines = ['m://other/|Acme|Acme', 'm://mirror/debian/|Debian|Debian', 'm://other/|$(ORIGIN)|$(LABEL)'];
    expect(rankMirrors(lines)).toEqual(['m://mirror/debian/']);
  });

  it('keeps archives that apt knows nothing about yet', () => {
    expect(rankMirrors(['m://mirror/debian/|$(ORIGIN)|$(LABEL)', ''])).toEqual(['m://mirror/debian/']);
  });

  it('refuses a system whose sources are another distribution, and names it', () => {
    expect(() => rankMirrors(['m://ports/|Ubuntu|Ubuntu'])).toThrow(/are those of Ubuntu, not of Debian/);
  });
});

describe('fetchDebianPackage', () => {
  it('answers from the cache without asking apt when the package is there', () => {
    const folder = join(cache, 'guests', 'thing');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'thing', version: '1:2-3' }));
    const request = {
      name: 'thing',
      suite: 'no-such-suite',
      architecture: 'arm64',
      intoCache: 'guests/thing',
      env: { LEVITATE_CACHE: cache },
      onFetch: () => expect.unreachable('the cache holds it'),
    };
    expect(fetchDebianPackage(request)).toEqual({ folder, name: 'thing', version: '1:2-3' });
  });

  it('does not take a folder without a record for a package', () => {
    mkdirSync(join(cache, 'half'), { recursive: true });
    expect(findDebianPackage({ intoCache: 'half', env: { LEVITATE_CACHE: cache } })).toBeNull();
  });
});

describe('debianArchitecture', () => {
  it.each([
    ['x64', 'amd64'],
    ['arm64', 'arm64'],
    ['mips', null],
  ])('%s is %s', (node, debian) => {
    expect(debianArchitecture(node)).toBe(debian);
  });
});
