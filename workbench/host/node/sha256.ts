// SPDX-License-Identifier: GPL-2.0-only
/** SHA-256, piece by piece. */

import { createHash } from 'node:crypto';
import type { Sha256 } from '#workbench/host/sha256-type.ts';

export function sha256(): Sha256 {
  const hash = createHash('sha256');
  const made: Sha256 = {
    update: (data) => {
      hash.update(data);
      return made;
    },
    digest: () => new Uint8Array(hash.digest()),
    hex: () => hash.digest('hex'),
  };
  return made;
}
