// SPDX-License-Identifier: GPL-2.0-only
/**
 * The own core's interpreter as the build of this bundle has generated it (scripts/build.mjs).
 *
 *     bytes of the selections, bytes of the plain module: 32 bits, little-endian
 *     selections in JSON ─ plain module ─ FP and SIMD module
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HandlerCode } from '#emulator/a64/handlers.ts';
import { packageRoot } from '#workbench/package-root.ts';
import { HANDLERS_FILE } from './handlers-file.ts';

const HEAD_BYTES = 8;

/** Null when there is no such file: the caller then generates the same. */
export function preparedHandlers(file = HANDLERS_FILE): HandlerCode | null {
  if (file === null) return null;
  let bytes: Buffer<ArrayBuffer>;
  try {
    bytes = readFileSync(join(packageRoot(), 'dist', file));
  } catch {
    return null;
  }
  const plainAt = HEAD_BYTES + bytes.readUInt32LE(0);
  const fpAt = plainAt + bytes.readUInt32LE(4);
  return {
    selections: JSON.parse(bytes.toString('latin1', HEAD_BYTES, plainAt)) as number[][],
    plain: new Uint8Array(bytes.subarray(plainAt, fpAt)),
    fp: () => new Uint8Array(bytes.subarray(fpAt)),
  };
}
