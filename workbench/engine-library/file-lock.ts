// SPDX-License-Identifier: GPL-2.0-only
/**
 * A lock between processes, so that two commands started together fetch a package once and not
 * twice.
 *
 * It saves work and is not what keeps the cache whole: results are put in place by an atomic
 * rename, so a lock that is taken over by mistake costs a second download and nothing else. Waiting
 * blocks the thread, because the callers have nothing else to do.
 */

import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const POLL_MS = 100;
/** Longer than any single fetch may take: a lock older than this was left behind. */
const STALE_MS = 5 * 60_000;

/**
 * Runs `work` while holding the lock file `path`, and removes the file afterwards. Waits for
 * another holder; a holder that no longer runs, or a lock older than five minutes, is taken over.
 * @throws what `work` throws; a file system error when the folder cannot be written
 */
export function withFileLock<T>(path: string, work: () => T): T {
  mkdirSync(dirname(path), { recursive: true });
  while (!tryCreate(path)) {
    if (isAbandoned(path)) {
      rmSync(path, { force: true });
    } else {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, POLL_MS);
    }
  }
  try {
    return work();
  } finally {
    rmSync(path, { force: true });
  }
}

function tryCreate(path: string): boolean {
  try {
    writeFileSync(path, identify(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      return false;
    }
    throw error;
  }
}

/**
 * "PID STARTTIME": containers hand out the same few process ids again and again, so the id alone
 * does not name a process.
 */
function identify(pid: number): string {
  let startTime = '-';
  try {
    // proc(5): field 22 of /proc/PID/stat; the second field is in parentheses and may hold spaces.
    startTime =
      readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')[19] ?? '-';
  } catch {
    // No /proc on this system, or no such process: the id alone must do.
  }
  return `${pid} ${startTime}`;
}

function isAbandoned(path: string): boolean {
  try {
    const holder = readFileSync(path, 'utf8');
    if (Date.now() - statSync(path).mtimeMs > STALE_MS) {
      return true;
    }
    const pid = Number.parseInt(holder, 10);
    // An empty file: its holder is between creating and writing it.
    return Number.isInteger(pid) && (!isRunning(pid) || identify(pid) !== holder);
  } catch {
    // Removed in between: the next attempt to create it decides.
    return false;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
