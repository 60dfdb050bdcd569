// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PAGE_SIZE, physAddr } from '#common/address.ts';
import type { PhysicalMemory } from '#emulator/memory/physical-memory.ts';
import { changedRam, loadedMemory, restoreRam } from './memory-pages.ts';

const MiB = 2 ** 20;
/** Beginning and ending inside a chunk. */
const BANKS = [
  { base: 0x4010_0000, size: 40 * MiB },
  { base: 0x8_8000_0000, size: 17 * MiB },
];
const places = fc
  .tuple(fc.constantFrom(...BANKS), fc.nat(17 * MiB - 64), fc.uint8Array({ minLength: 1, maxLength: 64 }))
  .map(([{ base }, offset, bytes]) => ({ base: base + offset, bytes }));

describe('memory in a snapshot', () => {
  it('is the same again, and holds no page that is as it was loaded', () => {
    fc.assert(
      fc.property(fc.array(places, { maxLength: 4 }), fc.array(places, { maxLength: 6 }), (images, writes) => {
        const memory = loadedMemory(BANKS, images);
        for (const { base, bytes } of writes) memory.writeBytes(physAddr(base), bytes);
        const changed = changedRam(memory, loadedMemory(BANKS, images));
        const pages = changed.reduce((sum, { pages: { length } }) => sum + length / PAGE_SIZE, 0);
        expect(pages).toBeLessThanOrEqual(2 * writes.length);

        const restored: PhysicalMemory = loadedMemory(BANKS, images);
        restoreRam(restored, changed);
        expect(restored.touchedRanges()).toEqual(memory.touchedRanges());
        for (const { base, bytes } of [...images, ...writes]) {
          expect(restored.readBytes(base, bytes.length)).toEqual(memory.readBytes(base, bytes.length));
        }
        expect(changedRam(restored, memory).every(({ pages: { length } }) => length === 0)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });
});
