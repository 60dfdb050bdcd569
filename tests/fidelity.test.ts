/** docs/fidelity.md and the tests' tables of departures are the same list: what a table knows, the page says. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../scripts/package-root.ts';

const read = (...path: string[]): string => readFileSync(join(packageRoot(), ...path), 'utf8').replaceAll(/\s+/g, ' ');

/** `departs('words')` in a table: the page has a line that begins with these words. */
const TABLES = ['exceptions.test.ts', 'cpu-deviations.test.ts'];

it.each(TABLES)('docs/fidelity.md has a line for each departure in tests/%s', (table) => {
  const page = read('docs', 'fidelity.md');
  const named = [...read('tests', table).matchAll(/departs\(\s*'([^']+)'/g)].map(([, words]) => words as string);
  expect(named.length).toBeGreaterThan(2);
  expect(named.filter((words) => !page.includes(`- **${words}**`))).toEqual([]);
});
