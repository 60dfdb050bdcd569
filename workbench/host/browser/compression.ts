// SPDX-License-Identifier: GPL-2.0-only
/** Deflate and its wrappers (RFC 1950 to 1952), by pako: the browser's own is asynchronous. */

import { deflate as deflateWith, Inflate, type InflateOptions } from 'pako';
import { concatBytes } from '#common/bytes.ts';
import { CompressionError } from '#workbench/host/compression-error.ts';

/** zlib's windowBits for a gzip wrapper, its largest window. */
const GZIP = 31;
/** zlib's Z_BUF_ERROR: the data end early. */
const BUFFER_ERROR = -5;

/** @param level 1, fast, to 9, small */
export const deflate = (bytes: Uint8Array, level: number): Uint8Array => deflateWith(bytes, { level });

/** The bytes that {@link deflate} compressed into `bytes`. @throws CompressionError */
export const inflate = (bytes: Uint8Array, mostBytes: number): Uint8Array<ArrayBuffer> =>
  unpack(bytes, mostBytes, { windowBits: 15 }).content;

/** Members in a row, to the end of `bytes`. @throws CompressionError */
export const gunzipMembers = (bytes: Uint8Array, mostBytes: number): Uint8Array<ArrayBuffer> =>
  unpack(bytes, mostBytes, { windowBits: GZIP }).content;

/** Length of the deflated data that `bytes` begin with. @throws CompressionError */
export const deflatedLength = (bytes: Uint8Array, mostBytes: number): number =>
  unpack(bytes, mostBytes, { raw: true }).taken;

interface Unpacked {
  readonly content: Uint8Array<ArrayBuffer>;
  readonly taken: number;
}

function unpack(bytes: Uint8Array, mostBytes: number, options: InflateOptions): Unpacked {
  const inflator = new Inflate(options);
  const chunks: Uint8Array[] = [];
  let length = 0;
  let taken = (): number => 0;
  inflator.onStart = (stream) => {
    taken = () => stream.total_in;
  };
  inflator.onData = (chunk) => {
    length += chunk.length;
    if (length > mostBytes) throw new CompressionError('too large', `more than ${mostBytes} bytes`);
    chunks.push(chunk);
  };
  inflator.push(bytes, true);
  if (inflator.err !== 0) {
    // As Node says it.
    throw new CompressionError('damaged', inflator.err === BUFFER_ERROR ? 'unexpected end of file' : inflator.msg);
  }
  return { content: concatBytes(chunks), taken: taken() };
}
