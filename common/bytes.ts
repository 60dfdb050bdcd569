// SPDX-License-Identifier: GPL-2.0-only
/** Comparison and concatenation of byte arrays. */

/** True when both arrays hold the same bytes. O(length), a word at a time when both are aligned. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  const areAligned = ((a.byteOffset | b.byteOffset) & 3) === 0;
  const words = areAligned ? a.length >>> 2 : 0;
  const x = new Int32Array(a.buffer, areAligned ? a.byteOffset : 0, words);
  const y = new Int32Array(b.buffer, areAligned ? b.byteOffset : 0, words);
  for (let i = 0; i < words; i++) if (x[i] !== y[i]) return false;
  for (let i = 4 * words; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Concatenates arrays. O(length). */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
