// SPDX-License-Identifier: GPL-2.0-only
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { CoreFactory } from '#emulator/cpu/machine-core.ts';
import { createMemory } from '#emulator/a64/wasm/host.ts';
import { adviseHugePages, fileBytes, onHugePages, WHEN_USED } from './huge-pages.ts';

const MIB = 2 ** 20;
const folder = mkdtempSync(join(tmpdir(), 'levitate-huge-pages-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('small guests go without, and the first pieces of a larger one get them with the fifth', () => {
  const hinted: Uint8Array[] = [];
  const open = (): never => {
    throw new Error('no core is wanted');
  };
  const cores: CoreFactory = { allocate: (bytes) => new Uint8Array(bytes), open };
  const hint = (bytes: Uint8Array) => hinted.push(bytes) > 0;
  const hinting = onHugePages(cores, false, hint);
  const few = [1, 2, 3, 4].map((pages) => hinting.allocate(pages * 4096));
  expect(hinted).toEqual([]);
  const [fifth, sixth] = [hinting.allocate(5 * 4096), hinting.allocate(6 * 4096)];
  expect(hinted).toEqual([...few, fifth, sixth]);
  const first = onHugePages(cores, true, hint).allocate(7 * 4096);
  expect(hinted.at(-1)).toBe(first);
});

it('a large file gets them, and a small one does not', () => {
  const hinted: Uint8Array[] = [];
  const [, large] = [MIB, 16 * MIB].map((size) => fileBytes(size, (bytes) => hinted.push(bytes) > 0));
  expect(hinted).toHaveLength(1);
  expect(hinted[0]).toBe(large);
});

it.each(['always madvise [never]', '[always] madvise never'])('a host with "%s" is not asked', (text) => {
  const file = join(folder, 'enabled');
  writeFileSync(file, text);
  expect(adviseHugePages(new Uint8Array(4 * MIB), file)).toBe(false);
});

it('a host that says nothing is not asked', () => {
  expect(adviseHugePages(new Uint8Array(4 * MIB), join(folder, 'missing'))).toBe(false);
});

/** Mappings of this process with the flag "hg": huge pages were asked for. */
const hugeMappings = () => readFileSync('/proc/self/smaps', 'latin1').match(/^VmFlags:.* hg\b/gm)?.length ?? 0;

it.skipIf(!existsSync(WHEN_USED))('the pages inside the bytes are asked for, and parts of a page are not', () => {
  const file = join(folder, 'enabled');
  writeFileSync(file, 'always [madvise] never');
  const memory = createMemory(64);
  const before = hugeMappings();
  expect(adviseHugePages(new Uint8Array(memory.buffer, 100, 4096), file)).toBe(false);
  expect(hugeMappings()).toBe(before);
  expect(adviseHugePages(new Uint8Array(memory.buffer, 100, 2 * MIB), file)).toBe(true);
  expect(hugeMappings()).toBe(before + 1);
});
