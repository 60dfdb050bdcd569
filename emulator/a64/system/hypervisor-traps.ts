// SPDX-License-Identifier: GPL-2.0-only
/**
 * Traps to EL2 from EL1 and EL0: accesses to system registers, cache and TLB maintenance.
 *
 *     HCR_EL2      TID1-3, TACR, TVM, TRVM, TIDCP, TLOR, TERR    TSW, TPC, TPU, TTLB, TDZ of SYS
 *     MDCR_EL2     TDE, TDA, TDOSA, TDRA, TPM, TPMCR
 *     CNTHCTL_EL2  EL1PCTEN, EL1PCEN
 *     ICH_HCR_EL2  TC, TALL0, TALL1, TDIR, and SGIs where interrupts are virtual
 *
 * HSTR_EL2 traps only AArch32.
 *
 * Specification: Arm ARM DDI 0487 K.a, D1.3.3 (configurable traps), D24.2.53, D24.3.17, D24.10.2;
 * IHI 0069, 12.4.5.
 */

import type { SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';
import { effectiveHcr, HCR, sum } from './hypervisor.ts';
import type { RegisterFile } from './register-file.ts';

/** Trap controls of debug registers and performance monitors. */
export const MDCR_EL2: SystemRegisterEncoding = [3, 4, 1, 1, 1];
export const MDCR = {
  tpmcr: 1n << 5n,
  tpm: 1n << 6n,
  tde: 1n << 8n,
  tda: 1n << 9n,
  tdosa: 1n << 10n,
  tdra: 1n << 11n,
} as const;

/**
 * Translation controls of EL1, as CRn, CRm, op2: SCTLR, TTBR0, TTBR1, TCR, AFSR0, AFSR1, ESR, FAR,
 * MAIR, AMAIR and CONTEXTIDR.
 */
const TRANSLATION_CONTROLS: ReadonlySet<string> = new Set(
  '1 0 0,2 0 0,2 0 1,2 0 2,5 1 0,5 1 1,5 2 0,6 0 0,10 2 0,10 3 0,13 0 1'.split(','),
);

/** Position of EL1PCTEN and EL1PCEN in CNTHCTL_EL2 when HCR_EL2.E2H is 1. */
const CNTHCTL_SHIFT_E2H = 10n;
const EL1PCTEN = 1n;
const EL1PCEN = 2n;

/** Values of control registers that the machine keeps (timer, interrupt controller). */
export interface HypervisorControls {
  readonly cnthctl: () => bigint;
  readonly ichHcr: () => bigint;
}

/** Bits of HCR_EL2 that can trap a register access. */
const HCR_OF_TRAPS = sum('tid1', 'tid2', 'tid3', 'tacr', 'tvm', 'trvm', 'tidcp', 'imo', 'fmo', 'tge', 'tlor', 'terr');

/**
 * False when no control but those of the timers can trap. Computed once, used for many accesses.
 */
export function hasTraps(file: RegisterFile): boolean {
  return (file.get('HCR_EL2') & HCR_OF_TRAPS) !== 0n || file.at(MDCR_EL2) !== 0n;
}

/** True when EL2 traps an access from EL1 or EL0 that the level itself permits. */
export function trapsAccess(
  file: RegisterFile,
  [op0, op1, crn, crm, op2]: SystemRegisterEncoding,
  read: boolean,
  controls: HypervisorControls,
): boolean {
  const hcr = effectiveHcr(file);
  if (op0 === 2) return trapsDebug(file, hcr, crn, crm, op2);
  if (crn === 14 && op1 === 3) {
    return crm >= 8 ? trapsMonitors(file, false) : trapsTimer(file, hcr, crm, op2, controls);
  }
  if (crn === 9 && (crm >= 12 || op1 === 3)) return trapsMonitors(file, crm === 12 && op2 === 0);
  if (op1 === 0 && (crn === 12 || crn === 4)) return trapsInterrupts(hcr, crn, crm, op2, controls);
  if (hcr === 0n) return false;
  const has = (name: keyof typeof HCR): boolean => (hcr & HCR[name]) !== 0n;
  if (crn === 11 || crn === 15) return has('tidcp');
  if (crn === 0) return trapsIdentification(has, op1, crm, op2, read);
  if (op1 !== 0) return false;
  if (crn === 1 && crm === 0 && op2 === 1) return has('tacr');
  if (crn === 10 && crm === 4) return has('tlor');
  if (crn === 5 && crm >= 3) return has('terr');
  return has(read ? 'trvm' : 'tvm') && TRANSLATION_CONTROLS.has(`${crn} ${crm} ${op2}`);
}

function trapsIdentification(
  has: (name: keyof typeof HCR) => boolean,
  op1: number,
  crm: number,
  op2: number,
  read: boolean,
): boolean {
  if (op1 === 0) return read && (crm === 0 ? op2 === 6 && has('tid1') : has('tid3'));
  // AIDR_EL1; CCSIDR_EL1, CLIDR_EL1; CSSELR_EL1; CTR_EL0.
  if (op1 === 1) return crm === 0 && has(op2 === 7 ? 'tid1' : 'tid2');
  return crm === 0 && op2 === (op1 === 3 ? 1 : 0) && has('tid2');
}

function trapsDebug(file: RegisterFile, hcr: bigint, crn: number, crm: number, op2: number): boolean {
  const mdcr = debugControl(file);
  // TDE or TGE imply TDA, TDOSA and TDRA.
  if ((mdcr & MDCR.tde) !== 0n || (hcr & HCR.tge) !== 0n) return true;
  if (crn === 1 && crm === 0 && op2 === 0) return (mdcr & MDCR.tdra) !== 0n;
  return (mdcr & (crn === 1 && op2 === 4 ? MDCR.tdosa : MDCR.tda)) !== 0n;
}

function trapsMonitors(file: RegisterFile, isControl: boolean): boolean {
  return (debugControl(file) & (isControl ? MDCR.tpm | MDCR.tpmcr : MDCR.tpm)) !== 0n;
}

/** Effective MDCR_EL2: 0 in Secure state. */
function debugControl(file: RegisterFile): bigint {
  return (file.get('SCR_EL3') & 1n) === 0n ? 0n : file.at(MDCR_EL2);
}

function trapsTimer(file: RegisterFile, hcr: bigint, crm: number, op2: number, controls: HypervisorControls): boolean {
  // CNTPCT_EL0 and the physical timer.
  if (crm === 0 ? op2 !== 1 : crm !== 2) return false;
  if ((file.get('SCR_EL3') & 1n) === 0n) return false;
  const isE2h = (hcr & HCR.e2h) !== 0n;
  if (isE2h && (hcr & HCR.tge) !== 0n) return false;
  const enabled = controls.cnthctl() >> (isE2h ? CNTHCTL_SHIFT_E2H : 0n);
  return (enabled & (crm === 0 ? EL1PCTEN : EL1PCEN)) === 0n;
}

/** ICC_*: CRn 4 is ICC_PMR_EL1. */
function trapsInterrupts(hcr: bigint, crn: number, crm: number, op2: number, controls: HypervisorControls): boolean {
  if (crn === 4 ? crm !== 6 : crm < 8) return false;
  const isSgi = crm === 11 && op2 >= 5;
  const isVirtual = (hcr & (HCR.imo | HCR.fmo)) !== 0n;
  if (isSgi && isVirtual) return true;
  if (!isVirtual) return false;
  const control = controls.ichHcr();
  const bit = (n: bigint): boolean => ((control >> n) & 1n) === 1n;
  if (crm === 11 && op2 === 1) return bit(10n) || bit(14n);
  if (crn === 4 || crm === 11 || (crm === 12 && op2 === 4)) return bit(10n);
  const isGroup0 = (crm === 8 && op2 <= 7) || (crm === 12 && op2 === 6);
  if (crm === 12 && op2 === 5) return false;
  return bit(isGroup0 ? 11n : 12n);
}

/** True when EL2 traps a SYS instruction: cache maintenance, TLBI, DC ZVA. */
export function trapsOperation(file: RegisterFile, op1: number, crn: number, crm: number, op2: number): boolean {
  const hcr = effectiveHcr(file);
  if (hcr === 0n) return false;
  const has = (name: keyof typeof HCR): boolean => (hcr & HCR[name]) !== 0n;
  if (crn === 8) return op1 === 0 && has('ttlb');
  if (crn === 11 || crn === 15) return has('tidcp');
  if (crn !== 7) return false;
  switch (crm) {
    case 1: // IC IALLUIS
      return op1 === 0 && has('tpu');
    case 4: // DC ZVA
      return op1 === 3 && has('tdz');
    case 5: // IC IALLU, IC IVAU
      return has('tpu');
    case 6: // DC IVAC, DC ISW
      return has(op2 === 1 ? 'tpc' : 'tsw');
    case 10:
    case 14: // DC CVAC, DC CIVAC, DC CSW, DC CISW
      return has(op2 === 1 ? 'tpc' : 'tsw');
    case 11: // DC CVAU
      return has('tpu');
    case 12: // DC CVAP
      return has('tpc');
    default:
      return false;
  }
}
