// SPDX-License-Identifier: GPL-2.0-only
/** Results of the guest's parts that the host can compute with its own OpenSSL. */

import { createCipheriv, createHash } from 'node:crypto';

/** Digests by the name that the guest's `openssl dgst` and Node both have. */
const DIGESTS = ['md5', 'sha1', 'sha256', 'sha512', 'sha3-256', 'blake2b512'];
const SHOWN_DIGITS = 32;

/** AES-128 in counter mode over zeros, the key being `key`: what guest/run.sh calls known_bytes. */
function knownBytes(key: number, count: number): Buffer {
  return encrypt('aes-128-ctr', key, 16, 0, Buffer.alloc(count));
}

function encrypt(cipher: string, key: number, keyBytes: number, vector: number, content: Buffer): Buffer {
  const big = (value: number, bytes: number) => Buffer.from(value.toString(16).padStart(bytes * 2, '0'), 'hex');
  const stream = createCipheriv(cipher, big(key, keyBytes), big(vector, 16));
  return Buffer.concat([stream.update(content), stream.final()]);
}

function digest(name: string, content: Buffer): string {
  return createHash(name).update(content).digest('hex').slice(0, SHOWN_DIGITS);
}

/**
 * The result that `part` must have in `round` of a run, or null when only another machine can tell.
 */
export function knownAnswer(part: string, round: number, seed: number, scale: number): string | null {
  const key = seed + round;
  if (part === 'digests') {
    const bytes = knownBytes(key, 1_000_000 * scale);
    const plain = DIGESTS.map((name) => `${name} ${digest(name, bytes)}`);
    const chacha20 = digest('sha256', encrypt('chacha20', 3, 32, 5, bytes));
    const aes = digest('sha256', encrypt('aes-256-cbc', 7, 32, 9, bytes));
    return [...plain, `chacha20 ${chacha20}`, `aes-256-cbc ${aes}`, `coreutils ${digest('sha512', bytes)}`].join(' ');
  }
  if (part === 'disk') return `same ${digest('sha256', knownBytes(key, 4_000_000 * scale))}`;
  return null;
}
