// SPDX-License-Identifier: GPL-2.0-only
/**
 * A64 instruction words of a campaign: any word at all, and more often what changes the state of
 * the machine. Not valid programs: most words are undefined, which is a path through the emulator
 * as well.
 *
 * Specification: Arm ARM DDI 0487 K.a, C4.1 (encodings), D24 (system registers), C5.3 to C5.5
 * (system instructions).
 */

import { SYSTEM_REGISTERS, type SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';
import type { RandomSource } from './random.ts';

const NAMED = Object.values(SYSTEM_REGISTERS) as SystemRegisterEncoding[];

const XZR = 31;
const SYSTEM = 0xd500_0000;
const READ = 1 << 21;
/**
 * Instructions that raise, return from or wait for exceptions: SVC, HVC, SMC, BRK, HLT, ERET, DRPS,
 * WFI, WFE, SEV, YIELD.
 */
const EVENTS = [
  0xd400_0001, 0xd400_0002, 0xd400_0003, 0xd420_0000, 0xd440_0000, 0xd69f_03e0, 0xd6bf_03e0, 0xd503_207f, 0xd503_205f,
  0xd503_209f, 0xd503_203f,
];
/**
 * Major groups whose words are nearly all loads and stores, vector and floating point, branches
 * (op0, C4.1).
 */
const LOAD_STORE = 0x0800_0000;
const FLOATING_POINT = 0x0e00_0000;
const BRANCH = 0x1400_0000;

const encode = ([op0, op1, crn, crm, op2]: SystemRegisterEncoding, rt: number): number =>
  (SYSTEM | (op0 << 19) | (op1 << 16) | (crn << 12) | (crm << 8) | (op2 << 5) | rt) >>> 0;

function systemRegister(random: RandomSource): SystemRegisterEncoding {
  if (random.oneIn(3)) return random.of(NAMED);
  // Debug, and the groups of EL1 in which there is something (Arm ARM D24.1).
  if (random.oneIn(4)) return [2, random.of([0, 0, 3, 4]), random.of([0, 0, 1, 7]), random.below(16), random.below(8)];
  const crn = random.of([0, 1, 2, 4, 5, 6, 7, 9, 10, 12, 13, 14, 15]);
  return [3, random.of([0, 0, 0, 3, 3, 4, 6, 7, 1, 2, 5]), crn, random.below(16), random.below(8)];
}

/** One word. Branches go a few instructions far. */
export function randomInstruction(random: RandomSource): number {
  const any = random.word();
  switch (random.below(12)) {
    case 0:
    case 1:
      return encode(systemRegister(random), random.oneIn(8) ? XZR : random.below(31));
    case 2:
    case 3:
      return (encode(systemRegister(random), random.below(32)) | READ) >>> 0;
    case 4: {
      // SYS: caches, address translation, TLB.
      const crn = random.of([7, 7, 8, 8, 11, 15]);
      return encode([1, random.of([0, 0, 3, 4, 6]), crn, random.below(16), random.below(8)], random.below(32));
    }
    case 5:
      return (SYSTEM | (any & 0x3f_ffff)) >>> 0;
    case 6:
      // MSR (immediate), hints, barriers.
      return (SYSTEM | 0x03_001f | (random.below(8) << 16) | (random.of([2, 3, 4]) << 12) | (any & 0xfe0)) >>> 0;
    case 7:
      return random.of(EVENTS);
    case 8:
      return ((any & ~0x0a00_0000) | LOAD_STORE) >>> 0;
    case 9:
      return ((any & ~0x1000_0000) | FLOATING_POINT) >>> 0;
    case 10:
      // B.cond, CBZ and B within some instructions.
      return (BRANCH | random.of([0x4000_0000, 0x2000_0000, 0]) | (random.below(16) << 5) | random.below(16)) >>> 0;
    default:
      return any;
  }
}
