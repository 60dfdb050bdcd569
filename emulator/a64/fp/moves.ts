// SPDX-License-Identifier: GPL-2.0-only
/**
 * Instructions that move lanes and compute nothing: copy, table lookup, permute, extract, modified
 * immediate.
 *
 * Arm ARM DDI 0487, C4.1.96.
 */

import { fpImmediate } from './convert.ts';
import { DOUBLE, HALF, SINGLE } from './environment.ts';
import { at, commit, lane, lanesOf, laneTypeOf, type Operation, result, REGISTER_BYTES } from './vector-registers.ts';

export interface Copy {
  readonly scalar: boolean;
  readonly Q: number;
  readonly op: number;
  readonly imm5: number;
  readonly imm4: number;
  readonly Rn: number;
  readonly Rd: number;
}

export function decodeCopy({ scalar, Q, op, imm5, imm4, Rn, Rd }: Copy): Operation | null {
  if ((imm5 & 0xf) === 0) return null;
  // The lowest set bit gives the size, the bits above it the index.
  const size = 31 - Math.clz32(imm5 & -imm5);
  const index = imm5 >> (size + 1);
  const type = laneTypeOf(size, false);
  if (op === 1) {
    // INS (element).
    if (scalar || Q === 0) return null;
    const [to, from] = [Rd * type.perRegister + index, Rn * type.perRegister + (imm4 >> size)];
    return ({ v }) => {
      const view = type.view(v);
      view[to] = at(view, from);
    };
  }
  if (scalar && imm4 !== 0) return null;
  const element = Rn * type.perRegister + index;
  switch (imm4) {
    case 0b0000: {
      // DUP (element).
      if (!scalar && size === 3 && Q === 0) return null;
      const lanes = lanesOf(type, scalar, Q);
      return (state) => {
        const to = type.view(result);
        const value = at(type.view(state.v), element);
        for (let i = 0; i < lanes; i += 1) to[i] = value;
        commit(state.v, Rd, lanes * type.bytes);
      };
    }
    case 0b0001: {
      // DUP (general).
      if (size === 3 && Q === 0) return null;
      const lanes = lanesOf(type, false, Q);
      return (state) => {
        const to = type.view(result);
        const value = laneOfGeneral(size, state.getX(Rn));
        for (let i = 0; i < lanes; i += 1) to[i] = value;
        commit(state.v, Rd, lanes * type.bytes);
      };
    }
    case 0b0011: // INS (general)
      if (Q === 0) return null;
      return (state) => {
        type.view(state.v)[Rd * type.perRegister + index] = laneOfGeneral(size, state.getX(Rn));
      };
    case 0b0101: {
      // SMOV.
      if (size === 3 || (size === 2 && Q === 0)) return null;
      const signed = laneTypeOf(size, true);
      const bits = Q === 1 ? 64 : 32;
      return (state) => state.setX(Rd, BigInt.asUintN(bits, BigInt(at(signed.view(state.v), element))));
    }
    case 0b0111: // UMOV
      if ((size === 3) !== (Q === 1)) return null;
      return (state) => state.setX(Rd, BigInt(at(type.view(state.v), element)));
    default:
      return null;
  }
}

const laneOfGeneral = (size: number, value: bigint): number =>
  size === 3 ? lane(value) : Number(BigInt.asUintN(32, value));

export interface TableLookup {
  readonly Q: number;
  readonly op2: number;
  readonly Rm: number;
  readonly len: number;
  readonly op: number;
  readonly Rn: number;
  readonly Rd: number;
}

/** TBL and TBX: table of `len` + 1 registers from Rn on, indexed by the bytes of Rm. */
export function decodeTableLookup({ Q, op2, Rm, len, op, Rn, Rd }: TableLookup): Operation | null {
  if (op2 !== 0) return null;
  const bytes = Q === 1 ? 16 : 8;
  const tableBytes = (len + 1) * REGISTER_BYTES;
  return ({ v }) => {
    for (let i = 0; i < bytes; i += 1) {
      const index = v.u8[Rm * REGISTER_BYTES + i] ?? 0;
      // Registers wrap from V31 to V0.
      const found = v.u8[(Rn * REGISTER_BYTES + index) % v.u8.length] ?? 0;
      const missing = op === 1 ? (v.u8[Rd * REGISTER_BYTES + i] ?? 0) : 0;
      result.u8[i] = index < tableBytes ? found : missing;
    }
    commit(v, Rd, bytes);
  };
}

export interface Permute {
  readonly Q: number;
  readonly size: number;
  readonly Rm: number;
  readonly opcode: number;
  readonly Rn: number;
  readonly Rd: number;
}

/** UZP, TRN and ZIP: source lane of result lane `i`, counted over Rn and then Rm. */
const PERMUTES: Readonly<Record<number, (i: number, lanes: number, part: number) => number>> = {
  1: (i, _lanes, part) => 2 * i + part,
  2: (i, lanes, part) => (i & ~1) + part + (i % 2) * lanes,
  3: (i, lanes, part) => (i >> 1) + part * (lanes / 2) + (i % 2) * lanes,
};

/** Source lanes of the result, counted over Rn and then Rm; null when unallocated. */
export function permutation(opcode: number, size: number, Q: number): readonly number[] | null {
  const source = PERMUTES[opcode & 3];
  if (source === undefined || (size === 3 && Q === 0)) return null;
  const lanes = (Q === 1 ? 16 : 8) >> size;
  return Array.from({ length: lanes }, (_, i) => source(i, lanes, opcode >> 2));
}

export function decodePermute({ Q, size, Rm, opcode, Rn, Rd }: Permute): Operation | null {
  const indices = permutation(opcode, size, Q);
  if (indices === null) return null;
  const type = laneTypeOf(size, false);
  const lanes = lanesOf(type, false, Q);
  const order = indices.map((index) =>
    index < lanes ? Rn * type.perRegister + index : Rm * type.perRegister + index - lanes,
  );
  return ({ v }) => {
    const from = type.view(v);
    const to = type.view(result);
    order.forEach((index, i) => {
      to[i] = at(from, index);
    });
    commit(v, Rd, lanes * type.bytes);
  };
}

export interface Extract {
  readonly Q: number;
  readonly op2: number;
  readonly Rm: number;
  readonly imm4: number;
  readonly Rn: number;
  readonly Rd: number;
}

/** EXT: bytes of Rm:Rn, starting at byte `imm4`. */
export function decodeExtract({ Q, op2, Rm, imm4, Rn, Rd }: Extract): Operation | null {
  if (op2 !== 0 || (Q === 0 && imm4 >= 8)) return null;
  const bytes = Q === 1 ? 16 : 8;
  return ({ v }) => {
    for (let i = 0; i < bytes; i += 1) {
      const index = i + imm4;
      result.u8[i] = v.u8[index < bytes ? Rn * REGISTER_BYTES + index : Rm * REGISTER_BYTES + index - bytes] ?? 0;
    }
    commit(v, Rd, bytes);
  };
}

export interface ModifiedImmediate {
  readonly Q: number;
  readonly op: number;
  readonly abc: number;
  readonly cmode: number;
  readonly o2: number;
  readonly defgh: number;
  readonly Rd: number;
}

const repeated = (value: bigint, bits: number): bigint => {
  let filled = 0n;
  for (let at = 0; at < 64; at += bits) filled |= value << BigInt(at);
  return filled;
};

/** AdvSIMDExpandImm, 64 bits. */
function expandImmediate(op: number, cmode: number, imm8: number): bigint {
  const byte = BigInt(imm8);
  if (cmode < 8) return repeated(byte << BigInt((cmode >> 1) * 8), 32);
  if (cmode < 12) return repeated(byte << BigInt(((cmode >> 1) & 1) * 8), 16);
  if (cmode < 14) return repeated(cmode === 12 ? (byte << 8n) | 0xffn : (byte << 16n) | 0xffffn, 32);
  if (cmode === 15) return op === 0 ? repeated(fpImmediate(SINGLE, imm8), 32) : fpImmediate(DOUBLE, imm8);
  if (op === 0) return repeated(byte, 8);
  let mask = 0n;
  for (let i = 0; i < 8; i += 1) if (((imm8 >> i) & 1) === 1) mask |= 0xffn << BigInt(8 * i);
  return mask;
}

/** New value of each 64 bits of Rd: set, or changed by ORR or BIC; null when unallocated. */
export function modifiedImmediate({
  Q,
  op,
  abc,
  cmode,
  o2,
  defgh,
}: Omit<ModifiedImmediate, 'Rd'>): { readonly kind: 'move' | 'or' | 'bic'; readonly value: bigint } | null {
  const imm8 = (abc << 5) | defgh;
  // o2 = 1 is allocated only for FMOV (half).
  if (o2 === 1) {
    return op === 0 && cmode === 15 ? { kind: 'move', value: repeated(fpImmediate(HALF, imm8), 16) } : null;
  }
  if (cmode === 15 && op === 1 && Q === 0) return null;
  const value = expandImmediate(op, cmode, imm8);
  if (cmode < 12 && (cmode & 1) === 1) return { kind: op === 0 ? 'or' : 'bic', value };
  return { kind: 'move', value: op === 1 && cmode < 14 ? BigInt.asUintN(64, ~value) : value };
}

/** MOVI, MVNI, ORR, BIC, FMOV. */
export function decodeModifiedImmediate(fields: ModifiedImmediate): Operation | null {
  const immediate = modifiedImmediate(fields);
  if (immediate === null) return null;
  const { kind, value } = immediate;
  const bytes = fields.Q === 1 ? 16 : 8;
  return ({ v }) => {
    for (let i = 0; i < 2; i += 1) {
      const old = v.u64[fields.Rd * 2 + i] ?? 0n;
      result.u64[i] = kind === 'move' ? value : kind === 'or' ? old | value : old & ~value;
    }
    commit(v, fields.Rd, bytes);
  };
}
