// SPDX-License-Identifier: GPL-2.0-only
/**
 * Self-description of a flash chip: the CFI query table of one 16-bit chip, command set 0001, and
 * its identifier codes.
 *
 *     0x10 "QRY"  0x13 command set  0x15 ──► 0x31 "PRI"      one byte an entry, at 16-bit word n of the chip
 *     0x1b voltages, times    0x27 size    0x2a buffer    0x2c erase regions
 *
 * The values are those of the chips on QEMU's `virt` board, read from QEMU 7.2, except those that
 * depend on the size. Times are exponents (2^n µs or ms) that no driver needs to wait here.
 *
 * Specification: JEDEC JEP137 (Common Flash Interface ID codes), JESD68.01 (CFI), 4.3; Intel
 * StrataFlash J3, appendix C, for "PRI".
 */

/** Size of an erase block of one chip in bytes. */
export const CHIP_BLOCK_BYTES = 128 * 1024;
/** Size of one chip's write buffer in bytes, and its log2. */
const BUFFER_ORDER = 11;
export const CHIP_BUFFER_BYTES = 2 ** BUFFER_ORDER;
/** Manufacturer (Intel) and device code, at words 0 and 1 of the identifier plane. */
export const IDENTIFIER_CODES = [0x89, 0x18] as const;

const PRIMARY_TABLE = 0x31;

/**
 * Query table of a chip of `chipBytes` (a power of two, a multiple of the block). Entries beyond
 * the table read 0.
 */
export function cfiQueryTable(chipBytes: number): Uint8Array {
  const table = new Uint8Array(0x40);
  const blocks = chipBytes / CHIP_BLOCK_BYTES;
  table.set(latin1('QRY'), 0x10);
  table.set([0x01, 0x00, PRIMARY_TABLE, 0x00], 0x13); // command set 0001, its table
  table.set([0x45, 0x55], 0x1b); // Vcc 4.5 V to 5.5 V
  // Typical times: 2^7 µs a word, 2^7 µs a buffer, 2^10 ms a block.
  table.set([0x07, 0x07, 0x0a, 0x00], 0x1f);
  table.set([0x04, 0x04, 0x04, 0x00], 0x23); // maximum times: 2^4 of the typical ones
  table[0x27] = Math.log2(chipBytes);
  table.set([0x02, 0x00, BUFFER_ORDER, 0x00], 0x28); // x8 and x16, buffer
  // One erase region: number of blocks minus one.
  table.set([0x01, (blocks - 1) & 0xff, (blocks - 1) >>> 8], 0x2c);
  // Size of a block in units of 256 bytes.
  table.set([(CHIP_BLOCK_BYTES / 256) & 0xff, CHIP_BLOCK_BYTES / 256 / 256], 0x2f);
  table.set(latin1('PRI10'), PRIMARY_TABLE); // version 1.0, no optional command
  table[0x3f] = 0x01; // one protection register
  return table;
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
