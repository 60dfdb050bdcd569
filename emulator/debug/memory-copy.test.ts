// SPDX-License-Identifier: GPL-2.0-only
import { expect, it } from 'vitest';
import { PAGE_SIZE } from '#common/address.ts';
import type { Machine } from '#emulator/machine/machine.ts';
import { PhysicalMemory } from '#emulator/memory/physical-memory.ts';
import { copyMemory, copyOfImages } from './memory-copy.ts';

const BASE = 0x4000_0000;

it('keeps a page once: of what was loaded, of the copy before, or its own when it has changed', () => {
  const memory = new PhysicalMemory([{ base: BASE, size: 0x1000_0000 }]);
  const machine = { memory, fixedMemory: [] } as unknown as Machine;
  // Begins and ends within a page: those two are not the image's alone.
  const image = { base: BASE + 0x80, bytes: new Uint8Array(4 * PAGE_SIZE).fill(7) };
  memory.writeBytes(image.base, image.bytes);
  memory.writeBytes(BASE + 2 * PAGE_SIZE, Uint8Array.of(1));
  const first = copyMemory(machine, copyOfImages([image]));
  const owners = (pages: ReadonlyMap<number, Uint8Array>) =>
    Array.from({ length: 6 }, (_, index) => {
      const page = pages.get(BASE + index * PAGE_SIZE);
      return page === undefined ? 'none' : page.buffer === image.bytes.buffer ? 'image' : page[0];
    });
  expect(owners(first.pages)).toEqual([0, 'image', 1, 'image', 7, 'none']);
  memory.writeBytes(BASE + 3 * PAGE_SIZE, Uint8Array.of(2));
  const second = copyMemory(machine, first);
  expect(owners(second.pages)).toEqual([0, 'image', 1, 2, 7, 'none']);
  expect(second.pages.get(BASE)).toBe(first.pages.get(BASE));
});
