// SPDX-License-Identifier: GPL-2.0-only
/**
 * Load addresses of the kernel, the initial RAM disk and the device tree, once their sizes are
 * known.
 *
 *   first bank  |--kernelOffset--[ kernel ]......[ initrd ][ DTB ].......|
 *
 * Everything is placed in the first bank, so that kernel and initrd share the window that the boot
 * protocol requires, and outside every reserved region. If a device tree has other RAM than the
 * board, initrd and tree go there if possible. This file only places; it does not load.
 *
 * Specification: Documentation/arch/arm64/booting.rst (text_offset; DTB 8-byte aligned, at most 2
 * MiB; initrd within 32 GiB of the kernel).
 */

import { type PhysAddr, alignUp, hex, physAddr } from '#common/address.ts';
import { type BaseAndSize, contains, firstFit, overlap, type Range, rangeOf } from '#common/range.ts';
import { BoardError } from './board-error.ts';
import { size } from '#common/quantities.ts';
import type { Board } from './types.ts';

/**
 * Alignment of 2 MiB: the kernel maps initrd and DTB by such blocks, and never shares one between
 * them.
 */
const SLOT_ALIGNMENT = 2 * 2 ** 20;

/** Sizes in bytes. */
export interface ImageSizes {
  /** Memory size that the kernel needs from its first byte on, BSS included (image_size). */
  readonly kernelBytes: number;
  /** Offset of the kernel from the first bank's start; the board's rule when absent. */
  readonly kernelOffset?: number | undefined;
  /** 0 or absent: no initrd. */
  readonly initrdBytes?: number | undefined;
  readonly dtbBytes: number;
  /** RAM of the device tree, tried before the board's first bank. Not for the kernel. */
  readonly ram?: readonly BaseAndSize[];
  /** Ranges that the device tree reserves. */
  readonly reserved?: readonly Range[];
}

/** Chosen addresses. `initrd` is null when there is none. */
export interface LoadPlan {
  readonly kernel: PhysAddr;
  readonly initrd: Range<PhysAddr> | null;
  readonly dtb: PhysAddr;
}

/**
 * Chooses addresses for images of these sizes: the board's preferred ones if they are free, else
 * the lowest free slot after the kernel.
 * @throws BoardError when the kernel overlaps a reserved region or leaves RAM, or when no slot is
 * left for initrd or DTB
 */
export function planLoad(board: Board, sizes: ImageSizes): LoadPlan {
  const bank = board.ramBanks[0];
  if (bank === undefined) throw new BoardError(`board ${board.name} has no RAM to load into`);
  const ram = rangeOf(bank);
  const taken: Range[] = unavailableRanges(board).map(rangeOf);
  const isFree = (range: Range, room: Range): boolean =>
    contains(room, range) && !taken.some((other) => overlap(other, range));

  const kernel = rangeOf({
    base: bank.base + (sizes.kernelOffset ?? board.load.kernelOffset),
    size: sizes.kernelBytes,
  });
  if (!isFree(kernel, ram)) {
    throw new BoardError(
      `the kernel needs ${size(sizes.kernelBytes)} at ${hex(kernel.start)}: outside RAM, or reserved, on ${board.name}`,
    );
  }
  taken.push(kernel, ...(sizes.reserved ?? []));

  const rooms = [...(sizes.ram ?? []).map(rangeOf), ram];
  const place = (what: string, bytes: number, preferred: readonly number[]): Range => {
    const at = (base: number): Range => rangeOf({ base, size: bytes });
    for (const room of rooms) {
      // After the kernel, if it is in the same bank.
      const from = overlap(kernel, room) ? kernel.end : room.start;
      const start =
        preferred.find((base) => isFree(at(base), room)) ?? firstFit([room], taken, bytes, SLOT_ALIGNMENT, from);
      if (start === null) continue;
      taken.push(at(start));
      return at(start);
    }
    throw new BoardError(`no room for the ${what} of ${size(bytes)} in the RAM below ${hex(ram.end)} on ${board.name}`);
  };

  const { initrdBytes = 0, dtbBytes } = sizes;
  // A preferred DTB address is kept free, because the initrd can move.
  const fixedDtb = board.load.dtb.find((start) =>
    rooms.some((room) => isFree(rangeOf({ base: start, size: dtbBytes }), room)),
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

/** RAM that no loader may use: reserved regions, and firmware in RAM. */
export function unavailableRanges({ firmware, reserved }: Board): readonly BaseAndSize[] {
  return firmware.device === null ? [firmware, ...reserved] : reserved;
}
