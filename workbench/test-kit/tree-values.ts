// SPDX-License-Identifier: GPL-2.0-only
/**
 * Values that tests write in place of property bytes: texts, numbers, flags; and sizes as people
 * type them.
 */

import { concatBytes } from '#common/bytes.ts';
import { cells, stringListValue, stringValue, u64Cells } from '#fdt/index.ts';
import { parseSize } from '#workbench/cli/quantities.ts';

/**
 * A property's value: a text or a list of them, 32-bit cells (a number or a list), 64 bits in two
 * cells (a bigint), `true` for a property without a value, or the bytes themselves.
 */
export type PropertyValue = string | readonly string[] | number | readonly number[] | bigint | true | Uint8Array;

/** Bytes, or "64K", "512M", "6G" in binary units. */
export type Size = number | string;

/** A range of physical addresses, bytes. */
export interface AddressRange {
  readonly base: number;
  readonly size: Size;
}

/**
 * The bytes of a property.
 * @throws RangeError for a number that does not fit a cell, or a text with a NUL
 */
export function propertyBytes(value: PropertyValue): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (value === true) return new Uint8Array(0);
  if (typeof value === 'string') return stringValue(value);
  if (typeof value === 'number') return cells(value);
  if (typeof value === 'bigint') return u64Cells(value);
  const numbers = value.filter((item) => typeof item === 'number');
  if (numbers.length === value.length) return cells(...numbers);
  return stringListValue(...value.map(String));
}

/** Bytes of a size. @throws InputError for a text that is none */
export function sizeInBytes(size: Size): number {
  return typeof size === 'number' ? size : parseSize('size', size);
}

/** Number of cells of an address and of a size. */
export interface CellCounts {
  readonly address: 1 | 2;
  readonly size: 1 | 2;
}

/** A number in `count` cells. @throws RangeError when it does not fit */
export function inCells(value: number, count: 1 | 2): Uint8Array {
  return count === 1 ? cells(value) : u64Cells(BigInt(value));
}

/** Largest size that one size cell holds, in whole GiB: larger ranges are cut there. */
const LARGEST_PIECE = 2 ** 31;

/**
 * `reg` of ranges. One that does not fit its size cell becomes several entries of at most 2 GiB, as
 * a boot loader writes them.
 * @throws RangeError
 */
export function regValue(ranges: readonly AddressRange[], counts: CellCounts): Uint8Array {
  const parts = ranges.flatMap(({ base, size }) => {
    const bytes = sizeInBytes(size);
    if (counts.size === 2 || bytes < 2 ** 32) return [inCells(base, counts.address), inCells(bytes, counts.size)];
    const pieces: Uint8Array[] = [];
    for (let done = 0; done < bytes; done += LARGEST_PIECE) {
      pieces.push(inCells(base + done, counts.address), inCells(Math.min(LARGEST_PIECE, bytes - done), counts.size));
    }
    return pieces;
  });
  return concatBytes(parts);
}
