// SPDX-License-Identifier: GPL-2.0-only
/** Files of firmware/images. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '#workbench/package-root.ts';

/** A copy of the file, the caller's own. @throws Error when the package is incomplete */
export function readFirmwareImage(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(join(packageRoot(), 'firmware', 'images', name)));
}
