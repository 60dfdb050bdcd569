// SPDX-License-Identifier: GPL-2.0-only
/**
 * The launcher in a package of its own: a temporary folder with the real launcher and build script,
 * and commands made for the test.
 */

import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '#workbench/package-root.ts';

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'levitate-launch-'));
  mkdirSync(join(root, 'scripts'));
  mkdirSync(join(root, 'emulator'));
  symlinkSync(join(packageRoot(), 'node_modules'), join(root, 'node_modules'), 'junction');
  for (const file of [
    'scripts/launch.mjs',
    'scripts/compiled-bundle.mjs',
    'scripts/build.mjs',
    'package.json',
    'tsconfig.json',
  ]) {
    copyFileSync(join(packageRoot(), file), join(root, file));
  }
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

function writeScript(name: string, text: string): void {
  writeFileSync(join(root, 'scripts', `${name}.ts`), text);
}

function launch(...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [join(root, 'scripts', 'launch.mjs'), ...args], { encoding: 'utf8' });
}

describe('launch', () => {
  it('calls main with the arguments and takes its number as the exit status', () => {
    writeScript(
      'echo',
      "export function main(args: readonly string[]): number { console.log(args.join('|')); return 7; }",
    );
    const { status, stdout } = launch('echo', '--board', 'pixel 6');
    expect([status, stdout]).toEqual([7, '--board|pixel 6\n']);
  });

  it('bundles again when an imported file changes, also to a file of the same size', () => {
    writeScript('part', "export const part = 'one';");
    writeScript(
      'whole',
      "import { part } from './part.ts'; export const main = (): void => void process.stdout.write(part);",
    );
    expect(launch('whole').stdout).toBe('one');
    writeScript('part', "export const part = 'two';");
    expect(launch('whole').stdout).toBe('two');
  });

  it('does not bundle again when nothing changed', () => {
    writeScript('still', 'export const main = (): void => {};');
    // Sources written while a bundle is made count as changed; the second start settles that.
    launch('still');
    launch('still');
    writeFileSync(
      join(root, 'dist', 'still.cjs'),
      "(function (exports) { exports.main = () => void process.stdout.write('the bundle that was there'); })",
    );
    expect(launch('still').stdout).toBe('the bundle that was there');
  });

  it('keeps the code that V8 compiled, of the script that it was compiled of', () => {
    const code = join(root, 'dist', 'kept.code');
    writeScript('kept', "export const main = (): void => void process.stdout.write('one');");
    launch('kept');
    const kept = readFileSync(code);
    const { mtimeMs } = statSync(code);
    // The same length, which is all that V8 knows a script by.
    writeScript('kept', "export const main = (): void => void process.stdout.write('two');");
    expect([launch('kept').stdout, launch('kept').stdout]).toEqual(['two', 'two']);
    expect(statSync(code).mtimeMs).not.toBe(mtimeMs);
    const { mtimeMs: written } = statSync(code);
    expect([launch('kept').stdout, statSync(code).mtimeMs]).toEqual(['two', written]);
    expect(readFileSync(code).subarray(-16)).not.toEqual(kept.subarray(-16));
  });

  it.each([
    ['is cut', (kept: Buffer) => kept.subarray(kept.length / 2)],
    ['is of another version of V8', (kept: Buffer) => Buffer.concat([Buffer.alloc(64), kept.subarray(64)])],
    ['is empty', () => Buffer.alloc(0)],
  ])('compiles again when the code kept %s', (_, damage) => {
    const code = join(root, 'dist', 'hurt.code');
    writeScript('hurt', "export const main = (): void => void process.stdout.write('whole');");
    launch('hurt');
    const kept = readFileSync(code);
    writeFileSync(code, damage(kept));
    expect(launch('hurt').stdout).toBe('whole');
    expect(readFileSync(code).length).toBe(kept.length);
  });

  it('goes without kept code where it cannot be written', () => {
    writeScript('unkept', "export const main = (): void => void process.stdout.write('done');");
    mkdirSync(join(root, 'dist', 'unkept.code'), { recursive: true });
    const { status, stdout, stderr } = launch('unkept');
    expect([status, stdout, stderr]).toEqual([0, 'done', '']);
  });

  it('finds the package root from a bundle', () => {
    writeScript(
      'where',
      "import { packageRoot } from '#workbench/package-root.ts'; export const main = (): void => void process.stdout.write(packageRoot());",
    );
    expect(readFileSync(join(launch('where').stdout, 'package.json'), 'utf8')).toBe(
      readFileSync(join(root, 'package.json'), 'utf8'),
    );
  });

  it.each([[['no-such-command']], [['../launch']], [['index']], [[]]])('refuses %j with usage and status 2', (args) => {
    const { status, stderr } = launch(...args);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^usage: .*\ncommands: echo/m);
  });

  it('lists the commands with --help', () => {
    const { status, stdout } = launch('--help');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^usage: .*\ncommands: echo/);
  });

  it('shows why a command cannot be built, with the place, and ends with status 70', () => {
    writeScript('broken', 'export const x = (;');
    const { status, stderr } = launch('broken');
    expect(status).toBe(70);
    expect(stderr).toContain('scripts/broken.ts:1:18');
    expect(stderr).not.toContain('    at ');
  });

  it('starts several at once without one disturbing another', async () => {
    writeScript('many', 'export function main(): number { return 5; }');
    rmSync(join(root, 'dist'), { recursive: true, force: true });
    const statuses = await Promise.all(
      [1, 2, 3].map(
        () =>
          new Promise((resolve) => {
            spawn(process.execPath, [join(root, 'scripts', 'launch.mjs'), 'many'], { stdio: 'inherit' }).on(
              'close',
              resolve,
            );
          }),
      ),
    );
    expect(statuses).toEqual([5, 5, 5]);
  });

  it('leaves Ctrl-C to the command', async () => {
    writeScript(
      'patient',
      "export function main() { process.on('SIGINT', () => process.exit(9)); setTimeout(() => {}, 60_000); console.log('ready'); }",
    );
    const child = spawn(process.execPath, [join(root, 'scripts', 'launch.mjs'), 'patient']);
    child.stdout.once('data', () => child.kill('SIGINT'));
    const status = await new Promise((resolve) => {
      child.on('close', resolve);
    });
    expect(status).toBe(9);
  });
});
