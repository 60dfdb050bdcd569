// SPDX-License-Identifier: GPL-2.0-only
/**
 * Kernel panic. `throw new KernelPanic(...)` anywhere in the kernel unwinds to the gate that
 * entered it, which prints the lines, tells the machine and parks the core. Nothing in between
 * catches it.
 */

/** Thrown for a panic. The console shows `PANIC: ${reason}` on a line of its own, then `detail`. */
export class KernelPanic extends Error {
  readonly reason: string;
  readonly detail: string;
  /** Further lines: the state of the machine, where that helps. */
  readonly more: readonly string[];

  /**
   * @param reason the sentence after `PANIC: `; tools rely on the words of memory discovery's three
   * @param detail one line with the cause, and its numbers
   * @param more further lines
   */
  constructor(reason: string, detail: string, more: readonly string[] = []) {
    super(`PANIC: ${reason}`);
    this.name = 'KernelPanic';
    this.reason = reason;
    this.detail = detail;
    this.more = more;
  }
}

// The three panics of memory discovery. Their reasons are an interface for tools, byte for byte
// (the dash is U+2014); the numbers go into the detail line.

/** No RAM at all: the device tree names none, or none that holds a whole page within reach. */
export function noRamRegions(detail: string): KernelPanic {
  return new KernelPanic('No RAM regions found in DTB', detail);
}

/** RAM exists, but reservations cover every page of it. */
export function allRamReserved(detail: string): KernelPanic {
  return new KernelPanic('All RAM is reserved — no free memory', detail);
}

/** Free RAM exists, but no hole in it is large enough for mem_map. */
export function noRoomForMemMap(detail: string): KernelPanic {
  return new KernelPanic('Cannot allocate mem_map — insufficient contiguous memory', detail);
}
