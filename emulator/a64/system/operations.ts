// SPDX-License-Identifier: GPL-2.0-only
/**
 * SYS and SYSL: maintenance of translations and caches, zeroing memory, address translation.
 *
 * Caches are not modelled, so their maintenance is nothing. Code is decoded by what is in memory
 * when it runs.
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

/** Of an abort: by an address translation instruction, which counts as a write. */
const ISS_CM = 1 << 8;
const PAR_F = 1n;
const PAR_PTW = 1n << 8n;
const PAR_S = 1n << 9n;
const PAR_RES1 = 1n << 11n;
/**
 * TLBI IPAS2E1 and its kin are about translations of stage 2 alone, and what is kept here is of
 * both stages: whoever changes stage 2 invalidates these by another TLBI (D8.16.5).
 */
const NOTHING = Symbol('translations that nobody keeps');

export interface OperationContext {
  readonly state: CoreState;
  readonly file: RegisterFile;
  readonly engine: CoreRegisters;
  /** DC ZVA. */
  readonly zero: (address: bigint) => void;
  readonly regimes: () => Regimes;
  /** Stage 2 refuses the walk of an address translation. */
  readonly stage2Abort: (type: AccessType, status: number, va: bigint, refusal: Stage2Refusal) => void;
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

/** What levels below EL2 may do, EL2 may take. */
function checkHypervisor(
  { state, file }: OperationContext,
  [op1, crn, crm, op2]: readonly [op1: number, crn: number, crm: number, op2: number],
  rt: number,
): void {
  if (state.level > 1 || !trapsOperation(file, op1, crn, crm, op2)) return;
  throw new GuestException(systemRegisterSyndrome([1, op1, crn, crm, op2], rt, false), null, 2);
}

/** AT: an access of this type in a regime, which may be refused what EL0 has (PSTATE.PAN). */
interface TranslatedAccess {
  readonly type: 'read' | 'write';
  readonly regime: Regime;
  readonly withPan?: true;
  /** Stage 2 is part of it. */
  readonly both?: true;
}

/** A SYS of CRn 7. */
interface Operation {
  /** Level below which it is undefined. */
  readonly level: number;
  /** Bit of SCTLR_EL1 that lets EL0 have it. */
  readonly control: bigint | null;
  readonly feature: Feature | null;
  /** What it does; null: nothing here. */
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

/** Arm ARM C5.3 (caches), C5.4 (AT), by op1, CRm and op2. */
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
 * What a TLBI is about; null where there is no such. Both kinds, of one core and of all, are of
 * all. One of a page or an ASID is of EL1&0 and of EL2&0 alike.
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

/** AT: PAR_EL1. At EL1, a stage 2 that refuses the walk is EL2's to see. */
function addressTranslation(
  { state, file, regimes, stage2Abort }: OperationContext,
  { type, regime: named, withPan, both }: TranslatedAccess,
  va: bigint,
): bigint {
  const isOwn = named === REGIME.el2;
  // EL2's own has two halves with E2H; a host means its own by the names of EL1's.
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

/** PAR_EL1 of a fault; S and PTW say that stage 2 had it, on a walk of stage 1. */
function failed(status: number, isSecond: boolean, onWalk: boolean): bigint {
  return PAR_F | PAR_RES1 | (BigInt(status) << 1n) | (isSecond ? PAR_S : 0n) | (onWalk ? PAR_PTW : 0n);
}
