// SPDX-License-Identifier: GPL-2.0-only
/**
 * Whole processes: `boot` as a user starts it, from the start of Node to its end, with the bundle
 * made. Wall time is measured here, peak memory is what the boot itself reports.
 *
 * The limit: a process that starts Node and touches as many bytes as the board's mem_map has.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Report } from '#workbench/report/run-report.ts';
import { packageRoot } from '#workbench/package-root.ts';
import { bootCommand } from './boot-command.ts';
import type { BenchRun, Section } from './section.ts';
import { inTurns } from './statistics.ts';

const MIB = 2 ** 20;

/** Boards, the engine where it is not the default, their bars, and the bytes of their mem_map. */
const BOARDS = [
  { board: 'pixel6', engine: null, wallBarMs: 1000, peakBarMiB: 250, memMapBytes: 48 * MIB },
  { board: 'pixel6', engine: 'wasm', wallBarMs: 500, peakBarMiB: 200e6 / MIB, memMapBytes: 48 * MIB },
  { board: 'qemu-virt', engine: null, wallBarMs: 700, peakBarMiB: 250, memMapBytes: 6 * MIB },
] as const;

interface ProcessSample {
  readonly wallMs: number;
  readonly peakMiB: number;
}

export const wholeProcess: Section = {
  name: 'boot',
  run: (run) => {
    const folder = mkdtempSync(join(tmpdir(), 'levitate-bench-'));
    try {
      measure(run, join(folder, 'report.json'));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

function measure({ short, report }: BenchRun, reportFile: string): void {
  const contenders = BOARDS.flatMap(({ board, engine, memMapBytes }) => {
    const ofEngine = engine === null ? [] : ['--engine', engine];
    const words = ['--board', board, '--quiet', '--report', reportFile, ...ofEngine];
    return [
      () => boot(process.execPath, bootCommand(words), reportFile),
      () => boot(...npm('run', '-s', 'boot', '--', ...words), reportFile),
      () => touchingProcess(memMapBytes),
    ];
  });
  // The first round makes the bundle and warms the host's file cache.
  const samples = inTurns(short ? 3 : 7, 1, [...contenders, () => touchingProcess(0)]);
  const wall = (index: number) => (samples[index] ?? []).map(({ wallMs }) => wallMs);
  const peak = (index: number) => (samples[index] ?? []).map(({ peakMiB }) => peakMiB);

  const section = wholeProcess.name;
  for (const [index, { board, engine, wallBarMs, peakBarMiB }] of BOARDS.entries()) {
    const name = engine === null ? board : `${board}, own core`;
    const [direct, throughNpm, touching] = [3 * index, 3 * index + 1, 3 * index + 2];
    const limit = wall(touching);
    report({ section, what: `${name}, launcher`, unit: 'ms', samples: wall(direct), bar: wallBarMs, limit });
    report({ section, what: `${name}, npm run boot`, unit: 'ms', samples: wall(throughNpm), bar: wallBarMs, limit });
    const peaks = { samples: peak(direct), bar: peakBarMiB, limit: peak(touching) };
    report({ section, what: `${name}, peak memory`, unit: 'MiB', ...peaks });
  }
  const empty = contenders.length;
  report({ section, what: 'node -e 0', unit: 'ms', samples: wall(empty), bar: null, limit: null });
}

/** npm as it runs this bench, or the one on the path. */
function npm(...args: string[]): [string, string[]] {
  const { npm_execpath: script } = process.env;
  return script === undefined ? ['npm', args] : [process.execPath, [script, ...args]];
}

/** @throws Error when the board does not reach its steady state */
function boot(program: string, args: readonly string[], reportFile: string): ProcessSample {
  const { wallMs } = timed(program, args);
  const { outcome, host } = JSON.parse(readFileSync(reportFile, 'utf8')) as Report;
  if (outcome !== 'steady') throw new Error(`the boot ended with "${outcome}"`);
  return { wallMs, peakMiB: host.maxRssBytes / MIB };
}

/** A process that does nothing but touch `bytes` bytes and say how much memory it took. */
function touchingProcess(bytes: number): ProcessSample {
  const code = `new Uint8Array(${bytes}).fill(1); require('fs').writeSync(1, String(process.resourceUsage().maxRSS))`;
  const { wallMs, output } = timed(process.execPath, ['-e', bytes === 0 ? '0' : code]);
  return { wallMs, peakMiB: (Number(output) * 1024) / MIB };
}

/** @throws Error when the program cannot be started or fails */
function timed(program: string, args: readonly string[]): { wallMs: number; output: string } {
  const start = performance.now();
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: packageRoot(),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const wallMs = performance.now() - start;
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: exit status ${status}\n${stderr}`);
  return { wallMs, output: stdout };
}
