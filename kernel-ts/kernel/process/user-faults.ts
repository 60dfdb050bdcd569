// SPDX-License-Identifier: GPL-2.0-only
/**
 * Exceptions from EL0 other than system calls: pages mapped on demand, and else the report on the
 * process that is killed.
 *
 * Specification: Arm ARM DDI 0487 K.a, D24.2.40 (ESR_EL1: classes, fault status, WnR, CM).
 */

import { hex } from '#common/address.ts';
import { describeSyndrome } from '#kernel-ts/kernel/traps.ts';
import type { TrapFrame } from '#kernel-ts/kernel/trap-frame.ts';
import { areaRules, type UserAccess } from './area.ts';
import type { UserAddressSpace, UserPlace } from './user-address-space.ts';

const INSTRUCTION_ABORT = 0x20;
const DATA_ABORT = 0x24;
/** ESR_EL1 of a data abort: a write, or cache maintenance, which is reported as one. */
const WRITE = 1 << 6;
const CACHE_MAINTENANCE = 1 << 8;
/** Fault status: translation fault of any level. */
const TRANSLATION_FAULT = 0b000100;
const STATUS_WITHOUT_LEVEL = 0b111100;

/** Memory access that faulted; null for any other fault. */
export function faultAccess(esr: number): UserAccess | null {
  switch (esr >>> 26) {
    case INSTRUCTION_ABORT:
      return 'execute';
    case DATA_ABORT:
      return (esr & WRITE) !== 0 && (esr & CACHE_MAINTENANCE) === 0 ? 'write' : 'read';
    default:
      return null;
  }
}

/** Reason of a fault for a page that could be mapped on demand, if there were a frame. */
export const OUT_OF_MEMORY = 'out of memory';

/** Outcome of a fault: the page is mapped now, or the reason why the process is killed. */
export type FaultOutcome = { readonly resolved: true } | { readonly resolved: false; readonly why: string };

/** Maps the page of a translation fault. */
export function resolveFault(space: UserAddressSpace, { esr, far }: TrapFrame): FaultOutcome {
  const access = faultAccess(esr);
  if (access === null) return { resolved: false, why: 'not a memory access' };
  const missing = (esr & STATUS_WITHOUT_LEVEL) === TRANSLATION_FAULT;
  const place = missing ? space.resolve(far, access) : null;
  return place?.ok === true ? { resolved: true } : { resolved: false, why: explain(space, far, access, place) };
}

/** Exit status of a killed process: 256 plus the exception class, above any exit(0..255). */
export function killedStatus(esr: number): bigint {
  return 0x100n + BigInt(esr >>> 26);
}

/** Two lines on a process that is killed for a fault. `why` as from {@link resolveFault}. */
export function faultReport(label: string, frame: TrapFrame, why: string): readonly [string, string] {
  const access = faultAccess(frame.esr);
  const where = access === null ? '' : `, FAR_EL1 ${hex(frame.far, 16)}: ${why}`;
  return [
    `${label} is ended: ${describeSyndrome(frame.esr)}`,
    `at ELR_EL1 ${hex(frame.elr, 16)}, SP ${hex(frame.sp, 16)}, ESR_EL1 ${hex(frame.esr, 8)}${where}`,
  ];
}

function explain(space: UserAddressSpace, far: bigint, access: UserAccess, place: UserPlace | null): string {
  if (place !== null && !place.ok && place.why === 'out of memory') return OUT_OF_MEMORY;
  const area = space.findArea(far);
  if (area === null) return far < 0x1_0000n ? 'a null pointer' : 'in no area of the process';
  const { name, allows } = areaRules(area.kind);
  return allows.includes(access) ? `in its ${name}` : `its ${name} may not be ${PARTICIPLES[access]}`;
}

const PARTICIPLES: Readonly<Record<UserAccess, string>> = { read: 'read', write: 'written', execute: 'executed' };
