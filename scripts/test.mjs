#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0-only
/**
 * `npm test`: every check that the project has, one section each, and a count at the end.
 *
 * ```
 *   types · lint · format · unused code · architecture · firmware     side by side, shown in this order
 *   tests                                                             vitest: unit tests and whole machines
 *   bench                                                             short run
 *   N passed, N failed[, N skipped]                                   the last line: tests, and every other step as one
 * ```
 * A step that lacks something it needs is skipped, and says what. Where CI is set, skipped counts
 * as failed: there, everything must run.
 */

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const strict = !['', '0', 'false'].includes(process.env.CI ?? '');
/** Exit status of a command that lacks something it needs, as Automake's test driver has it. */
const STATUS_SKIPPED = 77;
const totals = { passed: 0, failed: 0, skipped: 0 };

/**
 * Runs a program; resolves to its exit status and all it printed, in the order in which it came.
 */
function run(program, args, { show = false } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: show ? 'inherit' : ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const take = (chunk) => {
      output += chunk;
    };
    child.stdout?.setEncoding('utf8').on('data', take);
    child.stderr?.setEncoding('utf8').on('data', take);
    child.on('error', (error) => resolve({ status: 127, output: `${error.message}\n` }));
    child.on('close', (status, signal) =>
      resolve({ status: status ?? 1, output: signal === null ? output : `${output}ended by ${signal}\n` }),
    );
  });
}

/** Arguments that run a program of an installed package with this very Node. */
function tool(name, ...args) {
  return [join(root, 'node_modules', '.bin', name), args];
}

function command(name, ...args) {
  return [process.execPath, [join(root, 'scripts', 'launch.mjs'), name, ...args]];
}

/** The reason why a command of the project cannot run here, or null. */
function lacking(name) {
  return existsSync(join(root, 'scripts', `${name}.ts`)) ? null : `scripts/${name}.ts does not exist`;
}

function section(title) {
  process.stdout.write(`\n== ${title}\n`);
}

function count(title, status, startedMs) {
  totals[status === 0 ? 'passed' : 'failed']++;
  process.stdout.write(
    `${status === 0 ? 'passed' : `FAILED (exit status ${status})`}: ${title}, ${((Date.now() - startedMs) / 1000).toFixed(1)} s\n`,
  );
}

function skip(title, reason) {
  totals.skipped++;
  process.stdout.write(`skipped${strict ? ', which counts as failed where CI is set' : ''}: ${title}: ${reason}\n`);
}

/**
 * Steps that do not disturb each other. Each runs its parts one after the other and stops at the
 * first that fails.
 */
const STATIC_STEPS = [
  {
    title: 'types',
    parts: [
      undefined,
      'tsconfig.kernel.json',
      'workbench/report/page',
      'workbench/web/page',
      'workbench/host/browser',
      'workbench/site/page',
      'workbench/site/worker',
    ].map((config) => tool('tsc', '--noEmit', ...(config === undefined ? [] : ['-p', config]))),
  },
  { title: 'lint', parts: [tool('oxlint', '--deny-warnings')] },
  { title: 'format', parts: [tool('biome', 'format', '.')] },
  { title: 'unused code', parts: [tool('knip')] },
  { title: 'architecture', parts: [command('check-architecture')] },
  { title: 'firmware images', parts: [command('check-firmware')], lacks: lacking('check-firmware') },
];

async function runStatic({ title, parts, lacks = null }) {
  const startedMs = Date.now();
  if (lacks !== null) return () => skip(title, lacks);
  let output = '';
  for (const [program, args] of parts) {
    const result = await run(program, args);
    output += result.output;
    if (result.status === STATUS_SKIPPED) return () => skip(title, result.output.trim());
    if (result.status !== 0) return show(result.status);
  }
  return show(0);

  function show(status) {
    const elapsed = Date.now() - startedMs;
    return () => {
      process.stdout.write(output);
      count(title, status, Date.now() - elapsed);
    };
  }
}

async function runTests() {
  const startedMs = Date.now();
  const folder = mkdtempSync(join(tmpdir(), 'levitate-test-'));
  try {
    const report = join(folder, 'report.json');
    const [program, args] = tool(
      'vitest',
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
    );
    const { status } = await run(program, args, { show: true });
    const counted = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : null;
    const failedTests = counted?.numFailedTests ?? 0;
    const unrun = (counted?.numPendingTests ?? 0) + (counted?.numTodoTests ?? 0);
    totals.passed += counted?.numPassedTests ?? 0;
    totals.failed += failedTests;
    totals.skipped += unrun;
    if (unrun > 0) process.stdout.write(`${unrun} tests were skipped\n`);
    // A file that cannot be loaded, or an error outside any test, fails the run without failing a
    // test.
    if (status !== 0 && failedTests === 0) count('tests', status, startedMs);
    // A run without any test proves nothing.
    else if ((counted?.numPassedTests ?? 0) === 0 && failedTests === 0) count('tests: none was run', 1, startedMs);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runBench() {
  const startedMs = Date.now();
  const lacks = lacking('bench');
  if (lacks !== null) {
    skip('bench', lacks);
    return;
  }
  const [program, args] = command('bench', '--short');
  const { status } = await run(program, args, { show: true });
  count('bench', status, startedMs);
}

const running = STATIC_STEPS.map((step) => ({ title: step.title, finished: runStatic(step) }));
for (const { title, finished } of running) {
  const print = await finished;
  section(title);
  print();
}
section('tests');
await runTests();
section('bench, short');
await runBench();

const failed = totals.failed + (strict ? totals.skipped : 0);
const skipped = strict || totals.skipped === 0 ? '' : `, ${totals.skipped} skipped`;
process.exitCode = failed === 0 ? 0 : 1;
process.stdout.write(`\n${totals.passed} passed, ${failed} failed${skipped}\n`);
