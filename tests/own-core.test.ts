// SPDX-License-Identifier: GPL-2.0-only
/** The modelled kernel on the own core: its output and the times are the same as on Unicorn. */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { libraryNames, systemFolders } from '#workbench/engine-library/engine-candidates.ts';
import { createMachine } from '#workbench/index.ts';
import { packageRoot } from '#workbench/package-root.ts';
import { describe as onUnicorn } from './support/on-unicorn.ts';

onUnicorn('the modelled kernel', () => {
  it.each(['qemu-virt', 'pixel6', 'rpi4'])(
    'boots on %s as on Unicorn, byte for byte and instruction for instruction',
    (board) => {
      const runs = (['unicorn', 'wasm'] as const).map((engine) => {
        const machine = createMachine({ board, engine });
        try {
          const { outcome } = machine.run({ timeoutNs: 1e9 });
          const { instructions } = machine.machine.clock;
          return { outcome, instructions, text: machine.serial.text, engine: machine.cpu.engine.version };
        } finally {
          machine.close();
        }
      });
      const [onUnicorn, onOwn] = runs;
      expect(onOwn?.outcome).toBe('steady');
      expect(onOwn?.engine).toBe('A64 to WebAssembly');
      expect({ ...onOwn, engine: '' }).toEqual({ ...onUnicorn, engine: '' });
    },
  );
});

const HOST = { platform: process.platform, arch: process.arch, env: {} };
const isInstalled = systemFolders(HOST).some((folder) =>
  libraryNames(process.platform).some((name) => existsSync(join(folder, name))),
);

const NO_KOFFI = `
const Module = require('node:module');
const load = Module._load;
Module._load = (name, ...rest) => {
  if (name === 'koffi') throw new Error('no build of koffi');
  return load(name, ...rest);
};
`;

describe.skipIf(isInstalled)('a system without libunicorn (skipped where one is installed) and without apt', () => {
  let cache = '';
  beforeAll(() => {
    cache = mkdtempSync(join(tmpdir(), 'levitate-bare-'));
    writeFileSync(join(cache, 'no-koffi.cjs'), NO_KOFFI);
  });
  afterAll(() => {
    rmSync(cache, { recursive: true, force: true });
  });
  const run = (...words: readonly string[]) =>
    spawnSync(process.execPath, [join(packageRoot(), 'scripts', 'launch.mjs'), ...words], {
      // No program is on the path, the cache is empty, and koffi has no build for the host.
      env: {
        PATH: cache,
        HOME: cache,
        LEVITATE_CACHE: cache,
        NODE_OPTIONS: `--require ${join(cache, 'no-koffi.cjs')}`,
      },
      encoding: 'utf8',
    });

  it('boots on the own core, and says so', () => {
    const { status, stderr } = run('boot', '--board', 'pixel6');
    expect([status, stderr]).toEqual([0, expect.stringContaining('A64 to WebAssembly')]);
  });

  it('is told by doctor that a boot will work', () => {
    const { status, stdout } = run('doctor');
    expect(stdout).toMatch(/^engine +own core .*\n +boots qemu-virt +ok$/m);
    expect(status).toBe(0);
  });

  it('refuses --engine unicorn and says what to install', () => {
    const { status, stderr } = run('boot', '--board', 'pixel6', '--engine', 'unicorn');
    expect([status, stderr]).toEqual([2, expect.stringContaining('libunicorn')]);
  });
});
