// SPDX-License-Identifier: GPL-2.0-only
/** gzip files: members in a row, and data after them. */

import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { gunzip } from './gunzip.ts';

const MIB = 2 ** 20;
const text = Buffer.from('a kernel '.repeat(500));
const whole = gzipSync(text);
/** FHCRC, FEXTRA, FNAME and FCOMMENT: a header with everything. */
const full = Buffer.concat([
  Buffer.of(0x1f, 0x8b, 8, 2 | 4 | 8 | 16, 0, 0, 0, 0, 0, 3, 3, 0, 1, 2, 3),
  Buffer.from('name\0comment\0', 'latin1'),
  Buffer.of(0, 0),
  whole.subarray(10),
]);
const tree = Buffer.of(0xd0, 0x0d, 0xfe, 0xed, 0, 0, 0, 12, 1, 2, 3, 4);

describe('gunzip', () => {
  it.each<[string, Buffer, Buffer]>([
    ['nothing after it', whole, text],
    ['a device tree after it', Buffer.concat([whole, tree]), text],
    ['one byte after it', Buffer.concat([whole, Buffer.of(7)]), text],
    ['text after it', Buffer.concat([whole, Buffer.from('signature')]), text],
    ['zeros and text after it', Buffer.concat([whole, Buffer.alloc(16), Buffer.from('x')]), text],
    ['two members and a tree', Buffer.concat([whole, whole, tree]), Buffer.concat([text, text])],
  ])('%s', (_what, bytes, content) => {
    expect(Buffer.compare(gunzip(bytes, MIB, 'board'), content)).toBe(0);
  });

  it('finds the end of a member whose header has everything', () => {
    // zlib checks the header's checksum: a wrong one is refused, not taken for data after the last
    // member.
    expect(() => gunzip(Buffer.concat([full, tree]), MIB, 'board')).toThrow(/header crc mismatch/);
    const named = Buffer.concat([
      Buffer.of(...full.subarray(0, 3), 4 | 8 | 16),
      full.subarray(4, 28),
      whole.subarray(10),
    ]);
    expect(Buffer.compare(gunzip(Buffer.concat([named, tree]), MIB, 'board'), text)).toBe(0);
  });

  it.each<[string, Buffer, RegExp]>([
    ['cut short', whole.subarray(0, 30), /unexpected end of file/],
    ['with a wrong sum', Buffer.concat([whole.subarray(0, -8), Buffer.alloc(8, 1)]), /incorrect data check/],
    [
      'with a wrong sum, and more after it',
      Buffer.concat([whole.subarray(0, -8), Buffer.alloc(8, 1), tree]),
      /data check/,
    ],
    ['that are none', Buffer.from('plain'), /incorrect header check/],
    ['that are larger than the guest', gzipSync(Buffer.alloc(2 * MIB)), /more than the RAM of board, 1 MiB/],
    [
      'that are larger than the guest, with more after them',
      Buffer.concat([gzipSync(Buffer.alloc(2 * MIB)), tree]),
      /more than the RAM of board, 1 MiB/,
    ],
  ])('refuses data %s', (_what, bytes, why) => {
    expect(() => gunzip(bytes, MIB, 'board')).toThrow(why);
  });
});
