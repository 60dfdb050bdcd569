// SPDX-License-Identifier: GPL-2.0-only
/**
 * User address spaces: what a program's pages may be used for, what comes by demand and how far,
 * and that all of it comes back.
 */

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PAGE_SIZE, virtAddr } from '#common/address.ts';
import { permissionsOf } from '#kernel-ts/hal/mmu/descriptor.ts';
import { physToVirt } from '#kernel-ts/kernel/direct-map.ts';
import { PageOwner } from '#kernel-ts/kernel/mm/page-owner.ts';
import { MIB } from '#kernel-ts/kernel/mm/testing/fake-machine.ts';
import { Process } from './process.ts';
import { DATA, ENTRY, fakeKernel, type FakeKernel } from './testing/fake-kernel.ts';
import { pagesAround, UserAddressSpace } from './user-address-space.ts';
import { HEAP_LIMIT_BYTES, STACK_BOTTOM, STACK_GUARD, STACK_TOP } from './user-layout.ts';

const PAGE = BigInt(PAGE_SIZE);

/** A kernel whose /init is made but has not run, and that process's address space. */
function loaded(kernel: FakeKernel = fakeKernel()) {
  const spawned = kernel.processes.spawn('/init');
  if (!spawned.ok) throw new Error(spawned.why);
  const process = new Process(kernel.memory, virtAddr(kernel.memory.read64(kernel.control)));
  const parts = {
    memory: kernel.memory,
    mmu: kernel.mmu,
    frames: () => kernel.frames.account(PageOwner.USER),
    areaRecords: kernel.slab.find('area')!,
  };
  return { kernel, process, space: new UserAddressSpace(parts, process) };
}

const bytesAt = ({ memory }: FakeKernel, place: ReturnType<UserAddressSpace['resolve']>, length: number): number[] => {
  if (!place.ok) throw new Error(place.why);
  return [...memory.readBytes(physToVirt(place.pa), length)];
};

describe('a loaded program', () => {
  it('lies where its headers say, with zeros around it', () => {
    const { kernel, space } = loaded();
    expect(bytesAt(kernel, space.resolve(ENTRY, 'execute'), 5)).toEqual([0x1f, 0x20, 0x03, 0xd5, 0]);
    expect(bytesAt(kernel, space.resolve(DATA, 'read'), 12)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 9, 8, 7, 0]);
    expect(bytesAt(kernel, space.resolve(DATA + PAGE, 'read'), PAGE_SIZE)).toEqual(Array(PAGE_SIZE).fill(0));
  });

  it('has the instruction cache told of its text, and of nothing else', () => {
    const { kernel, space } = loaded();
    const place = space.resolve(ENTRY, 'execute');
    expect(kernel.synced).toEqual([place.ok ? physToVirt(place.pa) : 0n]);
  });

  it('has no page that is writable and executable, and none that EL1 may execute', () => {
    const { kernel, space } = loaded();
    space.resolve(STACK_TOP - 8n, 'write');
    const { ranges, writableAndExecutable } = kernel.mmu.report(space.tree);
    expect(writableAndExecutable).toEqual([]);
    expect(ranges.filter(({ attrs }) => permissionsOf(attrs).el1.execute)).toEqual([]);
    expect(ranges.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(5 * PAGE_SIZE);
    const rights = [ENTRY, 0x1_8000n, DATA, DATA + PAGE, STACK_TOP - PAGE].map((va) => {
      const found = space.tree.translate(virtAddr(va));
      return found.ok ? permissionsOf(found.attrs).el0 : null;
    });
    const data = { read: true, write: true, execute: false };
    expect(rights).toEqual([
      { read: true, write: false, execute: true },
      { read: true, write: false, execute: false },
      data,
      data,
      data,
    ]);
  });

  it.each([
    ['writes its text', ENTRY, 'write'],
    ['writes its read-only data', 0x1_8000n, 'write'],
    ['executes its read-only data', 0x1_8000n, 'execute'],
    ['executes its data', DATA, 'execute'],
    ['executes its stack', STACK_TOP - 8n, 'execute'],
    ['reads the guard page', STACK_GUARD, 'read'],
    ['reads page 0', 0n, 'read'],
    ['reads past its data', DATA + 2n * PAGE, 'read'],
    ['reads the stack top', STACK_TOP, 'read'],
    ['reads the kernel', 0xffff_8000_0000_0000n, 'read'],
  ] as const)('may not: it %s', (_what, va, access) => {
    expect(loaded().space.resolve(va, access)).toMatchObject({ ok: false, why: 'forbidden' });
  });
});

describe('pages by demand', () => {
  it('the stack grows to 16 pages, each cleared, and no further', () => {
    const { kernel, process, space } = loaded();
    const before = process.frames;
    for (let va: bigint = STACK_BOTTOM; va < STACK_TOP; va += PAGE) {
      expect(bytesAt(kernel, space.resolve(va, 'write'), PAGE_SIZE).every((byte) => byte === 0)).toBe(true);
    }
    expect(process.frames - before).toBe(16);
    expect(space.resolve(STACK_BOTTOM - 1n, 'write').ok).toBe(false);
  });

  it('a page is made once', () => {
    const { process, space } = loaded();
    const first = space.resolve(STACK_TOP - 8n, 'write');
    const { frames } = process;
    expect(space.resolve(STACK_TOP - 16n, 'read')).toEqual(first.ok ? { ok: true, pa: first.pa - 8 } : null);
    expect(process.frames).toBe(frames);
  });

  it('without frames the answer is out of memory, and nothing changed', () => {
    const { kernel, process, space } = loaded();
    space.resolve(STACK_TOP - 8n, 'write');
    const users = kernel.frames.account(PageOwner.USER);
    while (users.allocFrames(0) !== null);
    const { frames } = process;
    expect(space.resolve(STACK_BOTTOM, 'write')).toEqual({ ok: false, why: 'out of memory' });
    expect(process.frames).toBe(frames);
    expect(space.resolve(STACK_TOP - 8n, 'write').ok).toBe(true);
  });
});

describe('the break', () => {
  it('goes up and down by bytes; pages above it are given back', () => {
    const { process, space } = loaded();
    const start = process.break;
    expect(space.moveBreak(PAGE + 1n)).toBe(start);
    expect(process.break).toBe(start + PAGE + 1n);
    const before = process.frames;
    expect(space.resolve(start + PAGE, 'write').ok).toBe(true);
    expect(space.resolve(start, 'write').ok).toBe(true);
    expect(process.frames).toBe(before + 2);
    expect(space.moveBreak(-2n)).toBe(start + PAGE + 1n);
    expect(process.frames).toBe(before + 1);
    expect(space.resolve(start + PAGE, 'write').ok).toBe(false);
    expect(space.moveBreak(1n - PAGE)).toBe(start + PAGE - 1n);
    expect(process.frames).toBe(before);
  });

  it('stays where it is when asked below the heap, beyond its limit, or for more than there is', () => {
    const { process, space } = loaded();
    const start = process.break;
    expect(space.moveBreak(-1n)).toBe('below the heap');
    expect(space.moveBreak(-(2n ** 63n))).toBe('below the heap');
    expect(space.moveBreak(HEAP_LIMIT_BYTES + 1n)).toBe('beyond its limit');
    expect(space.moveBreak(2n ** 63n - 1n)).toBe('beyond its limit');
    expect(space.moveBreak(BigInt(32 * MIB))).toBe('out of memory');
    expect(process.break).toBe(start);
  });

  it('holds what a model holds, whatever is asked and touched; all comes back at the end', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('move' as const), bytes: fc.integer({ min: -30_000, max: 40_000 }) }),
      fc.record({ kind: fc.constant('touch' as const), at: fc.nat({ max: 120_000 }) }),
    );
    const { kernel, process, space } = loaded();
    const start = process.break;
    const base = process.frames;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let end = 0;
        const pages = new Set<number>();
        for (const action of steps) {
          if (action.kind === 'move') {
            const moved = space.moveBreak(BigInt(action.bytes));
            if (end + action.bytes < 0) expect(moved).toBe('below the heap');
            else {
              expect(moved).toBe(start + BigInt(end));
              end += action.bytes;
              for (const page of pages) if (page * PAGE_SIZE >= end) pages.delete(page);
            }
          } else {
            const page = Math.floor(action.at / PAGE_SIZE);
            const inside = page < Math.ceil(end / PAGE_SIZE);
            expect(space.resolve(start + BigInt(action.at), 'write').ok).toBe(inside);
            if (inside) pages.add(page);
          }
          expect(process.frames).toBe(base + pages.size);
        }
        space.moveBreak(BigInt(-end));
        expect(process.frames).toBe(base);
        expect(process.break).toBe(start);
      }),
    );
    expect(kernel.frames.held(PageOwner.USER)).toBe(base);
  });
});

describe('pagesAround', () => {
  it.each([
    [0x1_0000n, 1, 0x1_0000n, 0x1_1000n],
    [0x1_0fffn, 1, 0x1_0000n, 0x1_1000n],
    [0x1_0fffn, 2, 0x1_0000n, 0x1_2000n],
    [0x1_0000n, 0x2000, 0x1_0000n, 0x1_2000n],
  ])('0x%x + %d', (start, bytes, from, to) => {
    expect(pagesAround(virtAddr(start), bytes)).toEqual({ start: from, end: to });
  });
});
