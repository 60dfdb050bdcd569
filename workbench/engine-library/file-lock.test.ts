// SPDX-License-Identifier: GPL-2.0-only
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withFileLock } from './file-lock.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'levitate-lock-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('withFileLock', () => {
  it('holds the file while the work runs and removes it afterwards', () => {
    const path = join(folder, 'deep', 'a.lock');
    expect(withFileLock(path, () => existsSync(path))).toBe(true);
    expect(existsSync(path)).toBe(false);
  });

  it('removes the file when the work throws', () => {
    const path = join(folder, 'b.lock');
    const work = (): never => {
      throw new Error('work failed');
    };
    expect(() => withFileLock(path, work)).toThrow('work failed');
    expect(existsSync(path)).toBe(false);
  });

  it.each([
    ['a process that is gone', '4194304 1'],
    ['an earlier process with our own id', `${process.pid} earlier`],
  ])('takes over the lock of %s', (_, holder) => {
    const path = join(folder, 'c.lock');
    writeFileSync(path, holder);
    expect(withFileLock(path, () => 'done')).toBe('done');
  });
});
