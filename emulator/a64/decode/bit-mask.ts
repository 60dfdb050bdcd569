// SPDX-License-Identifier: GPL-2.0-only

/**
 * Mask of a logical immediate (DecodeBitMasks of the Arm ARM): ones, rotated right and repeated in
 * elements whose size N:NOT(imms) gives. Null when reserved.
 */
export function decodeBitMask(n: number, imms: number, immr: number): bigint | null {
  const length = 31 - Math.clz32((n << 6) | (~imms & 0x3f));
  if (length < 1) return null;
  const size = 1 << length;
  const ones = BigInt((imms & (size - 1)) + 1);
  if (ones === BigInt(size)) return null;
  const rotation = BigInt(immr & (size - 1));
  const all = (1n << BigInt(size)) - 1n;
  const run = (1n << ones) - 1n;
  const element = ((run >> rotation) | (run << (BigInt(size) - rotation))) & all;
  let mask = 0n;
  for (let at = 0; at < 64; at += size) mask |= element << BigInt(at);
  return mask;
}
