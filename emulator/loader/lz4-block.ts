// SPDX-License-Identifier: GPL-2.0-only
/**
 * Decodes raw LZ4 blocks; lz4-legacy.ts decodes the frames around them.
 *
 * ```
 *   sequence = token | more literal length* | literals | offset (u16) | more match length*
 *              7:4 literal length   3:0 match length - 4;   15 continues in bytes that are added until one is below 255
 * ```
 * The last sequence ends after its literals. Specification: lz4/doc/lz4_Block_format.md.
 */

import { GuestImageError } from './guest-image-error.ts';

const LENGTH_CONTINUES = 15;
const BYTE_CONTINUES = 255;
const MIN_MATCH = 4;
/** For shorter copies, a loop over bytes is faster than a call. */
const SHORT_COPY = 32;

function malformed(problem: string): GuestImageError {
  return new GuestImageError('lz4-legacy', 'block', problem);
}

/**
 * Decodes the block `source` into `target`, from its start; returns the number of bytes written.
 * Linear in the sizes.
 * @throws GuestImageError `block`: the block ends inside a sequence, refers to data before its
 * start, or is larger than `target`
 */
export function decodeLz4Block(source: Uint8Array, target: Uint8Array): number {
  let from = 0;
  let to = 0;
  const lengthFrom = (nibble: number): number => {
    let length = nibble;
    if (nibble !== LENGTH_CONTINUES) return length;
    for (;;) {
      const more = source[from++];
      if (more === undefined) throw malformed('ends inside a length');
      length += more;
      if (more !== BYTE_CONTINUES) return length;
    }
  };
  for (;;) {
    const token = source[from++];
    if (token === undefined) throw malformed('ends where a token is due');
    const literals = lengthFrom(token >> 4);
    if (from + literals > source.length) throw malformed(`ends inside ${literals} literals`);
    if (to + literals > target.length) throw malformed(`makes more than ${target.length} bytes`);
    if (literals < SHORT_COPY) {
      for (let i = 0; i < literals; i++) target[to + i] = source[from + i] ?? 0;
    } else {
      target.set(source.subarray(from, from + literals), to);
    }
    from += literals;
    to += literals;
    if (from === source.length) return to;

    const low = source[from++] ?? 0;
    const high = source[from++];
    if (high === undefined) throw malformed('ends inside an offset');
    const offset = low + high * 256;
    if (offset === 0 || offset > to) throw malformed(`offset ${offset} at byte ${to} of the output`);
    const length = lengthFrom(token & 0xf) + MIN_MATCH;
    if (to + length > target.length) throw malformed(`makes more than ${target.length} bytes`);
    copyMatch(target, to, offset, length);
    to += length;
  }
}

/**
 * Copies `length` bytes from `offset` bytes before `to`. A match longer than its offset repeats the
 * bytes just written.
 */
function copyMatch(target: Uint8Array, to: number, offset: number, length: number): void {
  if (length < SHORT_COPY) {
    for (let i = to; i < to + length; i++) target[i] = target[i - offset] ?? 0;
    return;
  }
  // Doubling: each copy doubles the repeated part.
  const start = to - offset;
  const end = to + length;
  let done = to;
  while (done < end) {
    const part = Math.min(done - start, end - done);
    target.copyWithin(done, start, start + part);
    done += part;
  }
}
