// SPDX-License-Identifier: GPL-2.0-only
/**
 * Loads and stores of structures: LD1 to LD4, ST1 to ST4, LD1R to LD4R.
 *
 * LD1 and ST1 of whole registers are code; forms that de-interleave lanes are helpers. A load reads
 * everything before it writes a register, so that an aborted load has changed nothing.
 *
 * Source: Arm ARM DDI 0487 K.a, C4.1.94.
 */

import type { A64Code } from '#emulator/a64/a64-code.ts';
import type { CoreState } from '#emulator/a64/core-state.ts';
import { helped, type Helper, instruction, type Instruction } from '#emulator/a64/decode/instruction.ts';
import { STACK_POINTER, ZERO_REGISTER } from '#emulator/a64/layout.ts';
import { i32, type I32, i64, type I64, op } from '#emulator/a64/wasm/expressions.ts';

/** Registers that LD1 and ST1 transfer, by opcode. */
const LD1_REGISTERS: Readonly<Record<number, number>> = { 0b0111: 1, 0b1010: 2, 0b0110: 3, 0b0010: 4 };
/** Registers that the lanes of a structure are spread over, by opcode. */
const STRUCTURE_REGISTERS: Readonly<Record<number, number>> = { 0b1000: 2, 0b0100: 3, 0b0000: 4 };

const REGISTERS = 32;

/** Transfers whole registers, starting at `address`, in halves of 64 bits. */
function transferRegisters(
  code: A64Code,
  f: { readonly Q: number; readonly L: number; readonly opcode: number; readonly Rn: I32; readonly Rt: I32 },
  writeBack: (base: I64) => void,
): void {
  code.checkFp();
  const base = code.let(code.base(f.Rn));
  const halves = f.Q + 1;
  const count = LD1_REGISTERS[f.opcode] as number;
  const registers = Array.from({ length: count }, (_, i) => op.and(op.add(f.Rt, i32(i)), i32(REGISTERS - 1)));
  const places = Array.from({ length: count * halves }, (_, i) => op.add(base, i64(8 * i)));
  if (f.L === 1) {
    const values = places.map((place) => code.read(place, 8));
    registers.forEach((register, i) => {
      code.setV(register, values[i * halves] as I64, halves === 2 ? (values[i * 2 + 1] as I64) : i64(0));
    });
  } else {
    registers.forEach((register, i) => {
      for (let half = 0; half < halves; half++) {
        code.write(places[i * halves + half] as I64, code.v(register, half as 0 | 1), 8);
      }
    });
  }
  writeBack(base);
}

const isWhole = ({ opcode }: { readonly opcode: number }): boolean => LD1_REGISTERS[opcode] !== undefined;

/** One element in memory: its register, and its lane in that register. */
interface Element {
  readonly register: number;
  readonly lane: number;
}

interface Lanes {
  /** log2 of a lane's bytes. */
  readonly size: number;
  /** Elements in memory order. */
  readonly elements: readonly Element[];
  /** LD1R to LD4R: bytes of the register whose lanes all get the element; null for other forms. */
  readonly replicated: 8 | 16 | null;
  /** Multiple structures: bytes of each register; 8 zeroes its upper half. Null for single ones. */
  readonly wholeBytes: 8 | 16 | null;
}

interface Base {
  readonly L: number;
  readonly Rn: number;
  /** Post-index register; 31: by the bytes transferred. Null: no writeback. */
  readonly Rm: number | null;
}

function transferLanes({ L, Rn, Rm }: Base, { size, elements, replicated, wholeBytes }: Lanes): Helper {
  const bytes = 1 << size;
  const base = Rn === ZERO_REGISTER ? STACK_POINTER : Rn;
  const place = ({ register, lane }: Element): number => register * 16 + lane * bytes;
  return (core: CoreState) => {
    if (base === STACK_POINTER) core.checkStack();
    const address = core.x[base] as bigint;
    const at = (i: number): bigint => BigInt.asUintN(64, address + BigInt(i * bytes));
    const { vBytes, memory } = core;
    if (L === 1) {
      const values = elements.map((_, i) => memory.read(at(i), bytes));
      elements.forEach((element, i) => {
        const value = values[i] as bigint;
        if (replicated !== null) {
          for (let lane = 0; lane < replicated / bytes; lane++) {
            setLane(vBytes, place({ ...element, lane }), bytes, value);
          }
          if (replicated === 8) core.v[element.register * 2 + 1] = 0n;
        } else setLane(vBytes, place(element), bytes, value);
        if (wholeBytes === 8) core.v[element.register * 2 + 1] = 0n;
      });
    } else {
      elements.forEach((element, i) => memory.write(at(i), bytes, laneOf(vBytes, place(element), bytes)));
    }
    if (Rm === null) return;
    const offset = Rm === ZERO_REGISTER ? BigInt(elements.length * bytes) : (core.x[Rm] as bigint);
    core.x[base] = address + offset;
  };
}

function setLane(bytes: Uint8Array, at: number, length: number, value: bigint): void {
  for (let i = 0; i < length; i++) bytes[at + i] = Number((value >> BigInt(8 * i)) & 0xffn);
}

function laneOf(bytes: Uint8Array, at: number, length: number): bigint {
  let value = 0n;
  for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[at + i] as number);
  return value;
}

interface Multiple {
  readonly Q: number;
  readonly opcode: number;
  readonly size: number;
  readonly Rt: number;
}

/** Returns null when unallocated. */
function multipleLanes({ Q, opcode, size, Rt }: Multiple): Lanes | null {
  const count = STRUCTURE_REGISTERS[opcode];
  if (count === undefined || (size === 3 && Q === 0)) return null;
  const bytes = Q === 1 ? 16 : 8;
  const elements: Element[] = [];
  for (let lane = 0; lane < bytes >> size; lane++) {
    for (let i = 0; i < count; i++) elements.push({ register: (Rt + i) % REGISTERS, lane });
  }
  return { size, elements, replicated: null, wholeBytes: bytes };
}

interface Single {
  readonly Q: number;
  readonly L: number;
  readonly R: number;
  readonly opcode: number;
  readonly S: number;
  readonly size: number;
  readonly Rt: number;
}

/** Returns null when unallocated. */
function singleLanes({ Q, L, R, opcode, S, size, Rt }: Single): Lanes | null {
  const count = ((opcode & 1) << 1) + R + 1;
  const of = (laneSize: number, lane: number, replicated: 8 | 16 | null): Lanes => ({
    size: laneSize,
    elements: Array.from({ length: count }, (_, i) => ({ register: (Rt + i) % REGISTERS, lane })),
    replicated,
    wholeBytes: null,
  });
  switch (opcode >> 1) {
    case 0:
      return of(0, (Q << 3) | (S << 2) | size, null);
    case 1:
      return (size & 1) === 1 ? null : of(1, (Q << 2) | (S << 1) | (size >> 1), null);
    case 2:
      if (size === 0) return of(2, (Q << 1) | S, null);
      return size === 1 && S === 0 ? of(3, Q, null) : null;
    default:
      return L === 0 || S === 1 ? null : of(size, 0, Q === 1 ? 16 : 8);
  }
}

function prepared(base: Base, lanes: Lanes | null): Helper {
  if (lanes === null) throw new RangeError('the fields name no load or store of structures');
  return transferLanes(base, lanes);
}

export const STRUCTURE_LOADS: readonly Instruction[] = [
  instruction(
    'LD1, ST1 (multiple structures)',
    '0 Q 0011000 L 000000 opcode:4 ~size:2 Rn Rt',
    { where: isWhole },
    (code, f) => transferRegisters(code, f, () => {}),
  ),
  instruction(
    'LD1, ST1 (multiple structures, post-indexed)',
    '0 Q 0011001 L 0 Rm opcode:4 ~size:2 Rn Rt',
    { where: isWhole },
    (code, f) =>
      transferRegisters(code, f, (base) => {
        const bytes = (LD1_REGISTERS[f.opcode] as number) * 8 * (f.Q + 1);
        const offset = op.select(op.eq(f.Rm, i32(ZERO_REGISTER)), i64(bytes), code.x(f.Rm));
        code.setRegOrSp(f.Rn, op.add(base, offset));
      }),
  ),
  helped(
    'LD2 to LD4, ST2 to ST4 (multiple structures)',
    '0 Q 0011000 L 000000 opcode:4 size:2 Rn Rt',
    { fp: true, where: (f) => multipleLanes(f) !== null },
    (f) => prepared({ ...f, Rm: null }, multipleLanes(f)),
  ),
  helped(
    'LD2 to LD4, ST2 to ST4 (multiple structures, post-indexed)',
    '0 Q 0011001 L 0 Rm opcode:4 size:2 Rn Rt',
    { fp: true, where: (f) => multipleLanes(f) !== null },
    (f) => prepared(f, multipleLanes(f)),
  ),
  helped(
    'LD1 to LD4, ST1 to ST4 (single structure)',
    '0 Q 0011010 L R:1 00000 opcode:3 S size:2 Rn Rt',
    { fp: true, where: (f) => singleLanes(f) !== null },
    (f) => prepared({ ...f, Rm: null }, singleLanes(f)),
  ),
  helped(
    'LD1 to LD4, ST1 to ST4 (single structure, post-indexed)',
    '0 Q 0011011 L R:1 Rm opcode:3 S size:2 Rn Rt',
    { fp: true, where: (f) => singleLanes(f) !== null },
    (f) => prepared(f, singleLanes(f)),
  ),
];
