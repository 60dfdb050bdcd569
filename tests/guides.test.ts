// SPDX-License-Identifier: GPL-2.0-only
/**
 * docs/explain.md and docs/event-log.md show the real output of the commands: each `$ npm run
 * explain …` is run, and the two logs of the guide are made and compared. A line "…" stands for the
 * rest. Times may differ from the guide's; everything else is compared. The files and commands that
 * the guides for contributors name exist.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { packageRoot } from '#workbench/package-root.ts';
import { commandEnvironment } from './support/command.ts';
import { HANG_GUARD_MS } from './support/hang-guard.ts';

const folder = mkdtempSync(join(tmpdir(), 'levitate-guides-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs `npm run NAME -- WORDS` in a folder of its own. */
function run(command: string): string {
  const [, , name = '', , ...words] = command.split(' ');
  const { stdout } = spawnSync(process.execPath, [join(packageRoot(), 'scripts', 'launch.mjs'), name, ...words], {
    cwd: folder,
    env: commandEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    timeout: HANG_GUARD_MS,
  });
  return stdout;
}

/** The contents of the guide's blocks of code without a language. */
function blocksOf(guide: string): string[] {
  const text = readFileSync(join(packageRoot(), 'docs', guide), 'utf8');
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)]
    .filter(([, language]) => language === '')
    .map(([, , block]) => block ?? '');
}

const withoutTimes = (text: string): string => text.replaceAll(/ *\d[\d.]* (?:ns|us|ms|s)\b/g, ' TIME');

/**
 * The printed lines, cut and without times like `shown`. When the guide is right, they equal {@link
 * asShown} of the guide's own lines.
 */
function asShown(lines: readonly string[], shown: readonly string[]): string {
  const cut = shown.indexOf('…');
  return withoutTimes((cut < 0 ? lines : lines.slice(0, cut)).join('\n'));
}

const linesOf = (text: string): string[] => text.trimEnd().split('\n');

describe('docs/explain.md', () => {
  const examples = blocksOf('explain.md')
    .filter((block) => block.startsWith('$ npm run explain -- '))
    .map(linesOf)
    // A kernel that the reader brings.
    .filter(([command = '']) => !command.includes('--kernel'));

  it('has examples', () => {
    expect(examples.length).toBeGreaterThanOrEqual(8);
  });

  it.each(examples.map(([command = '', ...shown]) => [command.slice(2), shown] as const))('%s', (command, shown) => {
    expect(asShown(linesOf(run(command)), shown)).toBe(asShown(shown, shown));
  });
});

describe('docs/event-log.md', () => {
  it('shows the timeline of a boot, and what is different with less memory', () => {
    const [boot = [], timeline = [], lessMemory = [], difference = []] = blocksOf('event-log.md').map(linesOf);
    const printedBy = (commands: readonly string[]): string[] => linesOf(commands.map(run).at(-1) ?? '');
    expect(timeline[0]).toMatch(/^pixel6 · /);
    expect(asShown(printedBy(boot), timeline)).toBe(asShown(timeline, timeline));
    expect(difference[0]).toBe('from 8g.log to 2g.log:');
    expect(asShown(printedBy(lessMemory), difference)).toBe(asShown(difference, difference));
  });
});

describe.each(['CONTRIBUTING.md', 'docs/add-a-board.md', 'docs/add-a-device.md'])('%s', (guide) => {
  const text = readFileSync(join(packageRoot(), guide), 'utf8');
  const quoted = [...text.matchAll(/`([^`\n]+)`/g)].map(([, words = '']) => words);

  it('names files that there are', () => {
    // Not those that the reader makes.
    const paths = quoted.filter((words) => /^[\w.-]+(\/[\w.-]*)+$/.test(words) && !words.includes('NAME'));
    expect(paths.length).toBeGreaterThan(3);
    expect(paths.filter((path) => !existsSync(join(packageRoot(), path)))).toEqual([]);
  });

  it('names commands that there are', () => {
    const { scripts } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const named = [...text.matchAll(/npm run ([\w:-]+)/g)].map(([, name = '']) => name);
    expect([...named, 'boot'].filter((name) => scripts[name] === undefined)).toEqual([]);
  });
});
