// SPDX-License-Identifier: GPL-2.0-only
/** Blocks and legacy frames: round trips, the lz4 program where there is one, and hostile input. */

import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GuestImageError } from './guest-image-error.ts';
import { decodeLz4Block } from './lz4-block.ts';
import { decodeLz4Legacy } from './lz4-legacy.ts';
import { concatBytes, patternBytes } from './testing/guest-images.ts';
import { encodeLz4Block, encodeLz4Legacy } from './testing/lz4-encoder.ts';

const LZ4 = 'lz4';
const lz4IsAbsent = spawnSync(LZ4, ['--version']).status !== 0;

/** Bytes that compress: runs, repeats and noise. */
const compressible = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .tuple(fc.uint8Array({ minLength: 1, maxLength: 9 }), fc.integer({ min: 1, max: 90 }))
        .map(([unit, times]) => concatBytes(...Array.from({ length: times }, () => unit))),
    ),
    { maxLength: 8 },
  )
  .map((parts) => concatBytes(...parts));

function decodeBlock(block: Uint8Array, capacity: number): Uint8Array {
  const target = new Uint8Array(capacity);
  return target.subarray(0, decodeLz4Block(block, target));
}

describe('decodeLz4Block', () => {
  it('decodes a block made by hand from the specification', () => {
    // 3 literals "abc", a match of 15 + 2 + 4 bytes 3 before; then 1 literal.
    const block = Uint8Array.of(0x3f, 0x61, 0x62, 0x63, 3, 0, 2, 0x10, 0x7a);
    expect(new TextDecoder().decode(decodeBlock(block, 64))).toBe(`${'abc'.repeat(8)}z`);
  });

  it('gives back what was encoded', () => {
    fc.assert(
      fc.property(compressible, (input) => {
        expect(decodeBlock(encodeLz4Block(input), input.length)).toEqual(input);
      }),
    );
  });

  it.each([
    [[], 'ends where a token is due'],
    [[0xf0], 'ends inside a length'],
    [[0xf0, 255], 'ends inside a length'],
    [[0x30, 1, 2], 'ends inside 3 literals'],
    [[0x10, 1, 1], 'ends inside an offset'],
    [[0x10, 1, 0, 0, 0], 'offset 0 at byte 1'],
    [[0x10, 1, 2, 0, 0], 'offset 2 at byte 1'],
    [[0x1f, 1, 1, 0, 200, 0], 'makes more than 64 bytes'],
    [[0xf0, 60, ...patternBytes(75)], 'makes more than 64 bytes'],
    [[0x10, 1, 1, 0], 'ends where a token is due'],
  ])('refuses %j: %s', (block, problem) => {
    expect(() => decodeLz4Block(Uint8Array.from(block), new Uint8Array(64))).toThrow(problem);
  });

  it('writes inside its target or throws GuestImageError, whatever the bytes', () => {
    let refused = 0;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(300), (block, capacity) => {
        try {
          expect(decodeLz4Block(block, new Uint8Array(capacity))).toBeLessThanOrEqual(capacity);
        } catch (error) {
          expect(error).toBeInstanceOf(GuestImageError);
          refused++;
        }
      }),
      { numRuns: 1000 },
    );
    expect(refused).toBeGreaterThan(100);
  });
});

describe('decodeLz4Legacy', () => {
  const first = patternBytes(3000);
  const second = new Uint8Array(5000).fill(7);

  it('joins the blocks of a frame, and frames that follow each other', () => {
    expect(decodeLz4Legacy(encodeLz4Legacy(first, second))).toEqual(concatBytes(first, second));
    expect(decodeLz4Legacy(concatBytes(encodeLz4Legacy(first), encodeLz4Legacy(second)))).toEqual(
      concatBytes(first, second),
    );
  });

  it('takes the size that kbuild appends for what it is, and nothing else in its place', () => {
    const frame = encodeLz4Legacy(first);
    expect(decodeLz4Legacy(concatBytes(frame, Uint8Array.of(0xb8, 0x0b, 0, 0)))).toEqual(first);
    expect(() => decodeLz4Legacy(concatBytes(frame, Uint8Array.of(0xb9, 0x0b, 0, 0)))).toThrow(
      /block size: needs bytes/,
    );
  });

  it('leaves a device tree alone that ends with the file, and no other data', () => {
    const tree = (totalSize: number) => Uint8Array.of(0xd0, 0x0d, 0xfe, 0xed, 0, 0, 0, totalSize, ...patternBytes(32));
    expect(decodeLz4Legacy(concatBytes(encodeLz4Legacy(first), tree(40)))).toEqual(first);
    expect(() => decodeLz4Legacy(concatBytes(encodeLz4Legacy(first), tree(39)))).toThrow(/block size: needs/);
  });

  it('refuses to expand beyond the limit', () => {
    expect(() => decodeLz4Legacy(encodeLz4Legacy(first, second), 7999)).toThrow(/larger than 0x1f3f bytes/);
    expect(decodeLz4Legacy(encodeLz4Legacy(first, second), 8000)).toHaveLength(8000);
  });

  it('names the field that a truncation hits', () => {
    const frame = encodeLz4Legacy(first);
    expect(() => decodeLz4Legacy(frame.subarray(0, 3))).toThrow(/^LZ4 \(legacy frame\): magic: needs/);
    expect(() => decodeLz4Legacy(frame.subarray(0, 6))).toThrow(/: block size: needs/);
    expect(() => decodeLz4Legacy(frame.subarray(0, frame.length - 1))).toThrow(/: block size: needs/);
  });

  it.skipIf(lz4IsAbsent)(`decodes what lz4 -l writes${lz4IsAbsent ? ' (skipped: lz4 is not installed)' : ''}`, () => {
    // More than one block of 8 MiB, with long runs and long literals.
    const noise = Uint8Array.from({ length: 100_000 }, (_, i) => (i * i * 31 + (i % 7919) * 17) % 256);
    const input = concatBytes(noise, new Uint8Array(9 * 2 ** 20), noise, first);
    const run = spawnSync(LZ4, ['-l', '-9', '-c'], { input, maxBuffer: 2 ** 26 });
    const output = decodeLz4Legacy(new Uint8Array(run.stdout));
    expect(Buffer.compare(output, input)).toBe(0);
  });
});
