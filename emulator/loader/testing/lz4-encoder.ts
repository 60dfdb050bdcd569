// SPDX-License-Identifier: GPL-2.0-only
/**
 * LZ4 encoder for tests: greedy, slow, and written only from the format's description, so that it
 * does not share the decoder's errors.
 */

import { concatBytes } from './guest-images.ts';

const MIN_MATCH = 4;
/**
 * End-of-block rules: the last 5 bytes are literals, and the last match starts at least 12 bytes
 * before the end.
 */
const LAST_LITERALS = 5;
const MATCH_LIMIT = 12;

function continuedLength(length: number): number[] {
  if (length < 15) return [];
  const rest = length - 15;
  return [...Array.from({ length: Math.floor(rest / 255) }, () => 255), rest % 255];
}

/** Encodes `input` as one raw block. */
export function encodeLz4Block(input: Uint8Array): Uint8Array {
  const output: number[] = [];
  const seen = new Map<string, number>();
  let literalsFrom = 0;
  let at = 0;
  const emit = (end: number, match: { offset: number; length: number } | null): void => {
    const literals = end - literalsFrom;
    const matchLength = match === null ? 0 : match.length - MIN_MATCH;
    output.push(Math.min(literals, 15) * 16 + Math.min(matchLength, 15), ...continuedLength(literals));
    output.push(...input.subarray(literalsFrom, end));
    if (match !== null) {
      output.push(match.offset % 256, Math.floor(match.offset / 256), ...continuedLength(matchLength));
    }
  };
  while (at + MATCH_LIMIT <= input.length) {
    const key = input.subarray(at, at + MIN_MATCH).join();
    const before = seen.get(key);
    seen.set(key, at);
    if (before === undefined || at - before > 65_535) {
      at++;
      continue;
    }
    let length = MIN_MATCH;
    while (at + length < input.length - LAST_LITERALS && input[before + length] === input[at + length]) length++;
    emit(at, { offset: at - before, length });
    at += length;
    literalsFrom = at;
  }
  emit(input.length, null);
  return Uint8Array.from(output);
}

/** Encodes `blocks` in a legacy frame. */
export function encodeLz4Legacy(...blocks: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.of(0x02, 0x21, 0x4c, 0x18)];
  for (const block of blocks) {
    const encoded = encodeLz4Block(block);
    const size = new Uint8Array(4);
    new DataView(size.buffer).setUint32(0, encoded.length, true);
    parts.push(size, encoded);
  }
  return concatBytes(...parts);
}
