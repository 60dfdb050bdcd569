// SPDX-License-Identifier: GPL-2.0-only
/**
 * Encoding of numbers and bytes in the GDB remote serial protocol: hexadecimal, bytes in the order
 * of memory.
 */

/** Encodes bytes, two digits each. */
export function hexOf(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

/** Decodes an even number of hexadecimal digits; null for anything else. */
export function bytesOfHex(text: string): Uint8Array | null {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return null;
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

/** Encodes `value` in `bits` / 8 bytes, least significant byte first. */
export function hexOfValue(value: bigint, bits: number): string {
  return hexOf(Uint8Array.from({ length: bits / 8 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn)));
}

/** Decodes a value, least significant byte first; null when `text` is not `bits` / 4 digits. */
export function valueOfHex(text: string, bits: number): bigint | null {
  const bytes = text.length === bits / 4 ? bytesOfHex(text) : null;
  return bytes === null ? null : bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/**
 * Parses an address or number of at most 64 bits, most significant digit first; null for anything
 * else.
 */
export function parseHex(text: string | undefined): bigint | null {
  return text !== undefined && /^[0-9a-fA-F]{1,16}$/.test(text) ? BigInt(`0x${text}`) : null;
}
