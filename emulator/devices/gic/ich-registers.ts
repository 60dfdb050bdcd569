// SPDX-License-Identifier: GPL-2.0-only
/**
 * Hypervisor registers of a GICv3, ICH_*_EL2, and ICV_*, which a guest accesses by the names of
 * ICC_*.
 *
 *     CRm (op1 = 4, CRn = 12)   8: AP0R0   9: AP1R0   11: HCR=0 VTR=1 MISR=2 EISR=3 ELRSR=5 VMCR=7   12: LR0..LR3
 *
 *     VTR   31:29 PRIbits-1 = 4, 28:26 PREbits-1 = 4, 21 A3V, 20 nV4, 4:0 list registers - 1 = 3
 *
 * Specification: IHI 0069, 12.3 (ICV), 12.4 (ICH).
 */

import type { SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';
import { registerKey } from './icc-registers.ts';
import { SPURIOUS } from './cpu-interface.ts';
import { intidOf, LIST_REGISTERS, LR, type VirtualInterface, VMCR, groupOf } from './virtual-interface.ts';

const AP0R0 = registerKey(4, 12, 8, 0);
const AP1R0 = registerKey(4, 12, 9, 0);
const HCR = registerKey(4, 12, 11, 0);
const VTR = registerKey(4, 12, 11, 1);
const MISR = registerKey(4, 12, 11, 2);
const EISR = registerKey(4, 12, 11, 3);
const ELRSR = registerKey(4, 12, 11, 5);
const VMCR_EL2 = registerKey(4, 12, 11, 7);
const LR0 = registerKey(4, 12, 12, 0);

const VTR_VALUE = (4n << 29n) | (4n << 26n) | (1n << 21n) | (1n << 20n) | BigInt(LIST_REGISTERS - 1);

const PMR = registerKey(0, 4, 6, 0);
const IAR = [registerKey(0, 12, 8, 0), registerKey(0, 12, 12, 0)] as const;
const EOIR = [registerKey(0, 12, 8, 1), registerKey(0, 12, 12, 1)] as const;
const HPPIR = [registerKey(0, 12, 8, 2), registerKey(0, 12, 12, 2)] as const;
const BPR0 = registerKey(0, 12, 8, 3);
const BPR1 = registerKey(0, 12, 12, 3);
const ICV_AP0R0 = registerKey(0, 12, 8, 4);
const ICV_AP1R0 = registerKey(0, 12, 9, 0);
const DIR = registerKey(0, 12, 11, 1);
const RPR = registerKey(0, 12, 11, 3);
const CTLR = registerKey(0, 12, 12, 4);
const IGRPEN0 = registerKey(0, 12, 12, 6);
const IGRPEN1 = registerKey(0, 12, 12, 7);

const CTLR_FIXED = (4 << 8) | (1 << 15);
const CTLR_EOIMODE = 2;

const OF_GROUP: readonly ReadonlySet<number>[] = [
  new Set([IAR[0], EOIR[0], HPPIR[0], BPR0, ICV_AP0R0, IGRPEN0]),
  new Set([IAR[1], EOIR[1], HPPIR[1], BPR1, ICV_AP1R0, IGRPEN1]),
];
const COMMON: ReadonlySet<number> = new Set([PMR, DIR, RPR, CTLR]);

/**
 * True when an ICC_* name accesses ICV_*. `groups`: groups whose interrupts are virtual, bit 0 for
 * group 0 (HCR_EL2.FMO), bit 1 for group 1 (IMO).
 */
export function isVirtual(encoding: SystemRegisterEncoding, groups: number): boolean {
  if (groups === 0) return false;
  const key = keyOf(encoding);
  return COMMON.has(key) || OF_GROUP.some((registers, group) => (groups & (1 << group)) !== 0 && registers.has(key));
}

/** Reads an ICH_* register; undefined when there is none. */
export function readIch(own: VirtualInterface, encoding: SystemRegisterEncoding): bigint | undefined {
  const key = keyOf(encoding);
  switch (key) {
    case VTR:
      return VTR_VALUE;
    case HCR:
      return BigInt(own.hcr);
    case MISR:
      return BigInt(own.misr);
    case EISR:
      return BigInt(own.ended);
    case ELRSR:
      return BigInt(own.free);
    case VMCR_EL2:
      return BigInt(own.vmcr);
    case AP0R0:
    case AP1R0:
      return BigInt(own.activePriorities(key === AP0R0 ? 0 : 1));
    default:
      return isList(key) ? own.lists[key - LR0] : undefined;
  }
}

/** Writes an ICH_* register; returns false when there is none or it is read-only. */
export function writeIch(own: VirtualInterface, encoding: SystemRegisterEncoding, value: bigint): boolean {
  const key = keyOf(encoding);
  const low = Number(BigInt.asUintN(32, value));
  switch (key) {
    case HCR:
      own.hcr = low;
      return true;
    case VMCR_EL2:
      own.vmcr = low | VMCR.fiqEn; // as its group 0 is FIQ, always
      return true;
    case AP0R0:
    case AP1R0:
      own.setActivePriorities(key === AP0R0 ? 0 : 1, low);
      return true;
    default:
      if (!isList(key)) return false;
      own.lists[key - LR0] = value & LR.mask;
      return true;
  }
}

/** Reads an ICV_* register; undefined when it cannot be read. */
export function readIcv(own: VirtualInterface, encoding: SystemRegisterEncoding): bigint | undefined {
  const key = keyOf(encoding);
  switch (key) {
    case IAR[0]:
    case IAR[1]:
      return BigInt(intidOrSpurious(own.acknowledge(key === IAR[0] ? 0 : 1)));
    case HPPIR[0]:
    case HPPIR[1]: {
      const list = own.highestPending();
      return BigInt(intidOrSpurious(list !== null && groupOf(list) === (key === HPPIR[0] ? 0 : 1) ? list : null));
    }
    case PMR:
      return BigInt(own.pmr);
    case RPR:
      return BigInt(own.runningPriority);
    case BPR0:
      return BigInt(own.bpr0);
    case BPR1:
      return BigInt(own.shownBpr1);
    case ICV_AP0R0:
    case ICV_AP1R0:
      return BigInt(own.activePriorities(key === ICV_AP0R0 ? 0 : 1));
    case CTLR:
      return BigInt(CTLR_FIXED | (own.has(VMCR.cbpr) ? 1 : 0) | (own.has(VMCR.eoim) ? CTLR_EOIMODE : 0));
    case IGRPEN0:
    case IGRPEN1:
      return own.has(key === IGRPEN0 ? 1 : 2) ? 1n : 0n;
    default:
      return undefined;
  }
}

/** Writes an ICV_* register; returns false when it cannot be written. */
export function writeIcv(own: VirtualInterface, encoding: SystemRegisterEncoding, value: bigint): boolean {
  const key = keyOf(encoding);
  const low = Number(BigInt.asUintN(32, value));
  switch (key) {
    case EOIR[0]:
    case EOIR[1]:
      own.end(key === EOIR[0] ? 0 : 1, low & 0xff_ffff);
      return true;
    case DIR:
      own.deactivateGuests(low & 0xff_ffff);
      return true;
    case PMR:
      own.pmr = low;
      return true;
    case BPR0:
      own.bpr0 = low;
      return true;
    case BPR1:
      if (!own.has(VMCR.cbpr)) own.bpr1 = low;
      return true;
    case ICV_AP0R0:
    case ICV_AP1R0:
      own.setActivePriorities(key === ICV_AP0R0 ? 0 : 1, low);
      return true;
    case CTLR:
      own.change(
        VMCR.cbpr | VMCR.eoim,
        ((low & 1) === 0 ? 0 : VMCR.cbpr) | ((low & CTLR_EOIMODE) === 0 ? 0 : VMCR.eoim),
      );
      return true;
    case IGRPEN0:
    case IGRPEN1: {
      const bit = key === IGRPEN0 ? 1 : 2;
      own.change(bit, (low & 1) === 0 ? 0 : bit);
      return true;
    }
    default:
      return false;
  }
}

const intidOrSpurious = (list: bigint | null): number => (list === null ? SPURIOUS : intidOf(list));

const isList = (key: number): boolean => key >= LR0 && key < LR0 + LIST_REGISTERS;

function keyOf([op0, op1, crn, crm, op2]: SystemRegisterEncoding): number {
  return op0 === 3 ? registerKey(op1, crn, crm, op2) : 0;
}
