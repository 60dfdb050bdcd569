// SPDX-License-Identifier: GPL-2.0-only
/**
 * The engine's library for the thread that asks. The library, and what of it is replaced for
 * counting, are one for all that load the same file, and not made for several threads at once. So
 * the main thread has the file, and every worker thread a copy of its own: two files are two
 * libraries to the dynamic loader, which share nothing.
 */

import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { isMainThread } from 'node:worker_threads';

/** Copies of this thread that are loaded, by the file they are of. */
const loaded = new Map<string, string>();

/**
 * Calls `load` with this thread's own path of `path`, and returns that path with the result. The
 * copy is deleted afterwards; the loader keeps its path. A bare name, whose file only the loader
 * knows, cannot be copied: null in a worker thread.
 * @throws what the file system does when there is no room for the copy
 */
export function loadForThread<T>(
  path: string,
  load: (path: string) => T,
  isMain = isMainThread,
): { readonly path: string; readonly result: T } | null {
  if (isMain) return { path, result: load(path) };
  if (path === basename(path)) return null;
  const known = loaded.get(path);
  if (known !== undefined) return { path: known, result: load(known) };
  const folder = mkdtempSync(join(tmpdir(), 'levitate-engine-'));
  try {
    const copy = join(folder, basename(path));
    copyFileSync(path, copy);
    const result = load(copy);
    loaded.set(path, copy);
    return { path: copy, result };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
