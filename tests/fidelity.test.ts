// SPDX-License-Identifier: GPL-2.0-only
/**
 * docs/fidelity.md and the tests' tables of departures are the same list: for each entry of a
 * table, the page has a line that begins with the same words.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '#workbench/package-root.ts';

const read = (...path: string[]): string => readFileSync(join(packageRoot(), ...path), 'utf8');

const linesOfPage = [...read('docs', 'fidelity.md').matchAll(/^- \*\*(.+?)\*\*/gms)].map(([, words = '']) => words);

it.each<[string, RegExp, number]>([
  ['exceptions.test.ts', /reason: '([A-Z].+)',$/gm, 3],
  ['hypervisor.test.ts', /'([A-Z][^']* (?:is|has|traps) [^']*)'/g, 4],
  ['alignment.test.ts', /^describe\('([A-Z].+)',/gm, 3],
  // Titles of cases that have both answers.
  ['cpu-deviations.test.ts', /(?:describe|it)?\(?\[?'([A-Z].+ (?:is|are) .+)',/g, 5],
])('docs/fidelity.md has a line for each departure in tests/%s', (table, marks, least) => {
  const named = [...read('tests', table).matchAll(marks)].map(([, words = '']) => words);
  expect(named.length).toBeGreaterThanOrEqual(least);
  expect(named.filter((words) => !linesOfPage.includes(words))).toEqual([]);
});
