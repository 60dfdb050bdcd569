// SPDX-License-Identifier: GPL-2.0-only
/**
 * `npm run doctor`: says whether this system can boot a board, and what it lacks. Exit status 0
 * when a boot will work, 2 otherwise. Missing optional programs do not make a boot fail.
 */

import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { runEngineSelfTest } from '#emulator/engine/self-test.ts';
import { probeEngineVersion } from '#emulator/engine/unicorn.ts';

import { commandMain } from '#workbench/cli/command.ts';
import { cacheFolder } from '#workbench/engine-library/cache-folder.ts';
import {
  EngineLibraryError,
  engineVersionText,
  type LocatedEngine,
  locateEngine,
} from '#workbench/engine-library/engine-library.ts';
import { bootBoard } from '#workbench/index.ts';
import { isLibraryNamed } from '#host/cores.ts';

/**
 * Programs that a boot does not need, with what they are for. Versions do not matter to any of
 * these uses.
 */
const OPTIONAL_PROGRAMS = [
  ['dtc', 'device trees: compile your own, and the tests that compare trees with it'],
  ['qemu-system-aarch64', 'the tests that compare with QEMU, and its device trees'],
  ['aarch64-linux-gnu-as', 'rebuilding firmware/ from its sources'],
  ['aarch64-linux-gnu-objcopy', 'rebuilding firmware/ from its sources'],
  ['gdb-multiarch', 'the tests that debug with gdb'],
  ['cpio', 'the tests that compare archives with it'],
  ['fsck.fat', 'the tests that check a disk with it'],
  ['as', "the test that assembles the engine's counting again"],
  ['chromium', 'the tests of the HTML report and the live view'],
  ['mke2fs', 'the disk with Debian 12 for npm run stress'],
  ['apt-get', 'obtaining the engine and guest kernels from Debian'],
] as const;

const OLDEST_NODE_MAJOR = 20;

function line(label: string, text: string): void {
  process.stdout.write(`${label.padEnd(26)} ${text}\n`);
}

/** Absolute path of `program` on PATH, or null. */
function findProgram(program: string): string | null {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, process.platform === 'win32' ? `${program}.exe` : program);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

function checkEngine(): boolean {
  let engine: LocatedEngine;
  try {
    engine = locateEngine(probeEngineVersion);
  } catch (error) {
    if (!(error instanceof EngineLibraryError)) throw error;
    if (isLibraryNamed()) {
      line('engine', 'not usable');
      process.stdout.write(`\n${error.message}\n\n`);
      return false;
    }
    line('engine', 'own core (A64 to WebAssembly); real software runs slower on it than on libunicorn');
    const works = checkOwnCore();
    process.stdout.write(`\n${error.message}\n\n`);
    return works;
  }
  line('engine', `libunicorn ${engineVersionText(engine.version)}, from ${engine.source}`);
  line('', engine.path);
  const checks = runEngineSelfTest(engine.path);
  for (const { name, ok, detail } of checks) {
    line(`  ${name}`, `${ok ? 'ok' : 'FAILED'}${detail === '' ? '' : `: ${detail}`}`);
  }
  return checks.length > 0 && checks.every(({ ok }) => ok);
}

/** Boots the smallest board. */
function checkOwnCore(): boolean {
  const label = '  boots qemu-virt';
  try {
    const { outcome, machine } = bootBoard('qemu-virt', { engine: 'wasm' });
    machine.close();
    const ok = outcome.outcome === 'steady';
    line(label, ok ? 'ok' : `FAILED: ${outcome.reason}`);
    return ok;
  } catch (error) {
    line(label, `FAILED: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

export const main = commandMain({
  name: 'doctor',
  summary:
    'Says whether this system can boot a board: Node, the CPU engine with a self-test, and the programs that some commands and tests use.',
  usage: '[options]',
  options: {},
  examples: [['npm run doctor']],
  statuses: { 0: 'a boot will work', 2: 'it will not, or usage' },
  run: examine,
});

/** Prints the findings on stdout. */
function examine(): number {
  const nodeOk = Number.parseInt(process.versions.node, 10) >= OLDEST_NODE_MAJOR;
  line('node', `${process.version}${nodeOk ? '' : `: too old, ${OLDEST_NODE_MAJOR} or newer is needed`}`);
  line('platform', `${process.platform} ${process.arch}`);
  line('cache', cacheFolder());
  const engineOk = checkEngine();
  for (const [program, purpose] of OPTIONAL_PROGRAMS) {
    const path = findProgram(program);
    line(program, path ?? `not found; only needed for ${purpose}`);
  }
  const ok = nodeOk && engineOk;
  process.stdout.write(
    ok ? '\nA boot will work: npm run boot -- --board pixel6\n' : '\nA boot will not work on this system yet.\n',
  );
  return ok ? 0 : 2;
}
