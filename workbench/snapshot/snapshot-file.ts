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
 * Integers are little-endian. contents.ts gives the data its meaning.
 */

import { concatBytes, sameBytes } from '#common/bytes.ts';
import { totalSize } from '#common/range.ts';
import { encodeUtf8 } from '#common/utf8.ts';
import { deflate, inflate } from '#host/compression.ts';
import { sha256 } from '#host/sha256.ts';
import { CompressionError } from '#workbench/host/compression-error.ts';
import { findBoard } from '#boards/registry.ts';
import type { SnapshotContents } from './contents.ts';
import { decodePlainData, encodePlainData } from './plain-data.ts';

const MAGIC = encodeUtf8('LEVITSNP');
/** Registers, devices, settings and inputs as JSON, bytes: far more than any machine has. */
const LONGEST_JSON = 256 * 2 ** 20;
/** RAM that a user's tree may have added to the board. */
const MOST_RAM_OF_TREE = 8 * 2 ** 30;
/** Changes whenever a reader of the old one would misread the new one. */
export const SNAPSHOT_VERSION = 6;

const VERSION = 0x08;
const LENGTH = 0x10;
const DIGEST = 0x18;
const DIGEST_BYTES = 32;
const DATA = DIGEST + DIGEST_BYTES;

/** Memory is mostly code and text: higher levels take twice as long for a tenth less. */
const MEMORY_LEVEL = 1;
const JSON_LEVEL = 6;

/** The reason why a file cannot be read as a snapshot; completes "FILE: …". */
export class SnapshotFileError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SnapshotFileError';
  }
}

export function encodeSnapshotFile(data: unknown): Uint8Array {
  const { text, blocks } = encodePlainData(data);
  const compressed = blocks.map((block) => deflate(block, MEMORY_LEVEL));
  const lengths = compressed.map(({ length }) => length);
  const json = deflate(new TextEncoder().encode(`{"blocks":${JSON.stringify(lengths)},"data":${text}}`), JSON_LEVEL);
  const file = concatBytes([MAGIC, new Uint8Array(DATA + 4 - MAGIC.length), json, ...compressed]);
  const head = viewOf(file);
  head.setUint32(VERSION, SNAPSHOT_VERSION, true);
  head.setUint32(DATA, json.length, true);
  head.setBigUint64(LENGTH, BigInt(file.length), true);
  file.set(digestOf(file), DIGEST);
  return file;
}

/**
 * @throws SnapshotFileError when it is another kind of file, another version, cut short or damaged
 */
export function decodeSnapshotFile(file: Uint8Array): SnapshotContents {
  if (file.length === 0 || !sameBytes(file.subarray(0, MAGIC.length), MAGIC.subarray(0, file.length))) {
    throw new SnapshotFileError('not a snapshot, which "boot --save FILE" writes');
  }
  if (file.length < DATA + 4) throw cutShort(file.length, 'more');
  const head = viewOf(file);
  const version = head.getUint32(VERSION, true);
  if (version !== SNAPSHOT_VERSION) {
    throw new SnapshotFileError(
      `a snapshot of version ${version}; this emulator reads version ${SNAPSHOT_VERSION}: save it again with this one`,
    );
  }
  const length = head.getBigUint64(LENGTH, true);
  if (BigInt(file.length) < length) throw cutShort(file.length, String(length));
  if (!sameBytes(digestOf(file), file.subarray(DIGEST, DATA))) {
    throw new SnapshotFileError('damaged: its contents do not fit its digest; copy it again, or save it again');
  }
  return decodeBody(file);
}

/** Data whose digest was checked. */
function decodeBody(file: Uint8Array): SnapshotContents {
  let at = DATA + 4 + viewOf(file).getUint32(DATA, true);
  const json = new TextDecoder().decode(inflated(file.subarray(DATA + 4, at), LONGEST_JSON, 'its data'));
  const { blocks: lengths, data } = JSON.parse(json) as { blocks: number[]; data: SnapshotContents };
  let left = mostSaved(data);
  const blocks = lengths.map((compressed) => {
    const block = inflated(file.subarray(at, at + compressed), left, 'its memory');
    at += compressed;
    left -= block.length;
    return block;
  });
  return decodePlainData(data, blocks) as SnapshotContents;
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

function inflated(bytes: Uint8Array, mostBytes: number, what: string): Uint8Array {
  try {
    return inflate(bytes, mostBytes);
  } catch (error) {
    if (!(error instanceof CompressionError)) throw error;
    const why = error.kind === 'too large' ? `more than ${mostBytes} bytes` : `nothing (${error.message})`;
    throw new SnapshotFileError(`damaged: ${what} unpacks to ${why}; save it again`);
  }
}

function cutShort(length: number, whole: string): SnapshotFileError {
  return new SnapshotFileError(`cut short: ${length} bytes of ${whole}; copy it again, or save it again`);
}

function digestOf(file: Uint8Array): Uint8Array {
  return sha256().update(file.subarray(0, DIGEST)).update(file.subarray(DATA)).digest();
}

const viewOf = ({ buffer, byteOffset, length }: Uint8Array): DataView => new DataView(buffer, byteOffset, length);
