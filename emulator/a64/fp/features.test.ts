// SPDX-License-Identifier: GPL-2.0-only
/**
 * Encodings of an extension are UNDEFINED on cores without it, and on no other.
 */

import { describe, expect, it } from 'vitest';
import type { Feature } from '#emulator/a64/features.ts';
import { instructionDecoder } from '#emulator/a64/runtime.ts';

const ROWS: readonly (readonly [string, number, Feature | null])[] = [
  ['fadd v0.4s, v1.4s, v2.4s', 0x4e22d420, null],
  ['fadd v0.8h, v1.8h, v2.8h', 0x4e421420, 'FP16'],
  ['fadd h0, h1, h2', 0x1ee22820, 'FP16'],
  ['fcvt s0, h1', 0x1ee24020, null],
  ['fsqrt v0.8h, v1.8h', 0x6ef9f820, 'FP16'],
  ['fmla v0.8h, v1.8h, v2.h[0]', 0x4f021020, 'FP16'],
  ['fmla v0.4s, v1.4s, v2.s[0]', 0x4f821020, null],
  ['fmaxnmv h0, v1.8h', 0x4e30c820, 'FP16'],
  ['faddp h0, v1.2h', 0x5e30d820, 'FP16'],
  ['fmov v0.8h, #1.0', 0x4f03fe00, 'FP16'],
  ['scvtf v0.8h, v1.8h, #3', 0x4f1de420, 'FP16'],
  ['sqrdmlah v0.4s, v1.4s, v2.4s', 0x6e828420, 'RDM'],
  ['sqrdmlsh v0.4s, v1.4s, v2.s[1]', 0x6fa2f020, 'RDM'],
  ['sqrdmulh v0.4s, v1.4s, v2.s[1]', 0x4fa2d020, null],
  ['sdot v0.4s, v1.16b, v2.16b', 0x4e829420, 'DotProd'],
  ['udot v0.4s, v1.16b, v2.4b[1]', 0x6fa2e020, 'DotProd'],
  ['aese v0.16b, v1.16b', 0x4e284820, 'AES'],
  ['pmull v0.1q, v1.1d, v2.1d', 0x0ee2e020, 'PMULL'],
  ['pmull v0.8h, v1.8b, v2.8b', 0x0e22e020, null],
  ['sha1c q0, s1, v2.4s', 0x5e020020, 'SHA1'],
  ['sha256h q0, q1, v2.4s', 0x5e024020, 'SHA256'],
];

/** Later extensions that no core here has. */
const NEVER: readonly (readonly [string, number])[] = [
  ['fcadd v0.4s, v1.4s, v2.4s, #90', 0x6e82e420],
  ['fjcvtzs w0, d1', 0x1e7e0020],
  ['fmlal v0.4s, v1.4h, v2.4h', 0x4e22ec20],
  ['sha512h q0, q1, v2.2d', 0xce628020],
  ['eor3 v0.16b, v1.16b, v2.16b, v3.16b', 0xce020c20],
  ['frint32z s0, s1', 0x1e284020],
  ['usdot v0.4s, v1.16b, v2.16b', 0x4e829c20],
];

const isDefined = (word: number, has: (feature: Feature) => boolean): boolean =>
  instructionDecoder().decode(word, has) !== null;

describe('extensions', () => {
  it.each(ROWS)('%s', (_text, word, feature) => {
    expect(isDefined(word, () => true)).toBe(true);
    expect(isDefined(word, () => false)).toBe(feature === null);
    expect(isDefined(word, (asked) => asked === feature)).toBe(true);
  });

  it.each(NEVER)('%s is undefined on every core', (_text, word) => {
    expect(isDefined(word, () => true)).toBe(false);
  });
});
