// SPDX-License-Identifier: GPL-2.0-only
/**
 * Fake kernel whose first process runs, with actions for tests: system calls by number, texts in
 * its memory, children.
 */

import { expect } from 'vitest';
import type { TrapFrame } from '#kernel-ts/kernel/trap-frame.ts';
import { DATA, fakeKernel, type FakeKernel } from './fake-kernel.ts';

/** Numbers of the system calls. */
export const Call = {
  READ: 0,
  WRITE: 1,
  EXIT: 2,
  GETPID: 3,
  SBRK: 4,
  SPAWN: 5,
  EXEC: 6,
  YIELD: 7,
  SHUTDOWN: 8,
  WAIT: 9,
} as const;

/** Result of the last system call: x0, signed. */
export const signed = (frame: TrapFrame): bigint => BigInt.asIntN(64, frame.x(0));

/** Kernel that runs /init; `frame` is the frame to restore. */
export function running(kernel: FakeKernel = fakeKernel()) {
  const init = kernel.processes.spawn('/init');
  if (!init.ok) throw new Error(init.why);
  const frame = kernel.processes.schedule(kernel.idleFrame);
  kernel.output();
  return { kernel, frame, pid: init.pid };
}

/** Writes `text` to the data of the running process and returns its address. */
export function put(kernel: FakeKernel, frame: TrapFrame, text: string): bigint {
  // Written by read: the kernel has no other way to write there.
  kernel.typed.push(...Array.from(text, (letter) => letter.charCodeAt(0)));
  const asked = frame.x(0);
  kernel.call(frame, Call.READ, 0n, DATA + 0x100n, BigInt(text.length));
  expect(signed(frame)).toBe(BigInt(text.length));
  frame.setX(0, asked);
  return DATA + 0x100n;
}

/** Makes the running process start `path`; returns its pid, or the error. */
export function spawnFrom(kernel: FakeKernel, frame: TrapFrame, path = 'init'): bigint {
  const at = put(kernel, frame, path);
  kernel.call(frame, Call.SPAWN, at, BigInt(path.length));
  return signed(frame);
}
