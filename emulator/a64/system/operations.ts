// SPDX-License-Identifier: GPL-2.0-only
/**
 * SYS and SYSL: maintenance of translations and caches, zeroing memory, address translation.
 *
 * Caches are not modelled, so their maintenance is nothing. Code is decoded by what is in memory
 * when it runs.
 *
 * Specification: Arm ARM DDI 0487 K.a, C5.3 to C5.6, D24.2.144 (PAR_EL1).
 */

import { PHYSICAL_BITS } from '#emulator/cpu/core-translation.ts';
import { synchronousTarget } from '#emulator/cpu/external-abort.ts';
import { systemRegisterSyndrome, undefinedSyndrome } from '#emulator/cpu/syndrome.ts';
import type { TlbScope } from '#emulator/cpu/stale-caches.ts';
import { type ReadDescriptor, translate, type TranslationRegisters } from '#emulator/cpu/translate.ts';
import type { CoreRegisters } from '#emulator/engine/engine.ts';
import { type CoreState, GuestException } from '#emulator/a64/core-state.ts';
import type { RegisterFile } from './register-file.ts';

const CRN_CACHE = 7;
const CRN_TLBI = 8;
const SCTLR_DZE = 1n << 14n;
const SCTLR_UCI = 1n << 26n;
/** AT: CRm 8 (and 9). */
const CRM_TRANSLATE = 8;

/** TCR_EL1: ASIDs have 16 bits. */
const TCR_AS = 1n << 36n;
const PAR_F = 1n;
const PAR_RES1 = 1n << 11n;

export interface OperationContext {
  readonly state: CoreState;
  readonly file: RegisterFile;
  readonly engine: CoreRegisters;
  /** DC ZVA. */
  readonly zero: (address: bigint) => void;
  readonly translation: () => TranslationRegisters;
  readonly readDescriptor: ReadDescriptor;
  /** A TLBI was executed. */
  readonly translationsInvalidated: (scope: TlbScope) => void;
}

/** @throws GuestException */
export function operate(
  parts: OperationContext,
  [op1, crn, crm, op2]: readonly [op1: number, crn: number, crm: number, op2: number],
  rt: number,
  value: bigint,
): void {
  const { state } = parts;
  if (crn === CRN_TLBI) {
    if (state.level < (op1 === 0 ? 1 : op1 === 4 ? 2 : op1 === 6 ? 3 : 4)) undefinedHere();
    const scope = invalidated(op1, crm, op2, value, (parts.file.get('TCR_EL1') & TCR_AS) === 0n ? 0xffn : 0xffffn);
    parts.translationsInvalidated(scope ?? undefinedHere());
    return;
  }
  if (crn !== CRN_CACHE || (op1 !== 0 && op1 !== 3 && op1 !== 4 && op1 !== 6)) undefinedHere();
  if (op1 !== 3 && state.level < (op1 === 0 ? 1 : op1 === 4 ? 2 : 3)) undefinedHere();
  if (op1 !== 3 && crm === CRM_TRANSLATE) {
    if (op1 === 0 && op2 < 4) parts.file.set('PAR_EL1', addressTranslation(parts, op2, value));
    else undefinedHere();
    return;
  }
  if (op1 === 3) {
    const bit = crm === 4 ? SCTLR_DZE : SCTLR_UCI;
    if (state.level === 0 && (parts.file.get('SCTLR_EL1') & bit) === 0n) {
      throw new GuestException(
        systemRegisterSyndrome([1, op1, crn, crm, op2], rt, false),
        null,
        synchronousTarget(parts.engine, 0),
      );
    }
    if (crm === 4 && op2 === 1) {
      parts.zero(value);
      return;
    }
  }
}

/**
 * What a TLBI is about; null where there is no such. Both kinds, of one core and of all, are of
 * all.
 */
function invalidated(op1: number, crm: number, op2: number, value: bigint, asids: bigint): TlbScope | null {
  const page = Number(value & ((1n << 44n) - 1n));
  const asid = Number((value >> 48n) & asids);
  if (op1 === 4 && (crm === 0 || crm === 4)) return op2 === 1 || op2 === 5 ? { kind: 'all' } : null;
  if (crm !== 3 && crm !== 7) return null;
  if (op1 === 0) {
    switch (op2) {
      case 0:
        return { kind: 'all' };
      case 1:
      case 5:
        return { kind: 'page', page, asid };
      case 2:
        return { kind: 'asid', asid };
      case 3:
      case 7:
        return { kind: 'page', page, asid: null };
      default:
        return null;
    }
  }
  if (op2 === 0) return { kind: 'level', level: op1 === 4 ? 2 : 3 };
  if (op2 === 1 || op2 === 5) return { kind: 'page', page, asid: null };
  return op1 === 4 && (op2 === 4 || op2 === 6) ? { kind: 'all' } : null;
}

function undefinedHere(): never {
  throw new GuestException(undefinedSyndrome());
}

/** AT S1E1R, S1E1W, S1E0R, S1E0W: op2 0 to 3. */
function addressTranslation(parts: OperationContext, op2: number, va: bigint): bigint {
  const registers = parts.translation();
  const type = (op2 & 1) === 0 ? 'read' : 'write';
  const found = translate(va, type, op2 < 2 ? 1 : 0, registers, parts.readDescriptor, PHYSICAL_BITS);
  if (!found.ok) return PAR_F | PAR_RES1 | (BigInt(found.fault.status) << 1n);
  const { descriptor, attributeIndex } = found.mapping;
  const attributes = (parts.file.get('MAIR_EL1') >> BigInt(8 * attributeIndex)) & 0xffn;
  const shareability = (descriptor >> 8n) & 3n;
  const page = BigInt(found.pa - (found.pa % 4096));
  const nonSecure = 1n << 9n;
  return page | PAR_RES1 | nonSecure | (attributes << 56n) | (shareability << 7n);
}
