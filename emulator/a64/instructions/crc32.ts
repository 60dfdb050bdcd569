// SPDX-License-Identifier: GPL-2.0-only
/**
 * CRC-32 (polynomial 0x04c1_1db7) and CRC-32C (0x1edc_6f41), as the A64 instructions compute them:
 * bits reflected, no inversion.
 */

/** Polynomials, bit-reflected. */
const CRC32 = 0xedb8_8320;
const CRC32C = 0x82f6_3b78;

function table(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ polynomial;
    return value;
  });
}

const TABLES = { plain: table(CRC32), castagnoli: table(CRC32C) };

/** CRC of `accumulator` and the low `bytes` bytes of `high`:`low`, unsigned. */
export function crc32(accumulator: number, low: number, high: number, bytes: number, castagnoli: boolean): number {
  const steps = castagnoli ? TABLES.castagnoli : TABLES.plain;
  let value = accumulator >>> 0;
  for (let at = 0; at < bytes; at++) {
    const byte = ((at < 4 ? low : high) >>> (8 * (at & 3))) & 0xff;
    value = (value >>> 8) ^ (steps[(value ^ byte) & 0xff] as number);
  }
  return value >>> 0;
}
