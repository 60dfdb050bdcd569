// SPDX-License-Identifier: GPL-2.0-only
/**
 * Loads a program into an empty address space, page by page: each page is cleared, then filled with
 * the file's bytes. elf-image.ts reads the file's headers.
 *
 * Instruction caches may hold a frame's former contents. After the copy: clean the data cache,
 * invalidate the instruction cache, then barriers (Arm ARM DDI 0487 K.a, B2.7.4.2, "Implication of
 * caches for the application programmer").
 */

import { PAGE_SIZE, type PhysAddr, type VirtAddr, virtAddr } from '#common/address.ts';
import type { CachePort, MemoryPort } from '#kernel-ts/hal/ports.ts';
import { physToVirt } from '#kernel-ts/kernel/direct-map.ts';
import { type Area, AreaKind } from './area.ts';
import { type ElfImage, type ElfSegment, readElfImage } from './elf-image.ts';
import type { InitramfsFile } from './initramfs.ts';
import { OutOfUserMemory, pagesAround, type UserAddressSpace } from './user-address-space.ts';
import { PROGRAM_RANGE } from './user-layout.ts';

const KINDS: Readonly<Record<ElfSegment['rights'], AreaKind>> = {
  'read-execute': AreaKind.TEXT,
  read: AreaKind.RODATA,
  'read-write': AreaKind.DATA,
};

/** The parts of the kernel that the loader uses. */
export interface LoaderContext {
  readonly memory: MemoryPort;
  readonly caches: CachePort;
}

/**
 * Loads the program in `file` into the empty `space`, adds heap and stack, and returns the entry
 * point.
 * @throws ElfImageError when it is no program that can be loaded; OutOfUserMemory, with `space`
 * built in part
 */
export function loadProgram(ports: LoaderContext, space: UserAddressSpace, file: InitramfsFile): VirtAddr {
  const image: ElfImage = readElfImage(file, PROGRAM_RANGE);
  space.requireFrames(image.segments.reduce((pages, segment) => pages + pagesOf(segment), 0));
  let end: VirtAddr = PROGRAM_RANGE.start;
  for (const segment of image.segments) {
    loadSegment(ports, space, file, segment);
    end = virtAddr(segment.address + BigInt(segment.memoryBytes));
  }
  space.addHeapAndStack(end);
  return image.entry;
}

/** Number of pages of a segment. */
function pagesOf({ address, memoryBytes }: ElfSegment): number {
  const { start, end } = pagesAround(address, memoryBytes);
  return Number(end - start) / PAGE_SIZE;
}

function loadSegment(ports: LoaderContext, space: UserAddressSpace, file: InitramfsFile, segment: ElfSegment): void {
  const { start, end } = pagesAround(segment.address, segment.memoryBytes);
  space.addArea(KINDS[segment.rights], start, end);
  const area = space.findArea(start) as Area;
  for (let page: bigint = start; page < end; page += BigInt(PAGE_SIZE)) {
    const frame = space.addPage(area, virtAddr(page));
    if (frame === null) throw new OutOfUserMemory(`the page at 0x${page.toString(16)}`);
    copyPage(ports, frame, Number(page - segment.address), file, segment);
    if (segment.rights === 'read-execute') ports.caches.syncInstructions(physToVirt(frame), PAGE_SIZE);
  }
}

/**
 * Copies the segment's file bytes in the page at offset `from` from its start; negative when the
 * page begins before the segment.
 */
function copyPage(
  { memory }: LoaderContext,
  frame: PhysAddr,
  from: number,
  file: InitramfsFile,
  segment: ElfSegment,
): void {
  const first = Math.max(0, from);
  const last = Math.min(segment.fileBytes, from + PAGE_SIZE);
  if (first >= last) return;
  const source = virtAddr(file.address + BigInt(segment.fileOffset + first));
  memory.writeBytes(virtAddr(physToVirt(frame) + BigInt(first - from)), memory.readBytes(source, last - first));
}
