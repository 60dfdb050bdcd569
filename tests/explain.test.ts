// SPDX-License-Identifier: GPL-2.0-only
/**
 * Explanations of the modelled kernel's memory. Each agrees with what the test computes from the
 * board's data, the raw page tables, the kernel's own counters and the allocator's events. Looking
 * changes nothing.
 */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alignDown, PAGE_SIZE, physAddr, virtAddr } from '#common/address.ts';
import {
  bootBoard,
  createMachine,
  explainAddress,
  explainBuddy,
  explainFrame,
  explainMemMap,
  explainMemory,
  explainTables,
  type LevitateMachine,
  type OwnedRange,
  physicalMap,
} from '#workbench/index.ts';
import { askAt, parseRunPoint } from '#workbench/explain/run-point.ts';
import { memoryFields } from '#workbench/explain/kernel-memory.ts';
import { viewOf } from '#workbench/explain/machine-view.ts';
import { expectedMemory } from './support/sound-machine.ts';
import { bytesIn, common, pagesTouched, type Span, span, unite, without } from './support/spans.ts';
import { readTree } from './support/table-walk.ts';
import { treeBlob } from './support/test-tree.ts';

const MiB = 2 ** 20;
const LOW = 0x8000_0000;
/** The places of ranges, without their other fields. */
const placesOf = (ranges: readonly Span[]): Span[] => unite(ranges.map(({ start, end }) => ({ start, end })));
const HALF = 2n ** 64n - 2n ** 48n;

describe.each(['pixel6', 'qemu-virt'])('%s', (board) => {
  let machine: LevitateMachine;
  let map: OwnedRange[];
  let banks: Span[];
  beforeAll(() => {
    machine = bootBoard(board, { trace: ['buddy'] }).machine;
    map = physicalMap(machine);
    banks = machine.board.ramBanks.map(({ base, size }) => span(base, size));
  });
  afterAll(() => machine.close());

  const system = () => machine.kernel.memory!;
  /** An address in RAM; every bank is equally likely. */
  const inRam = () =>
    fc
      .tuple(fc.nat({ max: banks.length - 1 }), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }))
      .map(([bank, share]) => {
        const { start, end } = banks[bank] as Span;
        return Math.floor(start + share * (end - start));
      });
  /** Addresses at or beside the start or end of something, and any address in RAM. */
  const interesting = () =>
    fc.oneof(
      inRam(),
      fc.tuple(fc.constantFrom(...map), fc.constantFrom(-1, 0, 4096)).map(([{ start }, by]) => Math.max(0, start + by)),
    );

  it('the physical map is RAM, each byte once', () => {
    for (const [index, { start, end }] of map.entries()) {
      expect(end).toBeGreaterThan(start);
      expect(start).toBeGreaterThanOrEqual(map[index - 1]?.end ?? 0);
    }
    expect(placesOf(map)).toEqual(placesOf(banks));
    expect(bytesIn(map)).toBe(bytesIn(banks));
  });

  it('the physical map has the board’s reservations under the names of their nodes', () => {
    const { ram, reserved } = expectedMemory(machine.board);
    const wanted = common(pagesTouched(reserved), ram);
    expect(placesOf(map.filter(({ kind }) => kind === 'reserved'))).toEqual(placesOf(wanted));
    for (const { name, base } of machine.board.reserved) {
      expect(map.find(({ start, end }) => base >= start && base < end)?.owner).toContain(`/reserved-memory/${name}`);
    }
  });

  it('free memory is what the kernel counts, block by block', () => {
    const { freeFrames, totalFrames } = system().buddy.counts();
    const buddy = explainBuddy(machine);
    expect(buddy).toMatchObject({
      known: true,
      freeFrames,
      allocatedFrames: totalFrames - freeFrames,
      freeBlocks: system().buddy.buddyinfo(),
    });
    const largest = map
      .filter(({ kind }) => kind === 'free')
      .toSorted((a, b) => b.end - b.start - (a.end - a.start))[0];
    expect(buddy).toMatchObject({ largest: { start: largest?.start, order: largest?.order } });
    for (const { start, end, order } of map.filter(({ kind }) => kind === 'free')) {
      expect(end - start).toBe(2 ** (order as number) * PAGE_SIZE);
      expect(start % (end - start)).toBe(0);
    }
  });

  it('heap and page tables are where the kernel and TTBR1 say', () => {
    const heap = map.filter(({ kind }) => kind === 'heap');
    expect(bytesIn(heap)).toBe(system().heap.stats().bytes);
    const { tables } = readTree(machine.memory, Number(machine.cpu.translationRegisters().ttbr1 & 0xffff_ffff_f000n));
    const found = map.filter(({ kind }) => kind === 'page-table');
    expect(bytesIn(found)).toBe(system().mmu.pool.fromAllocator * PAGE_SIZE);
    expect(
      without(
        found,
        tables.map((table) => span(table, PAGE_SIZE)),
      ),
    ).toEqual([]);
  });

  it('any frame: block, owner and struct Page agree with the kernel’s', () => {
    fc.assert(
      fc.property(interesting(), (pa) => {
        const found = explainFrame(machine, pa);
        const state = system().buddy.frameState(physAddr(pa));
        const frame = alignDown(pa, PAGE_SIZE);
        expect(found.frame).toBe(frame);
        expect(found.block).toMatchObject({ kind: state.kind, start: state.head, order: state.order });
        const bank = banks.find(({ start, end }) => pa >= start && pa < end);
        expect(found.bank === null).toBe(bank === undefined);
        expect(found.page === null).toBe(bank === undefined);
        const descriptor = system().memMap.pfnToPage(frame / PAGE_SIZE);
        expect(found.page?.virtual ?? null).toBe(descriptor);
        const owner = map.find(({ start, end }) => frame >= start && frame < end) ?? null;
        expect(found.owner).toEqual(owner);
        if (state.kind === 'free') expect(owner).toMatchObject({ kind: 'free', start: state.head, order: state.order });
      }),
      { numRuns: 30 },
    );
  });

  it('any frame: reserved by whoever the board says', () => {
    fc.assert(
      fc.property(interesting(), (pa) => {
        const frame = alignDown(pa, PAGE_SIZE);
        const wanted = machine.board.reserved.filter(({ base, size }) =>
          pagesTouched([span(base, size)]).some(({ start, end }) => frame >= start && frame < end),
        );
        const found = explainFrame(machine, pa).reservedBy.filter(({ kind }) => kind === 'reserved');
        expect(found.map(({ noMap }) => noMap)).toEqual(wanted.map(({ noMap }) => noMap));
        for (const [index, { owner }] of found.entries()) {
          expect(owner).toContain(`/reserved-memory/${wanted[index]?.name}`);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('any frame: mapped where the raw tables map it', () => {
    const { leaves } = readTree(machine.memory, Number(machine.cpu.translationRegisters().ttbr1 & 0xffff_ffff_f000n));
    fc.assert(
      fc.property(interesting(), (pa) => {
        const frame = alignDown(pa, PAGE_SIZE);
        const wanted = leaves
          .filter((leaf) => frame >= leaf.pa && frame < leaf.pa + leaf.bytes)
          .map((leaf) => HALF + BigInt(leaf.offset + frame - leaf.pa));
        expect(explainFrame(machine, pa).mappedAt.map(({ va }) => va)).toEqual(wanted);
      }),
      { numRuns: 30 },
    );
  });

  it('the history of every block, replayed, is the map', () => {
    const free = new Map<number, number>();
    const taken = new Map<number, string>();
    for (const { fields } of machine.events.get('buddy')) {
      const [base, order] = [Number(fields.base), fields.order];
      const half = (2 ** order * PAGE_SIZE) / 2;
      if (fields.op === 'free') {
        taken.delete(base);
        free.set(base, order);
      } else if (fields.op === 'alloc') {
        free.delete(base);
        taken.set(base, fields.owner);
      } else if (fields.op === 'split') {
        free.delete(base);
        free.set(base, order - 1).set(base + half, order - 1);
      } else {
        free.delete(base);
        free.delete(base + half);
        free.set(base, order);
      }
    }
    const wanted = map.filter(({ kind }) => kind === 'free').map(({ start, order }) => [start, order]);
    expect([...free].toSorted(([a], [b]) => a - b)).toEqual(wanted);
    fc.assert(
      fc.property(fc.constantFrom(...taken.keys(), ...free.keys()), (base) => {
        const history = explainFrame(machine, base).history ?? [];
        expect(history.length).toBeGreaterThan(0);
        expect(history.map(({ t }) => t)).toEqual(history.map(({ t }) => t).toSorted((a, b) => a - b));
        for (const { start, end } of history) expect(base >= start && base < end).toBe(true);
        const last = history.at(-1);
        expect(last?.op === 'alloc' ? last.owner : null).toBe(taken.get(base) ?? null);
      }),
      { numRuns: 30 },
    );
  });

  it('any virtual address: the walk and its end are the kernel’s own', () => {
    const view = viewOf(machine);
    const addresses = fc.oneof(
      inRam().map((pa) => 0xffff_8000_0000_0000n + BigInt(pa)),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    );
    fc.assert(
      fc.property(addresses, (va) => {
        const found = explainAddress(machine, va, view);
        const wanted = system().mmu.translate(virtAddr(va));
        expect(found.pa).toBe(wanted.ok ? wanted.pa : null);
        expect(found.fault?.fsc ?? null).toBe(wanted.ok ? null : wanted.fsc);
        expect(found.walk.map(({ table, index, descriptor }) => [table, index, descriptor])).toEqual(
          wanted.trace.map(({ table, index, descriptor }) => [table, index, descriptor]),
        );
      }),
      { numRuns: 200 },
    );
  });

  it('the page tables in ranges are those that the kernel reports, none writable and executable', () => {
    const { trees, writableAndExecutable, mappedTwice } = explainTables(machine);
    const report = system().mmu.report(system().kernelSpace);
    const high = trees.find(({ register }) => register === 'TTBR1_EL1');
    expect(high?.ranges.map(({ vaStart, paStart, bytes }) => [vaStart, paStart, bytes])).toEqual(
      report.ranges.map(({ vaStart, paStart, bytes }) => [vaStart, paStart, bytes]),
    );
    expect(high?.tables).toEqual(report.tables);
    expect(writableAndExecutable).toEqual([]);
    expect(mappedTwice).toEqual([]);
  });

  it('mem_map went into the first hole that holds it, by the kernel’s own account', () => {
    const found = explainMemMap(machine);
    const [placed] = memoryFields(machine.events.get('memory'), 'mem_map');
    if (!found.known) throw new Error(found.reason);
    expect([found.base, found.bytes]).toEqual([Number(placed?.base), placed?.bytes]);
    expect(found.holes.length).toBe(placed?.holes.length);
    const taken = found.holes.findIndex(({ verdict }) => verdict === 'taken');
    expect(found.holes.findIndex(({ start, end }) => end - start >= found.bytes)).toBe(taken);
    for (const { verdict, start, end } of found.holes) expect(verdict === 'refused').toBe(end - start < found.bytes);
  });

  it('looking changes nothing: no time passes, no memory is touched', () => {
    const state = () => [machine.machine.clock.ticks, machine.memory.touchedBytes, machine.events.events.length];
    const before = state();
    explainMemory(machine);
    explainBuddy(machine);
    explainTables(machine);
    explainMemMap(machine);
    explainFrame(machine, banks.at(-1)!.end - 1);
    explainAddress(machine, 0xffff_8000_0000_0000n + BigInt(banks[0]!.start));
    expect(state()).toEqual(before);
  });
});

describe('a boot that panics', () => {
  it('for want of room for mem_map, says which hole was refused and what is in the way', () => {
    const at = LOW + 32 * MiB;
    const dtb = treeBlob({
      ram: [span(LOW, 64 * MiB), span(0x8_8000_0000, 6 * 1024 * MiB)],
      reserved: [{ at: [span(at, 32 * MiB)] }, { at: [span(0x8_8000_0000, 6 * 1024 * MiB - 4 * MiB)], noMap: true }],
    });
    const { outcome, machine } = bootBoard('pixel6', { dtb, memoryBytes: 8 * 1024 * MiB });
    expect(outcome.panic).toBe('PANIC: Cannot allocate mem_map — insufficient contiguous memory');
    const found = explainMemMap(machine);
    if (!found.known) throw new Error(found.reason);
    expect(found.base).toBeNull();
    expect(found.holes.map(({ verdict }) => verdict)).not.toContain('taken');
    expect(found.holes.at(-1)).toMatchObject({ start: 0x9_ffc0_0000, end: 0xa_0000_0000, after: 'end of the bank' });
    expect(found.holes.at(-1)?.before).toMatch(/^\/reserved-memory\//);
    expect(explainBuddy(machine)).toMatchObject({
      known: false,
      reason: expect.stringContaining('Cannot allocate mem_map'),
    });
    const { ranges } = explainMemory(machine);
    expect(ranges.find(({ start, end }) => at >= start && at < end)).toMatchObject({ kind: 'reserved' });
    expect(ranges.some(({ kind }) => kind === 'free')).toBe(false);
    machine.close();
  });

  it('without RAM in its tree, still has the machine’s own memory and what the loader put there', () => {
    const { outcome, machine } = bootBoard('pixel6', { dtb: treeBlob({}) });
    expect(outcome.panic).toBe('PANIC: No RAM regions found in DTB');
    const { ranges, banks } = explainMemory(machine);
    expect(placesOf(ranges)).toEqual(placesOf(banks));
    expect(ranges.map(({ kind }) => kind)).toContain('kernel');
    expect(explainMemMap(machine)).toMatchObject({ known: false });
    machine.close();
  });
});

describe('who reserved a frame', () => {
  const block = span(LOW + 40 * MiB + 100, 5000);
  const node = span(LOW + 48 * MiB, 2 * MiB);
  const dtb = treeBlob({
    ram: [span(LOW, 512 * MiB)],
    reservationBlock: [span(LOW + 44 * MiB, 4096), block],
    reserved: [
      { at: [node], noMap: true },
      { size: MiB, allocRanges: [span(LOW + 64 * MiB, 32 * MiB)] },
    ],
  });
  const { machine } = bootBoard('pixel6', { dtb });
  afterAll(() => machine.close());
  const holders = (pa: number) =>
    explainFrame(machine, pa).reservedBy.map(({ owner, noMap, dynamic }) => ({ owner, noMap, dynamic }));

  it('the entry of the reservation block, by its number, in the pages that it touches', () => {
    const entry = { owner: 'memreserve entry 1', noMap: false, dynamic: false };
    expect(holders(block.start - 100)).toEqual([entry]);
    expect(holders(block.end - 1)).toEqual([entry]);
    expect(holders(alignDown(block.end - 1, PAGE_SIZE) + PAGE_SIZE)).toEqual([]);
  });

  it('the node of the device tree, by its path', () => {
    const [found, ...more] = holders(node.end - 1);
    expect(found).toMatchObject({
      owner: expect.stringMatching(/^\/reserved-memory\/[^/]+$/),
      noMap: true,
      dynamic: false,
    });
    expect(more).toEqual([]);
    expect(explainFrame(machine, node.start).mappedAt).toEqual([]);
  });

  it('the node that left the place to the kernel', () => {
    const placed = explainMemory(machine).ranges.find(({ detail }) => detail === 'placed by the kernel');
    expect([placed?.start, placed?.end]).toEqual([LOW + 64 * MiB, LOW + 65 * MiB]);
    expect(holders(LOW + 64 * MiB)).toMatchObject([{ owner: placed?.owner, dynamic: true }]);
  });

  it('RAM of the machine that the tree does not name is nobody’s, and a descriptor that makes no sense is told of', () => {
    expect(explainFrame(machine, LOW + 1024 * MiB).owner).toMatchObject({ kind: 'unused' });
    const { start = 0 } = explainFrame(machine, LOW + 200 * MiB).owner ?? {};
    machine.memory.write32(explainFrame(machine, start).page!.physical, 0x80);
    expect(explainFrame(machine, start).owner).toMatchObject({ kind: 'corrupt' });
    expect(explainFrame(machine, start).block).toMatchObject({ kind: 'corrupt' });
  });
});

describe('asked in the middle of a boot', () => {
  const asked = <T>(at: string, ask: (machine: LevitateMachine) => T) => {
    const machine = createMachine({ board: 'qemu-virt', trace: ['buddy'] });
    try {
      return askAt(machine, parseRunPoint(at), { timeoutNs: 1e9 }, ask);
    } finally {
      machine.close();
    }
  };
  const kindsOf = (machine: LevitateMachine) => new Set(physicalMap(machine).map(({ kind }) => kind));

  it('knows only what the loader did while the kernel has not looked', () => {
    const { answer, outcome } = asked('stage1', kindsOf);
    expect([...answer]).toEqual(expect.arrayContaining(['unclaimed', 'kernel', 'device-tree']));
    expect([...answer]).not.toContain('free');
    expect(outcome).toBeNull();
  });

  it('sees the allocator when a stage begins that has one', () => {
    expect([...asked('Boot Console', kindsOf).answer]).toEqual(expect.arrayContaining(['free', 'heap', 'mem_map']));
  });

  it('at a time is at the first event from then on', () => {
    const whole = asked('end', (machine) => machine.events.get('buddy').map(({ t }) => t));
    const middle = whole.answer[Math.floor(whole.answer.length / 2)] as number;
    const { answer, atNs } = asked(`${middle}ns`, (machine) => machine.events.get('buddy').length);
    expect(atNs).toBe(middle);
    expect(answer).toBe(whole.answer.findIndex((t) => t >= middle) + 1);
  });

  it('while a process runs, has its pages under its name, at its address and at the kernel’s', () => {
    const machine = createMachine({ board: 'qemu-virt', trace: ['buddy', 'syscall'] });
    let seen = 0;
    machine.events.subscribe((event) => {
      if (event.kind !== 'syscall' || event.fields.name !== 'getpid' || seen > 0) return;
      const user = physicalMap(machine).filter(({ owner }) => owner.startsWith('user'));
      const [low] = explainTables(machine).trees;
      seen = low?.ranges.length ?? 0;
      expect(low?.register).toBe('TTBR0_EL1');
      for (const { vaStart, paStart, permissions } of low?.ranges ?? []) {
        expect(permissions.el0.read).toBe(true);
        expect(permissions.el0.write && permissions.el0.execute).toBe(false);
        expect(user.some(({ start, end }) => paStart >= start && paStart < end)).toBe(true);
        const { mappedAt } = explainFrame(machine, paStart);
        expect(mappedAt.map(({ va }) => va)).toEqual([vaStart, 0xffff_8000_0000_0000n + BigInt(paStart)]);
      }
    }, 'syscall');
    machine.run({ timeoutNs: 1e9 });
    machine.close();
    expect(seen).toBeGreaterThan(1);
  });

  it('before the MMU is on, an address is itself', () => {
    const { answer, instructions } = asked('100', (machine) => explainAddress(machine, 0x4000_1000n));
    expect(instructions).toBe(100);
    expect(answer).toMatchObject({ mmuOn: false, pa: 0x4000_1000, target: 'RAM', walk: [] });
  });

  it('names the stages that there were when the one asked for never came', () => {
    expect(() => asked('stage9', kindsOf)).toThrow(
      /--at stage9: the boot entered no such stage: it entered 1 "Early HAL/,
    );
  });
});
