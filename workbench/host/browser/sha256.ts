// SPDX-License-Identifier: GPL-2.0-only
/** SHA-256, piece by piece: the browser's own is asynchronous and wants everything at once. */

import { sha256 as sha256Of } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { Sha256 } from '#workbench/host/sha256-type.ts';

export function sha256(): Sha256 {
  const hash = sha256Of.create();
  const made: Sha256 = {
    update: (data) => {
      hash.update(typeof data === 'string' ? utf8ToBytes(data) : data);
      return made;
    },
    digest: () => hash.digest(),
    hex: () => bytesToHex(hash.digest()),
  };
  return made;
}
