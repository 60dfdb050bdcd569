// SPDX-License-Identifier: GPL-2.0-only
/**
 * Unlikely guests: any instruction, any page tables, any values in system registers.
 * Each runs in a process of its own, where a crash or a hang is seen. The long run is `npm run
 * fuzz`.
 */

import { describe, expect, it } from 'vitest';
import { SYSTEM_REGISTERS } from '#emulator/engine/system-registers.ts';
import { replayApart, runCampaign } from '#scripts/fuzz/campaign.ts';
import type { FuzzSite } from '#scripts/fuzz/plan.ts';
import { ENGINES_HERE } from './support/engines.ts';
import { HANG_GUARD_MS } from './support/hang-guard.ts';

const SITE: FuzzSite = { level: 1, words: [], operands: 1, fresh: true, tables: 'off', registers: [] };

/**
 * MRS of CNTHP_TVAL_EL2, MSR of CNTFRQ_EL0, CNTPCT_EL0 and CNTHCTL_EL2, MRS of CNTHV_CTL_EL2 and of
 * nothing in the timer's space.
 */
const TIMER_WORDS = [0xd53c_e218, 0xd51b_e000, 0xd51b_e020, 0xd51c_e100, 0xd53c_e321, 0xd53b_e6e0];

/** ERET to AArch32 at EL0, after the ERET: an endless loop in A32. */
const AARCH32_LOOP: FuzzSite = {
  ...SITE,
  words: [0xd69f_03e0, 0xd503_201f, 0xeaff_fffe],
  registers: [
    { encoding: SYSTEM_REGISTERS.SPSR_EL1, value: '0x1d0' },
    { encoding: SYSTEM_REGISTERS.ELR_EL1, value: '0x40110008' },
  ],
};

/**
 * VBAR_EL1 at the end of the address space, and an undefined instruction at EL0: its vector is at
 * the begin, where nothing is mapped.
 */
const LAST_VECTORS: FuzzSite = {
  ...SITE,
  level: 0,
  words: [0xd53a_1bfb],
  tables: 'sane',
  registers: [{ encoding: SYSTEM_REGISTERS.VBAR_EL1, value: '0xffffffffffffffe0' }],
};

/**
 * An exception by the very first block, then MSR DBGBCR1_EL1 in a block that the engine does not
 * announce: it must not reach the engine, which would fault.
 */
const UNANNOUNCED: readonly FuzzSite[] = [
  { ...SITE, words: [0xd503_3e1f] },
  { ...SITE, words: [0xd510_01a3], operands: 1_111_515_911, fresh: false },
];

describe('a guest that did hang the emulator, or end it', () => {
  it.each([
    ['registers of the timer that its level has not, at EL1', TIMER_WORDS.map((word) => ({ ...SITE, words: [word] }))],
    ['an endless loop in AArch32', [AARCH32_LOOP]],
    ['vectors at the end of the address space', [LAST_VECTORS]],
    ['a debug register after an exception by the first block', UNANNOUNCED],
    ['registers of the timer at EL0', TIMER_WORDS.map((word) => ({ ...SITE, level: 0, words: [word] }) as const)],
  ])('%s', (_what, sites) => {
    expect(replayApart({ board: 'qemu-virt', gicVersion: 2, sites }, { hangMs: HANG_GUARD_MS })).toBe('ok');
  });
});

const WORDS = { unicorn: 8000, wasm: 3000 } as const;

it.each(ENGINES_HERE)('a short campaign on %s: no hang, no crash, no fault', async (engine) => {
  const wanted = WORDS[engine];
  const { words, faults } = await runCampaign(20, wanted, () => {}, { engine, hangMs: HANG_GUARD_MS });
  expect(faults).toEqual([]);
  expect(words).toBeGreaterThanOrEqual(wanted);
});
