// SPDX-License-Identifier: GPL-2.0-only
/**
 * System instructions that kernels execute all the time, as code: the current task's register,
 * interrupt masks, the state that an exception saved, ISB, cache maintenance by address. The code
 * runs only at exception levels where no control traps the instruction. Elsewhere, and where an
 * access has side effects, it falls back to system.ts, which serves all cases.
 *
 * Source: Arm ARM DDI 0487 K.a, C4.1.93, D24.2.
 */

import { type A64Code } from '#emulator/a64/a64-code.ts';
import { PSTATE } from '#emulator/a64/core-state.ts';
import { instruction, type Instruction } from '#emulator/a64/decode/instruction.ts';
import { LAYOUT } from '#emulator/a64/layout.ts';
import { ID_REGISTERS } from '#emulator/a64/id-registers.ts';
import { HCR } from '#emulator/a64/system/hypervisor.ts';
import { STORED_REGISTERS } from '#emulator/a64/system/registers.ts';
import { i32, type I32, i64, type I64, op } from '#emulator/a64/wasm/expressions.ts';
import {
  SYSTEM_REGISTERS,
  type SystemRegisterEncoding,
  systemRegisterNumber,
} from '#emulator/engine/system-registers.ts';

const DAIF = PSTATE.d | PSTATE.a | PSTATE.i | PSTATE.f;
const WORD = 2n ** 32n - 1n;

/** Offset of a stored register in the core's state block. */
function storedAt(encoding: SystemRegisterEncoding): number {
  const stored = STORED_REGISTERS.get(systemRegisterNumber(encoding));
  if (stored === undefined) throw new RangeError(`${encoding.join()} is not stored`);
  return LAYOUT.systemRegisters + 8 * stored.place;
}
const HCR_EL2 = storedAt(SYSTEM_REGISTERS.HCR_EL2);

const isAtEl1 = (code: A64Code): I32 => op.eq(code.word(LAYOUT.level), i32(1));
const isUnderEl2 = (code: A64Code): I32 => op.ltU(code.word(LAYOUT.level), i32(2));
/** True at EL1 while HCR_EL2.`trap` is 0. */
const isUntrapped =
  (trap: bigint) =>
  (code: A64Code): I32 =>
    op.and(isAtEl1(code), op.isZero(op.and(code.load('i64', code.core, HCR_EL2), i64(trap))));
/** True at EL1 with SP_EL1 selected, so that SP_EL0 is accessible as a register. */
const hasOwnStack = (code: A64Code): I32 => op.and(isAtEl1(code), op.and(code.word(LAYOUT.pstate), i32(PSTATE.sp)));
/** True at EL1 while no interrupt waits to be unmasked. */
const isQuiet = (code: A64Code): I32 => op.and(isAtEl1(code), op.isZero(code.word(LAYOUT.interrupt)));

type Condition = (code: A64Code) => I32;

/** Code of a register's read and write; without `write`, a write falls back. */
interface Access {
  readonly encoding: SystemRegisterEncoding;
  readonly mayRead: Condition;
  readonly read: (code: A64Code) => I64;
  readonly mayWrite?: Condition;
  readonly write?: (code: A64Code, value: I64) => void;
}

const stored = (
  encoding: SystemRegisterEncoding,
  mayRead: Condition,
  mayWrite: Condition | null,
  mask = 2n ** 64n - 1n,
): Access => ({
  encoding,
  mayRead,
  read: (code) => code.load('i64', code.core, storedAt(encoding)),
  ...(mayWrite === null
    ? {}
    : { mayWrite, write: (code, value) => code.store(code.core, storedAt(encoding), op.and(value, i64(mask))) }),
});

const setDaif = (code: A64Code, bits: I32): void =>
  code.setWord(LAYOUT.pstate, op.or(op.and(code.word(LAYOUT.pstate), i32(~DAIF)), bits));

const ACCESSES: Readonly<Record<string, Access>> = {
  SP_EL0: {
    encoding: [3, 0, 4, 1, 0],
    mayRead: hasOwnStack,
    read: (code) => code.load('i64', code.core, LAYOUT.stackPointers),
    mayWrite: hasOwnStack,
    write: (code, value) => code.store(code.core, LAYOUT.stackPointers, value),
  },
  DAIF: {
    encoding: [3, 3, 4, 2, 1],
    mayRead: isAtEl1,
    read: (code) => op.extendU(op.and(code.word(LAYOUT.pstate), i32(DAIF))),
    mayWrite: isQuiet,
    write: (code, value) => setDaif(code, op.and(op.wrap(value), i32(DAIF))),
  },
  TPIDR_EL0: stored([3, 3, 13, 0, 2], isUnderEl2, isUnderEl2),
  TPIDRRO_EL0: stored([3, 3, 13, 0, 3], isUnderEl2, isAtEl1),
  TPIDR_EL1: stored([3, 0, 13, 0, 4], isAtEl1, isAtEl1),
  ELR_EL1: stored(SYSTEM_REGISTERS.ELR_EL1, isAtEl1, isAtEl1),
  SPSR_EL1: stored(SYSTEM_REGISTERS.SPSR_EL1, isAtEl1, isAtEl1, WORD),
  ESR_EL1: stored(SYSTEM_REGISTERS.ESR_EL1, isUntrapped(HCR.trvm), isUntrapped(HCR.tvm), WORD),
  FAR_EL1: stored(SYSTEM_REGISTERS.FAR_EL1, isUntrapped(HCR.trvm), isUntrapped(HCR.tvm)),
  DCZID_EL0: stored(ID_REGISTERS.DCZID_EL0, isAtEl1, null),
  CTR_EL0: stored([3, 3, 0, 0, 1], isUntrapped(HCR.tid2), null),
};

const bits = (value: number, count: number): string => value.toString(2).padStart(count, '0');
/** Encoding bits from op0 to Rt; typed as a pattern that has only Rt. */
const pattern = (isRead: boolean, [op0, op1, crn, crm, op2]: SystemRegisterEncoding): '0 Rt' =>
  `1101010100${isRead ? 1 : 0}1 ${op0 - 2} ${bits(op1, 3)} ${bits(crn, 4)} ${bits(crm, 4)} ${bits(op2, 3)} Rt` as '0 Rt';

const FALLBACK = { fallback: true } as const;
/**
 * Runs the code where `condition` holds; elsewhere the helper in TypeScript serves the instruction.
 */
const orFallback = (code: A64Code, condition: I32, serve: () => void): void =>
  code.if(condition, serve, () => code.fallback());

function rows(name: string, { encoding, mayRead, read, mayWrite, write }: Access): Instruction[] {
  const reading = instruction(`MRS ${name}`, pattern(true, encoding), FALLBACK, (code, f) => {
    orFallback(code, mayRead(code), () => code.setReg(f.Rt, read(code)));
  });
  if (mayWrite === undefined || write === undefined) return [reading];
  return [
    reading,
    instruction(`MSR ${name}`, pattern(false, encoding), FALLBACK, (code, f) => {
      orFallback(code, mayWrite(code), () => write(code, code.x(f.Rt)));
    }),
  ];
}

/** Cache maintenance by address; there are no caches. */
const maintenance = (name: string, crmAndOp2: string, trap: bigint): Instruction =>
  instruction(name, `1101010100001 011 0111 ${crmAndOp2} Rt` as '0 Rt', FALLBACK, (code) => {
    orFallback(code, isUntrapped(trap)(code), () => {});
  });

export const SYSTEM_CODE: readonly Instruction[] = [
  ...Object.entries(ACCESSES).flatMap(([name, access]) => rows(name, access)),
  instruction('MSR DAIFSet', '1101010100000 011 0100 ~CRm:4 110 11111', FALLBACK, (code, f) => {
    orFallback(code, isAtEl1(code), () =>
      code.setWord(LAYOUT.pstate, op.or(code.word(LAYOUT.pstate), op.shl(f.CRm, i32(6)))),
    );
  }),
  instruction('MSR DAIFClr', '1101010100000 011 0100 ~CRm:4 111 11111', FALLBACK, (code, f) => {
    const cleared = op.not(op.shl(f.CRm, i32(6)));
    orFallback(code, isQuiet(code), () => code.setWord(LAYOUT.pstate, op.and(code.word(LAYOUT.pstate), cleared)));
  }),
  maintenance('IC IVAU', '0101 001', HCR.tpu),
  maintenance('DC CVAC', '1010 001', HCR.tpc),
  maintenance('DC CVAU', '1011 001', HCR.tpu),
  maintenance('DC CIVAC', '1110 001', HCR.tpc),
  instruction('ISB', '11010101000000110011 ~CRm:4 110 11111', {}, (code) => code.synchronizeContext()),
];
