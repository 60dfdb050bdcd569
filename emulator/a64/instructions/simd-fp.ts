// SPDX-License-Identifier: GPL-2.0-only
/**
 * Data processing of Advanced SIMD, floating point and cryptography: the encoding classes of the
 * Arm ARM's table, and their decoders in fp/.
 *
 * A word that the decoder of its class does not know is UNDEFINED: it was allocated after Armv8.2,
 * or never.
 *
 * Source: Arm ARM DDI 0487 K.a, C4.1.96.
 */

import { helped, type Instruction } from '#emulator/a64/decode/instruction.ts';
import type { NumbersOf } from '#emulator/a64/decode/pattern.ts';
import type { Feature } from '#emulator/a64/features.ts';
import { decodeAcrossLanes, decodeScalarPairwise } from '#emulator/a64/fp/across-lanes.ts';
import { simdStateOf } from '#emulator/a64/fp/core-simd.ts';
import { decodeAes, decodeShaThree, decodeShaTwo } from '#emulator/a64/fp/crypto.ts';
import { decodeIndexedElement } from '#emulator/a64/fp/indexed-element.ts';
import {
  decodeCopy,
  decodeExtract,
  decodeModifiedImmediate,
  decodePermute,
  decodeTableLookup,
} from '#emulator/a64/fp/moves.ts';
import {
  decodeCompare,
  decodeConditionalCompare,
  decodeConditionalSelect,
  decodeFixedPoint,
  decodeImmediate,
  decodeIntegerConversion,
  decodeOneSource,
  decodeThreeSource,
  decodeTwoSource,
} from '#emulator/a64/fp/scalar-fp.ts';
import { decodeShiftImmediate } from '#emulator/a64/fp/shift-immediate.ts';
import { decodeThreeDifferent } from '#emulator/a64/fp/three-different.ts';
import { decodeThreeSame, decodeThreeSameExtra, decodeThreeSameHalf } from '#emulator/a64/fp/three-same.ts';
import { decodeTwoRegister, decodeTwoRegisterHalf } from '#emulator/a64/fp/two-register-misc.ts';
import type { Operation } from '#emulator/a64/fp/vector-registers.ts';

type Decode<P extends string> = (fields: NumbersOf<P>) => Operation | null;
type FeatureOf<P extends string> = (fields: NumbersOf<P>) => Feature | null;

function encodingClass<P extends string>(
  name: string,
  pattern: P,
  decode: Decode<P>,
  feature?: Feature | FeatureOf<P>,
): Instruction {
  return helped(
    name,
    pattern,
    { fp: true, ...(feature === undefined ? {} : { feature }), where: (fields) => decode(fields) !== null },
    (fields) => {
      const operation = decode(fields);
      if (operation === null) throw new RangeError(`${name}: the fields name no instruction`);
      return (core) => operation(simdStateOf(core));
    },
  );
}

/** Scalar form of a class: decoded with Q as for 128 bits. */
const scalar =
  <F extends { readonly scalar: boolean; readonly Q: number }>(decode: (fields: F) => Operation | null) =>
  (fields: Omit<F, 'scalar' | 'Q'>): Operation | null =>
    decode({ ...fields, scalar: true, Q: 1 } as F);
const vector =
  <F extends { readonly scalar: boolean }>(decode: (fields: F) => Operation | null) =>
  (fields: Omit<F, 'scalar'>): Operation | null =>
    decode({ ...fields, scalar: false } as F);

/** Half precision in data processing needs FP16; conversions to and from it are in every core. */
const halfPrecision = ({ ptype }: { readonly ptype: number }): Feature | null => (ptype === 3 ? 'FP16' : null);
/** Half precision by element: size 00 and opcode xx01. */
const halfElement = (f: { readonly U: number; readonly size: number; readonly opcode: number }): boolean =>
  f.size === 0 && (f.opcode & 3) === 1 && f.opcode !== 0b1101;
const roundingDoubling = ({ opcode }: { readonly opcode: number }): Feature => (opcode === 0b0010 ? 'DotProd' : 'RDM');
const indexedFeature = (f: { readonly U: number; readonly size: number; readonly opcode: number }): Feature | null => {
  if (halfElement(f)) return 'FP16';
  if (f.opcode === 0b1110) return 'DotProd';
  return f.U === 1 && (f.opcode & 0b1101) === 0b1101 ? 'RDM' : null;
};
/** Conversions of halves in the shift class need FP16: the operand has 16 bits. */
const shiftFeature = ({ immh, opcode }: { readonly immh: number; readonly opcode: number }): Feature | null =>
  immh >> 1 === 1 && opcode >= 0b11100 ? 'FP16' : null;
const reductionFeature = ({ U, opcode }: { readonly U: number; readonly opcode: number }): Feature | null =>
  U === 0 && (opcode & 0b11100) === 0b01100 ? 'FP16' : null;

export const SIMD_FP: readonly Instruction[] = [
  // Cryptography.
  encodingClass('AESE, AESD, AESMC, AESIMC', '01001110 size:2 10100 opcode:5 10 Rn Rd', decodeAes, 'AES'),
  encodingClass(
    'Cryptographic three-register SHA',
    '01011110 size:2 0 Rm 0 opcode:3 00 Rn Rd',
    decodeShaThree,
    ({ opcode }) => (opcode < 4 ? 'SHA1' : 'SHA256'),
  ),
  encodingClass(
    'Cryptographic two-register SHA',
    '01011110 size:2 10100 opcode:5 10 Rn Rd',
    decodeShaTwo,
    ({ opcode }) => (opcode < 2 ? 'SHA1' : 'SHA256'),
  ),

  // Advanced SIMD, scalar.
  encodingClass('Advanced SIMD scalar copy', '01 op 11110000 imm5:5 0 imm4:4 1 Rn Rd', scalar(decodeCopy)),
  encodingClass(
    'Advanced SIMD scalar three same FP16',
    '01 U 11110 a 10 Rm 00 opcode:3 1 Rn Rd',
    (f) => decodeThreeSameHalf({ ...f, size: f.a << 1, scalar: true, Q: 1 }),
    'FP16',
  ),
  encodingClass(
    'Advanced SIMD scalar two-register miscellaneous FP16',
    '01 U 11110 a 111100 opcode:5 10 Rn Rd',
    (f) => decodeTwoRegisterHalf({ ...f, size: (f.a << 1) | 1, scalar: true, Q: 1 }),
    'FP16',
  ),
  encodingClass(
    'Advanced SIMD scalar three same extra',
    '01 U 11110 size:2 0 Rm 1 opcode:4 1 Rn Rd',
    scalar(decodeThreeSameExtra),
    'RDM',
  ),
  encodingClass(
    'Advanced SIMD scalar two-register miscellaneous',
    '01 U 11110 size:2 10000 opcode:5 10 Rn Rd',
    scalar(decodeTwoRegister),
  ),
  encodingClass(
    'Advanced SIMD scalar pairwise',
    '01 U 11110 size:2 11000 opcode:5 10 Rn Rd',
    scalar(decodeScalarPairwise),
    reductionFeature,
  ),
  encodingClass(
    'Advanced SIMD scalar three different',
    '01 U 11110 size:2 1 Rm opcode:4 00 Rn Rd',
    scalar(decodeThreeDifferent),
  ),
  encodingClass('Advanced SIMD scalar three same', '01 U 11110 size:2 1 Rm opcode:5 1 Rn Rd', scalar(decodeThreeSame)),
  encodingClass(
    'Advanced SIMD scalar shift by immediate',
    '01 U 111110 immh:4 immb:3 opcode:5 1 Rn Rd',
    scalar(decodeShiftImmediate),
    shiftFeature,
  ),
  encodingClass(
    'Advanced SIMD scalar x indexed element',
    '01 U 11111 size:2 ~L ~M Rm:4 opcode:4 ~H 0 Rn Rd',
    scalar(decodeIndexedElement),
    indexedFeature,
  ),

  // Advanced SIMD, vector.
  encodingClass('Advanced SIMD table lookup', '0 Q 001110 op2:2 0 Rm 0 ~len:2 op 00 Rn Rd', decodeTableLookup),
  encodingClass('Advanced SIMD permute', '0 Q 001110 size:2 0 Rm 0 opcode:3 10 Rn Rd', decodePermute),
  encodingClass('Advanced SIMD extract', '0 Q 101110 op2:2 0 Rm 0 imm4:4 0 Rn Rd', decodeExtract),
  encodingClass('Advanced SIMD copy', '0 Q op 01110000 imm5:5 0 imm4:4 1 Rn Rd', vector(decodeCopy)),
  encodingClass(
    'Advanced SIMD three same (FP16)',
    '0 Q U 01110 a 10 Rm 00 opcode:3 1 Rn Rd',
    (f) => decodeThreeSameHalf({ ...f, size: f.a << 1, scalar: false }),
    'FP16',
  ),
  encodingClass(
    'Advanced SIMD two-register miscellaneous (FP16)',
    '0 Q U 01110 a 111100 opcode:5 10 Rn Rd',
    (f) => decodeTwoRegisterHalf({ ...f, size: (f.a << 1) | 1, scalar: false }),
    'FP16',
  ),
  encodingClass(
    'Advanced SIMD three same extra',
    '0 Q U 01110 size:2 0 Rm 1 opcode:4 1 Rn Rd',
    vector(decodeThreeSameExtra),
    roundingDoubling,
  ),
  encodingClass(
    'Advanced SIMD two-register miscellaneous',
    '0 Q U 01110 size:2 10000 opcode:5 10 Rn Rd',
    vector(decodeTwoRegister),
  ),
  encodingClass(
    'Advanced SIMD across lanes',
    '0 Q U 01110 size:2 11000 opcode:5 10 Rn Rd',
    vector(decodeAcrossLanes),
    reductionFeature,
  ),
  encodingClass(
    'Advanced SIMD three different',
    '0 Q U 01110 size:2 1 Rm opcode:4 00 Rn Rd',
    vector(decodeThreeDifferent),
    ({ size, opcode }) => (opcode === 0b1110 && size === 3 ? 'PMULL' : null),
  ),
  encodingClass('Advanced SIMD three same', '0 Q U 01110 size:2 1 Rm opcode:5 1 Rn Rd', vector(decodeThreeSame)),
  encodingClass(
    'Advanced SIMD modified immediate',
    '0 Q op 0111100000 ~abc:3 cmode:4 o2 1 ~defgh:5 Rd',
    decodeModifiedImmediate,
    ({ o2 }) => (o2 === 1 ? 'FP16' : null),
  ),
  encodingClass(
    'Advanced SIMD shift by immediate',
    '0 Q U 011110 immh:4 immb:3 opcode:5 1 Rn Rd',
    vector(decodeShiftImmediate),
    shiftFeature,
  ),
  encodingClass(
    'Advanced SIMD vector x indexed element',
    '0 Q U 01111 size:2 ~L ~M Rm:4 opcode:4 ~H 0 Rn Rd',
    vector(decodeIndexedElement),
    indexedFeature,
  ),

  // Floating point, scalar.
  encodingClass(
    'Conversion between floating-point and fixed-point',
    'sf 0 S 11110 ptype:2 0 rmode:2 opcode:3 ~scale:6 Rn Rd',
    decodeFixedPoint,
    halfPrecision,
  ),
  encodingClass(
    'Conversion between floating-point and integer',
    'sf 0 S 11110 ptype:2 1 rmode:2 opcode:3 000000 Rn Rd',
    decodeIntegerConversion,
    halfPrecision,
  ),
  encodingClass(
    'Floating-point data-processing (1 source)',
    'M 0 S 11110 ptype:2 1 opcode:6 10000 Rn Rd',
    decodeOneSource,
    ({ ptype, opcode }) => (ptype === 3 && opcode >> 2 !== 1 ? 'FP16' : null),
  ),
  encodingClass(
    'Floating-point compare',
    'M 0 S 11110 ptype:2 1 Rm op:2 1000 Rn opcode2:5',
    decodeCompare,
    halfPrecision,
  ),
  encodingClass(
    'Floating-point immediate',
    'M 0 S 11110 ptype:2 1 imm8:8 100 imm5:5 Rd',
    decodeImmediate,
    halfPrecision,
  ),
  encodingClass(
    'Floating-point conditional compare',
    'M 0 S 11110 ptype:2 1 Rm ~cond:4 01 Rn op ~nzcv:4',
    decodeConditionalCompare,
    halfPrecision,
  ),
  encodingClass(
    'Floating-point data-processing (2 source)',
    'M 0 S 11110 ptype:2 1 Rm opcode:4 10 Rn Rd',
    decodeTwoSource,
    halfPrecision,
  ),
  encodingClass(
    'Floating-point conditional select',
    'M 0 S 11110 ptype:2 1 Rm ~cond:4 11 Rn Rd',
    decodeConditionalSelect,
    halfPrecision,
  ),
  encodingClass(
    'Floating-point data-processing (3 source)',
    'M 0 S 11111 ptype:2 o1 Rm o0 Ra Rn Rd',
    decodeThreeSource,
    halfPrecision,
  ),
];
