// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { physAddr } from '#common/address.ts';
import { PtPool, PtPoolError, PT_POOL_TABLES } from './pt-pool.ts';
import { TableAllocator } from './table-allocator.ts';
import { TableMemory } from './table-memory.ts';
import { FakeAllocator, FakeMachine } from './testing/fake-ports.ts';
import { FRAMES_BASE, POOL_BASE, POOL_STATE } from './testing/fixture.ts';

function makePool() {
  const machine = new FakeMachine();
  const memory = new TableMemory(machine.memory, machine.physicalOffset);
  return { machine, memory, pool: new PtPool(memory, POOL_BASE, POOL_STATE) };
}

const table = (index: number) => physAddr(POOL_BASE + index * 4096);

describe('PT_POOL', () => {
  it('gives sixteen different tables, then null', () => {
    const { pool } = makePool();
    const tables = Array.from({ length: PT_POOL_TABLES }, () => pool.allocPage());
    expect(tables).toEqual(Array.from({ length: PT_POOL_TABLES }, (_, index) => table(index)));
    expect(pool.allocPage()).toBeNull();
  });

  it('counts used and peak', () => {
    const { pool } = makePool();
    const first = pool.allocPage();
    pool.allocPage();
    pool.freePage(first as never);
    expect([pool.used, pool.peak]).toEqual([1, 2]);
  });

  it('does not hand out tables that the assembly took', () => {
    const { pool } = makePool();
    for (const index of [0, 1, 2, 3]) pool.markUsed(index);
    expect(pool.allocPage()).toBe(table(4));
    expect([pool.used, pool.peak]).toEqual([5, 5]);
  });

  it('keeps its state in emulated RAM: bitmap, then peak', () => {
    const { machine, memory, pool } = makePool();
    pool.markUsed(0);
    pool.markUsed(15);
    expect(machine.peek(POOL_STATE)).toBe((2n << 32n) | 0x8001n);
    // A second object over the same memory sees the same pool.
    expect(new PtPool(memory, POOL_BASE, POOL_STATE).used).toBe(2);
  });

  it.each([
    ['a table that is free', () => table(3)],
    ['an address inside a table', () => physAddr(POOL_BASE + 8)],
    ['an address outside', () => physAddr(POOL_BASE + 16 * 4096)],
  ])('refuses %s', (_, address) => {
    const { pool } = makePool();
    pool.markUsed(0);
    expect(() => pool.freePage(address())).toThrow(PtPoolError);
    expect(pool.used).toBe(1);
  });

  it.each([-1, 16, 0.5, 0])('refuses to mark table %s (0 is taken already)', (index) => {
    const { pool } = makePool();
    pool.markUsed(0);
    expect(() => pool.markUsed(index)).toThrow(PtPoolError);
  });

  it('owns its 64 KiB and nothing beside them', () => {
    const { pool } = makePool();
    expect(
      [POOL_BASE - 1, POOL_BASE, POOL_BASE + 65535, POOL_BASE + 65536].map((pa) => pool.owns(physAddr(pa))),
    ).toEqual([false, true, true, false]);
  });
});

describe('table allocator', () => {
  it('takes from the pool before an allocator is set and from the allocator after', () => {
    const { machine, memory, pool } = makePool();
    const tables = new TableAllocator(memory, pool);
    expect(tables.reserve(1)).toEqual([table(0)]);
    tables.setPageAllocator(new FakeAllocator(machine, FRAMES_BASE, 4));
    expect(tables.reserve(1)).toEqual([FRAMES_BASE]);
    expect([pool.used, pool.fromAllocator]).toEqual([1, 1]);
  });

  it('falls back to the pool when the allocator returns null', () => {
    const { machine, memory, pool } = makePool();
    const tables = new TableAllocator(memory, pool);
    tables.setPageAllocator(new FakeAllocator(machine, FRAMES_BASE, 1));
    expect(tables.reserve(3)).toEqual([FRAMES_BASE, table(0), table(1)]);
  });

  it('gives each table back to whom it came from', () => {
    const { machine, memory, pool } = makePool();
    const allocator = new FakeAllocator(machine, FRAMES_BASE, 1);
    const tables = new TableAllocator(memory, pool);
    tables.setPageAllocator(allocator);
    tables.release(tables.reserve(3) ?? []);
    expect([pool.used, pool.fromAllocator, pool.fromAllocatorPeak, allocator.out.size]).toEqual([0, 0, 1, 0]);
  });

  it('takes nothing when not all can be had', () => {
    const { machine, memory, pool } = makePool();
    const allocator = new FakeAllocator(machine, FRAMES_BASE, 2);
    const tables = new TableAllocator(memory, pool);
    tables.setPageAllocator(allocator);
    expect(tables.reserve(19)).toBeNull();
    expect([pool.used, allocator.out.size]).toEqual([0, 0]);
  });

  it('hands tables out cleared', () => {
    const { machine, memory, pool } = makePool();
    const tables = new TableAllocator(memory, pool);
    tables.setPageAllocator(new FakeAllocator(machine, FRAMES_BASE, 1));
    const reserved = tables.reserve(1) ?? [];
    expect(reserved).toEqual([FRAMES_BASE]);
    expect(memory.readTable(FRAMES_BASE).every((entry) => entry === 0n)).toBe(true);
  });

  it('refuses a table that is neither of the pool nor of an allocator', () => {
    const { memory, pool } = makePool();
    expect(() => new TableAllocator(memory, pool).release([FRAMES_BASE])).toThrow(PtPoolError);
  });
});
