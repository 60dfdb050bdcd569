// SPDX-License-Identifier: GPL-2.0-only
/**
 * Synchronous external aborts, which the engine does not implement: target level, syndrome, and
 * virtual address of the access.
 *
 *     SCR_EL3.EA ─yes─► EL3      HCR_EL2.TEA, from EL0 or EL1 ─yes─► EL2      else as every synchronous exception:
 *     from EL0 with HCR_EL2.TGE ─► EL2      from EL0 ─► EL1      else the level it happened at
 *
 * Not here: detection (bus and core) and exception entry (exception-entry.ts).
 *
 * Specification: Arm ARM DDI 0487 K.a, D1.3.6 (routing), D24.2.40 (ISS of aborts). Implementation
 * choices: the type of the external abort (EA, SET) is 0, and no instruction syndrome is given (ISV
 * is 0).
 */

import type { CoreRegisters, UnmappedAccess } from '#emulator/engine/engine.ts';
import { SYSTEM_REGISTERS } from '#emulator/engine/system-registers.ts';
import { HCR_TGE } from './exception-entry.ts';
import { accessAddress } from './instruction.ts';
import { dataAbortSyndrome, instructionAbortSyndrome } from './syndrome.ts';

export type AbortedAccess = UnmappedAccess['type'];

const HCR_TEA = 1n << 37n;
const SCR_EA = 1n << 3n;

/**
 * Mask of the page offset, in which virtual and physical addresses agree, for the smallest page.
 */
const PAGE_OFFSET_MASK = 0xfffn;

/** Target level of a synchronous external abort at exception level `level` (0 to 3). */
export function externalAbortTarget(engine: CoreRegisters, level: number): 1 | 2 | 3 {
  if (((engine.getSystemRegister(SYSTEM_REGISTERS.SCR_EL3) ?? 0n) & SCR_EA) !== 0n) return 3;
  if (level < 2 && ((engine.getSystemRegister(SYSTEM_REGISTERS.HCR_EL2) ?? 0n) & HCR_TEA) !== 0n) return 2;
  return synchronousTarget(engine, level);
}

/** Default target level of a synchronous exception: no control routes it elsewhere. */
export function synchronousTarget(engine: CoreRegisters, level: number): 1 | 2 | 3 {
  if (level === 0 && ((engine.getSystemRegister(SYSTEM_REGISTERS.HCR_EL2) ?? 0n) & HCR_TGE) !== 0n) return 2;
  return level === 3 ? 3 : level === 2 ? 2 : 1;
}

/** ESR of an abort with fault status `status`; `far` is null when the address is not known. */
export function abortSyndrome(access: AbortedAccess, status: number, lower: boolean, far: bigint | null): number {
  if (access === 'fetch') return instructionAbortSyndrome({ status, lower });
  return dataAbortSyndrome({ status, lower, write: access === 'write', farNotValid: far === null });
}

/**
 * Virtual address of the access that `instruction`, at `pc`, made at physical `address`; null when
 * the instruction is not known. The access may be a later part of the instruction (the second of a
 * pair, or beyond the end of a page), so its page offset is taken from the physical address.
 * @param engine holds the registers as they were before the instruction
 */
export function abortAddress(
  engine: CoreRegisters,
  access: AbortedAccess,
  address: number,
  instruction: number | null,
  pc: bigint,
): bigint | null {
  if (access === 'fetch') return pc;
  if (instruction === null) return null;
  const first = accessAddress(instruction, pc, (index) => (index === 31 ? engine.getSp() : engine.getX(index)));
  return first === null ? null : BigInt.asUintN(64, first + ((BigInt(address) - first) & PAGE_OFFSET_MASK));
}
