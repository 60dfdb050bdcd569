// SPDX-License-Identifier: GPL-2.0-only
/**
 * An instruction word for people, from the very tables that execute it: the row's name and what its
 * fields hold. No assembler's syntax: what is printed is what the decoder saw.
 *
 *     0xf9400421 ─► "Load/store register (unsigned immediate)  size=3 V=0 opc=1 imm12=0x1 Rn=x1 Rt=x1"
 */

import { type SystemRegisterEncoding, systemRegisterName } from '#emulator/engine/system-registers.ts';
import { instructionDecoder } from '#emulator/a64/runtime.ts';
import { fieldsOf } from './pattern.ts';

const SYSTEM_SPACE = 0xd500_0000;
const SYSTEM_MASK = 0xffc0_0000;

/** Which a word of a system instruction names: "TTBR0_EL1". */
function systemName(word: number): string {
  const encoding: SystemRegisterEncoding = [
    (word >>> 19) & 3,
    (word >>> 16) & 7,
    (word >>> 12) & 15,
    (word >>> 8) & 15,
    (word >>> 5) & 7,
  ];
  return encoding[0] < 2 ? '' : ` ${systemRegisterName(encoding)}`;
}

/** A branch's target is written when `pc` is known. */
export function describeInstruction(word: number, pc: bigint | null = null): string {
  const found = instructionDecoder().decode(word, () => true);
  if (found === null) return 'unallocated';
  const { name, pattern, fp } = found;
  const shown = Object.entries(fieldsOf(word, pattern.fields)).map(([field, value]) => {
    if (field.startsWith('R')) return `${field}=${fp && field !== 'Rn' ? '' : 'x'}${value}`;
    return `${field}=${value < 10 ? value : `0x${value.toString(16)}`}`;
  });
  const system = ((word ^ SYSTEM_SPACE) & SYSTEM_MASK) === 0 ? systemName(word) : '';
  const target = pc === null ? null : branchTarget(word, pc);
  return `${name}${system}  ${shown.join(' ')}${target === null ? '' : ` to 0x${target.toString(16)}`}`;
}

/** Offsets of branches by immediate: B, BL; B.cond, CBZ, CBNZ; TBZ, TBNZ (C4.1.66). */
function branchTarget(word: number, pc: bigint): bigint | null {
  const offset =
    (word & 0x7c00_0000) === 0x1400_0000
      ? (word << 6) >> 6
      : (word & 0xff00_0010) >>> 0 === 0x5400_0000 || (word & 0x7e00_0000) === 0x3400_0000
        ? (word << 8) >> 13
        : (word & 0x7e00_0000) === 0x3600_0000
          ? (word << 13) >> 18
          : null;
  return offset === null ? null : BigInt.asUintN(64, pc + 4n * BigInt(offset));
}
