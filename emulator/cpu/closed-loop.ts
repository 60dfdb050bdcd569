// SPDX-License-Identifier: GPL-2.0-only
/**
 * Code that changes nothing: hints, barriers and branches to a fixed place. A core in a loop of
 * these never leaves it by itself, whatever memory and registers hold: `b .`, the `wfe; wfi; b` in
 * which a kernel parks a core.
 *
 * Specification: Arm ARM DDI 0487 K.a, C4.1.93 (hints, barriers), C6.2 (B).
 */

import { isInterruptMaskSet } from './instruction.ts';

/** Instructions of the longest loop that is looked at. */
const LONGEST_LOOP = 64;

/** Hints of Armv8.0: NOP, YIELD, WFE, WFI, SEV, SEVL. */
const FIRST_HINT = 0xd503_201f;
const LAST_HINT = 0xd503_20bf;

/** NOP to SEVL; CLREX, DSB, DMB and ISB. */
function changesNothing(instruction: number): boolean {
  const word = instruction >>> 0;
  if ((word & 0x1f) === 0x1f && word >= FIRST_HINT && word <= LAST_HINT) return true;
  if ((word & 0xffff_f01f) >>> 0 !== 0xd503_301f) return false;
  const op2 = (word >>> 5) & 7;
  return op2 === 2 || op2 >= 4;
}

/** Bytes from a B to its target, or null when the instruction is another. */
function branchOffset(instruction: number): bigint | null {
  if (instruction >>> 26 !== 0b000101) return null;
  return BigInt.asIntN(28, BigInt((instruction & 0x03ff_ffff) * 4));
}

/**
 * The address behind `at`, or null when the instruction there may change something, or leads who
 * knows where.
 */
function next(at: bigint, masked: boolean, word: (address: bigint) => number | null): bigint | null {
  const instruction = word(at);
  if (instruction === null) return null;
  const offset = branchOffset(instruction);
  if (offset !== null) return BigInt.asUintN(64, at + offset);
  const passes = changesNothing(instruction) || (masked && isInterruptMaskSet(instruction));
  return passes ? BigInt.asUintN(64, at + 4n) : null;
}

/**
 * True when a core at `pc` goes round for ever and changes nothing.
 * @param masked all interrupts are masked, so that masking them is no change
 * @param word the instruction at an address
 */
export function isClosedLoop(pc: bigint, masked: boolean, word: (address: bigint) => number | null): boolean {
  const passed = new Set<bigint>();
  for (let at: bigint | null = pc; at !== null && passed.size < LONGEST_LOOP; at = next(at, masked, word)) {
    if (passed.has(at)) return true;
    passed.add(at);
  }
  return false;
}

/** True when the way from `start` leads to `end` and changes nothing. */
export function leadsTo(start: bigint, end: bigint, word: (address: bigint) => number | null): boolean {
  let at: bigint | null = start;
  for (let step = 0; step < LONGEST_LOOP && at !== null; step++) {
    if (at === end) return true;
    at = next(at, true, word);
  }
  return false;
}
