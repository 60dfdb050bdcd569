// SPDX-License-Identifier: GPL-2.0-only
/**
 * Limits of processes: more memory than there is, and more processes than the kernel keeps records
 * for, are refused. The kernel runs without a CPU.
 */

import { expect, it } from 'vitest';
import { PageOwner } from '#kernel-ts/kernel/mm/page-owner.ts';
import { MIB } from '#kernel-ts/kernel/mm/testing/fake-machine.ts';
import { MAX_PROCESSES } from './lifecycle.ts';
import { elfBytes } from './testing/elf-bytes.ts';
import { DATA, ENTRY, fakeKernel, program } from './testing/fake-kernel.ts';
import { Call, put, running, signed } from './testing/running-kernel.ts';

it('who spawns and never waits is refused at the limit, and costs nothing when it ends', () => {
  const { kernel, frame } = running(fakeKernel(64 * MIB));
  const before = kernel.frames.held(PageOwner.USER);
  const path = put(kernel, frame, 'init');
  for (let made = 1; made < MAX_PROCESSES; made++) {
    kernel.call(frame, Call.SPAWN, path, 4n);
    expect(signed(frame)).toBeGreaterThan(0n);
    const child = kernel.call(frame, Call.YIELD);
    expect(kernel.call(child, Call.EXIT, 0n).address).toBe(frame.address);
  }
  kernel.call(frame, Call.SPAWN, path, 4n);
  expect(signed(frame)).toBe(-5n);
  expect(kernel.output()).toBe(
    '[SPAWN] pid 1 (init): spawn("init"): there are 1024 processes, with those that ended and were not waited for\n',
  );
  expect(kernel.frames.held(PageOwner.USER)).toBe(before);
  kernel.call(frame, Call.EXIT, 0n);
  expect(kernel.processes.processes()).toEqual([]);
});

it('a program larger than memory is refused before a page of it is taken, and the log says who holds it', () => {
  const code = { address: ENTRY, bytes: Uint8Array.of(0, 0, 0, 0) };
  const huge = elfBytes(ENTRY, [code, { address: DATA, memoryBytes: 2n ** 46n, flags: 6 }]);
  const { kernel, frame } = running(
    fakeKernel(undefined, [
      { path: 'init', content: program() },
      { path: 'huge', content: huge },
    ]),
  );
  const path = put(kernel, frame, 'huge');
  const before = kernel.frames.holdings();
  const refusal = /no memory for 17179869185 pages: \d+ frames can be had/;
  kernel.call(frame, Call.SPAWN, path, 4n);
  expect(signed(frame)).toBe(-5n);
  expect(kernel.output()).toMatch(refusal);
  const started = kernel.processes.spawn('huge');
  expect(started.ok ? '' : started.why).toMatch(refusal);
  expect(kernel.output()).toMatch(
    /out of memory: the kernel, for huge: .*, asked for 17179869185 frames \(order 0\): so many are not free\n[^]*held by /,
  );
  kernel.call(frame, Call.EXEC, path, 4n);
  expect(signed(frame)).toBe(-5n);
  expect(kernel.frames.holdings()).toEqual(before);
});

it('spawn and sbrk without memory fail with ENOMEM and keep nothing', () => {
  const { kernel, frame } = running();
  const path = put(kernel, frame, 'init');
  const hog = kernel.frames.account(PageOwner.USER);
  while (hog.available() > 2) hog.allocFrames(0);
  const before = kernel.frames.holdings();
  kernel.call(frame, Call.SPAWN, path, 4n);
  expect(signed(frame)).toBe(-5n);
  expect(kernel.frames.holdings()).toEqual(before);
  kernel.call(frame, Call.SBRK, BigInt(MIB));
  expect(signed(frame)).toBe(-5n);
  expect(kernel.output()).toMatch(/out of memory: pid 1 \(init\), for spawn\("init"\).*[^]*for sbrk\(1048576\)/);
});
