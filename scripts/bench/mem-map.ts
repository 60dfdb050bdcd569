// SPDX-License-Identifier: GPL-2.0-only
/**
 * mem_map and the free lists of 8 GiB, inside a real boot: a stopwatch around the two steps of the
 * kernel that write every descriptor, `MemMap.initialise` and `Buddy.addRange`. Beside it, without
 * a bar, the time between the two lines of the boot log that enclose them, which has the direct map
 * of every bank in it.
 *
 * ```
 *   "kernel tables live" ── mem_map ── first frames ── direct map of the rest ─ report ── the rest ──► "frames managed"
 *                          |======= counted =======|                                     |== counted ==|
 * ```
 * Every sample is a process of its own (`bench --one-boot`): the code is cold and the host has not
 * yet given the memory, as for a user.
 */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Buddy } from '#kernel-ts/kernel/mm/buddy.ts';
import { MemMap } from '#kernel-ts/kernel/mm/mem-map.ts';
import { PAGE_STRUCT_WORDS, RESERVED_STATE } from '#kernel-ts/kernel/mm/page.ts';
import { createMachine } from '#workbench/index.ts';
import { packageRoot } from '#workbench/package-root.ts';
import { PlainBuddy } from './buddy-scenarios.ts';
import type { Section } from './section.ts';

const BAR_MS = 80;
const FRAMES = 2_097_152;

/** Lines of the boot log, by a part of their text. */
const FIRST_LINE = 'kernel tables live';
const LAST_LINE = 'frames managed';

/** Output of a process of {@link oneBoot}. */
interface OneBoot {
  /** In the two steps. */
  readonly stepsMs: number;
  /** From line to line. */
  readonly linesMs: number;
  readonly plainMs: number;
}

export const memMap: Section = {
  name: 'mem-map',
  run: ({ short, report }) => {
    const boots = Array.from({ length: short ? 3 : 9 }, () => oneBootInProcess());
    const section = memMap.name;
    const limit = boots.map(({ plainMs }) => plainMs);
    const steps = boots.map(({ stepsMs }) => stepsMs);
    const lines = boots.map(({ linesMs }) => linesMs);
    report({ section, what: 'mem_map and lists of 8 GiB, in a boot', unit: 'ms', samples: steps, bar: BAR_MS, limit });
    report({ section, what: 'the same, with the direct map', unit: 'ms', samples: lines, bar: null, limit: null });
  },
};

/** Boots pixel6 once in this process, and does the same on plain arrays. @returns what to print */
export function oneBoot(): string {
  let stepsMs = 0;
  const addTo = (ms: number): void => {
    stepsMs += ms;
  };
  putStopwatch(MemMap.prototype, 'initialise', addTo);
  putStopwatch(Buddy.prototype, 'addRange', addTo);

  const machine = createMachine({ board: 'pixel6' });
  const seen: { text: string; ms: number }[] = [];
  machine.serial.onLine((text) => seen.push({ text, ms: performance.now() }));
  machine.run({ timeoutNs: 10e9 });
  const at = (part: string): number => {
    const line = seen.find(({ text }) => text.includes(part));
    if (line === undefined) throw new Error(`the boot log has no line with "${part}"`);
    return line.ms;
  };
  const result: OneBoot = { stepsMs, linesMs: at(LAST_LINE) - at(FIRST_LINE), plainMs: plainMemMap() };
  return JSON.stringify(result);
}

/** Calls `add` with the milliseconds of each later call of a class's method `name`. */
function putStopwatch<Class extends object>(prototype: Class, name: keyof Class, add: (ms: number) => void): void {
  const method = Reflect.get(prototype, name) as (...args: unknown[]) => unknown;
  Reflect.set(prototype, name, function timed(this: Class, ...args: unknown[]) {
    const start = performance.now();
    const result = method.apply(this, args);
    add(performance.now() - start);
    return result;
  });
}

/** The limit: 24 bytes a frame written once in a fresh array, and lists beside it. Milliseconds. */
function plainMemMap(): number {
  const start = performance.now();
  const words = new Uint32Array(FRAMES * PAGE_STRUCT_WORDS);
  words[0] = RESERVED_STATE;
  for (let filled = PAGE_STRUCT_WORDS; filled < words.length; filled *= 2) words.copyWithin(filled, 0, filled);
  const buddy = new PlainBuddy(FRAMES);
  const elapsed = performance.now() - start;
  if (words.at(-PAGE_STRUCT_WORDS) !== RESERVED_STATE || buddy.buddyinfo().every((blocks) => blocks === 0)) {
    throw new Error('the plain mem_map is not what it should be');
  }
  return elapsed;
}

function oneBootInProcess(): OneBoot {
  const launcher = join(packageRoot(), 'scripts', 'launch.mjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, [launcher, 'bench', '--one-boot'], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`bench --one-boot: exit status ${status}\n${stderr}`);
  return JSON.parse(stdout) as OneBoot;
}
