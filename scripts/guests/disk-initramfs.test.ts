// SPDX-License-Identifier: GPL-2.0-only
/**
 * The archive's content, and its /init, which a shell must accept. The guests that boot with it
 * test what it does.
 */

import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { buildDiskInitramfs } from './disk-initramfs.ts';
import { readCpio } from './testing/read-cpio.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const options = {
  busybox: bytes('busybox'),
  modules: ['bus.ko.xz', 'block.ko.xz'].map((name) => ({ name, content: bytes(name) })),
  handed: [{ name: 'run.sh', content: bytes('#!/bin/bash\n') }],
};

describe('buildDiskInitramfs', () => {
  const entries = readCpio(buildDiskInitramfs(options));
  const init = entries.find(({ path }) => path === 'init');
  const script = init?.kind === 'file' ? new TextDecoder().decode(init.content) : '';

  it('holds modules and the files to hand over', () => {
    expect(entries).toContainEqual({ kind: 'file', path: 'lib/bus.ko.xz', mode: 0o755, content: bytes('bus.ko.xz') });
    expect(entries).toContainEqual({
      kind: 'file',
      path: 'handed/run.sh',
      mode: 0o755,
      content: bytes('#!/bin/bash\n'),
    });
  });

  it('has an /init without mistakes of syntax, which loads the modules in their order', () => {
    expect(spawnSync('sh', ['-n'], { input: script }).status).toBe(0);
    expect(script).toContain('for module in bus.ko.xz block.ko.xz; do');
  });

  it.each([
    ['console=ttyAMA0 disk.init=/tmp/run.sh quiet', '/tmp/run.sh'],
    ['console=ttyAMA0', '/sbin/init'],
  ])('takes the program to start from the command line %s', (line, program) => {
    const choice = script.slice(script.indexOf('init=/sbin/init'), script.indexOf('$b mount -o move'));
    const { stdout } = spawnSync('sh', {
      input: `b=sh_b; sh_b() { echo "${line}"; }\n${choice}\necho $init`,
      encoding: 'utf8',
    });
    expect(stdout).toBe(`${program}\n`);
  });

  it('is the same for the same input', () => {
    expect(buildDiskInitramfs(options)).toEqual(buildDiskInitramfs(options));
  });
});
