// SPDX-License-Identifier: GPL-2.0-only
/** The process table: its list, children, and which pid comes next. */

import { describe, expect, it } from 'vitest';
import { physAddr, virtAddr } from '#common/address.ts';
import { physToVirt } from '#kernel-ts/kernel/direct-map.ts';
import { FakeMemory } from '#kernel-ts/kernel/mm/testing/fake-memory.ts';
import { PROCESS_RECORD_BYTES, ProcessState } from './process.ts';
import { MAX_PID, PROCESS_CONTROL_BYTES, ProcessTable } from './process-table.ts';

const BASE = physToVirt(physAddr(0x4000_0000));
/** Records that the fake cache has. */
const RECORDS = 4;

function emptyTable() {
  const memory = new FakeMemory([{ base: 0x4000_0000, size: 4096 }]);
  memory.fill(BASE, PROCESS_CONTROL_BYTES, 0);
  const free = Array.from({ length: RECORDS }, (_, n) => virtAddr(BASE + BigInt((n + 1) * PROCESS_RECORD_BYTES)));
  const cache = {
    alloc: () => free.pop() ?? null,
    free: (va: (typeof free)[number]) => void free.push(va),
    shrink: () => {},
  };
  return { memory, table: new ProcessTable(memory, BASE, cache) };
}

const pids = (table: ProcessTable): number[] => [...table.all()].map(({ pid }) => pid);

describe('the process table', () => {
  it('keeps processes in the order of their making, whichever are removed', () => {
    const { table } = emptyTable();
    const [first, second, third, fourth] = Array.from({ length: RECORDS }, () => table.create(null)!);
    expect(table.create(null)).toBeNull();
    table.remove(second!);
    expect(pids(table)).toEqual([1, 3, 4]);
    table.remove(fourth!);
    table.remove(first!);
    expect([pids(table), table.count]).toEqual([[3], 1]);
    table.remove(third!);
    expect([pids(table), table.count, table.hasLive()]).toEqual([[], 0, false]);
    expect(table.create(null)?.pid).toBe(5);
    expect(pids(table)).toEqual([5]);
  });

  it('a removed process may be the one that is looked at', () => {
    const { table } = emptyTable();
    for (let n = 0; n < 3; n++) table.create(null);
    for (const process of table.all()) table.remove(process);
    expect(table.count).toBe(0);
  });

  it('knows parents and children', () => {
    const { table } = emptyTable();
    const parent = table.create(null)!;
    const child = table.create(parent)!;
    table.create(child);
    expect([...table.childrenOf(parent)].map(({ pid }) => pid)).toEqual([2]);
    expect([...table.childrenOf(null)].map(({ pid }) => pid)).toEqual([1]);
    expect(table.parentOf(child)?.pid).toBe(1);
    expect(table.parentOf(parent)).toBeNull();
  });

  it('begins again at 1 after the largest pid, and leaves out those in use', () => {
    const { memory, table } = emptyTable();
    const first = table.create(null)!;
    memory.write32(virtAddr(BASE + 0x10n), MAX_PID - 1);
    expect([table.create(null)?.pid, table.create(null)?.pid]).toEqual([MAX_PID, 2]);
    expect(first.pid).toBe(1);
  });

  it('has somebody live until the last has ended', () => {
    const { table } = emptyTable();
    const process = table.create(null)!;
    expect(table.hasLive()).toBe(true);
    process.state = ProcessState.ZOMBIE;
    expect(table.hasLive()).toBe(false);
  });

  it('cuts names to their field, and reads them as they were written', () => {
    const { table } = emptyTable();
    const process = table.create(null)!;
    process.name = 'größe';
    expect([process.name, process.label]).toEqual(['größe', 'pid 1 (größe)']);
    process.name = 'x'.repeat(40);
    expect(process.name).toBe('x'.repeat(31));
    expect(process.state).toBe(0);
  });
});
