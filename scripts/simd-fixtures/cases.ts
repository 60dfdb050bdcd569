// SPDX-License-Identifier: GPL-2.0-only
/**
 * Random SIMD and FP instructions with operands that are corner values more often than not, the
 * same ones for the same seed.
 *
 * A case is a record of bytes, before and after; scripts/simd-fixtures/executor.S executes such
 * records on QEMU.
 *
 *     0   u32 word (after: 0 when it was executed, else the number of the signal)
 *     4   u32 FPCR      8 u32 FPSR     12 u32 NZCV, at bits 31:28
 *     16  X0 to X15     144 V0 to V31  656 memory, at MEMORY_ADDRESS
 */

import { FPCR } from '#emulator/a64/fp/environment.ts';

export const RECORD = { word: 0, fpcr: 4, fpsr: 8, nzcv: 12, x: 16, v: 144, memory: 656, bytes: 1424 } as const;
export const MEMORY_BYTES = RECORD.bytes - RECORD.memory;
/** Address of the memory in the executor's program, by its linker options. */
export const MEMORY_ADDRESS = 0x2000_1000n + BigInt(RECORD.memory);
/** SIGILL: the word is UNDEFINED. */
export const UNDEFINED_SIGNAL = 4;

/** Numbers below `limit`, from a 32-bit state (mulberry32). */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed | 0;
  }

  word(): number {
    this.state = (this.state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  below(limit: number): number {
    return this.word() % limit;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  bits(count: number): bigint {
    return BigInt.asUintN(count, (BigInt(this.word()) << 32n) | BigInt(this.word()));
  }
}

/** Numbers of a format that operations treat in their own ways, without signs. */
function corners(bits: number, fractionBits: number): readonly bigint[] {
  const f = BigInt(fractionBits);
  const ones = (1n << f) - 1n;
  const top = (1n << BigInt(bits - fractionBits - 1)) - 1n;
  const bias = top >> 1n;
  const number = (exponent: bigint, fraction: bigint): bigint => ((bias + exponent) << f) | fraction;
  const infinity = top << f;
  return [
    0n,
    1n,
    2n,
    3n,
    ones >> 1n,
    (ones >> 1n) + 1n,
    ones, // subnormal
    1n << f,
    (1n << f) + 1n,
    (2n << f) - 1n,
    2n << f, // the least normal ones
    number(0n, 0n),
    number(0n, 1n),
    number(-1n, 0n),
    number(-1n, ones),
    number(-1n, 1n), // about 1, and ties of integers
    number(0n, ones),
    number(0n, 1n << (f - 1n)),
    number(1n, 0n),
    number(1n, 1n << (f - 2n)),
    number(1n, 1n << (f - 1n)),
    number(f, 0n),
    number(f - 1n, 1n),
    number(f - 2n, 3n),
    number(f + 1n, 0n), // where fractions end
    number(14n, 0n),
    number(15n, 0n),
    number(15n, ones),
    number(14n, ones), // limits of 16 bits
    ...(bits === 16
      ? []
      : [
          number(30n, 0n),
          number(31n, 0n),
          number(31n, ones),
          number(30n, ones),
          number(32n, 0n),
          number(62n, 0n),
          number(63n, 0n),
          number(63n, ones),
        ]),
    ...(bits === 16
      ? []
      : // limits of halves
        [number(-14n, 0n), number(-15n, 0n), number(-24n, 0n), number(-25n, 1n), number(15n, ones - 0xfn)]),
    ...(bits === 64
      ? [
          number(127n, ones),
          number(128n, 0n),
          number(-126n, 0n),
          number(-127n, 0n),
          number(-149n, 0n),
          number(-150n, 1n),
        ]
      : []), // limits of singles
    infinity - 1n,
    infinity - (1n << f),
    infinity - 2n, // the largest
    infinity,
    infinity | 1n,
    infinity | (1n << (f - 1n)),
    infinity | (1n << (f - 1n)) | 5n,
    infinity | ones,
    infinity | (ones >> 1n),
  ];
}

const FORMATS = [
  { bits: 16, corners: corners(16, 10) },
  { bits: 32, corners: corners(32, 23) },
  { bits: 64, corners: corners(64, 52) },
] as const;

const INTEGER_CORNERS = [
  0n,
  1n,
  2n,
  0x7fn,
  0x80n,
  0x81n,
  0xffn,
  0xfen,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x7fff_ffff_ffff_ffffn,
  0x8000_0000_0000_0000n,
  0xffff_ffff_ffff_ffffn,
] as const;

function lane(random: Random, format: (typeof FORMATS)[number]): bigint {
  const sign = BigInt(random.below(2)) << BigInt(format.bits - 1);
  switch (random.below(4)) {
    case 0:
      return random.bits(format.bits);
    case 1: // near 1: exponents that interact
      return sign | (random.pick(format.corners.slice(11, 21)) ^ random.bits(format.bits / 4));
    default:
      return sign | random.pick(format.corners);
  }
}

function register(random: Random): [bigint, bigint] {
  const kind = random.below(6);
  if (kind === 0) return [random.bits(64), random.bits(64)];
  if (kind === 1) return [lanesOf(random, 8), lanesOf(random, 8)];
  if (kind === 2) return [BigInt.asUintN(64, random.pick(INTEGER_CORNERS)), random.pick(INTEGER_CORNERS)];
  const format = FORMATS[kind - 3] as (typeof FORMATS)[number];
  const half = (): bigint => {
    let value = 0n;
    for (let at = 0; at < 64; at += format.bits) value |= lane(random, format) << BigInt(at);
    return value;
  };
  return [half(), half()];
}

/** Lanes of a size, each a corner of integers. */
function lanesOf(random: Random, size: number): bigint {
  let value = 0n;
  for (let at = 0; at < 64; at += size) {
    value |= BigInt.asUintN(size, random.pick(INTEGER_CORNERS)) << BigInt(at);
  }
  return value;
}

/** FPCR: mostly as programs have it, else any mode. */
function control(random: Random): number {
  if (random.below(3) === 0) return 0;
  let fpcr = random.below(4) << FPCR.RMODE_SHIFT;
  for (const bit of [FPCR.AHP, FPCR.DN, FPCR.FZ, FPCR.FZ16]) if (random.below(4) === 0) fpcr |= bit;
  return fpcr;
}

/** Fields of a word, lowest bit and width. */
export interface WordField {
  readonly name: string;
  readonly low: number;
  readonly bits: number;
}

export interface WordPattern {
  readonly mask: number;
  readonly value: number;
  readonly fields: readonly WordField[];
}

/** Registers are below 16, for records have no more general ones, or 31; a base is no SP. */
function registerField(random: Random, name: string): number {
  return name !== 'Rn' && random.below(8) === 0 ? 31 : random.below(16);
}

/** A word of the pattern, with the values that `fixed` has for fields by name. */
function randomWord(random: Random, { value, fields }: WordPattern, fixed: Readonly<Record<string, number>>): number {
  let word = value;
  for (const { name, low, bits } of fields) {
    const isRegister = name.startsWith('R') && bits === 5;
    // CASP names pairs by their even register: of the first eight.
    const width = name.endsWith('_') ? 3 : bits;
    const field = fixed[name] ?? (isRegister ? registerField(random, name) : random.word() & (2 ** width - 1));
    word |= field << low;
  }
  return word >>> 0;
}

export interface RecordOptions {
  readonly seed: number;
  /** Values of fields by name; the others are random. */
  readonly fixed?: Readonly<Record<string, number>>;
  /** Rn is the address of memory. */
  readonly memory?: boolean;
  /** It is a multiple of 16, and holds what X registers hold more often than not. */
  readonly atomic?: boolean;
}

/** More than an instruction reaches, on both sides. */
const MARGIN = 128;

/** `count` records, one after the other, with words of the pattern. */
export function randomRecords(
  pattern: WordPattern,
  count: number,
  { seed, fixed = {}, memory = false, atomic = false }: RecordOptions,
): Uint8Array {
  const random = new Random(seed);
  const bytes = new Uint8Array(count * RECORD.bytes);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += RECORD.bytes) {
    const word = randomWord(random, pattern, fixed);
    view.setUint32(at + RECORD.word, word, true);
    view.setUint32(at + RECORD.fpcr, control(random), true);
    view.setUint32(at + RECORD.nzcv, random.below(16) * 2 ** 28, true);
    for (let i = 0; i < 16; i += 1) view.setBigUint64(at + RECORD.x + 8 * i, general(random), true);
    for (let i = 0; i < 16; i += 1) {
      const [low, high] = register(random);
      view.setBigUint64(at + RECORD.v + 16 * i, low, true);
      view.setBigUint64(at + RECORD.v + 16 * i + 8, high, true);
    }
    if (!memory) continue;
    const address = MEMORY_ADDRESS + BigInt(MARGIN + random.below(MEMORY_BYTES - 2 * MARGIN));
    view.setBigUint64(at + RECORD.x + 8 * ((word >>> 5) & 31), address, true);
    for (let i = RECORD.memory; i < RECORD.bytes; i += 1) bytes[at + i] = random.word();
    if (atomic) placeOperands(view, at, word, random);
  }
  return bytes;
}

/** Memory at a multiple of 16 holds what Rs, or the pair of it, holds, or a corner. */
function placeOperands(view: DataView, at: number, word: number, random: Random): void {
  const offset = 16 * (8 + random.below(32));
  view.setBigUint64(at + RECORD.x + 8 * ((word >>> 5) & 31), MEMORY_ADDRESS + BigInt(offset), true);
  const compared = (word >>> 16) & 15;
  for (const half of [0, 1]) {
    const kind = random.below(3);
    if (kind === 0) continue;
    const value =
      kind === 1 ? random.pick(INTEGER_CORNERS) : view.getBigUint64(at + RECORD.x + 8 * ((compared + half) & 15), true);
    view.setBigUint64(at + RECORD.memory + offset + 8 * half, value, true);
  }
}

const general = (random: Random): bigint =>
  random.below(2) === 0 ? random.pick(INTEGER_CORNERS) : random.bits(random.below(65));
