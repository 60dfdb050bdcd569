// SPDX-License-Identifier: GPL-2.0-only
/**
 * The stress of user space: Debian 12 with a compiler, two languages and programs that are built
 * there, on this machine and on QEMU at the same time, their results compared line by line.
 *
 * ```
 *   scripts/stress/guest/*  ──initramfs──►  /tmp of the guest  ──run.sh──►  "= ROUND PART RESULT" on the serial line
 *                                                                              │ this machine │ QEMU │ known-answers.ts
 *                                                                              └──────── compare.ts ─┘
 * ```
 */

import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchGuest } from '#scripts/guests/guest-files.ts';
import { guestDiskInitramfs } from '#scripts/guests/initramfs-file.ts';
import type { EngineName } from '#workbench/host/engine-name.ts';
import { packageRoot } from '#workbench/package-root.ts';
import { readStressLine, StressComparison, type StressLine } from './compare.ts';
import { knownAnswer } from './known-answers.ts';
import { type MachineCommand, ourCommand, qemuCommand, type StressGuest } from './machines.ts';

export interface StressOptions {
  /** Engine of this project's machine; absent: auto. */
  readonly engine?: EngineName;
  readonly cpus: number;
  readonly seed: number;
  /** Amount of work of each part; 1 is the least. */
  readonly scale: number;
  /** Seconds of each round in which the guest does little more than wait. */
  readonly restSeconds: number;
  /** 0: until the time is used up. */
  readonly rounds: number;
  /** Limit of the guest's time. */
  readonly guestSeconds: number;
  /** Names of guest/run.sh; empty: all. */
  readonly parts: readonly string[];
  /** False: results are only compared with the host's known answers and the guest's own checks. */
  readonly withQemu: boolean;
  /**
   * Called with a line for each finished part, and with one for each part that QEMU agrees with.
   */
  readonly say: (line: string) => void;
  /** Ends both machines; the result covers what they did until then. */
  readonly signal?: AbortSignal;
}

/** The end of a stress run. */
export interface StressResult {
  /** The fault, with its round and part; null: none. */
  readonly fault: string | null;
  readonly lines: readonly StressLine[];
  /** Guest time of the last part that was done. */
  readonly guestSeconds: number;
  /** Idle share of the guest's time, over all cores, by the guest's own account; 0 to 1. */
  readonly idleShare: number;
}

/** A guest that prints nothing for longer, apart from its rest, stands still. */
const LONGEST_SILENCE_SECONDS = 300;
const STATUS_LIMIT = 3;
/** Words of a kernel on a broken machine. */
const KERNEL_TROUBLE = /oops|bug:|rcu.*stall|unexpected|call trace|kernel panic|soft lockup|internal error/i;

/** @throws GuestFetchError when a guest cannot be had */
export async function runStress(options: StressOptions): Promise<StressResult> {
  const folder = mkdtempSync(join(tmpdir(), 'levitate-stress-'));
  try {
    const guest = prepareGuest(folder, options);
    const reference = options.withQemu ? qemuCommand(guest) : null;
    return await compareMachines(ourCommand(guest, options.engine ?? 'auto', options.guestSeconds), reference, options);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The guest's files; those that are made for this run lie in `folder`. */
function prepareGuest(folder: string, options: StressOptions): StressGuest {
  const { cpus, seed, scale, rounds, restSeconds, parts } = options;
  const kernel = fetchGuest('linux-6.12').path;
  const initrd = join(folder, 'initramfs.cpio');
  writeFileSync(initrd, stressInitramfs());
  const words = [`seed=${seed}`, `scale=${scale}`, `rounds=${rounds}`, `rest=${restSeconds}`];
  if (parts.length > 0) words.push(`parts=${parts.join(',')}`);
  return {
    kernel,
    disk: fetchGuest('debian-12').path,
    initrd,
    // Messages of warnings and above only, so that none stands amid a result.
    append: ['console=ttyAMA0 loglevel=4 disk.init=/tmp/run.sh', ...words.map((word) => `stress.${word}`)].join(' '),
    cpus,
    seed,
  };
}

function stressInitramfs(): Uint8Array {
  const sources = join(packageRoot(), 'scripts', 'stress', 'guest');
  const paths = readdirSync(sources).map((name) => join(sources, name));
  const archive = guestDiskInitramfs(fetchGuest('busybox').path, paths);
  if (archive === null) throw new Error('the modules of linux-6.12 are not in the cache: remove its folder there');
  return archive;
}

interface Running {
  readonly stop: () => void;
  /** Its end, with the last part of its standard error. */
  readonly ended: Promise<Ending>;
}

interface Ending {
  readonly status: number | null;
  readonly signal: string | null;
  readonly lastWords: string;
}

function start({ program, args }: MachineCommand, onLine: (line: string) => void): Running {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let pending = '';
  let lastWords = '';
  child.stdout.setEncoding('latin1').on('data', (chunk: string) => {
    const lines = (pending + chunk).split('\n');
    pending = lines.pop() ?? '';
    for (const line of lines) onLine(line.replace(/\r+$/, ''));
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    lastWords = (lastWords + chunk).slice(-2000);
  });
  const ended = new Promise<Ending>((resolve) => {
    child.on('error', (error) => resolve({ status: null, signal: null, lastWords: error.message }));
    child.on('close', (status, signal) => resolve({ status, signal, lastWords: lastWords.trim() }));
  });
  return { stop: () => child.kill('SIGKILL'), ended };
}

/** Runs two machines to the end of ours, or to the first fault; `reference` null: ours alone. */
export async function compareMachines(
  own: MachineCommand,
  reference: MachineCommand | null,
  options: StressOptions,
): Promise<StressResult> {
  const { seed, scale, say } = options;
  const names = [own.name, reference?.name ?? ''] as const;
  const comparison = new StressComparison(...names);
  const machines: Running[] = [];
  let guestSeconds = 0;
  let idleShare = 0;
  let fault: string | null = null;
  const stopAll = (): void => {
    for (const { stop } of machines) stop();
  };
  const end = (problem: string | null): void => {
    fault ??= problem;
    if (fault !== null) stopAll();
  };
  const takeLine = (side: 0 | 1, text: string): void => {
    if (side === 0 && KERNEL_TROUBLE.test(text)) end(`the kernel on ${names[0]} says: ${text}`);
    const [, uptime, idle] = /^# (\d+\.\d+) (\d+\.\d+)$/.exec(text) ?? [];
    if (uptime !== undefined && side === 0) {
      guestSeconds = Number(uptime);
      idleShare = Number(idle) / (guestSeconds * options.cpus);
    }
    const line = readStressLine(text);
    if (line === null) return;
    comparison.add(side, line);
    const known = knownAnswer(line.part, line.round, seed, scale);
    if (known !== null && known !== line.result) {
      end(`round ${line.round}, part ${line.part}:\n  ${names[side]}: ${line.result}\n  this host: ${known}`);
    }
    end(comparison.difference);
    const both = Math.min(comparison.count(0), comparison.count(1));
    const agreed = reference === null ? '' : `, ${both} lines the same as on ${reference.name}`;
    if (side === 0) say(`${guestSeconds.toFixed(1).padStart(7)} s: round ${line.round}, ${line.part}${agreed}`);
  };
  const ours = start(own, (line) => takeLine(0, line));
  machines.push(ours);
  const other = reference === null ? null : start(reference, (line) => takeLine(1, line));
  if (other !== null) machines.push(other);
  options.signal?.addEventListener('abort', stopAll);
  const isInterrupted = () => options.signal?.aborted === true;

  const ending = await ours.ended;
  if (!isInterrupted()) end(judgeEnd(ending, comparison, options, guestSeconds));
  if (other !== null && reference !== null && fault === null) {
    say(`waiting for ${reference.name} to come as far: ${comparison.count(1)} of ${comparison.count(0)} lines`);
    const caughtUp = setInterval(() => {
      if (comparison.count(1) >= comparison.count(0)) other.stop();
    }, 100);
    const otherEnding = await other.ended;
    clearInterval(caughtUp);
    if (comparison.count(1) < comparison.count(0) && !isInterrupted()) {
      end(`${reference.name} ended early: ${show(otherEnding)}`);
    }
  }
  stopAll();
  for (const { ended } of machines) await ended;
  options.signal?.removeEventListener('abort', stopAll);
  return { fault, lines: comparison.linesOf(0), guestSeconds, idleShare };
}

/** The fault in the end of our machine, or null. */
function judgeEnd(
  ending: Ending,
  comparison: StressComparison,
  { rounds, guestSeconds: limit, restSeconds }: StressOptions,
  guestSeconds: number,
): string | null {
  const last = comparison.linesOf(0).at(-1);
  const where = last === undefined ? 'before the first part' : `after round ${last.round}, part ${last.part}`;
  if (rounds > 0) {
    const isDone = ending.status === 0 && last?.part === 'end';
    return isDone ? null : `this machine ended ${where}: ${show(ending)}`;
  }
  if (ending.status !== STATUS_LIMIT) return `this machine ended ${where}: ${show(ending)}`;
  const silence = limit - guestSeconds;
  return silence > LONGEST_SILENCE_SECONDS + restSeconds || last === undefined
    ? `this machine stood still ${where}: nothing for ${silence.toFixed(0)} s of its time`
    : null;
}

function show({ status, signal, lastWords }: Ending): string {
  const how = signal === null ? `exit status ${status}` : `ended by ${signal}`;
  return lastWords === '' ? how : `${how}\n${lastWords}`;
}
