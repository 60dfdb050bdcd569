// SPDX-License-Identifier: GPL-2.0-only
/**
 * Events of kind `mmu`: every change of a tree is told, and replayed they are what the tree
 * translates.
 */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { physAddr, virtAddr } from '#common/address.ts';
import type { TracePort } from '#kernel-ts/hal/ports.ts';
import type { AddressSpace } from './address-space.ts';
import { describeAttributes, MemoryAttributes } from './descriptor.ts';
import { MapError } from './map-error.ts';
import { Mmu } from './mmu.ts';
import { FakeAllocator, FakeMachine } from './testing/fake-ports.ts';
import { FRAMES_BASE, POOL_BASE, POOL_STATE } from './testing/fixture.ts';

interface MmuEvent {
  readonly op: string;
  readonly va: string;
  readonly pa: string | null;
  readonly bytes: number;
  readonly attributes: string | null;
}

const MIB_2 = 2 * 2 ** 20;
const PAGE = 4096;
const BASE = 0x1000_0000;

/** A tree of the low half, not in use, and its events. */
function tracedMmu(): { mmu: Mmu; space: AddressSpace; events: MmuEvent[] } {
  const events: MmuEvent[] = [];
  const trace: TracePort = {
    enabled: (kind) => kind === 'mmu',
    emit: (kind, source) => {
      const fields = typeof source === 'function' ? source() : source;
      expect(kind).toBe('mmu');
      events.push(fields as unknown as MmuEvent);
    },
  };
  const machine = new FakeMachine();
  const { ports, physicalOffset } = machine;
  const mmu = new Mmu({ ports, physicalOffset, poolBase: POOL_BASE, poolState: POOL_STATE, trace });
  mmu.setPageAllocator(new FakeAllocator(machine, FRAMES_BASE, 4096));
  return { mmu, space: mmu.createSpace('low'), events };
}

it('tells of mapping, splitting, unmapping and switching', () => {
  const { mmu, space, events } = tracedMmu();
  const data = describeAttributes(MemoryAttributes.kernelData);
  const va = virtAddr(BigInt(BASE));
  space.mapRange(va, physAddr(MIB_2), MIB_2, MemoryAttributes.kernelData);
  space.unmapPage(virtAddr(va + BigInt(PAGE)));
  mmu.setTtbr0(space);
  mmu.setTtbr0(null);
  expect(events).toEqual([
    { op: 'map', va: '0x10000000', pa: '0x200000', bytes: MIB_2, attributes: data },
    { op: 'split', va: '0x10000000', pa: '0x200000', bytes: MIB_2, attributes: data },
    { op: 'unmap', va: '0x10001000', pa: '0x201000', bytes: PAGE, attributes: null },
    { op: 'switch', va: '0x0', pa: `0x${space.root.toString(16)}`, bytes: 2 ** 48, attributes: null },
    { op: 'switch', va: '0x0', pa: null, bytes: 2 ** 48, attributes: null },
  ]);
});

it('tells nothing of a change that was refused', () => {
  const { space, events } = tracedMmu();
  const va = virtAddr(BigInt(BASE));
  space.mapPage(va, physAddr(MIB_2), MemoryAttributes.kernelData);
  events.length = 0;
  expect(() => space.mapPage(va, physAddr(MIB_2), MemoryAttributes.kernelData)).toThrow(MapError);
  expect(() => space.unmapRange(va, 2 * PAGE)).toThrow(MapError);
  expect(events).toEqual([]);
});

it('replayed gives what the tree translates, after any history', () => {
  const pages = 3 * 512;
  const kinds = ['kernelData', 'userData', 'userCode', 'dma'] as const;
  const step = fc.record({
    op: fc.constantFrom('map', 'unmap', 'protect', 'refine'),
    page: fc.nat(pages - 1),
    count: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.constantFrom(512, 1024)),
    kind: fc.constantFrom(...kinds),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (history) => {
      const { space, events } = tracedMmu();
      for (const { op, page, count, kind } of history) {
        const va = virtAddr(BigInt(BASE + page * PAGE));
        const pa = physAddr(0x8000_0000 + page * PAGE);
        const attrs = MemoryAttributes[kind];
        try {
          if (op === 'map') space.mapRange(va, pa, count * PAGE, attrs);
          else if (op === 'unmap') space.unmapRange(va, count * PAGE);
          else if (op === 'protect') space.protect(va, count * PAGE, attrs);
          else space.mapPage(va, pa, attrs);
        } catch (error) {
          if (!(error instanceof MapError)) throw error;
        }
      }
      const expected = new Map<number, string>();
      for (const { op, va, pa, bytes, attributes } of events) {
        if (op === 'split') continue;
        for (let at = 0; at < bytes; at += PAGE) {
          const told = `0x${(Number(pa) + at).toString(16)} ${attributes}`;
          if (op === 'map') expected.set(Number(va) + at, told);
          else expected.delete(Number(va) + at);
        }
      }
      for (let page = 0; page < pages + 1024; page++) {
        const va = BASE + page * PAGE;
        const found = space.translate(virtAddr(BigInt(va)));
        const now = found.ok ? `0x${found.pa.toString(16)} ${describeAttributes(found.attrs)}` : undefined;
        expect(now, `page ${page}`).toBe(expected.get(va));
      }
    }),
    { numRuns: 20 },
  );
});
