// SPDX-License-Identifier: GPL-2.0-only
/**
 * SYS and SYSL: TLB and cache maintenance, DC ZVA, address translation (AT).
 *
 * Caches are not modelled, so cache maintenance does nothing. Code is decoded from what memory
 * holds when it runs.
 *
 * Specification: Arm ARM DDI 0487 K.a, C5.3 to C5.6, D24.2.144 (PAR_EL1).
 */

import { synchronousTarget } from '#emulator/cpu/external-abort.ts';
import { systemRegisterSyndrome, undefinedSyndrome } from '#emulator/cpu/syndrome.ts';
import type { TlbScope } from '#emulator/cpu/stale-caches.ts';
import type { AccessType } from '#emulator/cpu/translate.ts';
import type { CoreRegisters } from '#emulator/engine/engine.ts';
import { ALREADY_TAKEN, type CoreState, GuestException, PSTATE } from '#emulator/a64/core-state.ts';
import type { Feature } from '#emulator/a64/features.ts';
import { allows, REGIME, type Regime, type Regimes, type Stage2Refusal, TCR_AS } from '#emulator/a64/regimes.ts';
import { controlOfEl0, HCR, isHost } from './hypervisor.ts';
import { trapsOperation } from './hypervisor-traps.ts';
import type { RegisterFile } from './register-file.ts';

const CRN_CACHE = 7;
const CRN_TLBI = 8;
const SCTLR_DZE = 1n << 14n;
const SCTLR_UCI = 1n << 26n;
const PERMISSION_STATUS = 0b001100;

/** ISS.CM of a data abort that an AT instruction caused; it counts as a write. */
const ISS_CM = 1 << 8;
const PAR_F = 1n;
const PAR_PTW = 1n << 8n;
const PAR_S = 1n << 9n;
const PAR_RES1 = 1n << 11n;
/**
 * Result for TLBI IPAS2E1 and its kin, which invalidate translations of stage 2 alone. The TLB here
 * keeps both stages combined, and software that changes stage 2 must invalidate those by another
 * TLBI (D8.16.5).
 */
const NOTHING = Symbol('translations that nobody keeps');

export interface OperationContext {
  readonly state: CoreState;
  readonly file: RegisterFile;
  readonly engine: CoreRegisters;
  /** Zeroes the block at an address (DC ZVA). */
  readonly zero: (address: bigint) => void;
  readonly regimes: () => Regimes;
  /** Takes the abort when stage 2 refuses the table walk of an AT instruction. */
  readonly stage2Abort: (type: AccessType, status: number, va: bigint, refusal: Stage2Refusal) => void;
  /** Called after each TLBI. */
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
    checkHypervisor(parts, [op1, crn, crm, op2], rt);
    const scope = invalidated(parts, [op1, crm, op2], value) ?? undefinedHere();
    if (scope !== NOTHING) parts.translationsInvalidated(scope);
    return;
  }
  const operation = crn === CRN_CACHE ? OPERATIONS.get(operationNumber(op1, crm, op2)) : undefined;
  if (operation === undefined) return undefinedHere();
  const { level, control, feature, address } = operation;
  if (state.level < level || (feature !== null && !parts.file.type.has(feature))) undefinedHere();
  if (control !== null && state.level === 0 && (controlOfEl0(parts.file) & control) === 0n) {
    throw new GuestException(
      systemRegisterSyndrome([1, op1, crn, crm, op2], rt, false),
      null,
      synchronousTarget(parts.engine, 0),
    );
  }
  checkHypervisor(parts, [op1, crn, crm, op2], rt);
  if (address === 'zero') parts.zero(value);
  else if (address !== null) parts.file.set('PAR_EL1', addressTranslation(parts, address, value));
}

/** Traps to EL2 an operation that levels below it may execute. */
function checkHypervisor(
  { state, file }: OperationContext,
  [op1, crn, crm, op2]: readonly [op1: number, crn: number, crm: number, op2: number],
  rt: number,
): void {
  if (state.level > 1 || !trapsOperation(file, op1, crn, crm, op2)) return;
  throw new GuestException(systemRegisterSyndrome([1, op1, crn, crm, op2], rt, false), null, 2);
}

/** Access that an AT instruction translates. With `withPan`, PSTATE.PAN hides EL0's pages. */
interface TranslatedAccess {
  readonly type: 'read' | 'write';
  readonly regime: Regime;
  readonly withPan?: true;
  /** Translates by both stages (AT S12…). */
  readonly both?: true;
}

/** SYS instruction with CRn 7. */
interface Operation {
  /** Lowest exception level that may execute it. */
  readonly level: number;
  /** Bit of SCTLR_EL1 that permits it at EL0; null: no such bit. */
  readonly control: bigint | null;
  readonly feature: Feature | null;
  /** Action; null: no effect here. */
  readonly address: 'zero' | TranslatedAccess | null;
}

const operationNumber = (op1: number, crm: number, op2: number): number => (op1 << 7) | (crm << 3) | op2;

const operation = (level: number, more: Partial<Operation> = {}): Operation => ({
  level,
  control: null,
  feature: null,
  address: null,
  ...more,
});
const ofUser = { control: SCTLR_UCI } as const;

/** Operations of CRn 7 by op1, CRm and op2: Arm ARM C5.3 (caches), C5.4 (AT). */
const OPERATIONS: ReadonlyMap<number, Operation> = new Map(
  (
    [
      [0, 1, 0, operation(1)], // IC IALLUIS, IALLU
      [0, 5, 0, operation(1)],
      [0, 6, 1, operation(1)], // DC IVAC, ISW, CSW, CISW
      [0, 6, 2, operation(1)],
      [0, 10, 2, operation(1)],
      [0, 14, 2, operation(1)],
      [0, 8, 0, operation(1, { address: { type: 'read', regime: REGIME.el1 } })],
      [0, 8, 1, operation(1, { address: { type: 'write', regime: REGIME.el1 } })],
      [0, 8, 2, operation(1, { address: { type: 'read', regime: REGIME.el0 } })],
      [0, 8, 3, operation(1, { address: { type: 'write', regime: REGIME.el0 } })],
      [0, 9, 0, operation(1, { feature: 'PAN2', address: { type: 'read', regime: REGIME.el1, withPan: true } })],
      [0, 9, 1, operation(1, { feature: 'PAN2', address: { type: 'write', regime: REGIME.el1, withPan: true } })],
      [4, 8, 0, operation(2, { address: { type: 'read', regime: REGIME.el2 } })],
      [4, 8, 1, operation(2, { address: { type: 'write', regime: REGIME.el2 } })],
      [4, 8, 4, operation(2, { address: { type: 'read', regime: REGIME.el1, both: true } })],
      [4, 8, 5, operation(2, { address: { type: 'write', regime: REGIME.el1, both: true } })],
      [4, 8, 6, operation(2, { address: { type: 'read', regime: REGIME.el0, both: true } })],
      [4, 8, 7, operation(2, { address: { type: 'write', regime: REGIME.el0, both: true } })],
      [6, 8, 0, operation(3, { address: { type: 'read', regime: REGIME.el3 } })],
      [6, 8, 1, operation(3, { address: { type: 'write', regime: REGIME.el3 } })],
      [3, 4, 1, operation(0, { control: SCTLR_DZE, address: 'zero' })],
      [3, 5, 1, operation(0, ofUser)], // IC IVAU; DC CVAC, CVAU, CVAP, CIVAC
      [3, 10, 1, operation(0, ofUser)],
      [3, 11, 1, operation(0, ofUser)],
      [3, 12, 1, operation(0, { ...ofUser, feature: 'DPB' })],
      [3, 14, 1, operation(0, ofUser)],
    ] as const
  ).map(([op1, crm, op2, what]) => [operationNumber(op1, crm, op2), what]),
);

/**
 * Scope of a TLBI; null when the encoding does not exist. TLBIs for one core and for all cores both
 * apply to all. A TLBI by page or by ASID applies to the EL1&0 and to the EL2&0 regime alike.
 */
function invalidated(
  { state, file }: OperationContext,
  [op1, crm, op2]: readonly [op1: number, crm: number, op2: number],
  value: bigint,
): TlbScope | typeof NOTHING | null {
  if (op1 === 4 && (crm === 0 || crm === 4)) return op2 === 1 || op2 === 5 ? NOTHING : null;
  if (crm !== 3 && crm !== 7) return null;
  const hasTwoHalves = (file.get('HCR_EL2') & HCR.e2h) !== 0n;
  const isOfEl2 = op1 === 4 ? hasTwoHalves : state.level >= 2 && isHost(file);
  const tcr = isOfEl2 ? file.byLevel(2, 'TCR') : file.get('TCR_EL1');
  const page = Number(value & ((1n << 44n) - 1n));
  const asid = Number((value >> 48n) & ((tcr & TCR_AS) === 0n ? 0xffn : 0xffffn));
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
  if (op2 === 0) return isOfEl2 ? { kind: 'all' } : { kind: 'level', level: op1 === 4 ? 2 : 3 };
  if (op2 === 1 || op2 === 5) return { kind: 'page', page, asid: isOfEl2 ? asid : null };
  return op1 === 4 && (op2 === 4 || op2 === 6) ? { kind: 'all' } : null;
}

function undefinedHere(): never {
  throw new GuestException(undefinedSyndrome());
}

/**
 * Executes an AT instruction and returns PAR_EL1. At EL1, a walk that stage 2 refuses aborts to
 * EL2.
 */
function addressTranslation(
  { state, file, regimes, stage2Abort }: OperationContext,
  { type, regime: named, withPan, both }: TranslatedAccess,
  va: bigint,
): bigint {
  const isOwn = named === REGIME.el2;
  // AT S1E2 uses two halves with E2H. On a host, AT S1E1 and S1E0 mean the EL2&0 regime.
  const isE2h = (file.get('HCR_EL2') & HCR.e2h) !== 0n;
  const isOfEl2 = state.level >= 2 && (isOwn ? isE2h : both !== true && isHost(file));
  const hidesUsers = withPan === true && state.has(PSTATE.pan);
  const regime = hidesUsers ? REGIME.el1WithoutUser : isOwn && isOfEl2 ? REGIME.el1 : named;
  const found = regimes().translate(va, regime, isOfEl2, both === true);
  if (!found.ok) {
    const { fault, stage2 } = found;
    if (stage2 !== null && state.level === 1) {
      stage2Abort('write', fault.status | ISS_CM, va, stage2);
      throw ALREADY_TAKEN;
    }
    return failed(fault.status, stage2 !== null, stage2?.onWalk === true);
  }
  const { page, attribute, shareability } = found;
  if (!allows(page.rights, regime, type)) {
    const isSecond = page.stage2 !== null && allows(page.stage2.stage1, regime, type);
    return failed(PERMISSION_STATUS + (isSecond ? (page.stage2?.level ?? 0) : page.level), isSecond, false);
  }
  const nonSecure = 1n << 9n;
  return BigInt(page.pa) | PAR_RES1 | nonSecure | (attribute << 56n) | (shareability << 7n);
}

/** PAR_EL1 of a fault. S: stage 2 faulted; PTW: on a stage 1 table walk. */
function failed(status: number, isSecond: boolean, onWalk: boolean): bigint {
  return PAR_F | PAR_RES1 | (BigInt(status) << 1n) | (isSecond ? PAR_S : 0n) | (onWalk ? PAR_PTW : 0n);
}
