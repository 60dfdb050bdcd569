// SPDX-License-Identifier: GPL-2.0-only
/**
 * Measures a machine as a whole process, from outside: the times of its texts since its start, and
 * its memory. The process is ended at the last text, so that nothing after it is measured.
 *
 * Peak memory is VmHWM of /proc/PID/status (Linux, proc(5)); elsewhere it is not known.
 */

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { packageRoot } from '#workbench/package-root.ts';

export interface Watched {
  /** Time of each text, milliseconds since the process was started. */
  readonly atMs: readonly number[];
  /** Most bytes of RAM until the last text, or null where the host does not tell. */
  readonly peakBytes: number | null;
}

/**
 * Starts `program` and waits until it has printed all of `texts`, in this order.
 * @throws Error when it ends or `deadlineMs` pass before, with the last of what it printed
 */
export function watchProcess(
  program: string,
  args: readonly string[],
  texts: readonly string[],
  deadlineMs: number,
): Promise<Watched> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(program, args, { cwd: packageRoot(), stdio: ['ignore', 'pipe', 'pipe'] });
    const atMs: number[] = [];
    let printed = '';
    let searched = 0;
    let failure: Error | null = null;
    let peakBytes: number | null = null;
    const fail = (why: string) => {
      failure ??= new Error(`${program} ${args.join(' ')}: ${why}; it printed:\n${printed.slice(-2000)}`);
      child.kill('SIGKILL');
    };
    const deadline = setTimeout(() => fail(`no "${texts[atMs.length]}" in ${deadlineMs} ms`), deadlineMs);
    child.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString('latin1')));
    child.stdout.on('data', (chunk: Buffer) => {
      const now = performance.now() - start;
      printed += chunk.toString('latin1');
      for (let text = texts[atMs.length]; text !== undefined; text = texts[atMs.length]) {
        const at = printed.indexOf(text, searched);
        if (at < 0) return;
        searched = at + text.length;
        atMs.push(now);
      }
      peakBytes ??= peakOf(child.pid);
      child.kill('SIGKILL');
    });
    child.on('error', (error) => {
      clearTimeout(deadline);
      reject(error);
    });
    child.on('close', (status) => {
      clearTimeout(deadline);
      if (atMs.length < texts.length) fail(`ended with status ${status}`);
      if (failure === null) resolve({ atMs, peakBytes });
      else reject(failure);
    });
  });
}

function peakOf(pid: number | undefined): number | null {
  try {
    const kibibytes = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kibibytes === undefined ? null : Number(kibibytes) * 1024;
  } catch {
    return null;
  }
}
