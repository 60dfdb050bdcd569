// SPDX-License-Identifier: GPL-2.0-only
/**
 * Request as a device sees it: a part that it may read, then a part that it may write. Each is a
 * list of pieces of RAM that form one run of bytes.
 *
 *     readable:  [ piece | piece | piece ]      writable:  [ piece | piece ]
 *                0 …               length                  0 …       length
 *
 * The ends of pieces have no meaning: VIRTIO 1.2, 2.7.4.2 forbids devices to rely on the driver's
 * framing. The pieces were checked to be RAM when the chain was taken from its queue, and RAM never
 * disappears.
 */

import type { MemoryPort } from '#emulator/devices/memory-port.ts';

/** One request. */
export interface DescriptorChain {
  /** Index in the descriptor table, for returning the chain. */
  readonly head: number;
  /** Buffers from the driver. */
  readonly readable: BufferList;
  /** Buffers for the driver. */
  readonly writable: BufferList;
}

/** Pieces of RAM as one run of bytes. */
export class BufferList {
  private readonly memory: MemoryPort;
  private readonly addresses: number[] = [];
  private readonly lengths: number[] = [];
  private totalBytes = 0;

  constructor(memory: MemoryPort) {
    this.memory = memory;
  }

  /** Total length in bytes. */
  get length(): number {
    return this.totalBytes;
  }

  /** Number of pieces. */
  get count(): number {
    return this.addresses.length;
  }

  /** Appends a piece, which must be RAM. */
  add(address: number, length: number): void {
    this.addresses.push(address);
    this.lengths.push(length);
    this.totalBytes += length;
  }

  /**
   * Copies [offset, offset + length). O(pieces + length). @throws RangeError when the list is
   * shorter, which the caller must check
   */
  read(offset: number, length: number): Uint8Array {
    this.checkBounds(offset, length);
    const whole = this.pieceAt(offset, length);
    if (whole !== null) return this.memory.readBytes(whole, length);
    const bytes = new Uint8Array(length);
    this.forEach(offset, length, (address, at, count) => {
      bytes.set(this.memory.readBytes(address, count), at);
    });
    return bytes;
  }

  /**
   * Stores `bytes` at `offset`. O(pieces + length).
   * @throws RangeError when the list is shorter, which the caller must check
   */
  write(offset: number, bytes: Uint8Array): void {
    this.checkBounds(offset, bytes.length);
    this.forEach(offset, bytes.length, (address, at, count) => {
      this.memory.writeBytes(address, bytes.subarray(at, at + count));
    });
  }

  private checkBounds(offset: number, length: number): void {
    if (offset < 0 || offset + length > this.totalBytes) {
      throw new RangeError(`bytes ${offset} to ${offset + length} of a buffer of ${this.totalBytes}`);
    }
  }

  /** Address of the range when a single piece holds all of it; else null. */
  private pieceAt(offset: number, length: number): number | null {
    let start = 0;
    for (const [index, pieceLength] of this.lengths.entries()) {
      if (offset >= start && offset + length <= start + pieceLength) {
        return (this.addresses[index] as number) + offset - start;
      }
      start += pieceLength;
    }
    return null;
  }

  /** Calls `visit(address, offset within the range, bytes)` for each piece of the range. */
  private forEach(offset: number, length: number, visit: (address: number, at: number, count: number) => void): void {
    const end = offset + length;
    let start = 0;
    for (const [index, pieceLength] of this.lengths.entries()) {
      const from = Math.max(offset, start);
      const to = Math.min(end, start + pieceLength);
      if (from < to) visit((this.addresses[index] as number) + from - start, from - offset, to - from);
      start += pieceLength;
      if (start >= end) return;
    }
  }
}
