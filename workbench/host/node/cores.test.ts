// SPDX-License-Identifier: GPL-2.0-only
import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { WHEN_USED } from '#workbench/engine-library/huge-pages.ts';
import { chooseCores } from './cores.ts';

const isAsked = existsSync(WHEN_USED) && readFileSync(WHEN_USED, 'latin1').includes('[madvise]');
/** Bytes of this process for which huge pages were asked. */
const hugeBytes = (): number =>
  readFileSync('/proc/self/smaps', 'latin1')
    .split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)
    .filter((mapping) => /^VmFlags:.* hg\b/m.test(mapping))
    .reduce((sum, mapping) => sum + 1024 * Number(/^Size:\s+(\d+) kB/m.exec(mapping)?.[1]), 0);

it.skipIf(!isAsked)("a guest of one's own has huge pages at once, for RAM and for the own core's tables", () => {
  const small = chooseCores({ engine: 'wasm' });
  const before = hugeBytes();
  small.cores.allocate(2 ** 24);
  expect(hugeBytes()).toBe(before);
  const own = chooseCores({ engine: 'wasm', kernel: new Uint8Array(64) });
  const withTables = hugeBytes();
  expect(withTables).toBeGreaterThan(before);
  own.cores.allocate(2 ** 24);
  expect(hugeBytes()).toBeGreaterThanOrEqual(withTables + 2 ** 24);
});
