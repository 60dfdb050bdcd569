// SPDX-License-Identifier: GPL-2.0-only
/**
 * Memory for tests and benches: the direct map over sparse plain chunks, with the shape of the
 * machine's port (pieces of 16 MiB). No page tables: a list of physical ranges is mapped, and every
 * other access faults.
 *
 * ```
 * DIRECT_MAP_BASE + PA  ->  chunk PA / 16 MiB  ->  Uint32Array of 4 Mi words, made on first touch
 * ```
 */

import { type VirtAddr, virtAddr } from '#common/address.ts';
import { DataAbort } from '#common/data-abort.ts';
import type { BaseAndSize } from '#common/range.ts';
import type { MemoryPort, MemoryWindow } from '#kernel-ts/hal/ports.ts';
import { DIRECT_MAP_BASE } from '#kernel-ts/kernel/direct-map.ts';

/** Chunks of 16 MiB, as the machine makes them. */
const CHUNK_SHIFT = 24;

/** ESR_EL1: data abort at EL1, translation fault of level 3 (Arm ARM DDI 0487, D24.2.40). */
const DATA_ABORT_TRANSLATION = 0x9600_0007;

/** A {@link MemoryPort} over plain memory. */
export class FakeMemory implements MemoryPort {
  /** Accesses charged so far. */
  charged = 0;
  /** Changes with every {@link map}. */
  generation = 0;
  private readonly chunks = new Map<number, Uint32Array>();
  private mapped: readonly BaseAndSize[];
  private readonly poison: number;
  readonly chunkShift: number;
  readonly chunkBytes: number;

  /**
   * @param mapped ranges that do not fault
   * @param poison byte that untouched RAM holds: real RAM is not zero at power-on
   * @param chunkShift log2 of a chunk's bytes, at least 12: small ones make arrays lie in many
   * pieces
   */
  constructor(mapped: readonly BaseAndSize[], poison = 0xa5, chunkShift = CHUNK_SHIFT) {
    this.mapped = mapped;
    this.poison = poison;
    this.chunkShift = chunkShift;
    this.chunkBytes = 2 ** chunkShift;
  }

  /** Replaces the mappings. Contents stay. */
  map(mapped: readonly BaseAndSize[]): void {
    this.mapped = mapped;
    this.generation++;
  }

  /** Bytes of chunks made so far. */
  get touchedBytes(): number {
    return this.chunks.size * this.chunkBytes;
  }

  chunk(index: number): Uint32Array {
    let chunk = this.chunks.get(index);
    if (chunk === undefined) {
      chunk = new Uint32Array(this.chunkBytes / 4);
      if (this.poison !== 0) {
        chunk.fill(this.poison * 0x01010101);
      }
      this.chunks.set(index, chunk);
    }
    return chunk;
  }

  /**
   * Physical address of `va`.
   * @throws DataAbort when a byte of [va, va + bytes) is not mapped
   */
  resolve(va: VirtAddr, bytes: number): number {
    const pa = Number(va - DIRECT_MAP_BASE);
    const inside = this.mapped.some(({ base, size }) => pa >= base && pa + bytes <= base + size);
    if (va < DIRECT_MAP_BASE || !inside) {
      throw new DataAbort(DATA_ABORT_TRANSLATION, va);
    }
    return pa;
  }

  read8(va: VirtAddr): number {
    return this.readBytes(va, 1)[0]!;
  }
  read16(va: VirtAddr): number {
    return this.view(va, 2).getUint16(0, true);
  }
  read32(va: VirtAddr): number {
    return this.view(va, 4).getUint32(0, true);
  }
  read64(va: VirtAddr): bigint {
    return this.view(va, 8).getBigUint64(0, true);
  }
  write8(va: VirtAddr, value: number): void {
    this.writeBytes(va, Uint8Array.of(value));
  }
  write16(va: VirtAddr, value: number): void {
    this.writeBytes(va, Uint8Array.of(value, value >>> 8));
  }
  write32(va: VirtAddr, value: number): void {
    this.writeBytes(va, Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24));
  }
  write64(va: VirtAddr, value: bigint): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, value, true);
    this.writeBytes(va, bytes);
  }

  readBytes(va: VirtAddr, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.eachPart(va, length, (part, at) => bytes.set(part, at));
    return bytes;
  }
  writeBytes(va: VirtAddr, bytes: Uint8Array): void {
    this.eachPart(va, bytes.length, (part, at) => part.set(bytes.subarray(at, at + part.length)));
  }
  fill(va: VirtAddr, length: number, byte: number): void {
    this.eachPart(va, length, (part) => part.fill(byte));
  }

  window(va: VirtAddr, bytes: number): MemoryWindow {
    if (va % 4n !== 0n || bytes % 4 !== 0) {
      throw new RangeError(`window 0x${va.toString(16)} + ${bytes} is not a whole number of words`);
    }
    return new FakeWindow(this, va, bytes / 4);
  }

  private view(va: VirtAddr, length: number): DataView {
    return new DataView(this.readBytes(va, length).buffer);
  }

  private eachPart(va: VirtAddr, length: number, visit: (part: Uint8Array, at: number) => void): void {
    const pa = this.resolve(va, length);
    this.charged += Math.ceil(length / 8);
    for (let at = 0; at < length; ) {
      const offset = (pa + at) % this.chunkBytes;
      const part = Math.min(length - at, this.chunkBytes - offset);
      visit(new Uint8Array(this.chunk(Math.floor((pa + at) / this.chunkBytes)).buffer, offset, part), at);
      at += part;
    }
  }
}

class FakeWindow implements MemoryWindow {
  readonly va: VirtAddr;
  readonly words: number;
  readonly first: number;
  readonly shift: number;
  private readonly memory: FakeMemory;
  private readonly pieces: Uint32Array[] = [];
  private generation: number;

  constructor(memory: FakeMemory, va: VirtAddr, words: number) {
    const pa = memory.resolve(va, words * 4);
    this.memory = memory;
    this.va = virtAddr(va);
    this.words = words;
    this.first = (pa % memory.chunkBytes) / 4;
    this.shift = memory.chunkShift - 2;
    this.generation = memory.generation;
    for (let chunk = Math.floor(pa / memory.chunkBytes); chunk * memory.chunkBytes < pa + words * 4; chunk++) {
      this.pieces.push(memory.chunk(chunk));
    }
  }

  sync(): readonly Uint32Array[] {
    if (this.generation !== this.memory.generation) {
      this.memory.resolve(this.va, this.words * 4);
      this.generation = this.memory.generation;
    }
    return this.pieces;
  }

  charge(accesses: number): void {
    this.memory.charged += accesses;
  }

  get32(index: number): number {
    const at = this.check(index);
    return this.sync()[at >>> this.shift]![at & (2 ** this.shift - 1)]!;
  }

  set32(index: number, value: number): void {
    const at = this.check(index);
    this.sync()[at >>> this.shift]![at & (2 ** this.shift - 1)] = value;
  }

  private check(index: number): number {
    if (!Number.isInteger(index) || index < 0 || index >= this.words) {
      throw new RangeError(`word ${index} of a window of ${this.words}`);
    }
    this.charge(1);
    return this.first + index;
  }
}
