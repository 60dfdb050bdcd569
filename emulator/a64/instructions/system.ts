// SPDX-License-Identifier: GPL-2.0-only
/**
 * System: exception generation and return, hints, barriers, PSTATE, system registers and
 * operations. The core executes all of these (system/).
 *
 * Source: Arm ARM DDI 0487 K.a, C4.1.93.
 */

import { helped, instruction, type Instruction } from '#emulator/a64/decode/instruction.ts';
import { LAYOUT } from '#emulator/a64/layout.ts';
import type { CallKind, WaitKind } from '#emulator/a64/system/system-port.ts';
import { i64 } from '#emulator/a64/wasm/expressions.ts';
import { SYSTEM_CODE } from './system-code.ts';

const CALLS: Readonly<Record<number, CallKind>> = { 1: 'svc', 2: 'hvc', 3: 'smc' };
const WAITS: Readonly<Record<number, WaitKind>> = { 1: 'yield', 2: 'wfe', 3: 'wfi', 4: 'sev', 5: 'sevl' };

/** Block size that DCZID_EL0 gives. */
const ZERO_BYTES = 64;

const registerNumber = (f: Readonly<Record<'o0' | 'op1' | 'CRn' | 'CRm' | 'op2', number>>): number =>
  ((2 + f.o0) << 14) | (f.op1 << 11) | (f.CRn << 7) | (f.CRm << 3) | f.op2;

export const SYSTEM: readonly Instruction[] = [
  ...SYSTEM_CODE,
  helped(
    'SVC, HVC, SMC',
    '11010100 000 imm16:16 000 LL:2',
    { flow: 'exception', where: ({ LL }) => LL !== 0 },
    ({ imm16, LL }) => {
      const kind = CALLS[LL] as CallKind;
      return ({ system }) => system.call(kind, imm16);
    },
  ),
  helped(
    'BRK',
    '11010100 001 imm16:16 000 00',
    { flow: 'exception' },
    ({ imm16 }) =>
      ({ system }) =>
        system.breakpoint(imm16),
  ),
  helped(
    'HLT',
    '11010100 010 imm16:16 000 00',
    { flow: 'exception' },
    ({ imm16 }) =>
      ({ system }) =>
        system.halt(imm16),
  ),
  helped(
    'ERET',
    '1101011 0100 11111 000000 11111 00000',
    { flow: 'exception' },
    () =>
      ({ system }) =>
        system.exceptionReturn(),
  ),
  helped(
    'YIELD, WFE, WFI, SEV, SEVL',
    '11010101000000110010 0000 op2:3 11111',
    { where: ({ op2 }) => WAITS[op2] !== undefined },
    ({ op2 }) => {
      const kind = WAITS[op2] as WaitKind;
      return ({ system }) => system.wait(kind);
    },
  ),
  instruction('NOP and other hints', '11010101000000110010 ~CRm:4 ~op2:3 11111', {}, () => {}),
  instruction('CLREX', '11010101000000110011 ~CRm:4 010 11111', {}, (code) => {
    code.store(code.core, LAYOUT.exclusiveAddress, i64(-1));
  }),
  // No effect: one core executes at a time, and completes each access before the next.
  instruction('DSB, DMB', '11010101000000110011 ~CRm:4 10 ~dmb 11111', {}, () => {}),
  helped('MSR (immediate)', '1101010100000 op1:3 0100 CRm:4 op2:3 11111', {}, ({ op1, CRm, op2 }) => ({ system }) => {
    if (!system.setPstateField(op1, op2, CRm)) system.undefined();
  }),
  instruction('DC ZVA', '1101010100001 011 0111 0100 001 Rt', { fallback: true }, (code, f) => {
    code.zero(code.x(f.Rt), ZERO_BYTES);
  }),
  helped('SYS', '1101010100001 op1:3 CRn:4 CRm:4 op2:3 Rt', {}, ({ op1, CRn, CRm, op2, Rt }) => ({ system, x }) => {
    system.operate(op1, CRn, CRm, op2, Rt, x[Rt] as bigint);
  }),
  helped('MSR (register)', '110101010001 o0 op1:3 CRn:4 CRm:4 op2:3 Rt', {}, (f) => {
    const [register, rt] = [registerNumber(f), f.Rt];
    return ({ system, x }) => system.writeRegister(register, rt, x[rt] as bigint);
  }),
  helped('MRS', '110101010011 o0 op1:3 CRn:4 CRm:4 op2:3 Rt', {}, (f) => {
    const [register, rt] = [registerNumber(f), f.Rt];
    return ({ system, x }) => {
      const value = system.readRegister(register, rt);
      if (rt !== 31) x[rt] = value;
    };
  }),
];
