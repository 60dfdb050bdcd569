// SPDX-License-Identifier: GPL-2.0-only
/**
 * Poison in free frames: a freed frame is filled with lines that name its former owner. They must
 * be intact when the frame is allocated again.
 *
 * ```
 *   free                     frame  |FREED BY user 12......\n|FREED BY user 12......\n| ...  128 lines of 32 bytes
 *   hand out again                  |FREED BY user 12......\n|FREED BYXX..ser 12......\n|  written after it was freed
 * ```
 *
 * A poisoned frame has POISONED set in the pad word of its struct Page. Memory that was never in
 * use is not poisoned. A pointer read from a poisoned frame is not canonical, so a stale pointer
 * read from a freed page table or stack faults.
 */

import { hex, PAGE_SIZE, type PhysAddr, physAddr, type VirtAddr, virtAddr } from '#common/address.ts';
import type { MemoryPort } from '#kernel-ts/hal/ports.ts';
import { KernelPanic } from '#kernel-ts/kernel/panic.ts';
import { physToVirt } from '#kernel-ts/kernel/direct-map.ts';
import type { MemMap } from '#kernel-ts/kernel/mm/mem-map.ts';
import { POISONED } from '#kernel-ts/kernel/mm/page.ts';

const LINE_BYTES = 32;
const PREFIX = 'FREED BY ';
/** Byte offset of the pad word in struct Page. */
const PAD_OFFSET = 4n;
const WORD_BYTES = 8;

/** Text after `PANIC: `. An interface for tools. */
export const WRITE_AFTER_FREE = 'Write to a frame after it was freed';

/** Fills and checks frames. */
export class FramePoison {
  private readonly memory: MemoryPort;
  private readonly map: MemMap;
  /** Contents of a poisoned frame, by the owner that freed it. */
  private readonly patterns = new Map<string, Uint8Array>();

  constructor(memory: MemoryPort, map: MemMap) {
    this.memory = memory;
    this.map = map;
  }

  /** Fills `frames` frames from `start`, which have just been freed. O(bytes) */
  fill(start: PhysAddr, frames: number, owner: string): void {
    const pattern = this.pattern(owner);
    for (let frame = 0; frame < frames; frame++) {
      const pa = physAddr(start + frame * PAGE_SIZE);
      this.memory.writeBytes(physToVirt(pa), pattern);
      this.memory.write32(this.mark(pa), POISONED);
    }
  }

  /**
   * Checks the poisoned ones of `frames` frames from `start`, and clears their mark. O(bytes)
   * @throws KernelPanic with the frame, its former owner, place and value of the first write, and
   * its new owner
   */
  check(start: PhysAddr, frames: number, owner: string): void {
    for (let frame = 0; frame < frames; frame++) {
      const pa = physAddr(start + frame * PAGE_SIZE);
      const mark = this.mark(pa);
      if (this.memory.read32(mark) !== POISONED) continue;
      this.memory.write32(mark, 0);
      const found = this.memory.readBytes(physToVirt(pa), PAGE_SIZE);
      const freer = whoFreed(found);
      const wanted = this.pattern(freer ?? '');
      const offset = found.findIndex((byte, at) => byte !== wanted[at]);
      if (offset >= 0) throw writtenAfterFree(pa, found, wanted, offset, freer, owner);
    }
  }

  private mark(pa: PhysAddr): VirtAddr {
    const page = this.map.pfnToPage(pa / PAGE_SIZE);
    if (page === null) throw new RangeError(`frame ${hex(pa)} is not RAM`);
    return virtAddr(page + PAD_OFFSET);
  }

  private pattern(owner: string): Uint8Array {
    let pattern = this.patterns.get(owner);
    if (pattern === undefined) {
      const line = `${`${PREFIX}${owner}`.slice(0, LINE_BYTES - 1).padEnd(LINE_BYTES - 1, '.')}\n`;
      pattern = Uint8Array.from({ length: PAGE_SIZE }, (_, at) => line.charCodeAt(at % LINE_BYTES));
      this.patterns.set(owner, pattern);
    }
    return pattern;
  }
}

/** Owner in the first intact line; null when all are overwritten. */
function whoFreed(bytes: Uint8Array): string | null {
  for (let at = 0; at < bytes.length; at += LINE_BYTES) {
    const line = String.fromCharCode(...bytes.subarray(at, at + LINE_BYTES));
    if (line.startsWith(PREFIX) && line.endsWith('\n')) return line.slice(PREFIX.length, -1).replace(/\.+$/, '');
  }
  return null;
}

function writtenAfterFree(
  frame: PhysAddr,
  found: Uint8Array,
  wanted: Uint8Array,
  offset: number,
  freer: string | null,
  owner: string,
): KernelPanic {
  const changed = found.reduce((sum, byte, at) => (byte === wanted[at] ? sum : sum + 1), 0);
  const word = offset - (offset % WORD_BYTES);
  const value = new DataView(found.buffer, found.byteOffset).getBigUint64(word, true);
  const by = freer === null ? 'whoever freed it cannot be told, no line of the poison is left' : `freed by ${freer}`;
  return new KernelPanic(
    WRITE_AFTER_FREE,
    `frame ${hex(frame)}, ${by}, about to be given to ${owner}: ${changed} bytes of its poison are gone, ` +
      `the first at ${hex(frame + offset)}, where the word at ${hex(frame + word)} is ${hex(value)}`,
  );
}
