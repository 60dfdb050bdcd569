// SPDX-License-Identifier: GPL-2.0-only
/**
 * CPU interface registers of a GICv3: ICC_*, by the encoding of MRS and MSR.
 *
 *     CRm   op1 = 0, CRn = 4     6: PMR                              op1 = 0, CRn = 12
 *           op1 = 0, CRn = 12    8: IAR0 EOIR0 HPPIR0 BPR0 AP0R0..3     9: AP1R0..3
 *                               11: DIR=1 RPR=3 SGI1R=5 ASGI1R=6 SGI0R=7
 *                               12: IAR1 EOIR1 HPPIR1 BPR1 CTLR SRE IGRPEN0 IGRPEN1
 *           op1 = 4, CRn = 12    9: SRE_EL2=5           op1 = 6, CRn = 12    12: CTLR_EL3=4 SRE_EL3=5 IGRPEN1_EL3=7
 *
 *     SGI1R   55:48 Aff3 │ 40 IRM │ 39:32 Aff2 │ 27:24 INTID │ 23:16 Aff1 │ 15:0 targets: bit n is Aff0 = n
 *
 * No range selector, so SGIs reach Aff0 0..15 only. SRE is fixed on: the memory-mapped interface
 * does not exist. With 32 priority levels, AP0R1..3 and AP1R1..3 do not exist either. An SGI
 * reaches a core only when its group there is the one that the register sends (IHI 0069, 12.1.10).
 * An EOIR for the group that does not have the running priority is ignored. CTLR.PMHE reads zero:
 * the mask is never a hint for the choice of a 1-of-N target. IGRPEN1_EL3 and CTLR_EL3 access the
 * only group 1 by their non-secure bits; the secure bits read zero.
 *
 * Specification: IHI 0069, 12.2.
 */

import type { SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';
import { type CpuInterface, GROUP0, GROUP1, IDLE_PRIORITY } from './cpu-interface.ts';
import type { GicV3Routing } from './gicv3-routing.ts';
import type { InterruptState } from './interrupt-state.ts';
import { lowestBit } from './ready-set.ts';
import { NON_SECURE_PRIORITY, priorityToShow, priorityToStore, type SecurityView } from './security-view.ts';

/** op1, CRn, CRm, op2 packed into one number; op0 is always 3. */
export function registerKey(op1: number, crn: number, crm: number, op2: number): number {
  return (op1 << 11) | (crn << 7) | (crm << 3) | op2;
}

const PMR = registerKey(0, 4, 6, 0);
const IAR0 = registerKey(0, 12, 8, 0);
const EOIR0 = registerKey(0, 12, 8, 1);
const HPPIR0 = registerKey(0, 12, 8, 2);
const BPR0 = registerKey(0, 12, 8, 3);
const AP0R0 = registerKey(0, 12, 8, 4);
const AP1R0 = registerKey(0, 12, 9, 0);
const DIR = registerKey(0, 12, 11, 1);
const RPR = registerKey(0, 12, 11, 3);
const SGI1R = registerKey(0, 12, 11, 5);
const ASGI1R = registerKey(0, 12, 11, 6);
const SGI0R = registerKey(0, 12, 11, 7);
const IAR1 = registerKey(0, 12, 12, 0);
const EOIR1 = registerKey(0, 12, 12, 1);
const HPPIR1 = registerKey(0, 12, 12, 2);
const BPR1 = registerKey(0, 12, 12, 3);
const CTLR = registerKey(0, 12, 12, 4);
const SRE = registerKey(0, 12, 12, 5);
const IGRPEN0 = registerKey(0, 12, 12, 6);
const IGRPEN1 = registerKey(0, 12, 12, 7);
const SRE_EL2 = registerKey(4, 12, 9, 5);
const CTLR_EL3 = registerKey(6, 12, 12, 4);
const SRE_EL3 = registerKey(6, 12, 12, 5);
const IGRPEN1_EL3 = registerKey(6, 12, 12, 7);

const CTLR_CBPR = 1 << 0;
const CTLR_EOIMODE = 1 << 1;
const CTLR_FIXED = (4 << 8) | (1 << 15); // PRIbits: 5; IDbits: 16; A3V; no range selector
const CTLR_EL3_CBPR_NS = 1 << 1;
const CTLR_EL3_EOIMODE_NS = 1 << 4;
const SRE_ON = 7; // SRE, DFB, DIB: no bypass
const SRE_ON_ENABLE = 0xf; // and Enable: lower levels may look
const INTID_MASK = 0xff_ffff;
const SGI_IRM = 1 << 8; // in bits 63:32

export interface IccRegistersOptions {
  readonly state: InterruptState;
  readonly interfaces: readonly CpuInterface[];
  readonly view: SecurityView;
  readonly routing: GicV3Routing;
  readonly mpidrs: readonly number[];
}

export class IccRegisters {
  private readonly state: InterruptState;
  private readonly interfaces: readonly CpuInterface[];
  private readonly view: SecurityView;
  private readonly routing: GicV3Routing;
  private readonly mpidrs: readonly number[];
  /** True when the last read acknowledged an interrupt, so that lines may have changed. */
  tookInterrupt = false;

  constructor(options: IccRegistersOptions) {
    this.state = options.state;
    this.interfaces = options.interfaces;
    this.view = options.view;
    this.routing = options.routing;
    this.mpidrs = options.mpidrs;
  }

  /** Value of a register for `cpu`, 32 bits unsigned; undefined when it cannot be read. */
  read(cpu: number, encoding: SystemRegisterEncoding): number | undefined {
    const own = this.interfaces[cpu]!;
    const key = this.key(encoding);
    this.tookInterrupt = key === IAR1 || key === IAR0;
    switch (key) {
      case IAR1:
        return own.acknowledge(GROUP1);
      case IAR0:
        return own.acknowledge(GROUP0);
      case PMR:
        return priorityToShow(this.view, own.pmr);
      case RPR: {
        const running = own.runningPriority;
        return running === IDLE_PRIORITY ? IDLE_PRIORITY : priorityToShow(this.view, running);
      }
      case HPPIR0:
        return own.highestPendingIntid(GROUP0);
      case HPPIR1:
        return own.highestPendingIntid(GROUP1);
      case BPR0:
        return own.bpr0;
      case BPR1:
        return own.bpr1;
      case AP0R0:
        return own.activePriorities(0);
      case AP1R0:
        return own.activePriorities(1);
      case CTLR:
        return CTLR_FIXED | (own.commonBpr ? CTLR_CBPR : 0) | (own.splitEoi ? CTLR_EOIMODE : 0);
      case CTLR_EL3:
        return CTLR_FIXED | (own.commonBpr ? CTLR_EL3_CBPR_NS : 0) | (own.splitEoi ? CTLR_EL3_EOIMODE_NS : 0);
      case SRE:
        return SRE_ON;
      case SRE_EL2:
      case SRE_EL3:
        return SRE_ON_ENABLE;
      case IGRPEN0:
        return own.enables & GROUP0;
      case IGRPEN1:
      case IGRPEN1_EL3:
        return own.enables >>> 1;
      default:
        return undefined;
    }
  }

  /** Writes a register for `cpu`; returns false when it cannot be written. */
  write(cpu: number, encoding: SystemRegisterEncoding, value: bigint): boolean {
    const own = this.interfaces[cpu]!;
    const low = Number(BigInt.asUintN(32, value));
    switch (this.key(encoding)) {
      case EOIR1:
        this.endInterrupt(own, GROUP1, low & INTID_MASK);
        return true;
      case EOIR0:
        this.endInterrupt(own, GROUP0, low & INTID_MASK);
        return true;
      case DIR:
        own.deactivate(low & INTID_MASK);
        return true;
      case PMR:
        this.writePmr(own, low);
        return true;
      case SGI1R:
        this.sendSgi(cpu, GROUP1, low, Number(BigInt.asUintN(32, value >> 32n)));
        return true;
      case SGI0R:
      case ASGI1R:
        this.sendOtherSgi(cpu, this.key(encoding), low, Number(BigInt.asUintN(32, value >> 32n)));
        return true;
      case BPR0:
        own.bpr0 = low;
        return true;
      case BPR1:
        own.bpr1 = low;
        return true;
      case AP0R0:
        own.setActivePriorities(0, low);
        return true;
      case AP1R0:
        own.setActivePriorities(1, low);
        return true;
      case CTLR:
        own.splitEoi = (low & CTLR_EOIMODE) !== 0;
        if (this.view === 'single') {
          own.commonBpr = (low & CTLR_CBPR) !== 0; // read-only to the non-secure side
        }
        return true;
      case CTLR_EL3:
        own.splitEoi = (low & CTLR_EL3_EOIMODE_NS) !== 0;
        own.commonBpr = (low & CTLR_EL3_CBPR_NS) !== 0;
        return true;
      case SRE:
      case SRE_EL2:
      case SRE_EL3:
        return true; // fixed
      case IGRPEN0:
        this.setEnables(own, (own.enables & GROUP1) | (low & 1));
        return true;
      case IGRPEN1:
      case IGRPEN1_EL3:
        this.setEnables(own, (own.enables & GROUP0) | ((low & 1) << 1));
        return true;
      default:
        return false;
    }
  }

  /** Key of a register; 0, which is no register's key, where the security view hides it. */
  private key(encoding: SystemRegisterEncoding): number {
    const [op0, op1, crn, crm, op2] = encoding;
    const key = op0 === 3 ? registerKey(op1, crn, crm, op2) : 0;
    const isGroup0 = (key >= IAR0 && key <= AP0R0) || key === IGRPEN0;
    return isGroup0 && this.view === 'non-secure' ? 0 : key;
  }

  /**
   * Ignored when the running priority belongs to the other group (IHI 0069 leaves this case of
   * ICC_EOIR1_EL1 open).
   */
  private endInterrupt(own: CpuInterface, group: number, intid: number): void {
    if (own.activeGroup() === group) own.endInterrupt(group, intid);
  }

  /** Sets the group enables; the core may start or stop to take part in 1-of-N distribution. */
  private setEnables(own: CpuInterface, enables: number): void {
    own.enables = enables;
    this.routing.repick();
  }

  /** Writes PMR: the non-secure side cannot change a mask in the secure half (IHI 0069, 4.8.6). */
  private writePmr(own: CpuInterface, value: number): void {
    if (this.view === 'single' || own.pmr >= NON_SECURE_PRIORITY) own.pmr = priorityToStore(this.view, value);
  }

  /**
   * ASGI1R and SGI0R. With one security state, ASGI1R also sends group 1. The non-secure side may
   * send neither.
   */
  private sendOtherSgi(cpu: number, key: number, low: number, high: number): void {
    if (this.view === 'single') this.sendSgi(cpu, key === SGI0R ? GROUP0 : GROUP1, low, high);
  }

  private sendSgi(cpu: number, group: number, low: number, high: number): void {
    const intid = (low >>> 24) & 0xf;
    if ((high & SGI_IRM) !== 0) {
      for (let target = 0; target < this.mpidrs.length; target++) {
        if (target !== cpu) this.pend(target, group, intid);
      }
      return;
    }
    const aff3 = (high >>> 16) & 0xff;
    const aff2to1 = ((high & 0xff) << 16) | ((low >>> 8) & 0xff00);
    for (let rest = low & 0xffff; rest !== 0; rest &= rest - 1) {
      const target = this.routing.findCore(aff3, aff2to1 | lowestBit(rest));
      if (target !== null) this.pend(target, group, intid);
    }
  }

  private pend(target: number, group: number, intid: number): void {
    if (this.interfaces[target]!.groupOfInterrupt(intid) === group) {
      this.state.writeBit('latched', this.state.slot(target, intid), true);
    }
  }
}
