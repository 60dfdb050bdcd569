/**
 * Strings to UTF-8. By hand, because the kernel has no `TextEncoder`: that belongs to the host.
 *
 *     code point        bytes
 *     0000..007F        0xxxxxxx
 *     0080..07FF        110xxxxx 10xxxxxx
 *     0800..FFFF        1110xxxx 10xxxxxx 10xxxxxx
 *     10000..10FFFF     11110xxx 10xxxxxx 10xxxxxx 10xxxxxx
 *
 * Half of a surrogate pair has no encoding and becomes U+FFFD.
 *
 * Specification: RFC 3629, 3; the Unicode Standard, 3.9 for the replacement.
 */

const REPLACEMENT = 0xfffd;

/** `text` as UTF-8 bytes. O(length). */
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
