// SPDX-License-Identifier: GPL-2.0-only
/** The own core's interpreter as the build of this bundle has generated it (scripts/build.mjs). */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HandlerCode } from '#emulator/a64/handlers.ts';
import { packageRoot } from '#workbench/package-root.ts';
import { HANDLERS_FILE } from './handlers-file.ts';

interface HandlersFile {
  readonly selections: number[][];
  /** Modules in base64. */
  readonly plain: string;
  readonly fp: string;
}

/** Null when there is no such file: the caller then generates the same. */
export function preparedHandlers(file = HANDLERS_FILE): HandlerCode | null {
  if (file === null) return null;
  let text: string;
  try {
    text = readFileSync(join(packageRoot(), 'dist', file), 'latin1');
  } catch {
    return null;
  }
  const { selections, plain, fp } = JSON.parse(text) as HandlersFile;
  const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'));
  return { selections, plain: bytes(plain), fp: () => bytes(fp) };
}
