// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blocksOf, type FrameSpan, MAX_ORDER, MemoryState, OWNER_FREE, OWNER_NONE } from './memory-state.ts';

/** Two banks that touch, a hole, a third one. */
const BANKS: readonly FrameSpan[] = [
  { start: 5, end: 40 },
  { start: 40, end: 64 },
  { start: 100, end: 160 },
];
const FRAMES = 200;

const operations = fc.array(
  fc.record({ start: fc.nat(FRAMES), frames: fc.integer({ min: 1, max: 50 }), owner: fc.nat(3) }),
  { maxLength: 30 },
);

/** The same, a frame at a time. */
function naive(given: readonly { start: number; frames: number; owner: number }[]): (number | null)[] {
  const isRam = (pfn: number): boolean => BANKS.some(({ start, end }) => pfn >= start && pfn < end);
  const owners = Array.from({ length: FRAMES + 60 }, (_, pfn): number | null => (isRam(pfn) ? OWNER_NONE : null));
  for (const { start, frames, owner } of given) {
    for (let pfn = start; pfn < start + frames; pfn++) if (owners[pfn] !== null) owners[pfn] = owner;
  }
  return owners;
}

function stateAfter(given: readonly { start: number; frames: number; owner: number }[]): MemoryState {
  const state = new MemoryState(BANKS);
  for (const [index, { start, frames, owner }] of given.entries()) state.assign(start, start + frames, owner, index);
  return state;
}

describe('MemoryState', () => {
  it('says of every frame what a list of frames says, whatever is given to whom', () => {
    fc.assert(
      fc.property(operations, (given) => {
        const state = stateAfter(given);
        const owners = naive(given);
        expect(owners.map((_, pfn) => state.find(pfn)?.owner ?? null)).toEqual(owners);
      }),
    );
  });

  it('keeps its runs sorted, disjoint and covering RAM, and free runs apart inside a bank', () => {
    fc.assert(
      fc.property(operations, (given) => {
        const { runs } = stateAfter(given);
        const ram = BANKS.reduce((sum, { start, end }) => sum + end - start, 0);
        expect(runs.reduce((sum, { start, end }) => sum + end - start, 0)).toBe(ram);
        for (const [index, { start, end }] of runs.entries()) {
          expect(start).toBeLessThan(end);
          const next = runs[index + 1];
          if (next === undefined) continue;
          expect(end).toBeLessThanOrEqual(next.start);
          const joined = end === next.start && !BANKS.some((bank) => bank.start === end);
          expect(joined && runs[index]?.owner === OWNER_FREE && next.owner === OWNER_FREE).toBe(false);
        }
      }),
    );
  });

  it('has the free blocks that a buddy allocator has, banks apart', () => {
    const state = new MemoryState(BANKS);
    for (const { start, end } of BANKS) state.assign(start, end, OWNER_FREE, 0);
    // 5 | 6-7 | 8-15 | 16-31 | 32-39   ·   40-47 | 48-63   ·   100-103 | 104-111 | 112-127 |
    // 128-159
    expect(state.freeBlockCounts().slice(0, 7)).toEqual([1, 1, 1, 4, 3, 1, 0]);
    state.assign(20, 21, 2, 1);
    // 16-31 became 16-19, 21, 22-23, 24-31.
    expect(state.freeBlockCounts().slice(0, 7)).toEqual([2, 2, 2, 5, 2, 1, 0]);
    state.assign(20, 21, OWNER_FREE, 2);
    expect(state.freeBlockCounts().slice(0, 7)).toEqual([1, 1, 1, 4, 3, 1, 0]);
  });

  it('remembers which operation made a run what it is', () => {
    const state = new MemoryState(BANKS);
    state.assign(10, 20, 7, 0);
    state.assign(12, 14, 8, 1);
    expect([state.find(11)?.since, state.find(12)?.since, state.find(19)?.since, state.find(30)?.since]).toEqual([
      0, 1, 0, -1,
    ]);
  });
});

describe('blocksOf', () => {
  it('cuts a run into aligned blocks that cannot merge, also beyond 32 bits', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 36), fc.integer({ min: 1, max: 3_000_000 }), (start, frames) => {
        let at = start;
        let before: { start: number; order: number } | null = null;
        for (const block of blocksOf({ start, end: start + frames })) {
          const size = 2 ** block.order;
          expect(block.start).toBe(at);
          expect(block.start % size).toBe(0);
          expect(block.order).toBeLessThanOrEqual(MAX_ORDER);
          const buddies = before?.order === block.order && before.start % (2 * size) === 0;
          expect(buddies && block.order < MAX_ORDER).toBe(false);
          at += size;
          before = block;
        }
        expect(at).toBe(start + frames);
      }),
    );
  });
});
