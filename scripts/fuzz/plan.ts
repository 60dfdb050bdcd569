// SPDX-License-Identifier: GPL-2.0-only
/**
 * The actions of one trial of a campaign, as plain data: made from a seed, or read from a file to
 * repeat them.
 *
 *     plan ── site ── registers and page tables, then some words, up to their end, an exception or a limit
 *         └── site …  system registers, memory and devices stay as left, unless the site begins afresh
 */

import { SYSTEM_REGISTERS, type SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';
import { type RandomSource, randomSource } from './random.ts';
import { randomInstruction } from './random-instruction.ts';

/** A system register and the value that is written to it before a site runs, "0x…". */
export interface RegisterValue {
  readonly encoding: SystemRegisterEncoding;
  readonly value: string;
}

export interface FuzzSite {
  /** Exception level. */
  readonly level: 0 | 1 | 2 | 3;
  readonly words: readonly number[];
  /** Seed of the general registers. */
  readonly operands: number;
  /** System registers as a kernel would have them, MMU off. */
  readonly fresh: boolean;
  /** Page tables: none, sane ones, or random descriptors of this seed around the code. */
  readonly tables: 'off' | 'sane' | number;
  readonly registers: readonly RegisterValue[];
}

export interface FuzzPlan {
  readonly board: 'qemu-virt' | 'pixel6';
  /** For qemu-virt only. */
  readonly gicVersion: 2 | 3;
  /** The own core translates all code at once; else it interprets. */
  readonly translated?: boolean;
  readonly sites: readonly FuzzSite[];
}

/** Sites of a trial, and most words of one. */
const SITES = 64;
const MOST_WORDS = 8;

/** Registers that decide how memory, exceptions and other registers behave. */
const CONTROLS: readonly SystemRegisterEncoding[] = [
  ...(['SCTLR_EL1', 'TCR_EL1', 'TTBR0_EL1', 'TTBR1_EL1', 'MAIR_EL1', 'VBAR_EL1', 'CPACR_EL1', 'CNTKCTL_EL1'] as const),
  ...(['SPSR_EL1', 'ELR_EL1', 'SPSR_EL2', 'SPSR_EL3', 'HCR_EL2', 'SCR_EL3', 'SCTLR_EL2', 'VBAR_EL2'] as const),
  ...(['CNTP_CTL_EL0', 'CNTP_CVAL_EL0', 'CNTV_CTL_EL0', 'CNTV_CVAL_EL0', 'CNTHCTL_EL2'] as const),
].map((name) => SYSTEM_REGISTERS[name]);

/** Mostly a few bits set or cleared; seldom any value at all. */
function registerValue(random: RandomSource): bigint {
  if (random.oneIn(3)) return random.wide();
  let value = random.oneIn(2) ? 0n : BigInt(random.word());
  for (let bits = random.below(4); bits > 0; bits--) value ^= 1n << BigInt(random.below(64));
  return value;
}

function randomSite(random: RandomSource): FuzzSite {
  const level = random.of([0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 3] as const);
  const words = Array.from({ length: 1 + random.below(MOST_WORDS) }, () => randomInstruction(random));
  const registers = Array.from({ length: random.oneIn(3) ? 1 + random.below(3) : 0 }, () => ({
    encoding: random.of(CONTROLS),
    value: `0x${registerValue(random).toString(16)}`,
  }));
  return {
    level,
    words,
    operands: random.word(),
    fresh: random.oneIn(2),
    tables: random.of(['off', 'sane', random.word()] as const),
    registers,
  };
}

/** The plan of a seed. */
export function planOf(seed: number): FuzzPlan {
  const random = randomSource(seed);
  const board = random.oneIn(4) ? 'pixel6' : 'qemu-virt';
  const gicVersion = random.of([2, 3] as const);
  const sites = Array.from({ length: SITES }, () => randomSite(random));
  return { board, gicVersion, translated: seed % 2 === 1, sites };
}

/** Instruction words in a plan. */
export function wordsOf(plan: FuzzPlan): number {
  return plan.sites.reduce((sum, { words }) => sum + words.length, 0);
}
