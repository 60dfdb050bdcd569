// SPDX-License-Identifier: GPL-2.0-only
/**
 * Names of nodes and properties. The specification allows ASCII only (Devicetree Specification
 * v0.4, 2.2.1 and 2.2.4). They are kept one character per byte (ISO 8859-1), so that a tree with
 * illegal names is written as it was read.
 *
 * Values are UTF-8: common/utf8.ts.
 */

/** Characters converted at once: engines limit the number of arguments of a call. */
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
    if (code === 0 || code > 0xff) {
      throw new RangeError(`character ${i} of the name ${quote(name)} does not fit a byte`);
    }
    bytes[i] = code;
  }
  return bytes;
}

/** Quotes `text` for a message, truncated to 64 characters: a name may have megabytes. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}
