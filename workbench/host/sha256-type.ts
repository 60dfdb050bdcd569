// SPDX-License-Identifier: GPL-2.0-only
/** The type of the hash function, for every host. */

/** One hash in the making: `digest` or `hex` ends it. */
export interface Sha256 {
  /** Text counts as its UTF-8. */
  update(data: Uint8Array | string): Sha256;
  /** 32 bytes. */
  digest(): Uint8Array;
  hex(): string;
}
