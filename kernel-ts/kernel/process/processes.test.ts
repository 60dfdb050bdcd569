// SPDX-License-Identifier: GPL-2.0-only
/** System calls, faults, and who runs when, on a kernel without a CPU: the test is the CPU. */

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { virtAddr } from '#common/address.ts';
import { PageOwner } from '#kernel-ts/kernel/mm/page-owner.ts';
import { DATA, ENTRY, fakeKernel, program } from './testing/fake-kernel.ts';
import { Call, put, running, signed, spawnFrom } from './testing/running-kernel.ts';
import { STACK_GUARD, STACK_TOP } from './user-layout.ts';

/** Syndromes of EL0: translation and permission faults of level 3. */
const READ_TRANSLATION = 0x9200_0007;
const WRITE_TRANSLATION = 0x9200_0047;
const FETCH_PERMISSION = 0x8200_000f;
const UNDEFINED = 0x0200_0000;

describe('the start of a program', () => {
  it('has every register zero, SP at the stack top, and its own tables live', () => {
    const { kernel, frame, pid } = running();
    expect(Array.from({ length: 31 }, (_, n) => frame.x(n))).toEqual(Array(31).fill(0n));
    expect([frame.sp, frame.elr, frame.spsr]).toEqual([STACK_TOP, ENTRY, 0n]);
    const vectors = kernel.memory.readBytes(virtAddr(frame.address + 0x110n), 0x340 - 0x110);
    expect(vectors.every((byte) => byte === 0)).toBe(true);
    expect(kernel.liveRoot()).not.toBe(null);
    kernel.call(frame, Call.GETPID);
    expect(frame.x(0)).toBe(BigInt(pid));
  });

  it.each([
    ['no initramfs', null, '/init', 'there is no initramfs'],
    ['no such file', [{ path: 'init', content: program() }], '/bin/sh', 'the initramfs has no file /bin/sh'],
    ['a directory', [{ path: 'bin', mode: 0o40755 }], 'bin', 'in the initramfs bin is a directory, and no file'],
    [
      'a symbolic link',
      [{ path: 'init', mode: 0o120777 }],
      '/init',
      'in the initramfs /init is a symbolic link to nothing, and no file',
    ],
    ['no program', [{ path: 'init', content: Uint8Array.of(1, 2, 3) }], '/init', /^ELF: e_ident: /],
  ])('%s: a sentence, and nothing is kept', (_what, files, path, why) => {
    const kernel = fakeKernel(undefined, files);
    const result = kernel.processes.spawn(path);
    expect(result.ok ? '' : result.why).toEqual(typeof why === 'string' ? why : expect.stringMatching(why));
    const { buddy, held } = kernel.census();
    const untouched = fakeKernel(undefined, files).census();
    expect([buddy, held]).toEqual([untouched.buddy, untouched.held]);
    expect(kernel.processes.runnable).toBe(false);
  });
});

describe('system calls', () => {
  it.each<[string, number, readonly bigint[], bigint]>([
    ['an unknown number', 99, [], -1n],
    ['write to file 0', Call.WRITE, [0n, DATA, 1n], -2n],
    ['read from file 1', Call.READ, [1n, DATA, 1n], -2n],
    ['write from the kernel', Call.WRITE, [1n, 0xffff_8000_4000_0000n, 8n], -3n],
    ['write from page 0', Call.WRITE, [1n, 0n, 8n], -3n],
    ['write across the end of the data', Call.WRITE, [1n, DATA + 0x1fffn, 2n], -3n],
    ['write from the guard page', Call.WRITE, [1n, STACK_GUARD, 1n], -3n],
    ['write that wraps around', Call.WRITE, [1n, 2n ** 64n - 4n, 8n], -3n],
    ['write of nothing from past the end of user memory', Call.WRITE, [1n, 2n ** 47n, 0n], -3n],
    ['write of nothing from the kernel', Call.WRITE, [1n, 0xffff_8000_4008_0000n, 0n], -3n],
    ['read of nothing past the end of user memory', Call.READ, [0n, 2n ** 47n, 0n], -3n],
    ['a write that ends past user memory', Call.WRITE, [1n, 2n ** 47n - 1n, 2n], -3n],
    ['read into the text', Call.READ, [0n, ENTRY, 1n], -3n],
    ['read into read-only data', Call.READ, [0n, 0x1_8000n, 1n], -3n],
    ['read into the kernel', Call.READ, [0n, 0xffff_8000_4000_0000n, 1n], -3n],
    ['spawn of no name', Call.SPAWN, [DATA, 0n], -4n],
    ['spawn of a long name', Call.SPAWN, [DATA, 256n], -4n],
    ['exec of a name in the kernel', Call.EXEC, [0xffff_8000_4000_0000n, 4n], -3n],
    ['sbrk below the heap', Call.SBRK, [-1n], -4n],
    ['sbrk beyond the limit', Call.SBRK, [2n ** 40n], -5n],
    ['wait for nobody', Call.WAIT, [0n], -7n],
    ['wait for itself', Call.WAIT, [1n], -7n],
    ['shutdown of no kind', Call.SHUTDOWN, [3n], -4n],
    ['write of nothing', Call.WRITE, [1n, 0n, 0n], 0n],
    ['read of nothing', Call.READ, [0n, 0n, 0n], 0n],
  ])('%s', (_what, number, arguments_, result) => {
    const { kernel, frame } = running();
    expect(kernel.call(frame, number, ...arguments_).address).toBe(frame.address);
    expect(signed(frame)).toBe(result);
    expect(kernel.processes.processes()).toHaveLength(1);
  });

  it('write prints bytes as they are, across pages', () => {
    const { kernel, frame } = running();
    const at = put(kernel, frame, 'hello\n');
    kernel.call(frame, Call.WRITE, 1n, at, 6n);
    expect([signed(frame), kernel.output()]).toEqual([6n, 'hello\n']);
    kernel.call(frame, Call.WRITE, 2n, DATA + 0xffcn, 8n);
    expect([signed(frame), kernel.output()]).toEqual([8n, '\0'.repeat(8)]);
  });

  it.each([5000n, -1n])('a write or read of %d bytes moves 4096', (length) => {
    const { kernel, frame } = running();
    const page = STACK_TOP - 8192n;
    kernel.call(frame, Call.WRITE, 1n, page, length);
    expect([signed(frame), kernel.output().length]).toEqual([4096n, 4096]);
    kernel.typed.push(...new Array<number>(5000).fill(0x61));
    kernel.call(frame, Call.READ, 0n, page, length);
    expect([signed(frame), kernel.typed.length]).toEqual([4096n, 904]);
  });

  it('read gives a line at most, and Enter as a line feed, to one that waits too', () => {
    const { kernel, frame } = running();
    kernel.typed.push(...Buffer.from('ab\rc\n'));
    for (const line of ['ab\n', 'c\n']) {
      kernel.call(frame, Call.READ, 0n, DATA, 60n);
      expect(signed(frame)).toBe(BigInt(line.length));
      kernel.call(frame, Call.WRITE, 1n, DATA, BigInt(line.length));
      expect(kernel.output()).toBe(line);
    }
    kernel.call(frame, Call.READ, 0n, DATA, 60n);
    kernel.typed.push(...Buffer.from('\r\r'));
    expect(kernel.processes.input(kernel.idleFrame).address).toBe(frame.address);
    expect([signed(frame), kernel.typed.length]).toEqual([1n, 1]);
  });

  it('read waits until something is typed; the idle loop runs meanwhile, with no user tables live', () => {
    const { kernel, frame } = running();
    expect(kernel.call(frame, Call.READ, 0n, DATA, 16n).address).toBe(kernel.idleFrame.address);
    expect([kernel.processes.runnable, kernel.liveRoot()]).toEqual([false, null]);
    expect(kernel.processes.input(kernel.idleFrame).address).toBe(kernel.idleFrame.address);
    kernel.typed.push(0x68, 0x69);
    expect(kernel.processes.input(kernel.idleFrame).address).toBe(frame.address);
    expect(signed(frame)).toBe(2n);
    expect(kernel.liveRoot()).not.toBe(null);
    kernel.call(frame, Call.WRITE, 1n, DATA, 2n);
    expect(kernel.output()).toBe('hi');
  });

  it('shutdown asks the firmware', () => {
    const { kernel, frame } = running();
    kernel.call(frame, Call.SHUTDOWN, 0n);
    expect(kernel.output()).toBe('');
    kernel.call(frame, Call.SHUTDOWN, 1n);
    expect(kernel.output()).toMatch(
      /^\[PROC\] pid 1 \(init\) switches the machine off; processes: 1\n.* frames free\n$/,
    );
    kernel.call(frame, Call.SHUTDOWN, 2n);
    expect(kernel.powered).toEqual(['off', 'off', 'reset']);
  });

  it('the trace has each call with its arguments and result', () => {
    const { kernel, frame } = running();
    kernel.call(frame, Call.WRITE, 1n, DATA, 1n);
    expect(kernel.events.filter(({ kind }) => kind === 'syscall')).toEqual([
      {
        kind: 'syscall',
        fields: { pid: 1, number: 1, name: 'write', arguments: ['0x1', '0x20000', '0x1'], result: 1 },
      },
    ]);
  });
});

describe('parents and children', () => {
  it('wait gives the status of a child that ended before, and ends it for good', () => {
    const { kernel, frame } = running();
    const pid = spawnFrom(kernel, frame);
    const child = kernel.call(frame, Call.YIELD);
    expect(child.address).not.toBe(frame.address);
    expect(kernel.call(child, Call.EXIT, 5n).address).toBe(frame.address);
    expect(kernel.processes.processes().map(({ state }) => state)).toEqual(['running', 'ended']);
    kernel.call(frame, Call.WAIT, pid);
    expect(signed(frame)).toBe(5n);
    expect(kernel.processes.processes()).toHaveLength(1);
    kernel.call(frame, Call.WAIT, pid);
    expect(signed(frame)).toBe(-7n);
  });

  it.each([-7n, -5n, 300n, 0x124n, 2n ** 40n, -(2n ** 63n)])(
    'exit(%d): wait gives the low byte, which is no error and no status of a process that the kernel ended',
    (status) => {
      const { kernel, frame } = running();
      const child = kernel.call(frame, Call.WAIT, spawnFrom(kernel, frame));
      kernel.call(child, Call.EXIT, status);
      expect(signed(frame)).toBe(BigInt.asUintN(8, status));
    },
  );

  it('wait for a child that runs lets it run, and comes back with its status', () => {
    const { kernel, frame } = running();
    const pid = spawnFrom(kernel, frame);
    const child = kernel.call(frame, Call.WAIT, pid);
    expect(child.address).not.toBe(frame.address);
    expect(kernel.call(child, Call.EXIT, 7n).address).toBe(frame.address);
    expect(signed(frame)).toBe(7n);
    expect(kernel.processes.processes()).toHaveLength(1);
  });

  it('orphans become the kernel’s, and leave nothing behind', () => {
    const { kernel, frame } = running();
    const first = spawnFrom(kernel, frame);
    spawnFrom(kernel, frame);
    let next = kernel.call(frame, Call.YIELD);
    kernel.call(next, Call.EXIT, 0n); // the first child: a zombie
    expect(kernel.processes.processes().map(({ pid }) => BigInt(pid))).toContain(first);
    next = kernel.processes.schedule(kernel.idleFrame);
    while (next.address !== frame.address) next = kernel.call(next, Call.YIELD);
    next = kernel.call(frame, Call.EXIT, 0n);
    expect(kernel.processes.processes().map(({ parent }) => parent)).toEqual([0]);
    expect(kernel.call(next, Call.EXIT, 3n).address).toBe(kernel.idleFrame.address);
    expect(kernel.processes.processes()).toEqual([]);
    expect(kernel.output()).toBe(
      '[SPAWN] pid 1 (init) has ended, exit status 0\n[SPAWN] pid 3 (init) has ended, exit status 3\n',
    );
  });

  it('exec runs another program under the same pid, from a clean start; a failure changes nothing', () => {
    const { kernel, frame } = running(
      fakeKernel(undefined, [
        { path: 'init', content: program() },
        { path: 'bin/other', content: program() },
        { path: 'broken', content: program().subarray(0, 100) },
      ]),
    );
    const users = kernel.frames.held(PageOwner.USER);
    const root = kernel.liveRoot();
    kernel.call(frame, Call.EXEC, put(kernel, frame, 'broken'), 6n);
    expect(signed(frame)).toBe(-4n);
    expect(kernel.output()).toMatch(/^\[ELF\] pid 1 \(init\): exec\("broken"\): ELF: /);
    expect([kernel.frames.held(PageOwner.USER), kernel.liveRoot()]).toEqual([users, root]);
    frame.setX(20, 99n);
    const next = kernel.call(frame, Call.EXEC, put(kernel, frame, 'bin/other'), 9n);
    expect(next.address).toBe(frame.address);
    expect([next.x(0), next.x(20), next.elr, next.sp]).toEqual([0n, 0n, ENTRY, STACK_TOP]);
    expect(kernel.processes.processes()).toMatchObject([{ pid: 1, name: 'other', state: 'running' }]);
    expect(kernel.frames.held(PageOwner.USER)).toBe(users);
    expect(kernel.liveRoot()).not.toBe(null);
  });
});

describe('faults', () => {
  it('a page by demand: the process goes on where it was', () => {
    const { kernel, frame } = running();
    expect(kernel.fault(frame, WRITE_TRANSLATION, STACK_TOP - 8n).address).toBe(frame.address);
    expect(kernel.output()).toBe('');
  });

  it.each([
    ['a null pointer', READ_TRANSLATION, 8n, 0x124n, 'data abort from EL0 on a read', 'a null pointer'],
    ['a wild pointer', WRITE_TRANSLATION, 0xdead_0000n, 0x124n, 'data abort from EL0 on a write', 'in no area'],
    ['stack overflow', WRITE_TRANSLATION, STACK_GUARD + 8n, 0x124n, 'on a write', 'guard page below the stack'],
    ['code in data', FETCH_PERMISSION, DATA, 0x120n, 'instruction abort from EL0', 'its data may not be executed'],
    ['an undefined instruction', UNDEFINED, 0n, 0x100n, 'undefined instruction', 'ELR_EL1 0x0000000000010000'],
  ])('%s ends the process with a report; the parent gets the status', (_what, esr, far, status, first, second) => {
    const { kernel, frame } = running();
    const pid = spawnFrom(kernel, frame);
    const child = kernel.call(frame, Call.WAIT, pid);
    expect(kernel.fault(child, esr, far).address).toBe(frame.address);
    expect(signed(frame)).toBe(status);
    const lines = kernel.output().split('\n');
    expect(lines[0]).toMatch(/^\[PROC\] pid 2 \(init\) is ended: /);
    expect(lines[0]).toContain(first);
    expect(lines[1]).toContain(second);
    expect(kernel.processes.processes()).toHaveLength(1);
  });

  it('out of memory ends the process and says who holds it; the kernel lives on', () => {
    const { kernel, frame } = running();
    const hog = kernel.frames.account(PageOwner.USER);
    while (hog.allocFrames(0) !== null);
    expect(kernel.fault(frame, WRITE_TRANSLATION, STACK_TOP - 8n).address).toBe(kernel.idleFrame.address);
    const text = kernel.output();
    expect(text).toContain('is ended: data abort');
    expect(text).toContain('out of memory');
    expect(text).toMatch(/held by .*user \d+ \(/);
    expect(text).toMatch(/most user frames: pid 1 \(init\) 4\n/);
    expect(kernel.processes.processes()).toEqual([]);
  });
});

describe('turns', () => {
  it('processes take turns in the order in which they became ready', () => {
    const { kernel, frame } = running();
    spawnFrom(kernel, frame);
    spawnFrom(kernel, frame);
    const order: bigint[] = [];
    let next = frame;
    for (let turn = 0; turn < 7; turn++) {
      next = kernel.processes.tick(next);
      kernel.call(next, Call.GETPID);
      order.push(next.x(0));
    }
    expect(order).toEqual([2n, 3n, 1n, 2n, 3n, 1n, 2n]);
  });

  it('alone, a process keeps the CPU', () => {
    const { kernel, frame } = running();
    expect(kernel.processes.tick(frame).address).toBe(frame.address);
    expect(kernel.call(frame, Call.YIELD).address).toBe(frame.address);
  });

  it('whatever processes do, exactly one runs and none is lost; when all have ended everything is back', () => {
    const step = fc.constantFrom(
      'spawn',
      'exit',
      'wait',
      'yield',
      'tick',
      'read',
      'type',
      'fault',
      'grow',
      'exec',
      'interrupt',
    );
    const kernel = fakeKernel();
    // Slabs that caches keep are made, and the lists of blocks are what freeing makes of them.
    const warm = running(kernel);
    kernel.call(warm.frame, Call.EXIT, 0n);
    const before = kernel.census();
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let next = running(kernel).frame;
        const idle = (): boolean => next.address === kernel.idleFrame.address;
        for (const action of steps) {
          if (idle() && action !== 'type') continue;
          if (action === 'spawn') spawnFrom(kernel, next);
          else if (action === 'exec') next = kernel.call(next, Call.EXEC, put(kernel, next, 'init'), 4n);
          else if (action === 'exit') next = kernel.call(next, Call.EXIT, 1n);
          else if (action === 'yield') next = kernel.call(next, Call.YIELD);
          else if (action === 'tick') next = kernel.processes.tick(next);
          else if (action === 'fault') next = kernel.fault(next, READ_TRANSLATION, 0n);
          else if (action === 'read') next = kernel.call(next, Call.READ, 0n, DATA, 4n);
          else if (action === 'grow') kernel.call(next, Call.SBRK, 5000n);
          else if (action === 'interrupt') next = kernel.processes.interrupt(next);
          else if (action === 'type') {
            kernel.typed.push(0x41);
            next = kernel.processes.input(next);
            kernel.typed.length = 0;
          } else {
            kernel.call(next, Call.GETPID);
            const self = Number(next.x(0));
            const child = kernel.processes.processes().find(({ parent }) => parent === self);
            next = kernel.call(next, Call.WAIT, BigInt(child?.pid ?? 0));
          }
          const states = kernel.processes.processes().map(({ state }) => state);
          expect(states.filter((state) => state === 'running')).toHaveLength(idle() ? 0 : 1);
          if (idle()) expect(states).not.toContain('ready');
        }
        while (kernel.processes.hasConsole) {
          if (idle()) {
            kernel.typed.push(0x41);
            next = kernel.processes.input(next);
            kernel.typed.length = 0;
          } else next = kernel.call(next, Call.EXIT, 0n);
        }
        kernel.output();
        kernel.events.length = 0;
        expect(kernel.processes.processes()).toEqual([]);
        expect(kernel.census()).toEqual(before);
      }),
      { numRuns: 60 },
    );
    expect(before.slabFaults).toEqual([]);
  });
});
