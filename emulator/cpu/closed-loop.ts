// SPDX-License-Identifier: GPL-2.0-only
/**
 * Detection of closed loops: hints, barriers and direct branches that change no state. A core in
 * such a loop never leaves it by itself, whatever memory and registers hold. Examples are `b .`,
 * and the `wfe; wfi; b` in which a kernel parks a core. A hint that is trapped (WFI at EL0, for
 * instance) is an exception, and may change anything.
 *
 * Specification: Arm ARM DDI 0487 K.a, C4.1.93 (hints, barriers), C6.2 (B), D1.7 (traps of WFI and
 * WFE), D24.2.143 (SCTLR_EL1.UMA).
 */

import type { CoreRegisters } from '#emulator/engine/engine.ts';
import { SYSTEM_REGISTERS } from '#emulator/engine/system-registers.ts';
import { levelOf } from './exception-entry.ts';
import { isInterruptMaskSet, waitHint } from './instruction.ts';

/** Longest loop that is examined, in instructions. */
const LONGEST_LOOP = 64;

/** Hints of Armv8.0: NOP, YIELD, WFE, WFI, SEV, SEVL. */
const FIRST_HINT = 0xd503_201f;
const LAST_HINT = 0xd503_20bf;

/** Instructions that have no effect in the core's current state. */
export interface Idle {
  /** True when all interrupts are masked and masking them again is not trapped. */
  readonly masking: boolean;
  /** True when WFE (or WFI) is not trapped. */
  readonly wfe: boolean;
  readonly wfi: boolean;
}

/** @param interruptsMasked true when all interrupts are masked */
export function idleState(engine: CoreRegisters, interruptsMasked: boolean): Idle {
  const level = levelOf(engine.getPstate());
  const has = (name: 'SCTLR_EL1' | 'HCR_EL2' | 'SCR_EL3', bit: bigint): boolean =>
    (((engine.getSystemRegister(SYSTEM_REGISTERS[name]) ?? 0n) >> bit) & 1n) === 1n;
  // True unless one of these traps it: SCTLR_EL1.nTWI, nTWE, UMA; HCR_EL2.TWI, TWE; SCR_EL3.TWI,
  // TWE.
  const lets = (let1: bigint, trap2: bigint, trap3: bigint): boolean =>
    !(level === 0 && !has('SCTLR_EL1', let1)) &&
    !(level < 2 && has('HCR_EL2', trap2)) &&
    !(level < 3 && has('SCR_EL3', trap3));
  return {
    masking: interruptsMasked && (level > 0 || has('SCTLR_EL1', 9n)),
    wfi: lets(16n, 13n, 12n),
    wfe: lets(18n, 14n, 13n),
  };
}

/** True for NOP to SEVL; CLREX, DSB, DMB and ISB; masking of interrupts that are masked. */
function changesNothing(instruction: number, idle: Idle): boolean {
  const word = instruction >>> 0;
  if ((word & 0x1f) === 0x1f && word >= FIRST_HINT && word <= LAST_HINT) {
    const hint = waitHint(word);
    return hint === 'wfe' || hint === 'wfi' ? idle[hint] : true;
  }
  if (isInterruptMaskSet(word)) return idle.masking;
  if ((word & 0xffff_f01f) >>> 0 !== 0xd503_301f) return false;
  const op2 = (word >>> 5) & 7;
  return op2 === 2 || op2 >= 4;
}

/** Byte offset from a B to its target; null for any other instruction. */
function branchOffset(instruction: number): bigint | null {
  if (instruction >>> 26 !== 0b000101) return null;
  return BigInt.asIntN(28, BigInt((instruction & 0x03ff_ffff) * 4));
}

/**
 * Address of the next instruction executed after `at`; null when the instruction there may change
 * something, or when its successor is not known.
 */
function next(at: bigint, idle: Idle, word: (address: bigint) => number | null): bigint | null {
  const instruction = word(at);
  if (instruction === null) return null;
  const offset = branchOffset(instruction);
  if (offset !== null) return BigInt.asUintN(64, at + offset);
  return changesNothing(instruction, idle) ? BigInt.asUintN(64, at + 4n) : null;
}

/**
 * True when a core at `pc` loops for ever and changes nothing.
 * @param word reads the instruction at an address
 */
export function isClosedLoop(pc: bigint, idle: Idle, word: (address: bigint) => number | null): boolean {
  const passed = new Set<bigint>();
  for (let at: bigint | null = pc; at !== null && passed.size < LONGEST_LOOP; at = next(at, idle, word)) {
    if (passed.has(at)) return true;
    passed.add(at);
  }
  return false;
}

/** Number of instructions from `start` to `end` when none of them changes anything; else null. */
export function stepsBetween(
  start: bigint,
  end: bigint,
  idle: Idle,
  word: (address: bigint) => number | null,
): number | null {
  let at: bigint | null = start;
  for (let step = 0; step < LONGEST_LOOP && at !== null; step++) {
    if (at === end) return step;
    at = next(at, idle, word);
  }
  return null;
}
