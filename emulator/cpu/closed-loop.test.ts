// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import type { CoreRegisters } from '#emulator/engine/engine.ts';
import { SYSTEM_REGISTERS, type SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';
import { type Idle, idleState, isClosedLoop, stepsBetween } from './closed-loop.ts';

const NOP = 0xd503_201f;
const YIELD = 0xd503_203f;
const WFE = 0xd503_205f;
const WFI = 0xd503_207f;
const SEV = 0xd503_209f;
const ISB = 0xd503_3fdf;
const DSB = 0xd503_3f9f;
const CLREX = 0xd503_3f5f;
const MASK_ALL = 0xd503_4fdf;
const UNMASK = 0xd503_4fff;
const LOAD = 0xf940_0001;
const ADD = 0x9100_0400;
const RET = 0xd65f_03c0;
const branch = (words: number): number => (0x1400_0000 | (words & 0x03ff_ffff)) >>> 0;
const branchWithLink = (words: number): number => (branch(words) | 0x8000_0000) >>> 0;

const BASE = 0x4020_0000n;
/** The words of a program at BASE. */
const program =
  (words: readonly number[]) =>
  (address: bigint): number | null =>
    words[Number((address - BASE) / 4n)] ?? null;
const LET: Idle = { masking: true, wfe: true, wfi: true };

describe('a loop', () => {
  it.each([
    ['to itself', [branch(0)], true],
    ['of hints and barriers', [NOP, YIELD, WFE, WFI, SEV, ISB, DSB, CLREX, branch(-8)], true],
    ['that is entered from before it', [NOP, branch(1), WFI, branch(-1)], true],
    ['of branches that cross', [branch(2), branch(2), branch(-1), branch(-3)], true],
    ['that masks what is masked', [MASK_ALL, branch(-1)], true],
    ['that lifts a mask', [UNMASK, branch(-1)], false],
    ['with a load', [LOAD, branch(-1)], false],
    ['that counts', [ADD, branch(-1)], false],
    ['by a branch with link, which writes a register', [branchWithLink(0)], false],
    ['by a register', [NOP, RET], false],
    ['that leaves the code that can be read', [NOP, branch(100)], false],
    ['of 63 instructions', [...Array.from({ length: 62 }, () => NOP), branch(-62)], true],
    ['longer than is looked at', [...Array.from({ length: 80 }, () => NOP), branch(-80)], false],
  ])('%s: %s', (_what, words, closed) => {
    expect(isClosedLoop(BASE, LET, program(words))).toBe(closed);
  });

  it.each([
    ['WFE', WFE, { ...LET, wfe: false }],
    ['WFI', WFI, { ...LET, wfi: false }],
    ['masking', MASK_ALL, { ...LET, masking: false }],
  ])('is none where its level traps %s', (_what, word, idle) => {
    expect(isClosedLoop(BASE, LET, program([word, branch(-1)]))).toBe(true);
    expect(isClosedLoop(BASE, idle, program([word, branch(-1)]))).toBe(false);
  });
});

describe('what a level lets through', () => {
  const nameOf = (encoding: SystemRegisterEncoding) =>
    Object.entries(SYSTEM_REGISTERS).find(([, known]) => known.join() === encoding.join())?.[0] ?? '';
  const at = (level: number, registers: Readonly<Record<string, bigint>>, masked = true): Idle =>
    idleState(
      {
        getPstate: () => level << 2,
        getSystemRegister: (encoding: SystemRegisterEncoding) => registers[nameOf(encoding)] ?? 0n,
      } as CoreRegisters,
      masked,
    );
  const NTWI = 1n << 16n;
  const NTWE = 1n << 18n;
  const UMA = 1n << 9n;

  it.each([
    ['EL0, all is trapped', at(0, {}), { masking: false, wfi: false, wfe: false }],
    ['EL0, WFI is let', at(0, { SCTLR_EL1: NTWI }), { masking: false, wfi: true, wfe: false }],
    ['EL0, WFE is let', at(0, { SCTLR_EL1: NTWE }), { masking: false, wfi: false, wfe: true }],
    ['EL0, masks are let', at(0, { SCTLR_EL1: UMA }), { masking: true, wfi: false, wfe: false }],
    ['EL1', at(1, {}), LET],
    ['EL1, with something unmasked', at(1, {}, false), { ...LET, masking: false }],
    ['EL1 under HCR_EL2.TWI', at(1, { HCR_EL2: 1n << 13n }), { ...LET, wfi: false }],
    ['EL1 under HCR_EL2.TWE', at(1, { HCR_EL2: 1n << 14n }), { ...LET, wfe: false }],
    ['EL2, of which HCR_EL2 says nothing', at(2, { HCR_EL2: 3n << 13n }), LET],
    ['EL2 under SCR_EL3.TWI', at(2, { SCR_EL3: 1n << 12n }), { ...LET, wfi: false }],
    ['EL1 under SCR_EL3.TWE', at(1, { SCR_EL3: 1n << 13n }), { ...LET, wfe: false }],
    ['EL3', at(3, { SCR_EL3: 3n << 12n, HCR_EL2: 3n << 13n }), LET],
  ])('%s', (_what, found, expected) => {
    expect(found).toEqual(expected);
  });
});

describe('the way from a vector to the instruction that faults', () => {
  it.each([
    ['is none when it is there', [LOAD], 0, 0],
    ['is counted in instructions', [NOP, branch(2), LOAD, ISB, LOAD], 4, 3],
    ['does not pass what changes something', [ADD, LOAD], 1, null],
    ['does not end in a loop that does not meet it', [branch(0), LOAD], 1, null],
  ])('%s', (_what, words, end, steps) => {
    expect(stepsBetween(BASE, BASE + 4n * BigInt(end), LET, program(words))).toBe(steps);
  });
});
