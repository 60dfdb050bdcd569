// SPDX-License-Identifier: GPL-2.0-only
/**
 * The event log: reading a million events, in a process of its own as a user does, and what writing
 * the quiet ones costs a boot.
 *
 * The limit of reading: the same file read in the same pieces, its line feeds counted. Boots with
 * and without `--log` alternate, so that what else happens on the host meets both; each sample is
 * the ratio of two neighbours.
 */

import { closeSync, openSync, readSync, rmSync, mkdtempSync, writeSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { hex } from '#common/address.ts';
import { eventHeaderLine } from '#workbench/log/event-header.ts';
import { eventLine } from '#workbench/log/event-lines.ts';
import { packageRoot } from '#workbench/package-root.ts';
import type { BenchRun, Section } from './section.ts';

const EVENTS = 1_000_000;
const BATCH = 10_000;
const READ_BAR_MS = 1000;
/** Node alone takes some 45 MiB; twice the memory for ten times the events would show. */
const PEAK_BAR_MIB = 250;
/** Bar for tracing that is off: 3 % of a boot. */
const LOG_COST_BAR = 1.03;
const MIB = 2 ** 20;

export const log: Section = {
  name: 'log',
  run: (run) => {
    const folder = mkdtempSync(join(tmpdir(), 'levitate-bench-'));
    try {
      measureReading(run, join(folder, 'million.log'));
      measureWriting(run, join(folder, 'boot.log'));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** Ways to read a log that look at every line. */
const READINGS: readonly (readonly [string, readonly string[]])[] = [
  ['statistics of a million events', ['--stats']],
  ['one kind that is rare among a million', ['--kind', 'panic']],
  ['a text that is rare among a million', ['--grep', 'text of no event']],
];

function measureReading({ short, report }: BenchRun, file: string): void {
  writeMillion(file);
  const section = log.name;
  const rounds = short ? 2 : 5;
  command('log', file, '--stats'); // makes the bundle and warms the host's file cache
  const limit = Array.from({ length: rounds }, () => countLines(file));
  for (const [what, options] of READINGS) {
    const samples = Array.from({ length: rounds }, () => command('log', file, ...options).wallMs);
    report({ section, what, unit: 'ms', samples, bar: READ_BAR_MS, limit });
  }
  const samples = Array.from({ length: rounds }, () => peakMiB(file));
  report({ section, what: 'peak memory of that', unit: 'MiB', samples, bar: PEAK_BAR_MIB, limit: null });
}

function measureWriting({ short, report }: BenchRun, file: string): void {
  const bare = ['--board', 'pixel6', '--quiet'];
  command('boot', ...bare);
  const samples = Array.from({ length: short ? 5 : 15 }, (_, index) => {
    const boots = [() => command('boot', ...bare).wallMs, () => command('boot', ...bare, '--log', file).wallMs];
    // The order of the two alternates, so that neither has an advantage.
    const order = index % 2 === 0 ? [0, 1] : [1, 0];
    const times = [0, 0];
    for (const which of order) times[which] = boots[which]?.() ?? 0;
    return (times[1] ?? 0) / (times[0] ?? 0);
  });
  report({
    section: log.name,
    what: 'boot with --log, nothing traced, over one without',
    unit: 'x',
    samples,
    bar: LOG_COST_BAR,
    limit: null,
  });
}

/** A log as `--trace buddy,heap,mmu,mmio` makes it. */
function writeMillion(file: string): void {
  const descriptor = openSync(file, 'w');
  const kinds = ['buddy', 'heap', 'mmu', 'mmio'];
  writeSync(descriptor, eventHeaderLine({ board: 'pixel6' }));
  for (let start = 0; start < EVENTS; start += BATCH) {
    let text = '';
    for (let i = start; i < start + BATCH; i++) {
      const fields = { op: 'alloc', base: hex(0x8000_0000 + i * 4096), order: i % 11, owner: 'page table' };
      text += eventLine({ t: 37 * i, core: i % 8, kind: kinds[i % kinds.length] ?? '', fields });
    }
    writeSync(descriptor, text);
  }
  closeSync(descriptor);
}

/** The limit. Milliseconds. @throws Error when a line is missing */
function countLines(file: string): number {
  const start = performance.now();
  const descriptor = openSync(file, 'r');
  const buffer = Buffer.allocUnsafe(MIB);
  let lines = 0;
  for (let bytes = readSync(descriptor, buffer); bytes > 0; bytes = readSync(descriptor, buffer)) {
    const piece = buffer.subarray(0, bytes);
    for (let at = piece.indexOf(10); at >= 0; at = piece.indexOf(10, at + 1)) lines++;
  }
  closeSync(descriptor);
  if (lines !== EVENTS + 1) throw new Error(`${lines} lines instead of ${EVENTS + 1}`);
  return performance.now() - start;
}

/** Runs one of the project's commands. @throws Error when it fails */
function command(...args: string[]): { readonly wallMs: number } {
  const start = performance.now();
  run([join(packageRoot(), 'scripts', 'launch.mjs'), ...args]);
  return { wallMs: performance.now() - start };
}

/** Peak memory of a process that counts the events of `file`. */
function peakMiB(file: string): number {
  const [loader, bundle] = ['scripts/compiled-bundle.mjs', 'dist/log.cjs'].map((path) =>
    JSON.stringify(join(packageRoot(), path)),
  );
  const code = `const { loadBundle } = await import(${loader}); await loadBundle(${bundle}).exports.main([${JSON.stringify(file)}, '--stats']); process.stderr.write(String(process.resourceUsage().maxRSS));`;
  return (Number(run(['--input-type=module', '-e', code])) * 1024) / MIB;
}

/** @returns what the process wrote to its standard error @throws Error when it fails */
function run(args: readonly string[]): string {
  const { status, stderr, error } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${args.join(' ')}: exit status ${status}\n${stderr}`);
  return stderr;
}
