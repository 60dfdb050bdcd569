// SPDX-License-Identifier: GPL-2.0-only
/**
 * AES, SHA-1 and SHA-256 instructions: FIPS 197, FIPS 180-4, and the pseudocode of the Arm ARM
 * (C7.2, J1.3).
 */

import { type Operation, REGISTER_BYTES, type VectorRegisters } from './vector-registers.ts';

/** Product in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1. */
function fieldProduct(a: number, b: number): number {
  let product = 0;
  for (let i = 0; i < 8; i += 1) {
    if (((b >> i) & 1) === 1) product ^= a;
    a = (a << 1) ^ ((a & 0x80) === 0 ? 0 : 0x11b);
  }
  return product;
}

/** The S-box of FIPS 197, 5.1.1: the inverse in the field, then an affine map. */
const S_BOX = Uint8Array.from({ length: 256 }, (_, value) => {
  // value^254 is the inverse; 0 maps to 0.
  let inverse = 1;
  for (let i = 0; i < 254; i += 1) inverse = fieldProduct(inverse, value);
  let image = 0x63;
  for (let i = 0; i < 5; i += 1) image ^= ((inverse << i) | (inverse >> (8 - i))) & 0xff;
  return image;
});

const INVERSE_S_BOX = new Uint8Array(256);
S_BOX.forEach((image, value) => {
  INVERSE_S_BOX[image] = value;
});

/**
 * Byte 4c + r is row r, column c. ShiftRows takes it from column c + r, InvShiftRows from c - r.
 */
const shiftRows = (sign: 1 | -1): readonly number[] =>
  Array.from({ length: 16 }, (_, i) => (((i >> 2) + sign * (i & 3) + 4) & 3) * 4 + (i & 3));

const state = new Uint8Array(REGISTER_BYTES);

/** AESE and AESD: AddRoundKey, ShiftRows, SubBytes. */
const round =
  (box: Uint8Array, order: readonly number[]) =>
  (v: VectorRegisters, Rd: number, Rn: number): void => {
    for (let i = 0; i < REGISTER_BYTES; i += 1) {
      state[i] = (v.u8[Rd * REGISTER_BYTES + i] ?? 0) ^ (v.u8[Rn * REGISTER_BYTES + i] ?? 0);
    }
    order.forEach((from, i) => {
      v.u8[Rd * REGISTER_BYTES + i] = box[state[from] ?? 0] ?? 0;
    });
  };

/** AESMC and AESIMC: each column times a polynomial. */
const mixColumns = (coefficients: readonly number[]) => {
  const products = coefficients.map((factor) =>
    Uint8Array.from({ length: 256 }, (_, value) => fieldProduct(value, factor)),
  );
  return (v: VectorRegisters, Rd: number, Rn: number): void => {
    state.set(v.u8.subarray(Rn * REGISTER_BYTES, (Rn + 1) * REGISTER_BYTES));
    for (let i = 0; i < REGISTER_BYTES; i += 1) {
      let sum = 0;
      products.forEach((product, k) => {
        sum ^= product[state[(i & ~3) | ((i + k) & 3)] ?? 0] ?? 0;
      });
      v.u8[Rd * REGISTER_BYTES + i] = sum;
    }
  };
};

const AES: Readonly<Record<number, (v: VectorRegisters, Rd: number, Rn: number) => void>> = {
  0b00100: round(S_BOX, shiftRows(1)), // AESE
  0b00101: round(INVERSE_S_BOX, shiftRows(-1)), // AESD
  0b00110: mixColumns([2, 3, 1, 1]), // AESMC
  0b00111: mixColumns([14, 11, 13, 9]), // AESIMC
};

export interface CryptoTwoRegister {
  readonly size: number;
  readonly opcode: number;
  readonly Rn: number;
  readonly Rd: number;
}

export function decodeAes({ size, opcode, Rn, Rd }: CryptoTwoRegister): Operation | null {
  const operation = AES[opcode];
  return operation === undefined || size !== 0 ? null : ({ v }) => operation(v, Rd, Rn);
}

const rotateLeft = (value: number, count: number): number => (value << count) | (value >>> (32 - count));
const rotateRight = (value: number, count: number): number => rotateLeft(value, 32 - count);

const choose = (x: number, y: number, z: number): number => ((y ^ z) & x) ^ z;
const majority = (x: number, y: number, z: number): number => (x & y) | ((x | y) & z);
const parity = (x: number, y: number, z: number): number => x ^ y ^ z;

type Words = [number, number, number, number];

const wordsOf = (v: VectorRegisters, index: number): Words => [
  v.u32[index * 4] ?? 0,
  v.u32[index * 4 + 1] ?? 0,
  v.u32[index * 4 + 2] ?? 0,
  v.u32[index * 4 + 3] ?? 0,
];

const setWords = (v: VectorRegisters, index: number, words: Words): void => v.u32.set(words, index * 4);

type ThreeRegisters = (d: Words, n: Words, m: Words) => Words;

/** SHA1C, SHA1P, SHA1M: four rounds. */
const sha1Rounds =
  (mix: (x: number, y: number, z: number) => number): ThreeRegisters =>
  (d, n, m) => {
    let [a, b, c, e] = d;
    let y = n[0];
    for (const word of m) {
      y = (y + rotateLeft(a, 5) + mix(b, c, e) + word) | 0;
      [a, b, c, e, y] = [y, a, rotateLeft(b, 30), c, e];
    }
    return [a, b, c, e];
  };

const sha1Schedule0: ThreeRegisters = (d, n, m) => [
  d[2] ^ d[0] ^ m[0],
  d[3] ^ d[1] ^ m[1],
  n[0] ^ d[2] ^ m[2],
  n[1] ^ d[3] ^ m[3],
];

/** SHA256hash: four rounds on both halves of the state; returns the half that `first` selects. */
function sha256Rounds(x: Words, y: Words, w: Words, first: boolean): Words {
  for (const word of w) {
    const sigma1 = rotateRight(y[0], 6) ^ rotateRight(y[0], 11) ^ rotateRight(y[0], 25);
    const t = (y[3] + sigma1 + choose(y[0], y[1], y[2]) + word) | 0;
    const sigma0 = rotateRight(x[0], 2) ^ rotateRight(x[0], 13) ^ rotateRight(x[0], 22);
    const top = (t + sigma0 + majority(x[0], x[1], x[2])) | 0;
    [x, y] = [
      [top, x[0], x[1], x[2]],
      [(x[3] + t) | 0, y[0], y[1], y[2]],
    ];
  }
  return first ? x : y;
}

const sigma0 = (value: number): number => rotateRight(value, 7) ^ rotateRight(value, 18) ^ (value >>> 3);
const sigma1 = (value: number): number => rotateRight(value, 17) ^ rotateRight(value, 19) ^ (value >>> 10);

const sha256Schedule0 = (d: Words, n: Words): Words => [
  (d[0] + sigma0(d[1])) | 0,
  (d[1] + sigma0(d[2])) | 0,
  (d[2] + sigma0(d[3])) | 0,
  (d[3] + sigma0(n[0])) | 0,
];

const sha256Schedule1: ThreeRegisters = (d, n, m) => {
  const low0 = (d[0] + n[1] + sigma1(m[2])) | 0;
  const low1 = (d[1] + n[2] + sigma1(m[3])) | 0;
  return [low0, low1, (d[2] + n[3] + sigma1(low0)) | 0, (d[3] + m[0] + sigma1(low1)) | 0];
};

const SHA_THREE: readonly ThreeRegisters[] = [
  sha1Rounds(choose), // SHA1C
  sha1Rounds(parity), // SHA1P
  sha1Rounds(majority), // SHA1M
  sha1Schedule0, // SHA1SU0
  (d, n, m) => sha256Rounds(d, n, m, true), // SHA256H
  (d, n, m) => sha256Rounds(n, d, m, false), // SHA256H2
  sha256Schedule1, // SHA256SU1
];

export function decodeShaThree({
  size,
  Rm,
  opcode,
  Rn,
  Rd,
}: CryptoTwoRegister & { readonly Rm: number }): Operation | null {
  const operation = SHA_THREE[opcode];
  if (operation === undefined || size !== 0) return null;
  return ({ v }) => setWords(v, Rd, operation(wordsOf(v, Rd), wordsOf(v, Rn), wordsOf(v, Rm)));
}

const SHA_TWO: readonly ((d: Words, n: Words) => Words)[] = [
  // SHA1H is scalar.
  (_d, n) => [rotateLeft(n[0], 30), 0, 0, 0],
  // SHA1SU1.
  (d, n) => {
    const words: Words = [d[0] ^ n[1], d[1] ^ n[2], d[2] ^ n[3], d[3]];
    const rotated = words.map((word) => rotateLeft(word, 1)) as Words;
    rotated[3] ^= rotateLeft(words[0], 2);
    return rotated;
  },
  sha256Schedule0, // SHA256SU0
];

export function decodeShaTwo({ size, opcode, Rn, Rd }: CryptoTwoRegister): Operation | null {
  const operation = SHA_TWO[opcode];
  if (operation === undefined || size !== 0) return null;
  return ({ v }) => setWords(v, Rd, operation(wordsOf(v, Rd), wordsOf(v, Rn)));
}
