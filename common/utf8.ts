// SPDX-License-Identifier: GPL-2.0-only
/**
 * Conversion of strings to UTF-8 and back. Implemented here because `TextEncoder` and `TextDecoder`
 * belong to the host.
 *
 *     code point        bytes
 *     0000..007F        0xxxxxxx
 *     0080..07FF        110xxxxx 10xxxxxx
 *     0800..FFFF        1110xxxx 10xxxxxx 10xxxxxx
 *     10000..10FFFF     11110xxx 10xxxxxx 10xxxxxx 10xxxxxx
 *
 * An unpaired surrogate has no encoding and becomes U+FFFD.
 *
 * Specification: RFC 3629, 3 and 4; the Unicode Standard, 3.9 for the replacement.
 */

const REPLACEMENT = 0xfffd;

/** Encodes `text` as UTF-8. O(length). */
export function encodeUtf8(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    append(bytes, character.codePointAt(0) as number);
  }
  return Uint8Array.from(bytes);
}

function append(bytes: number[], codePoint: number): void {
  if (codePoint < 0x80) {
    bytes.push(codePoint);
  } else if (codePoint < 0x800) {
    bytes.push(0xc0 | (codePoint >>> 6), continuation(codePoint, 0));
  } else if (codePoint >= 0xd800 && codePoint <= 0xdfff) {
    append(bytes, REPLACEMENT);
  } else if (codePoint < 0x10000) {
    bytes.push(0xe0 | (codePoint >>> 12), continuation(codePoint, 6), continuation(codePoint, 0));
  } else {
    bytes.push(
      0xf0 | (codePoint >>> 18),
      continuation(codePoint, 12),
      continuation(codePoint, 6),
      continuation(codePoint, 0),
    );
  }
}

function continuation(codePoint: number, shift: number): number {
  return 0x80 | ((codePoint >>> shift) & 0x3f);
}

/**
 * Decodes [start, end) as UTF-8 (RFC 3629, 4); each byte of an invalid character becomes U+FFFD.
 * O(n).
 */
export function decodeUtf8(bytes: Uint8Array, start = 0, end = bytes.length): string {
  let text = '';
  let i = start;
  while (i < end) {
    const first = bytes[i] ?? 0;
    const length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    let code = length === 1 ? first : first & (0x7f >> length);
    let valid = length > 0 && i + length <= end;
    for (let k = 1; valid && k < length; k++) {
      const next = bytes[i + k] ?? 0;
      valid = (next & 0xc0) === 0x80;
      code = (code << 6) | (next & 0x3f);
    }
    // Overlong forms, surrogates and values above U+10FFFF are not characters.
    if (length === 3) valid &&= code >= 0x800 && (code < 0xd800 || code >= 0xe000);
    if (length === 4) valid &&= code >= 0x1_0000 && code < 0x11_0000;
    text += String.fromCodePoint(valid ? code : REPLACEMENT);
    i += valid ? length : 1;
  }
  return text;
}
