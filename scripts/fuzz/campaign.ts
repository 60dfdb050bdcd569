// SPDX-License-Identifier: GPL-2.0-only
/**
 * A campaign: trials by seed, in processes of their own. So a crash or a hang of native code is
 * seen, belongs to a seed, and ends nothing else.
 *
 *     campaign ── child: trials first … first + n ── lines: begin, done, fault SEED … ──► what went wrong, by seed
 *                 └── no line for a while: a hang; an end by a signal: a crash; the next child goes on after that seed
 */

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { EngineName } from '#workbench/host/engine-name.ts';
import { packageRoot } from '#workbench/package-root.ts';
import type { FuzzPlan } from './plan.ts';

/** A trial takes some 50 ms; a host may be busy. */
const HANG_MS = 30_000;
const REPLAY_MS = 15_000;
/** Trials of a child: engines leave some memory behind. */
const BATCH = 40;
/** Replays that making a plan smaller may cost. */
const MOST_REPLAYS = 80;

export interface Fault {
  readonly seed: number;
  readonly kind: 'hang' | 'crash' | 'fault';
  readonly detail: string;
}

export interface CampaignResult {
  readonly trials: number;
  readonly words: number;
  readonly faults: readonly Fault[];
}

/** The command that runs the trials of this one in a child process. */
function child(engine: EngineName, ...args: string[]): [string, string[]] {
  return [process.execPath, [join(packageRoot(), 'scripts', 'launch.mjs'), 'fuzz', '--engine', engine, ...args]];
}

export interface CampaignOptions {
  readonly engine?: EngineName;
  /** Milliseconds of real time. */
  readonly hangMs?: number;
}

/**
 * Runs trials from seed `first` on, until `words` instruction words were executed. `progress` is
 * told after each batch. A child that says nothing for `hangMs` of real time hangs.
 */
export async function runCampaign(
  first: number,
  words: number,
  progress: (soFar: CampaignResult) => void,
  { engine = 'auto', hangMs = HANG_MS }: CampaignOptions = {},
): Promise<CampaignResult> {
  const faults: Fault[] = [];
  let done = 0;
  let seed = first;
  while (done < words) {
    const trials = Math.min(BATCH, Math.ceil((words - done) / WORDS_PER_TRIAL));
    const batch = await runBatch(engine, seed, trials, hangMs);
    done += batch.words;
    if (batch.fault !== null) faults.push(batch.fault);
    faults.push(...batch.reported);
    seed = batch.next;
    progress({ trials: seed - first, words: done, faults });
  }
  return { trials: seed - first, words: done, faults };
}

/** About; for dividing a campaign into batches. */
const WORDS_PER_TRIAL = 288;

interface Batch {
  readonly words: number;
  /** The first seed that was not tried. */
  readonly next: number;
  readonly fault: Fault | null;
  readonly reported: readonly Fault[];
}

function runBatch(engine: EngineName, first: number, trials: number, hangMs: number): Promise<Batch> {
  return new Promise((resolve, reject) => {
    const [program, args] = child(engine, '--trials', `${first},${trials}`);
    const process = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let current = first;
    let words = 0;
    let hung = false;
    let errors = '';
    const reported: Fault[] = [];
    const onSilence = () => {
      hung = true;
      process.kill('SIGKILL');
    };
    let timer = setTimeout(onSilence, hangMs);
    createInterface({ input: process.stdout }).on('line', (line) => {
      clearTimeout(timer);
      timer = setTimeout(onSilence, hangMs);
      const [what, seed, ...rest] = line.split(' ');
      current = Number(seed);
      if (what === 'done') words += Number(rest[0]);
      if (what === 'fault') reported.push({ seed: current, kind: 'fault', detail: rest.join(' ') });
    });
    process.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-2000);
    });
    process.on('error', reject);
    process.on('close', (status, signal) => {
      clearTimeout(timer);
      if (status === 0) {
        resolve({ words, next: first + trials, fault: null, reported });
        return;
      }
      const detail = hung ? `nothing for ${hangMs / 1000} s` : `${signal ?? `exit status ${status}`} ${errors.trim()}`;
      const fault = { seed: current, kind: hung ? 'hang' : 'crash', detail } as const;
      resolve({ words, next: current + 1, fault, reported });
    });
  });
}

/**
 * Runs a plan in a process of its own. @returns 'ok' or the kind of fault; a hang after `hangMs` of
 * real time
 */
export function replayApart(
  plan: FuzzPlan,
  { engine = 'auto', hangMs = REPLAY_MS }: CampaignOptions = {},
): Fault['kind'] | 'ok' {
  const folder = mkdtempSync(join(tmpdir(), 'levitate-fuzz-'));
  try {
    const file = join(folder, 'plan.json');
    writeFileSync(file, JSON.stringify(plan));
    const [program, args] = child(engine, '--replay', file);
    const { status, signal, error } = spawnSync(program, args, {
      timeout: hangMs,
      killSignal: 'SIGKILL',
      stdio: 'ignore',
    });
    if (error !== undefined && 'code' in error && error.code === 'ETIMEDOUT') return 'hang';
    if (signal !== null) return 'crash';
    return status === 0 ? 'ok' : 'fault';
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The smallest part of `plan` found that still has the same fault; null when `plan` has none. */
export function minimise(plan: FuzzPlan, engine: EngineName = 'auto'): FuzzPlan | null {
  const replay = (smaller: FuzzPlan) => replayApart(smaller, { engine });
  const kind = replay(plan);
  if (kind === 'ok') return null;
  let replays = 0;
  const fails = (sites: FuzzPlan['sites']): boolean => replays++ < MOST_REPLAYS && replay({ ...plan, sites }) === kind;
  let sites = [...plan.sites];
  for (let size = sites.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at < sites.length && sites.length > 1; ) {
      const without = [...sites.slice(0, at), ...sites.slice(at + size)];
      if (without.length > 0 && fails(without)) sites = without;
      else at += size;
    }
  }
  for (let at = 0; at < sites.length; at++) {
    const site = sites[at]!;
    let { words, registers } = site;
    const attempt = (change: Partial<typeof site>): boolean =>
      fails(sites.with(at, { ...site, words, registers, ...change }));
    for (let word = words.length - 1; word >= 0 && words.length > 1; word--) {
      if (attempt({ words: words.toSpliced(word, 1) })) words = words.toSpliced(word, 1);
    }
    for (let index = registers.length - 1; index >= 0; index--) {
      if (attempt({ registers: registers.toSpliced(index, 1) })) registers = registers.toSpliced(index, 1);
    }
    sites = sites.with(at, { ...site, words, registers });
  }
  return { ...plan, sites };
}
