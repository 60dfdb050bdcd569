// SPDX-License-Identifier: GPL-2.0-only
/**
 * RAM of a machine: banks of physical memory whose bytes exist only where they were touched.
 *
 *     bank 0                     hole        bank 1
 *     |—chunk—|—chunk—|- - - - |             |- - - - |—chunk—| …        "—" backed by an ArrayBuffer, "-" nothing yet
 *
 * Chunks lie on a grid of absolute multiples of `chunkBytes`. A chunk is created, zeroed, when the
 * CPU or TypeScript first touches it, and is then mapped into the CPU engines: both see the same
 * bytes. A chunk that a bank covers only partly has a buffer of full size (the rest is never
 * accessed, nor committed by the host), so that word indices in a run of chunks are uniform.
 *
 * Not here: devices (bus/), virtual addresses (cpu/virtual-memory.ts).
 *
 * Invariants: banks are sorted, disjoint, not adjacent and made of whole pages.
 */

import { hex, PAGE_SIZE } from '#common/address.ts';

/** RAM at [base, base + size), in bytes, multiples of 4 KiB. */
export interface MemoryBank {
  readonly base: number;
  readonly size: number;
}

/** Host memory of one cell of the grid. */
export interface MemoryChunk {
  /** Physical address of byte 0 of the buffer, a multiple of the chunk size. */
  readonly base: number;
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly view: DataView;
}

/** Called with the part [start, end) of a chunk that a bank covers, which an engine may map. */
export type ChunkListener = (chunk: MemoryChunk, start: number, end: number) => void;

/** Thrown for an invalid configuration of a machine's memory. */
export class MemoryConfigurationError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'MemoryConfigurationError';
  }
}

/** Thrown when TypeScript accesses a physical address that is not RAM. */
export class NotRamError extends Error {
  readonly address: number;

  constructor(address: number, bytes: number) {
    super(`${bytes} bytes at ${hex(address)} are not RAM`);
    this.name = 'NotRamError';
    this.address = address;
  }
}

const SMALLEST_CHUNK = 16 * 2 ** 20;
/**
 * Limit of chunks: the engine holds at most some 4,000 mapped sections, which devices and holes
 * also use.
 */
const MOST_CHUNKS = 2048;

/**
 * Chunk size: the smallest power of two, at least 16 MiB, for which `totalBytes` of RAM stay below
 * the engine's limit of sections.
 */
export function chunkBytesFor(totalBytes: number): number {
  let bytes = SMALLEST_CHUNK;
  while (totalBytes / bytes > MOST_CHUNKS) bytes *= 2;
  return bytes;
}

export class PhysicalMemory {
  readonly banks: readonly MemoryBank[];
  /** Chunk size in bytes, a power of two. */
  readonly chunkBytes: number;
  readonly totalBytes: number;
  private readonly chunks = new Map<number, MemoryChunk>();
  private readonly listeners: ChunkListener[] = [];
  private last: MemoryChunk | null = null;
  private readonly allocate: (bytes: number) => Uint8Array<ArrayBuffer>;
  /** Number of writes by devices and other TypeScript code, to see whether there were any. */
  writes = 0;

  /**
   * @throws MemoryConfigurationError when a bank is empty, not made of whole pages, above 2^48, or
   * overlaps another
   */
  constructor(
    banks: readonly MemoryBank[],
    allocate: (bytes: number) => Uint8Array<ArrayBuffer> = (bytes) => new Uint8Array(bytes),
  ) {
    this.allocate = allocate;
    this.banks = normalise(banks);
    this.totalBytes = this.banks.reduce((sum, bank) => sum + bank.size, 0);
    this.chunkBytes = chunkBytesFor(this.totalBytes);
  }

  /** Bank that contains all of [pa, pa + bytes), or null. O(banks). */
  findBank(pa: number, bytes = 1): MemoryBank | null {
    for (const bank of this.banks) {
      if (pa >= bank.base && pa + bytes <= bank.base + bank.size) return bank;
    }
    return null;
  }

  /** True where [pa, pa + bytes) is RAM. */
  contains(pa: number, bytes = 1): boolean {
    return this.findBank(pa, bytes) !== null;
  }

  /** Calls `listener` for each chunk created so far, and for each later one when it is created. */
  onChunk(listener: ChunkListener): void {
    this.listeners.push(listener);
    for (const chunk of this.chunks.values()) this.announce(chunk, listener);
  }

  /** Removes the listeners, because the engines are gone. */
  forgetListeners(): void {
    this.listeners.length = 0;
  }

  /** Chunk of `pa`, created if needed; null when `pa` is not RAM. */
  touch(pa: number): MemoryChunk | null {
    const last = this.last;
    if (last !== null && pa >= last.base && pa < last.base + this.chunkBytes && this.contains(pa)) return last;
    if (!this.contains(pa)) return null;
    const index = Math.floor(pa / this.chunkBytes);
    const chunk = this.chunks.get(index) ?? this.make(index);
    this.last = chunk;
    return chunk;
  }

  /** Must be called after a write to a chunk's bytes, or to flash, that this object cannot see. */
  noteWrite(): void {
    this.writes++;
  }

  /**
   * Bytes of RAM that host memory backs: a multiple of the chunk size except at the ends of banks.
   */
  get touchedBytes(): number {
    let bytes = 0;
    for (const chunk of this.chunks.values()) {
      for (const [start, end] of this.covered(chunk.base)) bytes += end - start;
    }
    return bytes;
  }

  /** Touched ranges [start, end), in ascending order. */
  touchedRanges(): { start: number; end: number }[] {
    return [...this.chunks.values()]
      .sort((a, b) => a.base - b.base)
      .flatMap((chunk) => this.covered(chunk.base).map(([start, end]) => ({ start, end })));
  }

  /** @throws NotRamError */
  read8(pa: number): number {
    return this.chunkOf(pa, 1).bytes[pa % this.chunkBytes] as number;
  }

  /** Little-endian; may cross a chunk's end. @throws NotRamError */
  read16(pa: number): number {
    const at = pa % this.chunkBytes;
    if (at + 2 > this.chunkBytes) return this.read8(pa) + this.read8(pa + 1) * 2 ** 8;
    return this.chunkOf(pa, 2).view.getUint16(at, true);
  }

  /** Little-endian; may cross a chunk's end. @throws NotRamError */
  read32(pa: number): number {
    const at = pa % this.chunkBytes;
    if (at + 4 > this.chunkBytes) return this.read16(pa) + this.read16(pa + 2) * 2 ** 16;
    return this.chunkOf(pa, 4).view.getUint32(at, true);
  }

  /** Little-endian; may cross a chunk's end. @throws NotRamError */
  read64(pa: number): bigint {
    const at = pa % this.chunkBytes;
    if (at + 8 > this.chunkBytes) return BigInt(this.read32(pa)) + (BigInt(this.read32(pa + 4)) << 32n);
    return this.chunkOf(pa, 8).view.getBigUint64(at, true);
  }

  /** @throws NotRamError */
  write8(pa: number, value: number): void {
    this.writes++;
    this.chunkOf(pa, 1).bytes[pa % this.chunkBytes] = value;
  }

  /** Little-endian; may cross a chunk's end. @throws NotRamError, and nothing is written */
  write16(pa: number, value: number): void {
    this.writes++;
    const at = pa % this.chunkBytes;
    if (at + 2 > this.chunkBytes) this.writeBytes(pa, littleEndian(BigInt(value), 2));
    else this.chunkOf(pa, 2).view.setUint16(at, value, true);
  }

  /** Little-endian; may cross a chunk's end. @throws NotRamError, and nothing is written */
  write32(pa: number, value: number): void {
    this.writes++;
    const at = pa % this.chunkBytes;
    if (at + 4 > this.chunkBytes) this.writeBytes(pa, littleEndian(BigInt(value), 4));
    else this.chunkOf(pa, 4).view.setUint32(at, value, true);
  }

  /** Little-endian; may cross a chunk's end. @throws NotRamError, and nothing is written */
  write64(pa: number, value: bigint): void {
    this.writes++;
    const at = pa % this.chunkBytes;
    if (at + 8 > this.chunkBytes) this.writeBytes(pa, littleEndian(value, 8));
    else this.chunkOf(pa, 8).view.setBigUint64(at, value, true);
  }

  /** Copies [pa, pa + length). @throws NotRamError */
  readBytes(pa: number, length: number): Uint8Array {
    const copy = new Uint8Array(length);
    this.forEachPiece(pa, length, (chunk, at, offset, bytes) => {
      copy.set(chunk.bytes.subarray(at, at + bytes), offset);
    });
    return copy;
  }

  /** @throws NotRamError, and nothing is written */
  writeBytes(pa: number, source: Uint8Array): void {
    this.writes++;
    this.forEachPiece(pa, source.length, (chunk, at, offset, bytes) => {
      chunk.bytes.set(source.subarray(offset, offset + bytes), at);
    });
  }

  /** Sets [pa, pa + length) to `byte`. @throws NotRamError, and nothing is written */
  fill(pa: number, length: number, byte: number): void {
    this.writes++;
    this.forEachPiece(pa, length, (chunk, at, _offset, bytes) => {
      chunk.bytes.fill(byte, at, at + bytes);
    });
  }

  private chunkOf(pa: number, bytes: number): MemoryChunk {
    const last = this.last;
    // Fast path: a chunk that a bank covers wholly needs no check; the ends of banks take the slow
    // path.
    if (last !== null && pa >= last.base && pa + bytes <= last.base + this.chunkBytes && this.contains(pa, bytes)) {
      return last;
    }
    const chunk = this.contains(pa, bytes) ? this.touch(pa) : null;
    if (chunk === null) throw new NotRamError(pa, bytes);
    return chunk;
  }

  private forEachPiece(
    pa: number,
    length: number,
    piece: (chunk: MemoryChunk, at: number, offset: number, bytes: number) => void,
  ): void {
    if (length > 0 && !this.contains(pa, length)) throw new NotRamError(pa, length);
    for (let offset = 0; offset < length; ) {
      const at = (pa + offset) % this.chunkBytes;
      const bytes = Math.min(length - offset, this.chunkBytes - at);
      piece(this.chunkOf(pa + offset, bytes), at, offset, bytes);
      offset += bytes;
    }
  }

  private make(index: number): MemoryChunk {
    const bytes = this.allocate(this.chunkBytes);
    const { buffer, byteOffset, length } = bytes;
    const chunk: MemoryChunk = {
      base: index * this.chunkBytes,
      bytes,
      words: new Uint32Array(buffer, byteOffset, length / 4),
      view: new DataView(buffer, byteOffset, length),
    };
    this.chunks.set(index, chunk);
    for (const listener of this.listeners) this.announce(chunk, listener);
    return chunk;
  }

  private announce(chunk: MemoryChunk, listener: ChunkListener): void {
    for (const [start, end] of this.covered(chunk.base)) listener(chunk, start, end);
  }

  /** Parts of the chunk at `base` that banks cover. */
  private covered(base: number): [start: number, end: number][] {
    const parts: [number, number][] = [];
    for (const bank of this.banks) {
      const start = Math.max(base, bank.base);
      const end = Math.min(base + this.chunkBytes, bank.base + bank.size);
      if (start < end) parts.push([start, end]);
    }
    return parts;
  }
}

function littleEndian(value: bigint, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

/** Checks the banks, sorts them and joins neighbours. */
function normalise(banks: readonly MemoryBank[]): MemoryBank[] {
  const joined: { base: number; size: number }[] = [];
  for (const bank of [...banks].sort((a, b) => a.base - b.base)) {
    const { base, size } = bank;
    if (size <= 0 || base < 0 || base % PAGE_SIZE !== 0 || size % PAGE_SIZE !== 0 || base + size > 2 ** 48) {
      throw new MemoryConfigurationError(
        `RAM bank ${hex(base)} + ${hex(size)} is not made of whole 4 KiB pages below 2^48`,
      );
    }
    const previous = joined.at(-1);
    if (previous !== undefined && base < previous.base + previous.size) {
      throw new MemoryConfigurationError(
        `RAM bank ${hex(base)} + ${hex(size)} overlaps the bank at ${hex(previous.base)} + ${hex(previous.size)}`,
      );
    }
    if (previous !== undefined && base === previous.base + previous.size) previous.size += size;
    else joined.push({ base, size });
  }
  return joined;
}
