// SPDX-License-Identifier: GPL-2.0-only
/**
 * Pairs of address and size as 32-bit cells, most significant first; both are JavaScript numbers.
 * Specification: Devicetree Specification v0.4, 2.3.5 and 2.3.6.
 */

/** [address, address + size), bytes. */
export interface AddressRange {
  readonly address: number;
  readonly size: number;
}

const CELL = 2 ** 32;
/**
 * Ranges whose size does not fit one cell are cut into pieces of this size, as the Pixel 6's boot
 * loader does.
 */
const SPLIT_BYTES = 2 * 2 ** 30;

/** The whole pairs in `value`. */
export function readCells(value: Uint8Array, addressCells: number, sizeCells: number): AddressRange[] {
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  const number = (at: number, cells: number): number => {
    let result = 0;
    for (let i = 0; i < cells; i++) result = result * CELL + view.getUint32(at + 4 * i);
    return result;
  };
  const stride = 4 * (addressCells + sizeCells);
  return Array.from({ length: Math.floor(value.length / stride) }, (_, i) => ({
    address: number(i * stride, addressCells),
    size: number(i * stride + 4 * addressCells, sizeCells),
  }));
}

/**
 * `ranges` in cells, 1 or 2 for an address and for a size. Ranges are cut into pieces that fit; a
 * range whose address does not fit is left out.
 */
export function writeCells(ranges: readonly AddressRange[], addressCells: number, sizeCells: number): Uint8Array {
  const words: number[] = [];
  const put = (value: number, cells: number): void => {
    if (cells > 1) words.push(Math.floor(value / CELL));
    words.push(value % CELL);
  };
  for (const { address, size } of ranges) {
    const end = addressCells > 1 ? address + size : Math.min(address + size, CELL);
    const step = sizeCells > 1 || end - address < CELL ? end - address : SPLIT_BYTES;
    for (let at = address; at < end; at += step) {
      put(at, addressCells);
      put(Math.min(step, end - at), sizeCells);
    }
  }
  const bytes = new Uint8Array(4 * words.length);
  const view = new DataView(bytes.buffer);
  words.forEach((word, i) => view.setUint32(4 * i, word));
  return bytes;
}
