/**
 * Where a loader puts the kernel, the initial RAM disk and the device tree, once their sizes are
 * known.
 *
 *   first bank  |--kernelOffset--[ kernel ]......[ initrd ][ DTB ].......|
 *
 * Everything stays in the first bank, so that kernel and initrd share the window that the boot
 * protocol asks for, and outside every reserved region. Where a device tree names other RAM than
 * the board has, initrd and tree go there if they can. It places; it does not load.
 *
 * Specification: Documentation/arch/arm64/booting.rst (text_offset; DTB 8-byte aligned, at most 2
 * MiB; initrd within 32 GiB of the kernel).
 */

import type { PhysAddr } from '#common/address.ts';
import { alignUp, hex, physAddr } from '#common/address.ts';
import { BoardError } from './board-error.ts';
import { size } from '#common/quantities.ts';
import type { Board } from './types.ts';

/** Blocks of 2 MiB: the kernel maps initrd and DTB by blocks, and never shares one between them. */
const SLOT_ALIGNMENT = 2 * 2 ** 20;

/** Sizes in bytes. */
export interface ImageSizes {
  /** Memory that the kernel needs from its first byte on, BSS included (image_size). */
  readonly kernelBytes: number;
  /** From the first bank's start to the kernel; the board's rule without it. */
  readonly kernelOffset?: number | undefined;
  /** 0 or absent: no initrd. */
  readonly initrdBytes?: number | undefined;
  readonly dtbBytes: number;
  /**
   * RAM by the device tree, for everything but the kernel: the board's first bank without it, or
   * where it has no room.
   */
  readonly ram?: readonly { readonly base: number; readonly size: number }[];
  /** What the device tree reserves. */
  readonly reserved?: readonly Span[];
}

/** Chosen addresses. `initrd` is null when there is none. */
export interface LoadPlan {
  readonly kernel: PhysAddr;
  readonly initrd: { readonly start: PhysAddr; readonly end: PhysAddr } | null;
  readonly dtb: PhysAddr;
}

/** [start, end). */
interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Addresses for images of these sizes: the board's preferred ones where they are free, otherwise
 * the lowest free slot after the kernel.
 * @throws BoardError when the kernel overlaps a reserved region or leaves RAM, or when no slot is
 * left for initrd or DTB
 */
export function planLoad(board: Board, sizes: ImageSizes): LoadPlan {
  const bank = board.ramBanks[0];
  if (bank === undefined) throw new BoardError(`board ${board.name} has no RAM to load into`);
  const ram: Span = { start: bank.base, end: bank.base + bank.size };
  const taken: Span[] = board.reserved.map((region) => ({ start: region.base, end: region.base + region.size }));

  const kernelStart = bank.base + (sizes.kernelOffset ?? board.load.kernelOffset);
  const kernel: Span = { start: kernelStart, end: kernelStart + sizes.kernelBytes };
  if (!isFree(kernel, ram, taken)) {
    throw new BoardError(
      `the kernel needs ${size(sizes.kernelBytes)} at ${hex(kernelStart)}: outside RAM, or reserved, on ${board.name}`,
    );
  }
  taken.push(kernel);

  taken.push(...(sizes.reserved ?? []));
  const banks = [...(sizes.ram ?? []).map(({ base, size }) => ({ start: base, end: base + size })), ram];
  // Behind the kernel where it is in the same bank.
  const lowestIn = (room: Span): number =>
    kernel.start < room.end && kernel.end > room.start ? kernel.end : room.start;
  const place = (what: string, bytes: number, preferred: readonly number[]): Span => {
    for (const room of banks) {
      const start = [...preferred, ...slotsAbove(lowestIn(room), room, taken, bytes)].find((candidate) =>
        isFree({ start: candidate, end: candidate + bytes }, room, taken),
      );
      if (start === undefined) continue;
      const span = { start, end: start + bytes };
      taken.push(span);
      return span;
    }
    throw new BoardError(`no room for the ${what} of ${size(bytes)} in the RAM below ${hex(ram.end)} on ${board.name}`);
  };

  const { initrdBytes = 0, dtbBytes } = sizes;
  // A preferred DTB address is kept free: the initrd can move.
  const fixedDtb = board.load.dtb.find((start) =>
    banks.some((room) => isFree({ start, end: start + dtbBytes }, room, taken)),
  );
  const held = fixedDtb === undefined ? null : place('device tree', dtbBytes, [fixedDtb]);
  const initrd = initrdBytes === 0 ? null : place('initrd', initrdBytes, board.load.initrd);
  const dtb =
    held ?? place('device tree', dtbBytes, initrd === null ? board.load.initrd : [alignUp(initrd.end, SLOT_ALIGNMENT)]);
  return {
    kernel: physAddr(kernel.start),
    initrd: initrd === null ? null : { start: physAddr(initrd.start), end: physAddr(initrd.end) },
    dtb: physAddr(dtb.start),
  };
}

function isFree(span: Span, ram: Span, taken: readonly Span[]): boolean {
  if (span.start < ram.start || span.end > ram.end) return false;
  return taken.every((other) => span.end <= other.start || span.start >= other.end);
}

/**
 * Places worth trying: after `from` and after each taken range, on slot boundaries, lowest first.
 */
function slotsAbove(from: number, ram: Span, taken: readonly Span[], bytes: number): number[] {
  return [from, ...taken.map((span) => span.end)]
    .map((end) => alignUp(end, SLOT_ALIGNMENT))
    .filter((start) => start >= from && start + bytes <= ram.end)
    .toSorted((a, b) => a - b);
}
