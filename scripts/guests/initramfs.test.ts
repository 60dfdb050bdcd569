// SPDX-License-Identifier: GPL-2.0-only
/**
 * The archive, by its own reader and by cpio; the initramfs, from a busybox made for the test and
 * from Debian’s.
 */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CpioEntry, writeCpio } from './cpio.ts';
import { findGuest } from './guest-files.ts';
import { buildLinuxInitramfs, busyboxApplets, INIT_READY_MARKER } from './initramfs.ts';
import { readCpio } from './testing/read-cpio.ts';

const CPIO = 'cpio';
const cpioIsAbsent = spawnSync(CPIO, ['--version']).status !== 0;
const debianBusybox = findGuest('busybox');

const path = fc.stringMatching(/^[a-z[][a-z0-9._[é/-]{0,20}$/).filter((text) => text !== 'TRAILER!!!');
const mode = fc.nat(0o7777);
const entry: fc.Arbitrary<CpioEntry> = fc.oneof(
  fc.record({ kind: fc.constant('file' as const), path, mode, content: fc.uint8Array({ maxLength: 50 }) }),
  fc.record({ kind: fc.constant('directory' as const), path, mode }),
  fc.record({ kind: fc.constant('link' as const), path, target: fc.string({ minLength: 1, unit: 'grapheme-ascii' }) }),
  fc.record({
    kind: fc.constant('character-device' as const),
    path,
    mode,
    major: fc.nat(4095),
    minor: fc.nat(2 ** 20 - 1),
  }),
);

/** Enough of a busybox: code, and its table of applets. */
function fakeBusybox(...applets: readonly string[]): Uint8Array {
  return new TextEncoder().encode(`\x7fELF code [\0[[ more\0${['[', '[[', ...applets].join('\0')}\0\0data\0`);
}
const NEEDED = 'busybox cat cttyhack mkfifo mount poweroff reboot setsid sh start-stop-daemon'.split(' ');

describe('writeCpio', () => {
  it('is read back as it was written, and fills its last word', () => {
    fc.assert(
      fc.property(fc.uniqueArray(entry, { selector: (one) => one.path, maxLength: 8 }), (entries) => {
        const archive = writeCpio(entries);
        expect(readCpio(archive)).toEqual(entries);
        expect(archive.length % 4).toBe(0);
      }),
    );
  });

  it('refuses what cannot be in an archive', () => {
    const file = { kind: 'directory', path: 'a', mode: 0o755 } as const;
    expect(() => writeCpio([file, file])).toThrow('"a" cannot be in the archive');
    expect(() => writeCpio([{ ...file, path: '/a' }])).toThrow('"/a"');
    expect(() => writeCpio([{ ...file, path: '' }])).toThrow('""');
  });

  it.skipIf(cpioIsAbsent)(`lists the same in cpio${cpioIsAbsent ? ' (skipped: cpio is not installed)' : ''}`, () => {
    const archive = buildLinuxInitramfs({ busybox: fakeBusybox(...NEEDED) });
    const run = spawnSync(CPIO, ['-tv', '--quiet', '--numeric-uid-gid'], { input: archive, encoding: 'utf8' });
    const lines = run.stdout.trimEnd().split('\n');
    expect(run.stderr).toBe('');
    expect(lines).toHaveLength(readCpio(archive).length);
    expect(lines).toContainEqual(expect.stringMatching(/^crw------- +1 0 +0 +5, +1 Jan +1 +1970 dev\/console$/));
    expect(lines).toContainEqual(expect.stringMatching(/^lrwxrwxrwx .* bin\/sh -> busybox$/));
    expect(lines).toContainEqual(expect.stringMatching(/^-rwxr-xr-x .* init$/));
  });
});

describe('buildLinuxInitramfs', () => {
  const busybox = fakeBusybox(...NEEDED);

  it('holds busybox, a link for each applet, the console and folders to mount on', () => {
    const entries = new Map(readCpio(buildLinuxInitramfs({ busybox })).map((one) => [one.path, one]));
    expect(entries.get('bin/busybox')).toMatchObject({ kind: 'file', mode: 0o755, content: busybox });
    expect(entries.get('dev/console')).toMatchObject({ kind: 'character-device', major: 5, minor: 1 });
    const links = [...entries.values()].filter(({ kind }) => kind === 'link');
    expect(links.map((link) => link.path)).toEqual(
      ['[', '[[', ...NEEDED.filter((name) => name !== 'busybox')].map((name) => `bin/${name}`),
    );
    for (const folder of ['proc', 'sys', 'dev', 'root']) expect(entries.get(folder)?.kind).toBe('directory');
  });

  it('prints its marker after the mounts, then runs the extra commands, then gives shells', () => {
    const archive = buildLinuxInitramfs({ busybox, extraCommands: ['echo first', 'echo second'] });
    const init = readCpio(archive).find((one) => one.path === 'init');
    const script = new TextDecoder().decode(init?.kind === 'file' ? init.content : undefined);
    const order = [
      '#!/bin/sh',
      'devtmpfs /dev',
      `echo ${INIT_READY_MARKER}`,
      'echo first',
      'echo second',
      'console-shells',
    ];
    const places = order.map((text) => script.indexOf(text));
    expect(places[0]).toBe(0);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(spawnSync('sh', ['-n'], { input: script }).status).toBe(0);
  });

  it('loads its modules in their order, and only into the kernel that they are for', () => {
    const files = ['second.ko', 'first.ko'].map((name) => ({ name, content: new TextEncoder().encode(name) }));
    const modules = { release: '6.1.0-arm64', files };
    const entries = readCpio(buildLinuxInitramfs({ busybox, modules, extraCommands: ['echo later'] }));
    for (const { name, content } of files) {
      expect(entries).toContainEqual({ kind: 'file', path: `lib/modules/${name}`, mode: 0o644, content });
    }
    const init = entries.find((one) => one.path === 'init');
    const script = new TextDecoder().decode(init?.kind === 'file' ? init.content : undefined);
    const work = script.slice(script.indexOf(INIT_READY_MARKER), script.indexOf('mkfifo'));
    const run = (release: string) =>
      spawnSync('sh', {
        input: `uname() { echo ${release}; }; insmod() { echo "$1"; }; echo ${work}`,
        encoding: 'utf8',
      });
    expect(run('6.1.0-arm64').stdout.split('\n')).toEqual([
      INIT_READY_MARKER,
      '/lib/modules/second.ko',
      '/lib/modules/first.ko',
      'later',
      '',
    ]);
    expect(run('7.2.0-arm64').stdout.split('\n')).toEqual([INIT_READY_MARKER, 'later', '']);
  });

  it('is the same for the same input', () => {
    expect(buildLinuxInitramfs({ busybox })).toEqual(buildLinuxInitramfs({ busybox }));
  });

  it.each([
    [new Uint8Array(100), 'not a busybox with a table of applets'],
    [fakeBusybox('mount', 'sh'), 'lacks setsid, cttyhack, start-stop-daemon, mkfifo, cat, poweroff, reboot'],
    [fakeBusybox('a b'), 'holds "a b"'],
  ])('refuses a busybox that will not do', (other, problem) => {
    expect(() => buildLinuxInitramfs({ busybox: other })).toThrow(problem);
  });

  it.skipIf(debianBusybox === null)(
    `finds the applets of Debian’s busybox${debianBusybox === null ? ' (skipped: not in the cache; npm run guest-images)' : ''}`,
    () => {
      const applets = busyboxApplets(readFileSync(debianBusybox?.path ?? ''));
      expect(applets.length).toBeGreaterThan(200);
      expect(applets).toEqual(expect.arrayContaining([...NEEDED, 'nproc', 'cat', 'dd', 'md5sum', 'uname', 'xxd']));
      expect(applets).toEqual(applets.toSorted());
    },
  );
});
