/**
 * Bytes of a device tree as text, without a platform's text decoder: the kernel has none.
 *
 * Two readings, for two needs:
 * - names of nodes and properties are ASCII by the specification (Devicetree Specification v0.4,
 *   2.2.1 and 2.2.4). They are kept one character per byte (ISO 8859-1), so a tree with illegal
 *   names still comes out of the writer as it went into the reader;
 * - values (`bootargs`, `model`) come from people and tools that write UTF-8. What is not UTF-8
 *   reads as U+FFFD.
 */

const REPLACEMENT = 0xfffd;

/** Characters made at once: arguments of a call, which engines limit. */
const CHUNK = 4096;

/** The bytes [start, end) of `bytes`, one character each. O(n). */
export function decodeName(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let i = start; i < end; i += CHUNK) text += String.fromCharCode(...bytes.subarray(i, Math.min(i + CHUNK, end)));
  return text;
}

/**
 * The bytes of a name, one for each character.
 * @throws RangeError for a character above 0xff or NUL, which no name can hold
 */
export function encodeName(name: string): Uint8Array {
  const bytes = new Uint8Array(name.length);
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code === 0 || code > 0xff)
      throw new RangeError(`character ${i} of the name ${quote(name)} does not fit a byte`);
    bytes[i] = code;
  }
  return bytes;
}

/** `text` as UTF-8 (RFC 3629, 3); a lone surrogate becomes U+FFFD. O(n). */
export function encodeUtf8(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    let code = character.codePointAt(0) ?? REPLACEMENT;
    if (code >= 0xd800 && code < 0xe000) code = REPLACEMENT;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 0x3f));
    else if (code < 0x1_0000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
    else
      bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 0x3f), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
  }
  return Uint8Array.from(bytes);
}

/**
 * The bytes [start, end) read as UTF-8 (RFC 3629, 4); each byte that is not part of a well-formed
 * character reads as U+FFFD. O(n).
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
    // Overlong forms, surrogates and what lies above U+10FFFF are not characters.
    if (length === 3) valid &&= code >= 0x800 && (code < 0xd800 || code >= 0xe000);
    if (length === 4) valid &&= code >= 0x1_0000 && code < 0x11_0000;
    text += String.fromCodePoint(valid ? code : REPLACEMENT);
    i += valid ? length : 1;
  }
  return text;
}

/**
 * `text` between quotation marks for a message, cut at 64 characters: a hostile blob may hold a
 * name of megabytes.
 */
export function quote(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}
