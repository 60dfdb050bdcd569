// SPDX-License-Identifier: GPL-2.0-only
/**
 * Heap span whose holes hold poison. A freed block is filled with poison, which must be intact when
 * the block is allocated.
 *
 * ```
 *   hole   | header, next: 24 bytes | 6b 6b 6b 6b ................ 6b |     header and link are checked by heap-span.ts
 *   free   joins holes: what were headers inside the new hole becomes poison too
 * ```
 *
 * A new span is poisoned entirely, so blocks need no mark.
 */

import { hex, type VirtAddr, virtAddr } from '#common/address.ts';
import type { MemoryPort } from '#kernel-ts/hal/ports.ts';
import { KernelPanic } from '#kernel-ts/kernel/panic.ts';
import { BLOCK_HEADER_BYTES, type BlockBytes, HeapSpan, SPAN_HEADER_BYTES } from '#kernel-ts/kernel/mm/heap-span.ts';

/** Value of Linux's slab allocators (POISON_FREE): a pointer made of it is not canonical. */
const POISON_BYTE = 0x6b;
/** Size of a hole's header, with its link to the next hole. */
const HOLE_HEADER_BYTES = BLOCK_HEADER_BYTES + 8;

/** Text after `PANIC: `. An interface for tools. */
export const HEAP_WRITE_AFTER_FREE = 'Write to a heap block after it was freed';

export class PoisonedSpan extends HeapSpan {
  private readonly memory: MemoryPort;

  constructor(memory: MemoryPort, va: VirtAddr, bytes: number) {
    super(memory, va, bytes);
    this.memory = memory;
  }

  override initialise(): void {
    super.initialise();
    this.fill(SPAN_HEADER_BYTES + HOLE_HEADER_BYTES, this.bytes);
  }

  override alloc(size: number, align: number): number {
    const heads = new Set(this.holes());
    const payload = super.alloc(size, align);
    if (payload >= 0) {
      const block = payload - BLOCK_HEADER_BYTES;
      this.check(heads.has(block) ? block + HOLE_HEADER_BYTES : payload, block + this.blockBytes(payload), payload);
    }
    return payload;
  }

  override free(payload: number): BlockBytes {
    const heads = new Set(this.holes());
    const bytes = super.free(payload);
    const block = payload - BLOCK_HEADER_BYTES;
    const end = block + bytes;
    // The block's hole may have begun before it, and a hole that followed it has no header any
    // more.
    const isHead = [...this.holes()].includes(block);
    this.fill(isHead ? block + HOLE_HEADER_BYTES : block, heads.has(end) ? end + HOLE_HEADER_BYTES : end);
    return bytes;
  }

  private fill(from: number, to: number): void {
    this.memory.fill(virtAddr(this.va + BigInt(from)), to - from, POISON_BYTE);
  }

  /** @throws KernelPanic when a byte of [from, to) is not poison */
  private check(from: number, to: number, payload: number): void {
    const found = this.memory.readBytes(virtAddr(this.va + BigInt(from)), Math.max(0, to - from));
    const at = found.findIndex((byte) => byte !== POISON_BYTE);
    if (at < 0) return;
    const changed = found.reduce((sum, byte) => (byte === POISON_BYTE ? sum : sum + 1), 0);
    const block = this.va + BigInt(payload);
    throw new KernelPanic(
      HEAP_WRITE_AFTER_FREE,
      `${changed} bytes were written between the free and the next use of ${hex(block)}, the first at ${hex(this.va + BigInt(from + at))}: ` +
        `${hex(found[at] ?? 0)} where ${hex(POISON_BYTE)} was`,
    );
  }
}
