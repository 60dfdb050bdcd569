// SPDX-License-Identifier: GPL-2.0-only
/**
 * Commands about memory and its owners: `meminfo`, `buddyinfo`, `heap`, `slab`, `regions`. All
 * numbers are read from the kernel's own memory when the command runs.
 */

import { hex, PAGE_SIZE } from '#common/address.ts';
import { count, size, span } from '#common/quantities.ts';
import { reservationOwner } from '#kernel-ts/kernel/mm/boot-report.ts';
import { pageOwnerName } from '#kernel-ts/kernel/mm/page-owner.ts';
import type { Command } from '#kernel-ts/kernel/shell/command.ts';

export const meminfo: Command = {
  name: 'meminfo',
  parameters: '',
  summary: 'RAM: reserved, free, and in use by whom',
  run: ({ memory, print }) => {
    const { memblock, buddy, frames, heap: bytes, slab: caches } = memory;
    const { ram, reserved } = memblock.totals();
    const { totalFrames, freeFrames } = buddy.counts();
    print(
      `RAM       ${size(ram)}: ${ram / PAGE_SIZE} frames, ${reserved / PAGE_SIZE} reserved, ${totalFrames} managed`,
    );
    print(
      `free      ${size(freeFrames * PAGE_SIZE)}: ${freeFrames} frames, ${frames.reserve} of them for the kernel only`,
    );
    for (const { owner, frames: held } of frames.holdings()) {
      if (held > 0) print(`in use    ${size(held * PAGE_SIZE)}: ${count(held, 'frame')}, ${pageOwnerName(owner)}`);
    }
    const { capacity, used, allocations } = bytes.stats();
    print(`heap      ${used} of ${capacity} bytes in ${count(allocations, 'allocation')}`);
    const objects = caches.statistics().reduce((sum, { objectsInUse }) => sum + objectsInUse, 0);
    print(`slab      ${count(objects, 'object')} in ${count(caches.statistics().length, 'cache')}`);
  },
};

export const buddyinfo: Command = {
  name: 'buddyinfo',
  parameters: '',
  summary: 'free blocks by order',
  run: ({ memory: { buddy }, print }) => {
    for (const [order, blocks] of buddy.buddyinfo().entries()) {
      const bytes = PAGE_SIZE * 2 ** order;
      print(
        `order ${`${order}`.padStart(2)}  ${size(bytes).padStart(7)}  ${`${blocks}`.padStart(6)} free, ${size(blocks * bytes)}`,
      );
    }
    const { totalFrames, freeFrames } = buddy.counts();
    print(`${freeFrames} of ${totalFrames} frames free`);
  },
};

export const heap: Command = {
  name: 'heap',
  parameters: '',
  summary: 'the kernel heap',
  run: ({ memory, print }) => {
    const { base, bytes, spans, capacity, used, free, allocations } = memory.heap.stats();
    print(`${size(bytes)} at ${hex(base)} in ${count(spans, 'span')}: ${capacity} bytes of blocks`);
    print(`${used} bytes used in ${count(allocations, 'allocation')}, ${free} bytes free`);
  },
};

export const slab: Command = {
  name: 'slab',
  parameters: '',
  summary: 'caches of small objects',
  run: ({ memory, print }) => {
    const caches = memory.slab.statistics();
    if (caches.length === 0) print('no cache was made');
    for (const { name, objectBytes, objectsInUse, objects, slabsPartial, slabsFull, slabsEmpty, bytes } of caches) {
      print(
        `${name.padEnd(12)} ${objectBytes} bytes: ${objectsInUse} of ${objects} objects in use; ` +
          `slabs ${slabsPartial} partial, ${slabsFull} full, ${slabsEmpty} empty; ${size(bytes)}`,
      );
    }
  },
};

export const regions: Command = {
  name: 'regions',
  parameters: '',
  summary: 'banks of RAM, and what was reserved in them at boot',
  run: ({ memory: { memblock }, fdt, print }) => {
    for (const { start, end } of memblock.banks()) print(`RAM       ${span(start, end)}  ${size(end - start)}`);
    for (const { start, end, owner, noMap } of memblock.reservedRanges()) {
      const note = noMap ? '  (no-map)' : '';
      print(`reserved  ${span(start, end)}  ${size(end - start)}  ${reservationOwner(fdt, owner).name}${note}`);
    }
  },
};
