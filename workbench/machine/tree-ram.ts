// SPDX-License-Identifier: GPL-2.0-only
/**
 * RAM that a user's device tree names, compared with the board: the part that can be RAM, and the
 * part that cannot because devices answer at those addresses.
 */

import type { Board } from '#boards/types.ts';
import { alignDown, alignUp, hex, PAGE_SIZE } from '#common/address.ts';
import type { MemoryBank } from '#emulator/memory/physical-memory.ts';
import { Fdt, FdtError, memoryRanges } from '#fdt/index.ts';
import { intersect, join, numberRange, overlap, placeOf, type Range, rangeOf, subtract } from '#common/range.ts';

/** Physical addresses of these cores have at most 44 bits. No RAM is placed beyond. */
const RAM_LIMIT = 2 ** 44;
/** Devices named in one warning. */
const NAMES_SHOWN = 4;

/** The tree's RAM on a board. */
export interface TreeRam {
  /** RAM in whole pages, joined, ascending. */
  readonly banks: readonly MemoryBank[];
  /** The parts that lie on devices, with the devices' names. */
  readonly onDevices: readonly (Range & { readonly devices: readonly string[] })[];
}

/**
 * RAM that a blob names. Empty without a blob, and when the blob cannot be read or names no RAM:
 * the kernel will report what is wrong with it.
 */
export function ramOfBlob(blob: Uint8Array | undefined, board: Board): TreeRam {
  if (blob === undefined) return { banks: [], onDevices: [] };
  try {
    return ramIn(Fdt.open(blob), board);
  } catch (error) {
    if (error instanceof FdtError) return { banks: [], onDevices: [] };
    throw error;
  }
}

/** RAM of a tree. @throws FdtError as {@link memoryRanges} */
export function ramIn(fdt: Fdt, board: Board): TreeRam {
  // Ranges are joined before they are trimmed to pages: two ranges may meet inside a page, which is
  // then whole.
  const named = join(memoryRanges(fdt).map(numberRange))
    .map(({ start, end }) => ({
      start: alignUp(start, PAGE_SIZE),
      end: alignDown(Math.min(end, RAM_LIMIT), PAGE_SIZE),
    }))
    .filter(({ start, end }) => start < end);
  const windows = deviceWindows(board);
  const onDevices = join(intersect(named, windows)).map((range) => ({
    ...range,
    devices: windows.filter((window) => overlap(window, range)).map(({ name }) => name),
  }));
  return { banks: subtract(named, windows).map(placeOf), onDevices };
}

/** A warning about RAM that `--dtb` names and the board leaves out; at most one sentence. */
export function ramWarnings({ onDevices }: TreeRam, board: Board): string[] {
  if (onDevices.length === 0) return [];
  const names = onDevices.flatMap(({ devices }) => devices);
  const shown = names.slice(0, NAMES_SHOWN).join(', ');
  const more = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : '';
  const ranges = onDevices.slice(0, NAMES_SHOWN).map(({ start, end }) => `${hex(start)}..${hex(end)}`);
  const moreRanges = onDevices.length > NAMES_SHOWN ? ` and ${onDevices.length - NAMES_SHOWN} more ranges` : '';
  const where = `${ranges.join(', ')}${moreRanges}, where ${board.name} has devices (${shown}${more})`;
  return [`--dtb: the tree names RAM at ${where}: there is none`];
}

/** `banks` and `more` together: overlapping and touching ranges made one. */
export function unionOfBanks(banks: readonly MemoryBank[], more: readonly MemoryBank[]): MemoryBank[] {
  return join([...banks, ...more].map(rangeOf)).map(placeOf);
}

function deviceWindows(board: Board): (Range & { readonly name: string })[] {
  return board.devices.map(({ name, base, size }) => ({
    name,
    start: alignDown(base, PAGE_SIZE),
    end: alignUp(base + size, PAGE_SIZE),
  }));
}
