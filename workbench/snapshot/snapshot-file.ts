// SPDX-License-Identifier: GPL-2.0-only
/**
 * The bytes of a snapshot file: a head that can be judged before anything is believed, then
 * compressed data.
 *
 *     0x00  "LEVITSNP"            0x08 version, u32      0x0c zero, u32
 *     0x10  length of the file, u64, bytes
 *     0x18  SHA-256 of everything but these 32 bytes
 *     0x38  u32 length, deflated JSON: { blocks: [their compressed lengths], data }          (plain-data.ts)
 *           the blocks, each deflated, one after the other
 *
 * Integers are little-endian. What the data means is contents.ts's.
 */

import { totalSize } from '#common/range.ts';
import { constants } from 'node:buffer';
import { createHash } from 'node:crypto';
import { deflateSync, inflateSync } from 'node:zlib';
import { findBoard } from '#boards/registry.ts';
import type { SavedState } from '#emulator/machine/saved-state.ts';
import type { SnapshotContents } from './contents.ts';
import { decodePlainData, encodePlainData } from './plain-data.ts';

const MAGIC = 'LEVITSNP';
/** Registers, devices, settings and inputs as JSON, bytes: far more than any machine has. */
const LONGEST_JSON = 256 * 2 ** 20;
/** RAM that a user's tree may have added to the board. */
const MOST_RAM_OF_TREE = 8 * 2 ** 30;
/** Changes whenever a reader of the old one would misread the new one. */
export const SNAPSHOT_VERSION = 3;

const VERSION = 0x08;
const LENGTH = 0x10;
const DIGEST = 0x18;
const DIGEST_BYTES = 32;
const DATA = DIGEST + DIGEST_BYTES;

/** Memory is mostly code and text: higher levels take twice as long for a tenth less. */
const COMPRESSION = { level: 1 } as const;

/** Why a file is no snapshot that can be read here; completes "FILE: …". */
export class SnapshotFileError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SnapshotFileError';
  }
}

export function encodeSnapshotFile(data: unknown): Uint8Array {
  const { text, blocks } = encodePlainData(data);
  const compressed = blocks.map((block) => deflateSync(block, COMPRESSION));
  const lengths = compressed.map(({ length }) => length);
  const json = deflateSync(`{"blocks":${JSON.stringify(lengths)},"data":${text}}`);
  const head = Buffer.alloc(DATA + 4);
  head.write(MAGIC, 'latin1');
  head.writeUInt32LE(SNAPSHOT_VERSION, VERSION);
  head.writeUInt32LE(json.length, DATA);
  const file = Buffer.concat([head, json, ...compressed]);
  file.writeBigUInt64LE(BigInt(file.length), LENGTH);
  digestOf(file).copy(file, DIGEST);
  return file;
}

/**
 * @throws SnapshotFileError when it is another kind of file, another version, cut short or damaged
 */
export function decodeSnapshotFile(bytes: Uint8Array): SavedState {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const begins = Buffer.from(MAGIC, 'latin1').subarray(0, file.length);
  if (file.length === 0 || !file.subarray(0, MAGIC.length).equals(begins)) {
    throw new SnapshotFileError('not a snapshot, which "boot --save FILE" writes');
  }
  if (file.length < DATA + 4) throw cutShort(file.length, 'more');
  const version = file.readUInt32LE(VERSION);
  if (version !== SNAPSHOT_VERSION) {
    throw new SnapshotFileError(
      `a snapshot of version ${version}; this emulator reads version ${SNAPSHOT_VERSION}: save it again with this one`,
    );
  }
  const length = file.readBigUInt64LE(LENGTH);
  if (BigInt(file.length) < length) throw cutShort(file.length, String(length));
  if (!digestOf(file).equals(file.subarray(DIGEST, DATA))) {
    throw new SnapshotFileError('damaged: its contents do not fit its digest; copy it again, or save it again');
  }
  return decodeBody(file);
}

/** What the digest has vouched for. */
function decodeBody(file: Buffer): SavedState {
  let at = DATA + 4 + file.readUInt32LE(DATA);
  const json = inflated(file.subarray(DATA + 4, at), LONGEST_JSON, 'its data').toString('utf8');
  const { blocks: lengths, data } = JSON.parse(json) as { blocks: number[]; data: SavedState };
  let left = mostSaved(data as unknown as SnapshotContents);
  const blocks = lengths.map((compressed) => {
    const block = inflated(file.subarray(at, at + compressed), left, 'its memory');
    at += compressed;
    left -= block.length;
    return new Uint8Array(block.buffer, block.byteOffset, block.length);
  });
  return decodePlainData(data, blocks);
}

/**
 * Most bytes that the machine can have saved: its memory, what was loaded into it, what it wrote to
 * its disks.
 * @throws BoardError for a board that does not exist
 */
function mostSaved({ settings, drives }: SnapshotContents): number {
  const { board, memoryBytes, dtb } = settings;
  const { ramBanks } = findBoard(board).create({ memoryBytes });
  const ram = totalSize(ramBanks);
  const named = dtb === undefined ? 0 : MOST_RAM_OF_TREE;
  return 2 * (ram + named) + drives.reduce((sum, { bytes }) => sum + bytes, 0) + LONGEST_JSON;
}

function inflated(bytes: Uint8Array, mostBytes: number, what: string): Buffer {
  try {
    return inflateSync(bytes, { maxOutputLength: Math.max(1, Math.min(mostBytes, constants.MAX_LENGTH)) });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ERR_BUFFER_TOO_LARGE' ? `more than ${mostBytes} bytes` : (code ?? String(error));
    throw new SnapshotFileError(`damaged: ${what} unpacks to ${why}; save it again`);
  }
}

function cutShort(length: number, whole: string): SnapshotFileError {
  return new SnapshotFileError(`cut short: ${length} bytes of ${whole}; copy it again, or save it again`);
}

function digestOf(file: Buffer): Buffer {
  return createHash('sha256').update(file.subarray(0, DIGEST)).update(file.subarray(DATA)).digest();
}
