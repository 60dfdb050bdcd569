// SPDX-License-Identifier: GPL-2.0-only
import { expect, it } from 'vitest';
import { PAGE_SIZE } from '#common/address.ts';
import type { Machine } from '#emulator/machine/machine.ts';
import { PhysicalMemory } from '#emulator/memory/physical-memory.ts';
import { copyMemory, copyOfImages, putMemoryBack } from './memory-copy.ts';

const BASE = 0x4000_0000;

it('keeps a page once: of what was loaded, of the copy before, or its own when it has changed', () => {
  const memory = new PhysicalMemory([{ base: BASE, size: 0x1000_0000 }]);
  const machine = { memory, fixedMemory: [] } as unknown as Machine;
  // Begins and ends within a page: these two pages hold other bytes too.
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

it('leaves alone what was never written of flash, and puts back what was', () => {
  const machineWith = (used: number, fill: number) => {
    const bytes = new Uint8Array(4 * PAGE_SIZE).fill(fill);
    const flash = { name: 'flash0', base: 0, size: bytes.length, access: 'rx', bytes, used } as const;
    return { memory: new PhysicalMemory([]), fixedMemory: [flash] } as unknown as Machine;
  };
  const copy = copyMemory(machineWith(PAGE_SIZE + 1, 5), null);
  expect([...copy.pages.keys()]).toEqual([0, PAGE_SIZE]);
  // Another machine that used less of its flash.
  const other = machineWith(0, 0);
  putMemoryBack(copy, other);
  const [flash] = other.fixedMemory;
  const values = Array.from({ length: 4 }, (_, page) => flash?.bytes[page * PAGE_SIZE]);
  expect(values).toEqual([5, 5, 0, 0]);
  expect(flash?.used).toBe(2 * PAGE_SIZE);
});
