// SPDX-License-Identifier: GPL-2.0-only
/**
 * Synchronising loads and stores: exclusive, acquire and release, compare and swap, atomic
 * operations.
 *
 * Cores run in turns, so every access is in order already. A store exclusive succeeds when its
 * address is that of the last load exclusive and the memory still holds the value that was loaded.
 *
 * Source: Arm ARM DDI 0487 K.a, C4.1.94; B2.12 (exclusives).
 */

import type { A64Code } from '#emulator/a64/a64-code.ts';
import { instruction, type Instruction } from '#emulator/a64/decode/instruction.ts';
import { LAYOUT } from '#emulator/a64/layout.ts';
import { i32, type I32, i64, type I64, op } from '#emulator/a64/wasm/expressions.ts';

const OPEN = i64(-1);
const ATOMIC = { atomic: true } as const;

/** Reads `count` values of `bytes` bytes each, starting at `at`. */
const readAll = (code: A64Code, at: I64, bytes: number, count: number): I64[] =>
  Array.from({ length: count }, (_, i) => code.read(op.add(at, i64(i * bytes)), bytes));

function loadExclusive(code: A64Code, bytes: number, Rn: I32, registers: readonly I32[]): void {
  const at = code.let(code.base(Rn));
  code.checkAligned(at, bytes * registers.length, false);
  const values = readAll(code, at, bytes, registers.length);
  code.store(code.core, LAYOUT.exclusiveAddress, at);
  code.store(code.core, LAYOUT.exclusiveLow, values[0] as I64);
  code.store(code.core, LAYOUT.exclusiveHigh, values[1] ?? i64(0));
  registers.forEach((register, i) => code.setReg(register, values[i] as I64));
}

function storeExclusive(code: A64Code, bytes: number, Rs: I32, Rn: I32, registers: readonly I32[]): void {
  const at = code.let(code.base(Rn));
  code.checkAligned(at, bytes * registers.length, true);
  const failed = code.variable('i32');
  failed.set(i32(1));
  const values = registers.map((register) => code.x(register));
  code.if(op.eq(at, code.load('i64', code.core, LAYOUT.exclusiveAddress)), () => {
    const host = code.updatable(at, bytes * registers.length);
    const expected = [LAYOUT.exclusiveLow, LAYOUT.exclusiveHigh];
    const differs = registers.map((_, i) =>
      op.ne(code.load('i64', host, i * bytes, bytes), code.load('i64', code.core, expected[i] as number)),
    );
    code.if(op.isZero(differs.reduce((a, b) => op.or(a, b))), () => {
      values.forEach((value, i) => code.store(host, i * bytes, value, bytes));
      failed.set(i32(0));
    });
  });
  code.store(code.core, LAYOUT.exclusiveAddress, OPEN);
  code.setReg(Rs, failed.get);
}

/** Result of an atomic operation on the values of memory and register, both zero-extended. */
function combined(opc: number, old: I64, operand: I64, bytes: number): I64 {
  const signed = (value: I64): I64 => op.signExtend(value, 8 * bytes);
  switch (opc) {
    case 0:
      return op.add(old, operand);
    case 1:
      return op.and(old, op.not(operand));
    case 2:
      return op.xor(old, operand);
    case 3:
      return op.or(old, operand);
    case 4:
      return op.select(op.ltS(signed(old), signed(operand)), operand, old);
    case 5:
      return op.select(op.ltS(signed(operand), signed(old)), operand, old);
    case 6:
      return op.select(op.ltU(old, operand), operand, old);
    default:
      return op.select(op.ltU(operand, old), operand, old);
  }
}

/** Low `bytes` bytes of a register, zero-extended. */
const lowBytes = (code: A64Code, register: I32, bytes: number): I64 =>
  code.let(op.zeroExtend(code.x(register), 8 * bytes));

/** Load of an atomic read-modify-write: `host` is where the store goes. */
function loadAtomic(code: A64Code, { size, Rn }: Readonly<{ size: number; Rn: I32 }>) {
  const bytes = 1 << size;
  const at = code.let(code.base(Rn));
  code.checkAligned(at, bytes, false);
  const host = code.updatable(at, bytes, ATOMIC);
  return { bytes, host, old: code.load('i64', host, 0, bytes) };
}

function ordered(code: A64Code, f: Readonly<{ size: number; L: number; Rn: I32; Rt: I32 }>): void {
  const bytes = 1 << f.size;
  const at = code.let(code.base(f.Rn));
  code.checkAligned(at, bytes, f.L === 0);
  if (f.L === 1) code.setReg(f.Rt, code.read(at, bytes));
  else code.write(at, code.x(f.Rt), bytes);
}

export const EXCLUSIVE: readonly Instruction[] = [
  instruction('LDXR, LDAXR, STXR, STLXR', 'size:2 001000 0 L 0 Rs o0 Rt2 Rn Rt', {}, (code, f) => {
    if (f.L === 1) loadExclusive(code, 1 << f.size, f.Rn, [f.Rt]);
    else storeExclusive(code, 1 << f.size, f.Rs, f.Rn, [f.Rt]);
  }),
  instruction('LDXP, LDAXP, STXP, STLXP', '1 sz 001000 0 L 1 Rs o0 Rt2 Rn Rt', {}, (code, f) => {
    if (f.L === 1) loadExclusive(code, 4 << f.sz, f.Rn, [f.Rt, f.Rt2]);
    else storeExclusive(code, 4 << f.sz, f.Rs, f.Rn, [f.Rt, f.Rt2]);
  }),
  instruction('LDAR, STLR', 'size:2 001000 1 L 0 Rs 1 Rt2 Rn Rt', {}, ordered),
  instruction('LDLAR, STLLR', 'size:2 001000 1 L 0 Rs 0 Rt2 Rn Rt', { feature: 'LOR' }, ordered),
  instruction('CAS', 'size:2 001000 1 L 1 Rs o0 11111 Rn Rt', { feature: 'LSE' }, (code, f) => {
    const { bytes, host, old } = loadAtomic(code, f);
    const value = code.x(f.Rt);
    code.if(op.eq(old, lowBytes(code, f.Rs, bytes)), () => code.store(host, 0, value, bytes));
    code.setReg(f.Rs, old);
  }),
  instruction('CASP', '0 sz 001000 0 L 1 ~Rs_:4 0 o0 11111 Rn ~Rt_:4 0', { feature: 'LSE' }, (code, f) => {
    const bytes = 4 << f.sz;
    const at = code.let(code.base(f.Rn));
    code.checkAligned(at, 2 * bytes, false);
    const pair = (half: I32): readonly [I32, I32] => {
      const first = op.shl(half, i32(1));
      return [first, op.add(first, i32(1))];
    };
    const [expected, replacement] = [pair(f.Rs_), pair(f.Rt_)];
    const host = code.updatable(at, 2 * bytes, ATOMIC);
    const old = [0, 1].map((i) => code.load('i64', host, i * bytes, bytes)) as [I64, I64];
    const wanted = expected.map((register) => lowBytes(code, register, bytes)) as [I64, I64];
    const values = replacement.map((register) => code.x(register));
    code.if(op.and(op.eq(old[0], wanted[0]), op.eq(old[1], wanted[1])), () => {
      values.forEach((value, i) => code.store(host, i * bytes, value, bytes));
    });
    expected.forEach((register, i) => code.setReg(register, old[i] as I64));
  }),
  instruction(
    'LDADD, LDCLR, LDEOR, LDSET, LDSMAX, LDSMIN, LDUMAX, LDUMIN',
    'size:2 111000 ~acquire ~release 1 Rs 0 opc:3 00 Rn Rt',
    { feature: 'LSE' },
    (code, f) => {
      const { bytes, host, old } = loadAtomic(code, f);
      code.store(host, 0, combined(f.opc, old, lowBytes(code, f.Rs, bytes), bytes), bytes);
      code.setReg(f.Rt, old);
    },
  ),
  instruction('SWP', 'size:2 111000 ~acquire ~release 1 Rs 100000 Rn Rt', { feature: 'LSE' }, (code, f) => {
    const { bytes, host, old } = loadAtomic(code, f);
    code.store(host, 0, code.x(f.Rs), bytes);
    code.setReg(f.Rt, old);
  }),
  instruction('LDAPR', 'size:2 111000 101 11111 110000 Rn Rt', { feature: 'LRCPC' }, (code, f) => {
    const bytes = 1 << f.size;
    const at = code.let(code.base(f.Rn));
    code.checkAligned(at, bytes, false);
    code.setReg(f.Rt, code.read(at, bytes));
  }),
];
