// SPDX-License-Identifier: GPL-2.0-only
/**
 * Kernel heap: byte-granular memory for kernel data, from spans of the buddy allocator.
 * heap-span.ts manages blocks and their headers.
 *
 * It starts with total_ram / 128, at least 16 MiB and at most 64 MiB, in one span when the buddy
 * allocator has such a run, else in several. When no hole fits, it grows by a span of at least 64
 * KiB. Spans are never freed.
 *
 * ```
 * heap (56 bytes, .bss)
 *  +0  u32 lock    +4 u32 spans    +8 u64 first span    +16 u64 last span
 *  +24 u64 capacity bytes    +32 u64 used bytes    +40 u64 allocations    +48 u64 pad
 *
 *  first ─► span ─► span ─► 0            (tried in this order)
 * ```
 *
 * `capacity = used + free`, block headers included; a span's own 32 bytes are not counted.
 */

import { alignUp, hex, PAGE_SIZE, type PhysAddr, type VirtAddr, virtAddr } from '#common/address.ts';
import type { MemoryPort, TracePort } from '#kernel-ts/hal/ports.ts';
import { KernelPanic } from '#kernel-ts/kernel/panic.ts';
import type { BssArena } from './bss.ts';
import type { Buddy } from './buddy.ts';
import { physToVirt, virtToPhys } from '#kernel-ts/kernel/direct-map.ts';
import { BLOCK_HEADER_BYTES, HeapFault, HeapMagic, HeapSpan, MIN_BLOCK_BYTES, SPAN_HEADER_BYTES } from './heap-span.ts';
import { type Range, rangeOf } from '#common/range.ts';
import { Spinlock } from './spinlock.ts';

/** Limits of the initial size, and the least growth, in bytes. */
export const MIN_HEAP_BYTES = 16 * 2 ** 20;
export const MAX_HEAP_BYTES = 64 * 2 ** 20;
export const HEAP_GROWTH_BYTES = 64 * 2 ** 10;

/**
 * Port accesses charged for an operation. A walk of the holes counts as one, to keep time
 * predictable.
 */
const ACCESSES_PER_OPERATION = 16;

/**
 * Initial size in bytes for `totalRam` bytes of RAM: a 128th, in whole pages, within the limits.
 */
export function initialHeapBytes(totalRam: number): number {
  return Math.min(MAX_HEAP_BYTES, Math.max(MIN_HEAP_BYTES, alignUp(Math.floor(totalRam / 128), PAGE_SIZE)));
}

/** Source of spans: an account of the kernel, or the buddy allocator itself. */
export type SpanSource = Pick<Buddy, 'allocExact' | 'counts'>;

/** Sizes in bytes, block headers included. */
export interface HeapStats {
  /** First byte of the first span. */
  readonly base: VirtAddr;
  /** Bytes taken from the buddy allocator. */
  readonly bytes: number;
  readonly spans: number;
  readonly capacity: number;
  readonly used: number;
  readonly free: number;
  readonly allocations: number;
}

/** Byte allocator of the kernel. */
export class Heap {
  readonly lock: Spinlock;
  private readonly memory: MemoryPort;
  private readonly control: VirtAddr;
  private readonly source: SpanSource;
  private readonly trace: TracePort | null;
  private readonly spanType: typeof HeapSpan;
  /** Handles on the spans of the list in memory, in its order. */
  private readonly spans: HeapSpan[] = [];

  /**
   * Takes the initial spans for a machine with `totalRam` bytes of RAM.
   * @param trace told of every allocation, free and growth as an event of kind `heap`; null when
   * that is not traced
   * @param spanType what spans are: HeapSpan, or one that does more
   * @throws KernelPanic `Cannot allocate kernel heap — insufficient free memory` when the buddy
   * cannot give that much
   */
  constructor(
    memory: MemoryPort,
    bss: BssArena,
    source: SpanSource,
    totalRam: number,
    trace: TracePort | null = null,
    spanType: typeof HeapSpan = HeapSpan,
  ) {
    this.memory = memory;
    this.spanType = spanType;
    this.source = source;
    this.trace = trace;
    this.control = bss.reserve('heap', 56, 8);
    memory.fill(this.control, 56, 0);
    this.lock = new Spinlock(memory, this.control, 'heap');
    const wanted = initialHeapBytes(totalRam);
    let run = wanted;
    for (let left = wanted; left > 0; ) {
      const bytes = Math.min(run, left);
      const place = source.allocExact(bytes);
      if (place !== null) {
        this.addSpan(place, bytes);
        left -= bytes;
      } else if (bytes > HEAP_GROWTH_BYTES) {
        run = alignUp(bytes / 2, PAGE_SIZE);
      } else {
        const { freeFrames } = source.counts();
        throw new KernelPanic(
          'Cannot allocate kernel heap — insufficient free memory',
          `${wanted} bytes needed for ${totalRam} bytes of RAM, ${wanted - left} found in ${this.spans.length} spans, ` +
            `${freeFrames * PAGE_SIZE} bytes left in pieces below ${bytes}`,
        );
      }
    }
  }

  /**
   * Allocates `size` bytes at a multiple of `align` (a power of two up to a page); `null` when
   * neither the heap nor the buddy allocator has room. Contents are undefined. O(holes).
   * @throws KernelPanic when size or align is invalid, or a header on the way is damaged
   */
  alloc(size: number, align = 16): VirtAddr | null {
    const powerOfTwo = Number.isInteger(align) && align > 0 && (align & (align - 1)) === 0;
    if (!(Number.isSafeInteger(size) && size > 0) || !powerOfTwo || align > PAGE_SIZE) {
      throw new KernelPanic('Heap request that cannot be served', `${size} bytes aligned to ${align}`);
    }
    this.lock.acquire();
    const va = this.allocLocked(size, Math.max(align, BLOCK_HEADER_BYTES));
    this.lock.release();
    return va;
  }

  /**
   * Frees memory that {@link alloc} returned. O(spans + holes).
   * @throws KernelPanic (HeapFault) with the address, for any other address
   */
  free(va: VirtAddr): void {
    this.lock.acquire();
    const span = this.spans.find((candidate) => va >= candidate.va && va < candidate.va + BigInt(candidate.bytes));
    if (span === undefined) {
      throw new KernelPanic(HeapFault.FOREIGN, `free of ${hex(va)}: in none of the heap's ${this.spans.length} spans`);
    }
    const bytes = span.free(Number(va - span.va));
    this.count(-bytes, -1);
    this.trace?.emit('heap', { op: 'free', address: hex(va), bytes });
    span.charge(ACCESSES_PER_OPERATION);
    this.lock.release();
  }

  /** Physical ranges of the spans, in the list's order. */
  ranges(): Range[] {
    return this.spans.map(({ va, bytes }) => rangeOf({ base: virtToPhys(va), size: bytes }));
  }

  /** Sizes, from the counters in memory. */
  stats(): HeapStats {
    const capacity = this.counter(24);
    const used = this.counter(32);
    const spans = this.memory.read32(virtAddr(this.control + 4n));
    return {
      base: virtAddr(this.memory.read64(virtAddr(this.control + 8n))),
      bytes: capacity + spans * SPAN_HEADER_BYTES,
      spans,
      capacity,
      used,
      free: capacity - used,
      allocations: this.counter(40),
    };
  }

  /**
   * Recounts all spans. @returns one sentence for each violated invariant; empty when there is
   * none. O(blocks)
   */
  validate(): string[] {
    const violations: string[] = [];
    let [used, free, allocations] = [0, 0, 0];
    let listed = virtAddr(this.memory.read64(virtAddr(this.control + 8n)));
    for (const span of this.spans) {
      if (listed !== span.va || !span.headerIntact()) {
        violations.push(`span at ${hex(span.va)}: not in the list, or its header is damaged`);
      }
      listed = span.nextSpan();
      const holes: number[] = [];
      let end = SPAN_HEADER_BYTES;
      let afterHole = 0;
      for (const { offset, bytes, magic } of span.blocks()) {
        if (magic === HeapMagic.HOLE) {
          if (afterHole === offset) {
            violations.push(`span at ${hex(span.va)}: two holes touch at offset ${offset}`);
          }
          holes.push(offset);
          afterHole = offset + bytes;
          free += bytes;
        } else if (magic === HeapMagic.USED) {
          used += bytes;
          allocations++;
        }
        end = offset + bytes;
      }
      if (end !== span.bytes) {
        violations.push(`span at ${hex(span.va)}: blocks end at offset ${end} of ${span.bytes}`);
      }
      if ([...span.holes()].join() !== holes.join()) {
        violations.push(`span at ${hex(span.va)}: the hole list is not the holes`);
      }
    }
    const stats = this.stats();
    if (used !== stats.used || free !== stats.free || allocations !== stats.allocations) {
      violations.push(
        `counted ${used} bytes used, ${free} free, ${allocations} allocations; ` +
          `recorded ${stats.used}, ${stats.free}, ${stats.allocations}`,
      );
    }
    return violations;
  }

  private allocLocked(size: number, align: number): VirtAddr | null {
    for (const span of this.spans) {
      const payload = span.alloc(size, align);
      if (payload >= 0) return this.allocated(span, payload);
    }
    // The first payload of a span may need up to `align` bytes and a minimal block before it.
    const bytes = alignUp(SPAN_HEADER_BYTES + MIN_BLOCK_BYTES + BLOCK_HEADER_BYTES + align + size, PAGE_SIZE);
    const growth = Math.max(HEAP_GROWTH_BYTES, bytes);
    const place = this.source.allocExact(growth);
    if (place === null) return null;
    const span = this.addSpan(place, growth);
    return this.allocated(span, span.alloc(size, align));
  }

  private allocated(span: HeapSpan, payload: number): VirtAddr {
    const bytes = span.blockBytes(payload);
    const va = virtAddr(span.va + BigInt(payload));
    this.count(bytes, 1);
    this.trace?.emit('heap', { op: 'alloc', address: hex(va), bytes });
    span.charge(ACCESSES_PER_OPERATION);
    return va;
  }

  private addSpan(place: PhysAddr, bytes: number): HeapSpan {
    const va = physToVirt(place);
    const span = new this.spanType(this.memory, va, bytes);
    span.initialise();
    const last = this.spans.at(-1);
    if (last === undefined) {
      this.memory.write64(virtAddr(this.control + 8n), va);
    } else {
      last.setNextSpan(va);
    }
    this.memory.write64(virtAddr(this.control + 16n), va);
    this.spans.push(span);
    this.memory.write32(virtAddr(this.control + 4n), this.spans.length);
    this.add(24, bytes - SPAN_HEADER_BYTES);
    this.trace?.emit('heap', { op: 'grow', address: hex(va), bytes });
    return span;
  }

  private count(bytes: number, allocations: number): void {
    this.add(32, bytes);
    this.add(40, allocations);
  }

  private add(offset: number, change: number): void {
    this.memory.write64(virtAddr(this.control + BigInt(offset)), BigInt(this.counter(offset) + change));
  }

  private counter(offset: number): number {
    return Number(this.memory.read64(virtAddr(this.control + BigInt(offset))));
  }
}
