/**
 * The three panics of memory discovery. Their reasons are an interface for tools, byte for byte
 * (the dash is U+2014); the numbers go into the detail line.
 */

import { KernelPanic } from '#kernel-ts/kernel/panic.ts';

/** No RAM at all: the device tree names none, or none that holds a whole page within reach. */
export function noRamRegions(detail: string): KernelPanic {
  return new KernelPanic('No RAM regions found in DTB', detail);
}

/** There is RAM, and reservations cover every page of it. */
export function allRamReserved(detail: string): KernelPanic {
  return new KernelPanic('All RAM is reserved — no free memory', detail);
}

/** There is free RAM, and no hole in it is large enough for mem_map. */
export function noRoomForMemMap(detail: string): KernelPanic {
  return new KernelPanic('Cannot allocate mem_map — insufficient contiguous memory', detail);
}
