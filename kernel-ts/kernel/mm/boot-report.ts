// SPDX-License-Identifier: GPL-2.0-only
/**
 * Boot log of the memory system: every step of initMemory in lines that a person can check by hand,
 * and as trace events.
 */

import { hex, PAGE_SIZE } from '#common/address.ts';
import type { Fdt } from '#fdt/index.ts';
import type { MapCounts } from '#kernel-ts/hal/mmu/map.ts';
import type { Mmu } from '#kernel-ts/hal/mmu/mmu.ts';
import { type EventOwner, ownedBy } from '#kernel-ts/hal/kernel-events.ts';
import type { TracePort } from '#kernel-ts/hal/ports.ts';
import { count, size, span } from '#common/quantities.ts';
import { lengthOf } from '#common/range.ts';
import type { Log } from '#kernel-ts/kernel/log.ts';
import type { Buddy } from './buddy.ts';
import type { DiscoveryWarning } from './discover.ts';
import type { Memblock } from './memblock.ts';
import type { HoleVerdict } from './memblock-holes.ts';
import type { MemMapPlacement } from './mem-map.ts';
import type { MemoryObserver, MemorySystem } from './memory.ts';
import { type Owner, ownerInEvents } from './owner.ts';
import { MAX_ORDER, PAGE_STRUCT_BYTES } from './page.ts';

/** Implements {@link MemoryObserver} by lines on the console and trace events. */
export class BootReport implements MemoryObserver {
  private readonly log: Log;
  private readonly trace: TracePort;
  private readonly fdt: Fdt;

  constructor(log: Log, trace: TracePort, fdt: Fdt) {
    this.log = log;
    this.trace = trace;
    this.fdt = fdt;
  }

  discovered(memblock: Memblock, warnings: readonly DiscoveryWarning[]): void {
    const { log, trace } = this;
    for (const warning of warnings) log.line('MEM', `warning: ${warning}`);
    for (const bank of memblock.banks()) {
      const { start, end } = bank;
      log.line('MEM', `RAM      ${span(start, end)}  ${size(lengthOf(bank))}`);
      trace.emit('memory', { what: 'bank', base: hex(start), bytes: lengthOf(bank) });
    }
    for (const range of memblock.reservedRanges()) {
      const { start, end } = range;
      const bytes = lengthOf(range);
      const owner = reservationOwner(this.fdt, range.owner);
      const notes = [
        range.noMap ? 'no-map' : '',
        range.ramBytes === 0 ? 'not RAM' : range.ramBytes < bytes ? `${size(range.ramBytes)} of it RAM` : '',
        range.countedBytes < range.ramBytes ? `${size(range.ramBytes - range.countedBytes)} counted above` : '',
      ].filter((note) => note !== '');
      const suffix = notes.length === 0 ? '' : `  (${notes.join(', ')})`;
      log.line('MEM', `reserved ${span(start, end)}  ${size(bytes)}  ${owner.name}${suffix}`);
      trace.emit('memory', {
        what: 'reserved',
        base: hex(start),
        bytes,
        ...ownedBy(owner),
        noMap: range.noMap,
      });
    }
    const { ram, reserved, free } = memblock.totals();
    log.line('MEM', `RAM ${size(ram)}: ${frames(ram)} frames, ${frames(reserved)} reserved, ${frames(free)} free`);
  }

  placed(placement: MemMapPlacement): void {
    const { log, trace } = this;
    const { base, bytes, entries, holes } = placement;
    for (const hole of holes) {
      if (!hole.accepted) {
        log.line('MEM', `mem_map refused  ${span(hole.start, hole.end)}: ${hole.reason}`);
      } else {
        break;
      }
    }
    log.line(
      'MEM',
      `mem_map at ${span(base, base + bytes)}: ${entries} entries of ${PAGE_STRUCT_BYTES} bytes, ${bytes} bytes (${size(bytes)}), in the first hole that fits`,
    );
    trace.emit('memory', {
      what: 'mem_map',
      base: hex(base),
      bytes,
      entries,
      holes: holes.map((hole: HoleVerdict) =>
        hole.accepted ? `${span(hole.start, hole.end)} accepted` : `${span(hole.start, hole.end)} ${hole.reason}`,
      ),
    });
  }

  switched(mmu: Mmu, early: MapCounts): void {
    this.log.line(
      'MMU',
      `kernel tables live: ${entries(early)}; identity map gone; PT_POOL ${mmu.pool.used} of ${mmu.pool.size} used`,
    );
  }

  mapped(mmu: Mmu, rest: MapCounts): void {
    this.log.line(
      'MMU',
      `direct map done: ${entries(rest)}; ${count(mmu.pool.used, 'table')} from PT_POOL (peak ${mmu.pool.peak} of ${mmu.pool.size}), ${mmu.pool.fromAllocator} from the buddy`,
    );
    const report = mmu.report(mmu.liveSpace('high'));
    const unsafe = report.writableAndExecutable.length;
    this.log.line(
      'MMU',
      `${count(report.ranges.length, 'range')} mapped, ${unsafe === 0 ? 'none' : unsafe} writable and executable`,
    );
    this.trace.emit('memory', {
      what: 'page-tables',
      poolUsed: mmu.pool.used,
      poolPeak: mmu.pool.peak,
      poolSize: mmu.pool.size,
      fromAllocator: mmu.pool.fromAllocator,
    });
  }

  populated(buddy: Buddy): void {
    const { totalFrames, freeFrames } = buddy.counts();
    this.log.line('BUDDY', `${totalFrames} frames managed, ${freeFrames} free`);
  }

  ready(memory: MemorySystem): void {
    const { log, trace } = this;
    const heap = memory.heap.stats();
    log.line('HEAP', `${size(heap.bytes)} at 0x${heap.base.toString(16)} in ${count(heap.spans, 'span')}`);
    const blocks = memory.buddy.buddyinfo();
    log.line('BUDDY', `free blocks by order 0 to ${MAX_ORDER}:`);
    log.line('BUDDY', blocks.map((n) => `${n}`).join(' '));
    const { ram, reserved } = memory.memblock.totals();
    const { totalFrames, freeFrames } = memory.buddy.counts();
    const heapFrames = frames(heap.bytes);
    const tableFrames = memory.mmu.pool.fromAllocator;
    log.line(
      'MEM',
      `frames: ${frames(ram)} total - ${frames(reserved)} reserved = ${totalFrames} managed; ${heapFrames} heap, ${tableFrames} page tables, ${freeFrames} free`,
    );
    trace.emit('memory', { what: 'ready', totalFrames, freeFrames, heapBytes: heap.bytes, heapBase: hex(heap.base) });
  }
}

/** Suffix of a reservation's node name when the kernel chose the place. */
export const PLACED_BY_KERNEL = ', placed by the kernel';

/**
 * Owner of a reservation for the log; for the device tree's own reservations, the node. O(nodes).
 */
export function reservationOwner(fdt: Fdt, { kind: stored, cookie }: Owner): EventOwner {
  const { kind, name } = ownerInEvents(stored);
  const dynamic = kind === 'dynamic-reserved-memory';
  if (!dynamic && kind !== 'reserved-memory') return { kind, name };
  const node = [...fdt.nodes()].find(({ offset }) => BigInt(offset) === cookie);
  return { kind, name: `${node?.name ?? name}${dynamic ? PLACED_BY_KERNEL : ''}` };
}

const frames = (bytes: number): number => bytes / PAGE_SIZE;

function entries({ blocks1GiB, blocks2MiB, pages4KiB }: MapCounts): string {
  return `${blocks1GiB} x 1 GiB, ${blocks2MiB} x 2 MiB, ${pages4KiB} x 4 KiB`;
}
