// SPDX-License-Identifier: GPL-2.0-only
/**
 * Files whose digest is right, and whose data would unpack to more than a machine can have saved.
 */

import { createHash } from 'node:crypto';
import { constants, deflateRawSync, deflateSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { decodeSnapshotFile, SNAPSHOT_VERSION, SnapshotFileError } from './snapshot-file.ts';

const MiB = 2 ** 20;

/** A stream that unpacks to so many MiB of zeros and has no end. */
function bomb(megabytes: number): Buffer {
  const piece = deflateRawSync(Buffer.alloc(MiB), { finishFlush: constants.Z_FULL_FLUSH });
  return Buffer.concat([Buffer.of(0x78, 0x01), ...Array.from({ length: megabytes }, () => piece)]);
}

/** A file as its writer makes it, around any streams. */
function forged(json: Buffer, ...blocks: readonly Buffer[]): Buffer {
  const file = Buffer.concat([Buffer.alloc(0x3c), json, ...blocks]);
  file.write('LEVITSNP', 'latin1');
  file.writeUInt32LE(SNAPSHOT_VERSION, 0x08);
  file.writeBigUInt64LE(BigInt(file.length), 0x10);
  file.writeUInt32LE(json.length, 0x38);
  const digest = createHash('sha256').update(file.subarray(0, 0x18)).update(file.subarray(0x38)).digest();
  digest.copy(file, 0x18);
  return file;
}

const refusal = (file: Buffer): unknown => {
  try {
    return decodeSnapshotFile(file);
  } catch (error) {
    return error;
  }
};

it('data beyond what any machine has is refused', () => {
  const why = 'damaged: its data unpacks to more than 268435456 bytes; save it again';
  expect(refusal(forged(bomb(300)))).toEqual(new SnapshotFileError(why));
});

it('memory beyond what the machine has is refused', () => {
  const block = bomb(420);
  const settings = { board: 'qemu-virt', memoryBytes: 64 * MiB };
  const json = JSON.stringify({ blocks: [block.length], data: { settings, drives: [] } });
  const why = `damaged: its memory unpacks to more than ${(2 * 64 + 256) * MiB} bytes; save it again`;
  expect(refusal(forged(deflateSync(json), block))).toEqual(new SnapshotFileError(why));
});
