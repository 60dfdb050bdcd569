// SPDX-License-Identifier: GPL-2.0-only
/**
 * All instruction rows, by class. A more specific row stands before a row that also matches its
 * words.
 */

import type { Instruction } from '#emulator/a64/decode/instruction.ts';
import { BRANCHES } from './branches.ts';
import { DATA_PROCESSING_IMMEDIATE } from './data-processing-immediate.ts';
import { DATA_PROCESSING_REGISTER } from './data-processing-register.ts';
import { EXCLUSIVE } from './exclusive.ts';
import { FP_CODE } from './fp-code.ts';
import { LOADS_STORES } from './loads-stores.ts';
import { SIMD_CODE } from './simd-code.ts';
import { SIMD_FP } from './simd-fp.ts';
import { STRUCTURE_LOADS } from './structure-loads.ts';
import { SYSTEM } from './system.ts';

export const INSTRUCTIONS: readonly Instruction[] = [
  ...DATA_PROCESSING_IMMEDIATE,
  ...BRANCHES,
  ...SYSTEM,
  ...LOADS_STORES,
  ...STRUCTURE_LOADS,
  ...EXCLUSIVE,
  ...DATA_PROCESSING_REGISTER,
  ...FP_CODE,
  ...SIMD_CODE,
  ...SIMD_FP,
];
