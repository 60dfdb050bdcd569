// SPDX-License-Identifier: GPL-2.0-only
/**
 * Loads and stores of general-purpose and of SIMD and FP registers: single, pairs, literals, in all
 * addressing modes.
 *
 * A load with writeback whose target is also the base register is CONSTRAINED UNPREDICTABLE. Here
 * the writeback comes last.
 *
 * Source: Arm ARM DDI 0487 K.a, C4.1.94.
 */

import type { A64Code, AccessOptions } from '#emulator/a64/a64-code.ts';
import { instruction, type Instruction } from '#emulator/a64/decode/instruction.ts';
import { i32, type I32, i64, type I64, op } from '#emulator/a64/wasm/expressions.ts';
import { extended } from './arithmetic.ts';

/** Transfer of one register, decoded from the fields size, V and opc. */
interface Transfer {
  readonly kind: 'load' | 'store' | 'prefetch';
  /** Bytes in memory. */
  readonly bytes: number;
  readonly vector: boolean;
  /** Width to which a load sign-extends; 0 for none. */
  readonly signedTo: 0 | 32 | 64;
}

/** Returns null when unallocated. Arm ARM C4.1.94, load/store register. */
function transferOf(size: number, V: number, opc: number): Transfer | null {
  if (V === 1) {
    if (opc < 2) return { kind: opc === 1 ? 'load' : 'store', bytes: 1 << size, vector: true, signedTo: 0 };
    return size === 0 ? { kind: opc === 3 ? 'load' : 'store', bytes: 16, vector: true, signedTo: 0 } : null;
  }
  const bytes = 1 << size;
  if (opc < 2) return { kind: opc === 1 ? 'load' : 'store', bytes, vector: false, signedTo: 0 };
  if (size === 3) return opc === 2 ? { kind: 'prefetch', bytes, vector: false, signedTo: 0 } : null;
  if (size === 2 && opc === 3) return null;
  return { kind: 'load', bytes, vector: false, signedTo: opc === 2 ? 64 : 32 };
}

const signedImmediate = (value: number, bits: number): bigint => BigInt.asIntN(bits, BigInt(value));

/** Register value to store; only its low bytes count. */
const storedValue = (code: A64Code, transfer: Transfer, Rt: I32): I64 => (transfer.vector ? code.v(Rt, 0) : code.x(Rt));

/** Writes a loaded value, zero-extended, to a register. */
function setLoaded(code: A64Code, { vector, bytes, signedTo }: Transfer, Rt: I32, value: I64): void {
  if (vector) code.setV(Rt, value, i64(0));
  else if (signedTo === 0) code.setReg(Rt, value);
  else if (signedTo === 64) code.setReg(Rt, op.signExtend(value, 8 * bytes));
  else code.setReg(Rt, op.wrap(op.signExtend(value, 8 * bytes)));
}

/**
 * Makes the access at `address`. `writeBack` updates the base register once nothing has faulted.
 */
function transferAt(
  code: A64Code,
  transfer: Transfer,
  Rt: I32,
  address: I64,
  options: AccessOptions = {},
  writeBack: () => void = () => {},
): void {
  if (transfer.kind === 'prefetch') return;
  const at = code.let(address);
  if (transfer.kind === 'store') {
    const value = storedValue(code, transfer, Rt);
    if (transfer.bytes === 16) {
      const high = code.v(Rt, 1);
      code.write(at, value, 8, options);
      code.write(op.add(at, i64(8)), high, 8, options);
    } else code.write(at, value, transfer.bytes, options);
    writeBack();
    return;
  }
  if (transfer.bytes === 16) {
    const low = code.read(at, 8, options);
    const high = code.read(op.add(at, i64(8)), 8, options);
    code.setV(Rt, low, high);
    writeBack();
    return;
  }
  setLoaded(code, transfer, Rt, code.read(at, transfer.bytes, options));
  writeBack();
}

const isTransfer = ({ size, V, opc }: { readonly size: number; readonly V: number; readonly opc: number }): boolean =>
  transferOf(size, V, opc) !== null;
const isRealTransfer = (f: { readonly size: number; readonly V: number; readonly opc: number }): boolean =>
  isTransfer(f) && transferOf(f.size, f.V, f.opc)?.kind !== 'prefetch';

/** FP access is checked where the register is an FP one. */
function begin(code: A64Code, f: { readonly size: number; readonly V: number; readonly opc: number }): Transfer {
  if (f.V === 1) code.checkFp();
  return transferOf(f.size, f.V, f.opc) as Transfer;
}

/** A prefetch makes no access, and does not check SP. */
const baseOf = (code: A64Code, { kind }: Transfer, Rn: I32): I64 =>
  kind === 'prefetch' ? code.regOrSp(Rn, 64) : code.base(Rn);

/** Pair transfers: 4, 8 or 16 bytes each; LDPSW sign-extends. */
interface Pair {
  readonly bytes: number;
  readonly signExtended: boolean;
}

function pairOf(opc: number, V: number, L: number): Pair | null {
  if (V === 1) return opc === 3 ? null : { bytes: 4 << opc, signExtended: false };
  if (opc === 1) return L === 1 ? { bytes: 4, signExtended: true } : null;
  return opc === 3 ? null : { bytes: opc === 2 ? 8 : 4, signExtended: false };
}

/** Byte offset of a pair: imm7 is signed and counts registers. */
const pairOffset = ({ opc, V, L, imm7 }: Record<'opc' | 'V' | 'L' | 'imm7', number>): bigint =>
  signedImmediate(imm7, 7) * BigInt(pairOf(opc, V, L)?.bytes ?? 1);

type PairFields = Readonly<Record<'opc' | 'V' | 'L', number>> & Readonly<Record<'Rt' | 'Rt2' | 'Rn', I32>>;

/** FP is checked before SP. */
function pairBase(code: A64Code, f: PairFields): I64 {
  if (f.V === 1) code.checkFp();
  return code.base(f.Rn);
}

function transferPair(code: A64Code, f: PairFields, address: I64, writeBack: () => void): void {
  const { bytes, signExtended } = pairOf(f.opc, f.V, f.L) as Pair;
  const at = code.let(address);
  // Quadwords are transferred in halves.
  const part = Math.min(bytes, 8);
  const places = Array.from({ length: (2 * bytes) / part }, (_, i) => op.add(at, i64(i * part)));
  const halves = bytes / part;
  if (f.L === 0) {
    const values = places.map((_, i) => {
      const register = i < halves ? f.Rt : f.Rt2;
      return f.V === 1 ? code.v(register, (i % halves) as 0 | 1) : code.x(register);
    });
    places.forEach((place, i) => code.write(place, values[i] as I64, part));
    writeBack();
    return;
  }
  const values = places.map((place) => code.read(place, part));
  // A pair load of one register twice is CONSTRAINED UNPREDICTABLE; the order is QEMU's.
  for (const i of f.V === 1 ? [0, 1] : [1, 0]) {
    const register = i === 0 ? f.Rt : f.Rt2;
    const low = values[i * halves] as I64;
    if (f.V === 1) code.setV(register, low, halves === 2 ? (values[2 * i + 1] as I64) : i64(0));
    else code.setReg(register, signExtended ? op.signExtend(low, 32) : low);
  }
  writeBack();
}

const isPair = ({ opc, V, L }: Record<'opc' | 'V' | 'L', number>): boolean => pairOf(opc, V, L) !== null;

/** LDNP and STNP: LDPSW has no non-temporal form. */
const isNonTemporal = (f: Record<'opc' | 'V' | 'L', number>): boolean => isPair(f) && !(f.V === 0 && f.opc === 1);

const scaledOffset = ({ size, V, opc, imm12 }: Record<'size' | 'V' | 'opc' | 'imm12', number>): number =>
  imm12 * (transferOf(size, V, opc)?.bytes ?? 1);

export const LOADS_STORES: readonly Instruction[] = [
  instruction(
    'LDR, LDRSW, PRFM (literal)',
    'opc:2 011 V 00 imm19:19 Rt',
    {
      where: ({ opc, V }) => V === 0 || opc !== 3,
      immediate: ({ imm19 }) => signedImmediate(imm19, 19) * 4n,
    },
    (code, f) => {
      if (f.V === 0 && f.opc === 3) return;
      if (f.V === 1) code.checkFp();
      const bytes = f.V === 1 ? 4 << f.opc : f.opc === 1 ? 8 : 4;
      const signedTo = f.V === 0 && f.opc === 2 ? 64 : 0;
      transferAt(code, { kind: 'load', bytes, vector: f.V === 1, signedTo }, f.Rt, op.add(code.pc, code.immediate));
    },
  ),
  instruction(
    'LDR, STR (unsigned immediate)',
    'size:2 111 V 01 opc:2 imm12:12 Rn Rt',
    { where: isTransfer, immediate: scaledOffset },
    (code, f) => {
      const transfer = begin(code, f);
      transferAt(code, transfer, f.Rt, op.add(baseOf(code, transfer, f.Rn), code.immediate));
    },
  ),
  instruction(
    'LDUR, STUR',
    'size:2 111 V 00 opc:2 0 imm9:9 00 Rn Rt',
    { where: isTransfer, immediate: ({ imm9 }) => signedImmediate(imm9, 9) },
    (code, f) => {
      const transfer = begin(code, f);
      transferAt(code, transfer, f.Rt, op.add(baseOf(code, transfer, f.Rn), code.immediate));
    },
  ),
  instruction(
    'LDR, STR (immediate, post-indexed and pre-indexed)',
    'size:2 111 V 00 opc:2 0 imm9:9 pre 1 Rn Rt',
    { where: isRealTransfer, immediate: ({ imm9 }) => signedImmediate(imm9, 9) },
    (code, f) => {
      const transfer = begin(code, f);
      const base = code.base(f.Rn);
      const moved = code.let(op.add(base, code.immediate));
      const writeBack = () => code.setRegOrSp(f.Rn, moved);
      transferAt(code, transfer, f.Rt, f.pre === 1 ? moved : base, {}, writeBack);
    },
  ),
  instruction(
    'LDTR, STTR',
    'size:2 111 0 00 opc:2 0 imm9:9 10 Rn Rt',
    {
      where: ({ size, opc }) => isRealTransfer({ size, V: 0, opc }),
      immediate: ({ imm9 }) => signedImmediate(imm9, 9),
    },
    (code, f) => {
      const address = op.add(code.base(f.Rn), code.immediate);
      transferAt(code, begin(code, { ...f, V: 0 }), f.Rt, address, { unprivileged: true });
    },
  ),
  instruction(
    'LDR, STR, PRFM (register)',
    'size:2 111 V 00 opc:2 1 Rm option:3 S 10 Rn Rt',
    { where: (f) => isTransfer(f) && (f.option & 2) !== 0 },
    (code, f) => {
      const transfer = begin(code, f);
      const shift = i32(f.S === 1 ? Math.log2(transfer.bytes) : 0);
      const offset = extended(code, f.Rm, f.option, shift, 64) as I64;
      transferAt(code, transfer, f.Rt, op.add(baseOf(code, transfer, f.Rn), offset));
    },
  ),
  instruction(
    'LDNP, STNP',
    'opc:2 101 V 000 L imm7:7 Rt2 Rn Rt',
    { where: isNonTemporal, immediate: pairOffset },
    (code, f) => transferPair(code, f, op.add(pairBase(code, f), code.immediate), () => {}),
  ),
  instruction(
    'LDP, STP, LDPSW (signed offset)',
    'opc:2 101 V 010 L imm7:7 Rt2 Rn Rt',
    { where: isPair, immediate: pairOffset },
    (code, f) => transferPair(code, f, op.add(pairBase(code, f), code.immediate), () => {}),
  ),
  instruction(
    'LDP, STP, LDPSW (post-indexed and pre-indexed)',
    'opc:2 101 V 0 pre 1 L imm7:7 Rt2 Rn Rt',
    { where: isPair, immediate: pairOffset },
    (code, f) => {
      const base = pairBase(code, f);
      const moved = code.let(op.add(base, code.immediate));
      transferPair(code, f, f.pre === 1 ? moved : base, () => code.setRegOrSp(f.Rn, moved));
    },
  ),
];
