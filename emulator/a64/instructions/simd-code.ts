// SPDX-License-Identifier: GPL-2.0-only
/**
 * Advanced SIMD as WebAssembly vector code, where WebAssembly has the operation: enough to copy
 * memory, search strings, sum and hash. All other operations are in simd-fp.ts, in TypeScript.
 *
 * A form of 64 bits computes 128 and zeroes the upper half.
 *
 * Source: Arm ARM DDI 0487 K.a, C4.1.96.
 */

import type { A64Code } from '#emulator/a64/a64-code.ts';
import { instruction, type Instruction } from '#emulator/a64/decode/instruction.ts';
import { modifiedImmediate, permutation } from '#emulator/a64/fp/moves.ts';
import { i32, type I32, i64, op } from '#emulator/a64/wasm/expressions.ts';
import { type LaneComparison, type LaneOperation, type LaneSize, simd, type V128 } from '#emulator/a64/wasm/simd.ts';

const BYTES = Array.from({ length: 16 }, (_, i) => i);
const ZEROS = simd.constant(BYTES.map(() => 0));
const LOWER_HALF = simd.constant(BYTES.map((i) => (i < 8 ? 0xff : 0)));

const set = (code: A64Code, Q: number, Rd: I32, value: V128): void =>
  code.setVector(Rd, Q === 1 ? value : simd.bits('and', value, LOWER_HALF));

/** Byte indices of a shuffle from lane numbers; lanes from `half` on are the second operand's. */
const laneBytes = (indices: readonly number[], size: number, lanes: number): number[] => {
  const bytes = indices.flatMap((index) => {
    const first = index < lanes ? index << size : 16 + ((index - lanes) << size);
    return Array.from({ length: 1 << size }, (_, i) => first + i);
  });
  return BYTES.map((i) => bytes[i] ?? 0);
};

/** Result of a row, computed from the old Rn, Rm and Rd; null: no code for this lane size. */
type Operation = (size: LaneSize, Q: number, n: V128, m: V128, d: V128) => V128 | null;

const lanes =
  (name: LaneOperation, ...sizes: readonly number[]): Operation =>
  (size, _Q, n, m) =>
    sizes.includes(size) ? simd.lanes(name, size, n, m) : null;

const comparison =
  (name: LaneComparison): Operation =>
  (size, _Q, n, m) =>
    simd.compare(name, size, n, m);

const BHS = [0, 1, 2] as const;
const BHSD = [0, 1, 2, 3] as const;
const HS = [1, 2] as const;

/** Operation on neighbours: the even and the odd lanes of Rm:Rn. */
const pairwise =
  (name: LaneOperation, ...sizes: readonly number[]): Operation =>
  (size, Q, n, m) => {
    if (!sizes.includes(size)) return null;
    const count = (Q === 1 ? 16 : 8) >> size;
    const every = (from: number): V128 =>
      simd.shuffle(
        n,
        m,
        laneBytes(
          Array.from({ length: count }, (_, i) => 2 * i + from),
          size,
          count,
        ),
      );
    return simd.lanes(name, size, every(0), every(1));
  };

/** |n - m|: the larger less the smaller. */
const difference =
  (isSigned: boolean, accumulates: boolean): Operation =>
  (size, _Q, n, m, d) => {
    if (size === 3) return null;
    const [greater, less] = isSigned ? (['maxS', 'minS'] as const) : (['maxU', 'minU'] as const);
    const value = simd.lanes('sub', size, simd.lanes(greater, size, n, m), simd.lanes(less, size, n, m));
    return accumulates ? simd.lanes('add', size, d, value) : value;
  };

const accumulatedProduct =
  (name: 'add' | 'sub'): Operation =>
  (size, _Q, n, m, d) =>
    size === 1 || size === 2 ? simd.lanes(name, size, d, simd.lanes('mul', size, n, m)) : null;

const not = (value: V128 | null): V128 | null => (value === null ? null : simd.bits('not', value));

/** Three-register operations by U and opcode. */
const THREE_SAME: Readonly<Record<number, Operation>> = {
  0b0_00110: comparison('gtS'), // CMGT
  0b1_00110: comparison('gtU'), // CMHI
  0b0_00111: comparison('geS'), // CMGE
  0b1_00111: comparison('geU'), // CMHS
  0b0_01100: lanes('maxS', ...BHS), // SMAX
  0b1_01100: lanes('maxU', ...BHS), // UMAX
  0b0_01101: lanes('minS', ...BHS), // SMIN
  0b1_01101: lanes('minU', ...BHS), // UMIN
  0b0_01110: difference(true, false), // SABD
  0b1_01110: difference(false, false), // UABD
  0b0_01111: difference(true, true), // SABA
  0b1_01111: difference(false, true), // UABA
  0b0_10000: lanes('add', ...BHSD), // ADD
  0b1_10000: lanes('sub', ...BHSD), // SUB
  // CMTST
  0b0_10001: (size, _Q, n, m) => not(simd.compare('eq', size, simd.bits('and', n, m), ZEROS)),
  0b1_10001: comparison('eq'), // CMEQ
  0b0_10010: accumulatedProduct('add'), // MLA
  0b1_10010: accumulatedProduct('sub'), // MLS
  0b0_10011: lanes('mul', ...HS), // MUL
  0b0_10100: pairwise('maxS', ...BHS), // SMAXP
  0b1_10100: pairwise('maxU', ...BHS), // UMAXP
  0b0_10101: pairwise('minS', ...BHS), // SMINP
  0b1_10101: pairwise('minU', ...BHS), // UMINP
  0b0_10111: pairwise('add', ...BHSD), // ADDP
  0b1_00010: lanes('averageU', 0, 1), // URHADD
};

/** Logical operations by U and size. */
const LOGICAL: readonly ((n: V128, m: V128, d: V128) => V128)[] = [
  (n, m) => simd.bits('and', n, m), // AND
  (n, m) => simd.bits('andNot', n, m), // BIC
  (n, m) => simd.bits('or', n, m), // ORR
  (n, m) => simd.bits('or', n, simd.bits('not', m)), // ORN
  (n, m) => simd.bits('xor', n, m), // EOR
  (n, m, d) => simd.bits('select', n, m, d), // BSL
  (n, m, d) => simd.bits('select', n, d, m), // BIT
  (n, m, d) => simd.bits('select', d, n, m), // BIF
];

type OneOperation = (size: LaneSize, n: V128) => V128 | null;

/** Lanes in reverse order within each container of 1 << `container` bytes. */
const reversed =
  (container: number): OneOperation =>
  (size, n) =>
    size >= container
      ? null
      : simd.shuffle(
          n,
          n,
          BYTES.map((i) => i ^ (((1 << (container - size)) - 1) << size)),
        );

const unary =
  (name: LaneOperation): OneOperation =>
  (size, n) =>
    simd.lanes(name, size, n);

const withZero =
  (name: LaneComparison, zeroFirst = false): OneOperation =>
  (size, n) =>
    zeroFirst ? simd.compare(name, size, ZEROS, n) : simd.compare(name, size, n, ZEROS);

const ofBytes =
  (operation: (n: V128) => V128): OneOperation =>
  (size, n) =>
    size === 0 ? operation(n) : null;

/** Two-register operations by U and opcode. */
const TWO_REGISTER: Readonly<Record<number, OneOperation>> = {
  0b0_00000: reversed(3), // REV64
  0b1_00000: reversed(2), // REV32
  0b0_00001: reversed(1), // REV16
  0b0_00010: (size, n) => (size < 2 ? simd.addPairs(size as 0 | 1, true, n) : null), // SADDLP
  0b1_00010: (size, n) => (size < 2 ? simd.addPairs(size as 0 | 1, false, n) : null), // UADDLP
  0b0_00101: ofBytes(simd.countOnes), // CNT
  0b1_00101: ofBytes((n) => simd.bits('not', n)), // NOT
  0b0_01000: withZero('gtS'), // CMGT
  0b1_01000: withZero('geS'), // CMGE
  0b0_01001: withZero('eq'), // CMEQ
  0b1_01001: withZero('geS', true), // CMLE
  0b0_01010: withZero('gtS', true), // CMLT
  0b0_01011: unary('abs'), // ABS
  0b1_01011: unary('neg'), // NEG
};

/**
 * Writes every second lane, of 1 << size bytes, to one half of Rd. The upper half (Q = 1) keeps the
 * lower one.
 */
function setNarrow(code: A64Code, size: LaneSize, Q: number, Rd: I32, value: V128): void {
  const count = 16 >> size;
  const even = Array.from({ length: count / 2 }, (_, i) => 2 * i);
  const whole = Array.from({ length: count / 2 }, (_, i) => i);
  // Lanes of the first operand, then lanes of the second, which count from `count` on.
  const from = (first: readonly number[], second: readonly number[]): number[] =>
    laneBytes([...first, ...second.map((index) => index + count)], size, count);
  if (Q === 0) set(code, 0, Rd, simd.shuffle(value, value, from(even, even)));
  else code.setVector(Rd, simd.shuffle(code.vector(Rd), value, from(whole, even)));
}

/** Shifts right; the lane size stays and the count is a value. */
const shifted = (name: 'shrS' | 'shrU', size: LaneSize, n: V128, count: I32): V128 =>
  // Two steps: WebAssembly takes the count modulo the lane size, and the count may be the lane
  // size.
  simd.lanes(name, size, simd.lanes(name, size, n, op.sub(count, i32(1))), i32(1));

type ShiftOperation = (size: LaneSize, left: I32, right: I32, n: V128, d: V128) => V128;

/** Shifts by U and opcode. */
const SHIFT: Readonly<Record<number, ShiftOperation>> = {
  0b0_00000: (size, _left, right, n) => shifted('shrS', size, n, right), // SSHR
  0b1_00000: (size, _left, right, n) => shifted('shrU', size, n, right), // USHR
  // SSRA
  0b0_00010: (size, _left, right, n, d) => simd.lanes('add', size, d, shifted('shrS', size, n, right)),
  // USRA
  0b1_00010: (size, _left, right, n, d) => simd.lanes('add', size, d, shifted('shrU', size, n, right)),
  0b0_01010: (size, left, _right, n) => simd.lanes('shl', size, n, left), // SHL
  // SLI: Rd keeps the bits that the shift would fill with zeros.
  0b1_01010: (size, left, _right, n, d) =>
    simd.bits('select', simd.lanes('shl', size, n, left), d, simd.lanes('shl', size, ONES, left)),
  // SRI
  0b1_01000: (size, _left, right, n, d) =>
    simd.bits('select', shifted('shrU', size, n, right), d, shifted('shrU', size, ONES, right)),
};

const ONES = simd.constant(BYTES.map(() => 0xff));

const NAMES = ['bytes', 'halfwords', 'words', 'doublewords'] as const;

/**
 * Rows of one lane size. immh and imm5 have no size field: the position of their first set bit is
 * the size.
 */
function ofSize(size: LaneSize): Instruction[] {
  const bytes = 1 << size;
  const bits = 8 * bytes;
  const name = NAMES[size];
  // immh:immb begins with 0001, 001, 01 or 1; imm5 ends with 1, 10, 100 or 1000.
  const count = `${'0001'.slice(size)} ~shift:${size + 3}`;
  const element = `~index:${4 - size} 1${'0'.repeat(size)}`;
  const rows = [
    instruction(
      `SSHR, USHR, SSRA, USRA, SHL, SLI, SRI (${name})`,
      `0 Q U 011110 ${count} opcode:5 1 Rn Rd` as '0 Q U 011110 0001 ~shift:3 opcode:5 1 Rn Rd',
      { fp: true, where: ({ Q, U, opcode }) => SHIFT[(U << 5) | opcode] !== undefined && (size < 3 || Q === 1) },
      (code, f) => {
        const right = op.sub(i32(bits), f.shift);
        const operation = SHIFT[(f.U << 5) | f.opcode] as ShiftOperation;
        set(code, f.Q, f.Rd, operation(size, f.shift, right, code.vector(f.Rn), code.vector(f.Rd)));
      },
    ),
    instruction(
      `DUP (element, ${name})`,
      `0 Q 001110000 ${element} 000001 Rn Rd` as '0 Q 001110000 ~index:4 1 000001 Rn Rd',
      { fp: true, where: ({ Q }) => size < 3 || Q === 1 },
      (code, f) => {
        const value = code.lane(f.Rn, f.index, bytes);
        set(code, f.Q, f.Rd, simd.splat(size, size === 3 ? value : op.wrap(value)));
      },
    ),
    instruction(
      `DUP (general, ${name})`,
      `0 Q 001110000 ${element} 000011 Rn Rd` as '0 Q 001110000 ~index:4 1 000011 Rn Rd',
      { fp: true, where: ({ Q }) => size < 3 || Q === 1 },
      (code, f) => set(code, f.Q, f.Rd, simd.splat(size, code.reg(f.Rn, size === 3 ? 64 : 32))),
    ),
    instruction(
      `INS (general, ${name})`,
      `01001110000 ${element} 000111 Rn Rd` as '01001110000 ~index:4 1 000111 Rn Rd',
      { fp: true },
      (code, f) => code.setLane(f.Rd, f.index, bytes, code.x(f.Rn)),
    ),
    instruction(
      `UMOV (${name})`,
      `0 Q 001110000 ${element} 001111 Rn Rd` as '0 Q 001110000 ~index:4 1 001111 Rn Rd',
      { fp: true, where: ({ Q }) => (size === 3) === (Q === 1) },
      (code, f) => code.setReg(f.Rd, code.lane(f.Rn, f.index, bytes)),
    ),
  ];
  if (size === 3) return rows;
  return [
    ...rows,
    instruction(
      `SHRN (${name})`,
      `0 Q 0 011110 ${count} 10000 1 Rn Rd` as '0 Q 0 011110 0001 ~shift:3 10000 1 Rn Rd',
      { fp: true },
      (code, f) => {
        const wide = (size + 1) as LaneSize;
        const right = op.sub(i32(bits), f.shift);
        setNarrow(code, size, f.Q, f.Rd, simd.lanes('shrU', wide, code.vector(f.Rn), right));
      },
    ),
    instruction(
      `SSHLL, USHLL (${name})`,
      `0 Q U 011110 ${count} 10100 1 Rn Rd` as '0 Q U 011110 0001 ~shift:3 10100 1 Rn Rd',
      { fp: true },
      (code, f) => {
        const wide = (size + 1) as LaneSize;
        const extend = `extend${f.Q === 1 ? 'High' : 'Low'}${f.U === 1 ? 'U' : 'S'}` as const;
        code.setVector(f.Rd, simd.lanes('shl', wide, simd.lanes(extend, wide, code.vector(f.Rn)), f.shift));
      },
    ),
  ];
}

/** True when the table has an operation for this size. */
const hasThreeSame = ({ Q, U, size, opcode }: Record<'Q' | 'U' | 'size' | 'opcode', number>): boolean =>
  (size < 3 || Q === 1) && (THREE_SAME[(U << 5) | opcode]?.(size as LaneSize, Q, ZEROS, ZEROS, ZEROS) ?? null) !== null;
const hasTwoRegister = ({ Q, U, size, opcode }: Record<'Q' | 'U' | 'size' | 'opcode', number>): boolean =>
  (size < 3 || Q === 1) && (TWO_REGISTER[(U << 5) | opcode]?.(size as LaneSize, ZEROS) ?? null) !== null;

/** Widening products by opcode: whether they are added to Rd, subtracted from it, or replace it. */
const LONG_PRODUCT: Readonly<Record<number, 'add' | 'sub' | 'set'>> = { 0b1000: 'add', 0b1010: 'sub', 0b1100: 'set' };

export const SIMD_CODE: readonly Instruction[] = [
  instruction(
    'AND, BIC, ORR, ORN, EOR, BSL, BIT, BIF (vector)',
    '0 Q U 01110 size:2 1 Rm 00011 1 Rn Rd',
    { fp: true },
    (code, f) => {
      const operation = LOGICAL[(f.U << 2) | f.size] as (typeof LOGICAL)[number];
      set(code, f.Q, f.Rd, operation(code.vector(f.Rn), code.vector(f.Rm), code.vector(f.Rd)));
    },
  ),
  instruction(
    'ADD, SUB, CMEQ, CMGT, MUL, UMAX, UMAXP, ADDP … (vector)',
    '0 Q U 01110 size:2 1 Rm opcode:5 1 Rn Rd',
    { fp: true, where: hasThreeSame },
    (code, f) => {
      const operation = THREE_SAME[(f.U << 5) | f.opcode] as Operation;
      const operands = [code.vector(f.Rn), code.vector(f.Rm), code.vector(f.Rd)] as const;
      set(code, f.Q, f.Rd, operation(f.size as LaneSize, f.Q, ...operands) as V128);
    },
  ),
  instruction(
    'REV64, CNT, NOT, NEG, ABS, CMEQ (zero) … (vector)',
    '0 Q U 01110 size:2 10000 opcode:5 10 Rn Rd',
    { fp: true, where: hasTwoRegister },
    (code, f) => {
      const operation = TWO_REGISTER[(f.U << 5) | f.opcode] as OneOperation;
      set(code, f.Q, f.Rd, operation(f.size as LaneSize, code.vector(f.Rn)) as V128);
    },
  ),
  instruction('XTN', '0 Q 001110 size:2 10000 10010 10 Rn Rd', { fp: true, where: ({ size }) => size < 3 }, (code, f) =>
    setNarrow(code, f.size as LaneSize, f.Q, f.Rd, code.vector(f.Rn)),
  ),
  instruction(
    'SMULL, UMULL, SMLAL, UMLAL, SMLSL, UMLSL (vector)',
    '0 Q U 01110 size:2 1 Rm opcode:4 00 Rn Rd',
    { fp: true, where: ({ size, opcode }) => size < 3 && LONG_PRODUCT[opcode] !== undefined },
    (code, f) => {
      const wide = (f.size + 1) as LaneSize;
      const multiply = `multiply${f.Q === 1 ? 'High' : 'Low'}${f.U === 1 ? 'U' : 'S'}` as const;
      const product = simd.lanes(multiply, wide, code.vector(f.Rn), code.vector(f.Rm));
      const kind = LONG_PRODUCT[f.opcode];
      const add = kind === 'add' || kind === 'sub' ? kind : null;
      code.setVector(f.Rd, add === null ? product : simd.lanes(add, wide, code.vector(f.Rd), product));
    },
  ),
  ...([0, 1, 2, 3] as const).flatMap(ofSize),
  instruction(
    'MOVI, MVNI, FMOV (vector, immediate)',
    '0 Q ~op 0111100000 ~abc:3 ~cmode:4 0 1 ~defgh:5 Rd',
    {
      fp: true,
      where: (f) => modifiedImmediate({ ...f, o2: 0 })?.kind === 'move',
      immediate: (f) => modifiedImmediate({ ...f, o2: 0 })?.value ?? 0n,
    },
    (code, f) => code.setV(f.Rd, code.immediate, f.Q === 1 ? code.immediate : i64(0)),
  ),
  instruction(
    'ZIP1, ZIP2, UZP1, UZP2, TRN1, TRN2',
    '0 Q 001110 size:2 0 Rm 0 opcode:3 10 Rn Rd',
    { fp: true, where: ({ Q, size, opcode }) => permutation(opcode, size, Q) !== null },
    (code, f) => {
      const indices = permutation(f.opcode, f.size, f.Q) ?? [];
      const bytes = laneBytes(indices, f.size, indices.length);
      set(code, f.Q, f.Rd, simd.shuffle(code.vector(f.Rn), code.vector(f.Rm), bytes));
    },
  ),
  instruction(
    'EXT',
    '0 Q 101110 00 0 Rm 0 imm4:4 0 Rn Rd',
    { fp: true, where: ({ Q, imm4 }) => Q === 1 || imm4 < 8 },
    (code, f) => {
      // Swizzle gives 0 for an index above 15, so the two parts can be joined by OR.
      const [n, m] = [code.vector(f.Rn), code.vector(f.Rm)];
      const indices = simd.lanes('add', 0, simd.constant(BYTES), simd.splat(0, f.imm4));
      if (f.Q === 0) {
        const joined = simd.shuffle(
          n,
          m,
          BYTES.map((i) => (i < 8 ? i : i + 8)),
        );
        return set(code, 0, f.Rd, simd.swizzle(joined, indices));
      }
      const beyond = simd.lanes('sub', 0, indices, simd.constant(BYTES.map(() => 16)));
      return code.setVector(f.Rd, simd.bits('or', simd.swizzle(n, indices), simd.swizzle(m, beyond)));
    },
  ),
  instruction('TBL', '0 Q 001110 00 0 Rm 0 len:2 0 00 Rn Rd', { fp: true }, (code, f) => {
    // Each table register gives its own bytes, and 0 for the indices of the others.
    const parts = Array.from({ length: f.len + 1 }, (_, i) => {
      const register = code.vector(op.and(op.add(f.Rn, i32(i)), i32(31)));
      const start = simd.constant(BYTES.map(() => 16 * i));
      return simd.swizzle(register, simd.lanes('sub', 0, code.vector(f.Rm), start));
    });
    set(
      code,
      f.Q,
      f.Rd,
      parts.reduce((a, b) => simd.bits('or', a, b)),
    );
  }),
];
