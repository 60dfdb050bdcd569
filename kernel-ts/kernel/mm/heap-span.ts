// SPDX-License-Identifier: GPL-2.0-only
/**
 * Span of the heap: memory from the buddy allocator, divided into blocks without gaps. It allocates
 * by first fit from low to high addresses and merges on free. heap.ts chooses the span, locks and
 * grows.
 *
 * ```
 * span header, 32 bytes    block header, 16 bytes         hole: a block with
 *  +0  u32 magic SPAN       +0 u32 magic USED or HOLE       +16 u64 next hole in the span, by address; 0 none
 *  +4  u32 check            +4 u32 check
 *  +8  u64 bytes            +8 u64 size with header
 *  +16 u64 next span
 *  +24 u64 first hole
 *
 *  | span | USED ....... | HOLE next ....... | USED .... | HOLE next ............ | sizes: multiples of 16, at least 32
 * ```
 *
 * Addresses in memory are virtual; in this file blocks are byte offsets from the start of the span.
 * `check` mixes magic, place, size and link, so that an overwritten header, or other bytes, are
 * detected. The header of a block that a merge absorbs is wiped.
 *
 * Invariants: blocks follow each other from offset 32 to the end; the hole list holds exactly the
 * holes, ascending; no two holes touch.
 */

import { alignUp, hex, type VirtAddr, virtAddr } from '#common/address.ts';
import type { MemoryPort, MemoryWindow } from '#kernel-ts/hal/ports.ts';
import { KernelPanic } from '#kernel-ts/kernel/panic.ts';

export const SPAN_HEADER_BYTES = 32;
export const BLOCK_HEADER_BYTES = 16;
export const MIN_BLOCK_BYTES = 32;
/** Alignment of blocks and sizes, suitable for LDP and STP of a register pair. */
export const BLOCK_ALIGN = 16;

/** Magic numbers: "SPAN", "USED", "HOLE" in a memory dump. */
export const HeapMagic = { SPAN: 0x4e41_5053, USED: 0x4445_5355, HOLE: 0x454c_4f48 } as const;

/** Reasons for refusing a free. An interface for tools. */
export const HeapFault = {
  CORRUPT: 'Kernel heap is corrupted',
  DOUBLE_FREE: 'Double free in the kernel heap',
  NOT_A_BLOCK: 'Heap free of an address that is no allocation',
  FOREIGN: 'Heap free of an address outside the heap',
} as const;

/** Size of a block with its header, in bytes. */
export type BlockBytes = number;

/** Handle on a span; all state is in memory. */
export class HeapSpan {
  readonly va: VirtAddr;
  readonly bytes: number;
  private readonly window: MemoryWindow;
  private readonly vaLo: number;
  private readonly vaHi: number;

  /** @param va mapped memory of `bytes` bytes, page-aligned */
  constructor(memory: MemoryPort, va: VirtAddr, bytes: number) {
    this.va = va;
    this.bytes = bytes;
    this.window = memory.window(va, bytes);
    this.vaLo = Number(BigInt.asUintN(32, va));
    this.vaHi = Number(va >> 32n);
  }

  /** Makes the span one hole. */
  initialise(): void {
    this.write64(8, this.bytes % 2 ** 32, Math.floor(this.bytes / 2 ** 32));
    this.write64(16, 0, 0);
    this.set(0, HeapMagic.SPAN);
    this.set(4, mix(HeapMagic.SPAN, this.vaLo, this.bytes, 0));
    this.linkAfter(0, SPAN_HEADER_BYTES);
    this.writeHole(SPAN_HEADER_BYTES, this.bytes - SPAN_HEADER_BYTES, 0);
  }

  /** Sets the next span in the heap. */
  setNextSpan(va: VirtAddr): void {
    this.write64(16, Number(BigInt.asUintN(32, va)), Number(va >> 32n));
  }

  /** Next span in the heap, 0n at the end. */
  nextSpan(): VirtAddr {
    return virtAddr((BigInt(this.get(20)) << 32n) | BigInt(this.get(16)));
  }

  /**
   * Allocates a block whose payload holds `size` bytes at a multiple of `align`. O(holes).
   * @returns offset of the payload, -1 when no hole fits. @throws KernelPanic when a hole's header
   * is damaged
   */
  alloc(size: number, align: number): number {
    let before = 0;
    for (let hole = this.firstHole(); hole !== 0; hole = this.nextHole(hole)) {
      const end = hole + this.expect(hole, HeapMagic.HOLE);
      let payload = alignUp(hole + BLOCK_HEADER_BYTES, align);
      while (payload - BLOCK_HEADER_BYTES !== hole && payload - BLOCK_HEADER_BYTES < hole + MIN_BLOCK_BYTES) {
        payload += align;
      }
      let stop = payload + alignUp(size, BLOCK_ALIGN);
      if (stop <= end) {
        let next = this.nextHole(hole);
        if (end - stop >= MIN_BLOCK_BYTES) {
          this.writeHole(stop, end - stop, next);
          next = stop;
        } else {
          stop = end;
        }
        const block = payload - BLOCK_HEADER_BYTES;
        if (block > hole) {
          this.writeHole(hole, block - hole, next);
        } else {
          this.linkAfter(before, next);
        }
        this.writeHeader(block, HeapMagic.USED, stop - block, 0);
        return payload;
      }
      before = hole;
    }
    return -1;
  }

  /**
   * Frees the block whose payload is at `payload`, merging it with the holes that it touches.
   * O(holes).
   * @returns its bytes with header. @throws KernelPanic when there is no such allocation, or a
   * header is damaged
   */
  free(payload: number): BlockBytes {
    const block = payload - BLOCK_HEADER_BYTES;
    if (payload % BLOCK_ALIGN !== 0 || block < SPAN_HEADER_BYTES || !this.intact(block, HeapMagic.USED)) {
      throw this.refusal(payload);
    }
    const bytes = this.size(block);
    let before = 0;
    let after = this.firstHole();
    while (after !== 0 && after < block) {
      this.expect(after, HeapMagic.HOLE);
      before = after;
      after = this.nextHole(after);
    }
    let start = block;
    let end = block + bytes;
    let next = after;
    if (after !== 0 && after === end) {
      end = after + this.expect(after, HeapMagic.HOLE);
      next = this.nextHole(after);
      this.wipe(after);
    }
    if (before !== 0 && before + this.size(before) === start) {
      this.wipe(start);
      start = before;
    }
    this.writeHole(start, end - start, next);
    if (start !== before) this.linkAfter(before, start);
    return bytes;
  }

  /** Size with header of the allocation whose payload is at `payload`. */
  blockBytes(payload: number): BlockBytes {
    return this.size(payload - BLOCK_HEADER_BYTES);
  }

  /** Charges `accesses` port accesses. */
  charge(accesses: number): void {
    this.window.charge(accesses);
  }

  /** Blocks in order, up to the first damaged one, which has `magic` 0. O(blocks) */
  *blocks(): Generator<{ offset: number; bytes: BlockBytes; magic: number }> {
    for (let offset = SPAN_HEADER_BYTES; offset < this.bytes; ) {
      const magic = [HeapMagic.USED, HeapMagic.HOLE].find((kind) => this.intact(offset, kind)) ?? 0;
      const bytes = magic === 0 ? 0 : this.size(offset);
      yield { offset, bytes, magic };
      if (magic === 0) return;
      offset += bytes;
    }
  }

  /** The hole list. */
  *holes(): Generator<number> {
    for (let hole = this.firstHole(); hole !== 0; hole = this.nextHole(hole)) {
      yield hole;
      if (!this.intact(hole, HeapMagic.HOLE)) return;
    }
  }

  /** True when the span's own header is intact. */
  headerIntact(): boolean {
    return this.get(0) === HeapMagic.SPAN && this.get(4) === mix(HeapMagic.SPAN, this.vaLo, this.bytes, 0);
  }

  private firstHole(): number {
    return this.offsetAt(24);
  }

  private nextHole(hole: number): number {
    return this.offsetAt(hole + BLOCK_HEADER_BYTES);
  }

  /** Links `hole` after `before` in the list; 0 is the list's head, or its end. */
  private linkAfter(before: number, hole: number): void {
    if (before === 0) {
      this.writeOffset(24, hole);
    } else {
      this.writeHole(before, this.size(before), hole);
    }
  }

  private writeHole(offset: number, bytes: number, next: number): void {
    this.writeOffset(offset + BLOCK_HEADER_BYTES, next);
    this.writeHeader(offset, HeapMagic.HOLE, bytes, next);
  }

  private writeHeader(offset: number, magic: number, bytes: number, next: number): void {
    this.set(offset, magic);
    this.set(offset + 4, mix(magic, offset, bytes, next));
    this.write64(offset + 8, bytes, 0);
  }

  /** Overwrites a former header, so that it is never taken for one again. */
  private wipe(offset: number): void {
    this.write64(offset, 0, 0);
  }

  private size(offset: number): number {
    return this.get(offset + 8);
  }

  private intact(offset: number, magic: number): boolean {
    if (offset + MIN_BLOCK_BYTES > this.bytes || this.get(offset) !== magic) return false;
    const bytes = this.size(offset);
    const next = magic === HeapMagic.HOLE ? this.nextHole(offset) : 0;
    return (
      this.get(offset + 4) === mix(magic, offset, bytes, next) &&
      this.get(offset + 12) === 0 &&
      bytes >= MIN_BLOCK_BYTES &&
      offset + bytes <= this.bytes
    );
  }

  private expect(offset: number, magic: number): BlockBytes {
    if (!this.intact(offset, magic)) throw this.corrupt(offset);
    return this.size(offset);
  }

  private corrupt(offset: number): KernelPanic {
    const inside = offset >= 0 && offset + BLOCK_HEADER_BYTES <= this.bytes && offset % 4 === 0;
    const found = inside ? `magic ${hex(this.get(offset), 8)}, size ${this.size(offset)}` : 'not in the span';
    return new KernelPanic(
      HeapFault.CORRUPT,
      `block header at ${hex(this.address(offset))} in the span at ${hex(this.va)}: ${found}; something wrote past the end of the block below`,
    );
  }

  /** Panic for a block at `payload` that cannot be freed. Walks the span; may be slow. */
  private refusal(payload: number): KernelPanic {
    const what = `free of ${hex(this.address(payload))}`;
    for (const { offset, bytes, magic } of this.blocks()) {
      if (magic === 0) return this.corrupt(offset);
      if (payload < offset + bytes) {
        const block = `${bytes} bytes at ${hex(this.address(offset + BLOCK_HEADER_BYTES))}`;
        return magic === HeapMagic.HOLE
          ? new KernelPanic(HeapFault.DOUBLE_FREE, `${what}: it lies in a hole of ${block}`)
          : new KernelPanic(HeapFault.NOT_A_BLOCK, `${what}: it lies inside the allocation of ${block}`);
      }
    }
    return new KernelPanic(HeapFault.NOT_A_BLOCK, `${what}: past the last block of the span at ${hex(this.va)}`);
  }

  private address(offset: number): bigint {
    return this.va + BigInt(offset);
  }

  /**
   * Offset of the virtual address stored at `at`, 0 for none. @throws KernelPanic when it points
   * outside the span
   */
  private offsetAt(at: number): number {
    const lo = this.get(at);
    const hi = this.get(at + 4);
    if (lo === 0 && hi === 0) return 0;
    const offset = (hi - this.vaHi) * 2 ** 32 + (lo - this.vaLo);
    if (offset < SPAN_HEADER_BYTES || offset + MIN_BLOCK_BYTES > this.bytes || offset % BLOCK_ALIGN !== 0) {
      throw this.corrupt(offset);
    }
    return offset;
  }

  private writeOffset(at: number, offset: number): void {
    if (offset === 0) {
      this.write64(at, 0, 0);
    } else {
      const lo = this.vaLo + offset;
      this.write64(at, lo % 2 ** 32, this.vaHi + Math.floor(lo / 2 ** 32));
    }
  }

  private write64(at: number, lo: number, hi: number): void {
    this.set(at, lo);
    this.set(at + 4, hi);
  }

  private get(offset: number): number {
    const { window } = this;
    const pieces = window.sync();
    const i = window.first + offset / 4;
    return pieces[i >>> window.shift]![i & ((1 << window.shift) - 1)]!;
  }

  private set(offset: number, value: number): void {
    const { window } = this;
    const pieces = window.sync();
    const i = window.first + offset / 4;
    pieces[i >>> window.shift]![i & ((1 << window.shift) - 1)] = value;
  }
}

/** Hash of 32 bits over all arguments (after MurmurHash3's finaliser, Appleby). */
function mix(magic: number, place: number, bytes: number, next: number): number {
  let h = Math.imul(magic ^ place, 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13) ^ bytes, 0xc2b2_ae35);
  h = Math.imul(h ^ (h >>> 16) ^ next, 0x85eb_ca6b);
  return (h ^ (h >>> 15)) >>> 0;
}
