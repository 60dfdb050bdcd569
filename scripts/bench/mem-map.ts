/**
 * mem_map and the free lists of 8 GiB, inside a real boot: from the moment the kernel's tables are live to the moment the buddy owns every free frame. That
 * includes the direct map of the other banks, which comes in between.
 *
 * ```
 *   "kernel tables live" ── mem_map, first frames, direct map ──► "direct map done" ── report ──► "ranges mapped" ── the rest ──► "frames managed"
 *                        |=============== counted ===============|                                |== counted ==|
 * ```
 * Every sample is a process of its own (`bench --one-boot`): the code is cold and the host has not yet given the memory, as for a user.
 */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { RESERVED_STATE } from '../../kernel-ts/kernel/mm/page.ts';
import { createMachine } from '../index.ts';
import { packageRoot } from '../package-root.ts';
import { PlainBuddy } from './buddy-scenarios.ts';
import type { Section } from './section.ts';

const BAR_MS = 80;
const FRAMES = 2_097_152;
const PAGE_WORDS = 6;

/** Lines of the boot log, by a part of their text: where the stopwatch starts and stops. */
const COUNTED = [
  { from: 'kernel tables live', to: 'direct map done' },
  { from: 'ranges mapped', to: 'frames managed' },
] as const;

/** What a process of {@link oneBoot} prints. */
interface OneBoot {
  readonly kernelMs: number;
  readonly plainMs: number;
}

export const memMap: Section = {
  name: 'mem-map',
  run: ({ short, report }) => {
    const boots = Array.from({ length: short ? 3 : 9 }, () => oneBootInProcess());
    report({
      section: memMap.name,
      what: 'mem_map, lists and direct map of 8 GiB, in a boot',
      unit: 'ms',
      samples: boots.map(({ kernelMs }) => kernelMs),
      bar: BAR_MS,
      limit: boots.map(({ plainMs }) => plainMs),
    });
  },
};

/** Boots pixel6 once in this process, and does the same on plain arrays. @returns what to print */
export function oneBoot(): string {
  const machine = createMachine({ board: 'pixel6' });
  const seen: { text: string; ms: number }[] = [];
  machine.serial.onLine((text) => seen.push({ text, ms: performance.now() }));
  machine.run({ timeoutNs: 10e9 });
  const at = (part: string): number => {
    const line = seen.find(({ text }) => text.includes(part));
    if (line === undefined) throw new Error(`the boot log has no line with "${part}"`);
    return line.ms;
  };
  const result: OneBoot = {
    kernelMs: COUNTED.reduce((sum, { from, to }) => sum + at(to) - at(from), 0),
    plainMs: plainMemMap(),
  };
  return JSON.stringify(result);
}

/** The limit: 24 bytes a frame written once in a fresh array, and lists beside it. Milliseconds. */
function plainMemMap(): number {
  const start = performance.now();
  const words = new Uint32Array(FRAMES * PAGE_WORDS);
  words[0] = RESERVED_STATE;
  for (let filled = PAGE_WORDS; filled < words.length; filled *= 2) words.copyWithin(filled, 0, filled);
  const buddy = new PlainBuddy(FRAMES);
  const elapsed = performance.now() - start;
  if (words.at(-PAGE_WORDS) !== RESERVED_STATE || buddy.buddyinfo().every((blocks) => blocks === 0)) {
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
