// SPDX-License-Identifier: GPL-2.0-only
/** Deflate and its wrappers (RFC 1950 to 1952), by Node's zlib. */

import { constants } from 'node:buffer';
import { deflateSync, gunzipSync, inflateRawSync, inflateSync } from 'node:zlib';
import { CompressionError } from '#workbench/host/compression-error.ts';

/** @param level 1, fast, to 9, small */
export const deflate = (bytes: Uint8Array, level: number): Uint8Array => deflateSync(bytes, { level });

/** The bytes that {@link deflate} compressed into `bytes`. @throws CompressionError */
export const inflate = (bytes: Uint8Array, mostBytes: number): Uint8Array<ArrayBuffer> =>
  guarded(() => inflateSync(bytes, limited(mostBytes)));

/** Members in a row, to the end of `bytes`. @throws CompressionError */
export const gunzipMembers = (bytes: Uint8Array, mostBytes: number): Uint8Array<ArrayBuffer> =>
  guarded(() => gunzipSync(bytes, limited(mostBytes)));

/** Length of the deflated data that `bytes` begin with. @throws CompressionError */
export function deflatedLength(bytes: Uint8Array, mostBytes: number): number {
  // With `info` there is the engine too, which counts the bytes that it took.
  const inflated = guarded(() => inflateRawSync(bytes, { ...limited(mostBytes), info: true }));
  return (inflated as unknown as { engine: { bytesWritten: number } }).engine.bytesWritten;
}

const limited = (mostBytes: number) => ({ maxOutputLength: Math.max(1, Math.min(mostBytes, constants.MAX_LENGTH)) });

function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new CompressionError(code === 'ERR_BUFFER_TOO_LARGE' ? 'too large' : 'damaged', message, { cause: error });
  }
}
