/**
 * The bytes of a snapshot file: a head that can be judged before anything is believed, then compressed data.
 *
 *     0x00  "LEVITSNP"            0x08 version, u32      0x0c zero, u32
 *     0x10  length of the file, u64, bytes
 *     0x18  SHA-256 of everything but these 32 bytes
 *     0x38  u32 length, deflated JSON: { blocks: [their compressed lengths], data }          (plain-data.ts)
 *           the blocks, each deflated, one after the other
 *
 * Integers are little-endian. What the data means is contents.ts's.
 */

import { createHash } from 'node:crypto';
import { deflateSync, inflateSync } from 'node:zlib';
import type { SavedState } from '../../emulator/saved-state.ts';
import { decodePlainData, encodePlainData } from './plain-data.ts';

const MAGIC = 'LEVITSNP';
/** Changes whenever a reader of the old one would misread the new one. */
export const SNAPSHOT_VERSION = 2;

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

/** @throws SnapshotFileError when it is another kind of file, another version, cut short or damaged */
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
  const json = inflateSync(file.subarray(DATA + 4, at)).toString('utf8');
  const { blocks: lengths, data } = JSON.parse(json) as { blocks: number[]; data: SavedState };
  const blocks = lengths.map((compressed) => {
    const block = inflateSync(file.subarray(at, at + compressed));
    at += compressed;
    return new Uint8Array(block.buffer, block.byteOffset, block.length);
  });
  return decodePlainData(data, blocks);
}

function cutShort(length: number, whole: string): SnapshotFileError {
  return new SnapshotFileError(`cut short: ${length} bytes of ${whole}; copy it again, or save it again`);
}

function digestOf(file: Buffer): Buffer {
  return createHash('sha256').update(file.subarray(0, DIGEST)).update(file.subarray(DATA)).digest();
}
