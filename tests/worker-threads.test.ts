// SPDX-License-Identifier: GPL-2.0-only
/**
 * Several threads have machines of their own at the same time. The test runs in a process of its
 * own, because a process has one native library.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildSync } from 'esbuild';
import { packageRoot } from '#workbench/package-root.ts';
import { noUnicorn } from './support/engines.ts';
import { engineLibrary } from './support/guest-machine.ts';
import { HANG_GUARD_MS } from './support/hang-guard.ts';

const THREADS = 4;
const ROUNDS = 2;

/**
 * Boots both boards in every thread and in the main one, again and again, and prints each result;
 * with a file: a machine on that library.
 */
const PROGRAM = `
import { createHash } from 'node:crypto';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { bootBoard } from ${JSON.stringify(join(packageRoot(), 'workbench', 'index.ts'))};
import { createUnicornEngine } from ${JSON.stringify(join(packageRoot(), 'emulator', 'engine', 'unicorn.ts'))};

const callbacks = { exception() {}, unmapped: () => false };
function boots() {
  const hash = createHash('sha256');
  for (const board of ['pixel6', 'qemu-virt']) {
    const { machine } = bootBoard(board);
    hash.update(machine.serial.text + machine.machine.clock.instructions);
    machine.close();
  }
  return hash.digest('hex');
}
function share(library) {
  try {
    createUnicornEngine({ library, callbacks });
    return 'not refused';
  } catch (error) {
    return error.name + ': ' + error.message;
  }
}
const shared = process.argv[2];
if (!isMainThread) {
  if (workerData !== null) parentPort.postMessage(share(workerData));
  else for (let round = 0; round < ${ROUNDS}; round++) parentPort.postMessage(boots());
} else if (shared !== undefined) {
  createUnicornEngine({ library: shared, callbacks });
  new Worker(new URL(import.meta.url), { workerData: shared }).on('message', (text) => console.log(text));
} else {
  for (let thread = 0; thread < ${THREADS}; thread++) {
    const worker = new Worker(new URL(import.meta.url), { workerData: null });
    worker.on('message', (text) => console.log(text));
    worker.on('error', (error) => console.log(error));
  }
  for (let round = 0; round < ${ROUNDS}; round++) console.log(boots());
}
`;

let folder: string;
let program: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'levitate-threads-'));
  const source = join(folder, 'program.ts');
  // Beside the project's packages, which it imports.
  program = join(packageRoot(), 'dist', `threads-${process.pid}.mjs`);
  writeFileSync(source, PROGRAM);
  buildSync({
    entryPoints: [source],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['koffi', 'commander', 'vitest'],
  });
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  rmSync(program, { force: true });
});

function run(...args: string[]) {
  const { status, signal, stdout } = spawnSync(process.execPath, [program, ...args], {
    encoding: 'utf8',
    timeout: HANG_GUARD_MS,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return { status, signal, lines: stdout.trim().split('\n') };
}

it('boot machines in four worker threads and the main thread at once, all alike', () => {
  const { lines, ...end } = run();
  expect(end).toEqual({ status: 0, signal: null });
  expect(lines).toHaveLength(ROUNDS * (THREADS + 1));
  expect(new Set(lines)).toEqual(new Set([expect.stringMatching(/^[0-9a-f]{64}$/)]));
});

it.skipIf(noUnicorn !== null)('a library that another thread uses is refused, with the reason', () => {
  const library = engineLibrary();
  expect(run(library).lines).toEqual([
    `EngineError: ${library} is in use by another thread of this process, or by another copy of this module: each needs a copy of that file`,
  ]);
});
