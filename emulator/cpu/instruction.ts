// SPDX-License-Identifier: GPL-2.0-only
/**
 * Decoding of the few A64 instructions that the machine itself must understand: gates, system
 * register moves, hints for waiting, and the address of a load or store.
 *
 * Specification: Arm ARM DDI 0487 K.a, C4.1 (encodings), C6.2 (HLT, MRS, MSR), C4.1.94 (loads and
 * stores).
 */

import type { SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';

/** imm16 of `HLT #imm16`; null for any other instruction. */
export function haltImmediate(instruction: number): number | null {
  return (instruction & 0xffe0_001f) >>> 0 === 0xd440_0000 ? (instruction >>> 5) & 0xffff : null;
}

/** Decoded MRS or MSR (register): direction, register, and general-purpose register (31 is XZR). */
export interface SystemRegisterMove {
  readonly read: boolean;
  readonly encoding: SystemRegisterEncoding;
  readonly rt: number;
}

export function systemRegisterMove(instruction: number): SystemRegisterMove | null {
  // Encoding: 1101 0101 00L1 o0 op1 CRn CRm op2 Rt.
  if ((instruction & 0xffd0_0000) >>> 0 !== 0xd510_0000) return null;
  return {
    read: ((instruction >>> 21) & 1) === 1,
    encoding: [
      2 + ((instruction >>> 19) & 1),
      (instruction >>> 16) & 7,
      (instruction >>> 12) & 15,
      (instruction >>> 8) & 15,
      (instruction >>> 5) & 7,
    ],
    rt: instruction & 31,
  };
}

/**
 * Lowest exception level that may access a system register, by op1 (Arm ARM D23.2, Table D23-1).
 */
export function leastLevel([, op1]: SystemRegisterEncoding): 0 | 1 | 2 | 3 {
  if (op1 === 3) return 0;
  return op1 === 4 || op1 === 5 ? 2 : op1 === 6 ? 3 : 1;
}

/** True for MSR DAIFSet, #imm and MSR DAIFClr, #imm. */
export function isInterruptMaskChange(instruction: number): boolean {
  return (instruction & 0xffff_f0df) >>> 0 === 0xd503_40df;
}

/** True for MSR DAIFSet, #imm. */
export function isInterruptMaskSet(instruction: number): boolean {
  return (instruction & 0xffff_f0ff) >>> 0 === 0xd503_40df;
}

/** Rt of `DC ZVA, Xt`; null for any other instruction. */
function zeroedBlock(instruction: number): number | null {
  return (instruction & 0xffff_ffe0) >>> 0 === 0xd50b_7420 ? instruction & 31 : null;
}

/** Hints that affect how cores wait. */
export type WaitHint = 'yield' | 'wfe' | 'wfi' | 'sev' | 'sevl';

const WAIT_HINTS: Readonly<Record<number, WaitHint>> = {
  0xd503_203f: 'yield',
  0xd503_205f: 'wfe',
  0xd503_207f: 'wfi',
  0xd503_209f: 'sev',
  0xd503_20bf: 'sevl',
};

/** Hint that an instruction is, or null. */
export function waitHint(instruction: number): WaitHint | null {
  return WAIT_HINTS[instruction >>> 0] ?? null;
}

const signed = (value: number, bits: number): bigint => BigInt.asIntN(bits, BigInt(value));

/**
 * First virtual address that a load, a store or DC ZVA accesses; null for any other instruction.
 * @param x reads a general-purpose register; 31 is the stack pointer
 */
export function accessAddress(instruction: number, pc: bigint, x: (index: number) => bigint): bigint | null {
  const zeroed = zeroedBlock(instruction);
  if (zeroed !== null) return zeroed === 31 ? 0n : x(zeroed);
  // Loads and stores have op0 = x1x0.
  if (((instruction >>> 25) & 0b0101) !== 0b0100) return null;
  const rn = (instruction >>> 5) & 31;
  const base = x(rn);
  const group = (instruction >>> 28) & 3;
  const isVector = ((instruction >>> 26) & 1) === 1;
  const wrap = (value: bigint): bigint => BigInt.asUintN(64, value);

  if (group === 0b00) return base; // exclusives, ordered, vector structures, tags: [Xn]
  if (group === 0b01) {
    // LDAPUR and others of this group are not in Armv8.0.
    if (((instruction >>> 24) & 1) === 1) return base;
    return wrap(pc + (signed((instruction >>> 5) & 0x7ffff, 19) << 2n)); // literal
  }
  if (group === 0b10) {
    const opc = instruction >>> 30;
    const scale = isVector ? 2 + opc : opc === 0b01 || opc === 0b00 ? 2 : 3;
    const postIndexed = ((instruction >>> 23) & 3) === 0b01;
    return postIndexed ? base : wrap(base + (signed((instruction >>> 15) & 0x7f, 7) << BigInt(scale)));
  }

  const size = instruction >>> 30;
  const scale = isVector && ((instruction >>> 23) & 1) === 1 ? 4 : size;
  if (((instruction >>> 24) & 1) === 1) return wrap(base + (BigInt((instruction >>> 10) & 0xfff) << BigInt(scale)));
  const mode = (instruction >>> 10) & 3;
  if (((instruction >>> 21) & 1) === 1) {
    // Atomic memory operations; pointer authentication forms are not in Armv8.0.
    if (mode !== 0b10) return base;
    const option = (instruction >>> 13) & 7;
    const rm = (instruction >>> 16) & 31;
    const value = rm === 31 ? 0n : x(rm);
    const extended = option === 0b010 ? BigInt.asUintN(32, value) : option === 0b110 ? BigInt.asIntN(32, value) : value;
    const shift = ((instruction >>> 12) & 1) === 1 ? scale : 0;
    return wrap(base + (extended << BigInt(shift)));
  }
  const postIndexed = mode === 0b01;
  return postIndexed ? base : wrap(base + signed((instruction >>> 12) & 0x1ff, 9));
}

/**
 * True for branches, exception generation and return, and system instructions: op0 = x101 (Arm ARM
 * C4.1). Only these can change PSTATE.DAIF or the flow of control; after any other instruction, the
 * next one in memory follows.
 */
export function isBranchOrSystem(instruction: number): boolean {
  return (instruction & 0x1c00_0000) === 0x1400_0000;
}

/** True for branches, and exception generation and return, but not for system instructions. */
export function isBranch(instruction: number): boolean {
  return isBranchOrSystem(instruction) && instruction >>> 24 !== 0xd5;
}

/** True for TLBI, and for IC: op0 = 1 with CRn 8, or CRn 7 and CRm 1 or 5 (Arm ARM C5.3, C5.5). */
export function isTranslationOrCodeMaintenance(instruction: number): boolean {
  // Encoding: 1101 0101 0000 1 op1 CRn CRm op2 Rt.
  if ((instruction & 0xfff8_0000) >>> 0 !== 0xd508_0000) return false;
  const crn = (instruction >>> 12) & 15;
  const crm = (instruction >>> 8) & 15;
  return crn === 8 || (crn === 7 && (crm === 1 || crm === 5));
}

/** True for ERET. */
export function isExceptionReturn(instruction: number): boolean {
  return instruction >>> 0 === 0xd69f_03e0;
}

/** True for loads that set the exclusive monitor: LDXR, LDAXR and their pairs, of every size. */
export function isLoadExclusive(instruction: number): boolean {
  return (instruction & 0x3fc0_0000) === 0x0840_0000;
}

/** True for LDTR and STTR of every size, which access with the permissions of EL0. */
export function isUnprivilegedAccess(instruction: number): boolean {
  return (instruction & 0x3f20_0c00) === 0x3800_0800;
}
