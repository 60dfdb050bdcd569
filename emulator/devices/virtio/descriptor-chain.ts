// SPDX-License-Identifier: GPL-2.0-only
/**
 * A request as a device sees it: what it may read, then what it may write, each a list of pieces of
 * RAM that count as one run of bytes.
 *
 *     readable:  [ piece | piece | piece ]      writable:  [ piece | piece ]
 *                0 …               length                  0 …       length
 *
 * Where a piece ends means nothing: VIRTIO 1.2, 2.7.4.2 forbids devices to rely on the driver's
 * framing. The pieces were checked to be RAM when the chain was taken from its queue, and RAM does
 * not go away.
 */

import type { MemoryPort } from '#emulator/devices/memory-port.ts';

/** One request. */
export interface DescriptorChain {
  /** Its number in the descriptor table, for giving it back. */
  readonly head: number;
  /** From the driver. */
  readonly readable: BufferList;
  /** For the driver. */
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

  /** Bytes in all. */
  get length(): number {
    return this.totalBytes;
  }

  /** Pieces. */
  get count(): number {
    return this.addresses.length;
  }

  /** Appends a piece, all of it RAM. */
  add(address: number, length: number): void {
    this.addresses.push(address);
    this.lengths.push(length);
    this.totalBytes += length;
  }

  /**
   * A copy of [offset, offset + length). O(pieces + length). @throws RangeError when the list is
   * shorter: the caller did not look
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
   * @throws RangeError when the list is shorter: the caller did not look
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

  /** Address of the range when one piece holds all of it. */
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
