// SPDX-License-Identifier: GPL-2.0-only
/** Commands for an address: `pt VA`, the CPU's walk; `frame PA`, the state of a frame. */

import { alignDown, PAGE_SIZE, type PhysAddr, physAddr, virtAddr } from '#common/address.ts';
import {
  describeAttributes,
  ENTRIES_PER_TABLE,
  kindOf,
  type Level,
  tableAddress,
} from '#kernel-ts/hal/mmu/descriptor.ts';
import { formatTranslation } from '#kernel-ts/hal/mmu/walk.ts';
import { phys, size, span } from '#common/quantities.ts';
import { includes } from '#common/range.ts';
import { reservationOwner } from '#kernel-ts/kernel/mm/boot-report.ts';
import { physToVirt } from '#kernel-ts/kernel/direct-map.ts';
import { describeFrame } from '#kernel-ts/kernel/mm/frame-state.ts';
import { type Command, parseAddress, type ShellContext } from '#kernel-ts/kernel/shell/command.ts';

export const pt: Command = {
  name: 'pt',
  parameters: 'VA',
  summary: 'the walk of a virtual address through the live page tables',
  run: ({ memory, print }, text) => {
    const va = virtAddr(parseAddress(text, 'VA', 1n << 64n));
    const translation = memory.mmu.translate(va);
    for (const line of formatTranslation(translation)) print(line);
    if (translation.ok) print(`attributes: ${describeAttributes(translation.attrs)}`);
  },
};

export const frame: Command = {
  name: 'frame',
  parameters: 'PA',
  summary: 'state, order and owner of the frame at a physical address',
  run: (context, text) => {
    const { memory, print } = context;
    const at = alignDown(Number(parseAddress(text, 'PA', 1n << 48n)), PAGE_SIZE);
    const state = memory.buddy.frameState(physAddr(at));
    print(`${phys(at)}: ${describeFrame(state)}`);
    if (state.zone !== null) print(`zone ${span(state.zone.base, state.zone.end)}, refcount ${state.refcount}`);
    if (state.kind === 'outside-ram' || state.kind === 'reserved') explainReservation(context, at);
    if (state.kind === 'allocated') explainAllocation(context, at, state.head, state.order);
  },
};

/** Prints the boot reservations that cover the frame. */
function explainReservation({ memory, fdt, print }: ShellContext, at: number): void {
  for (const range of memory.memblock.reservedRanges()) {
    if (!includes(range, at)) continue;
    const { start, end, owner, noMap } = range;
    const note = noMap ? ', no-map' : '';
    print(`reserved at boot: ${span(start, end)}  ${size(end - start)}  ${reservationOwner(fdt, owner).name}${note}`);
  }
}

/** Prints the owner of the block, from the kernel's own structures. */
function explainAllocation(context: ShellContext, at: number, head: number, order: number): void {
  context.print(`block ${span(head, head + PAGE_SIZE * 2 ** order)}: ${holder(context, at)}`);
}

function holder(context: ShellContext, at: number): string {
  const { heap, slab, kernelSpace } = context.memory;
  if (heap.ranges().some((range) => includes(range, at))) return 'kernel heap';
  const cache = slab.cacheOf(physToVirt(physAddr(at)));
  if (cache !== null) return `slab of the cache "${cache.name}"`;
  if (isTable(context, kernelSpace.root, 0, at)) return 'page table of the kernel';
  return 'a process, its page tables, or a buffer';
}

/** True when the frame at `at` is the table at `table` of level `level`, or one below it. */
function isTable(context: ShellContext, table: PhysAddr, level: Level, at: number): boolean {
  if (table === at) return true;
  if (level === 3) return false;
  const { memory } = context.ports;
  for (let index = 0; index < ENTRIES_PER_TABLE; index++) {
    const entry = memory.read64(virtAddr(physToVirt(table) + BigInt(8 * index)));
    if (kindOf(entry, level) !== 'table') continue;
    if (isTable(context, tableAddress(entry), (level + 1) as Level, at)) return true;
  }
  return false;
}
