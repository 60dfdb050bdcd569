// SPDX-License-Identifier: GPL-2.0-only
/**
 * Virtualization extensions of a GICv2: the hypervisor's control of the virtual CPU interfaces
 * (GICH), and the interface that a guest sees as its GICC (GICV). Both are banked: each core
 * accesses its own at the same address.
 *
 *     GICH   0x00 HCR  0x04 VTR  0x08 VMCR  0x10 MISR  0x20 EISR0  0x30 ELRSR0  0xf0 APR  0x100 LR0..LR3
 *     GICV   as GICC: 0x00 CTLR  PMR  BPR  IAR  EOIR  RPR  HPPIR  ABPR  AIAR  AEOIR  AHPPIR  0xd0 APR0
 *            0xfc IIDR  0x1000 DIR
 *
 *     LR     31 HW │ 30 group 1 │ 29:28 active, pending │ 27:23 priority │ 19:10 physical ID │ 9:0 virtual ID
 *            without HW: 19 EOI, 12:10 the core that sent an SGI
 *
 * Specification: IHI 0048, 5.3 (GICH), 5.5 (GICV).
 */

import type { AccessWidth, Device } from '#emulator/bus/device.ts';
import type { UnknownRegisters } from '#emulator/devices/unknown-registers.ts';
import {
  ABPR,
  AEOIR,
  AHPPIR,
  AIAR,
  APR0,
  BPR,
  CTLR,
  DIR,
  EOIR,
  HPPIR,
  IAR,
  IIDR,
  IIDR_VALUE,
  INTID_MASK,
  NSAPR0,
  OTHER_GROUP,
  PMR,
  RPR,
} from './gicc-offsets.ts';
import { requireWord } from './interrupt-registers.ts';
import { SPURIOUS } from './cpu-interface.ts';
import { groupOf, intidOf, LIST_REGISTERS, LR, type VirtualInterface, VMCR } from './virtual-interface.ts';

const HCR = 0x00;
const VTR = 0x04;
const VMCR_OFFSET = 0x08;
const MISR = 0x10;
const EISR0 = 0x20;
const ELRSR0 = 0x30;
const APR = 0xf0;
const LR0 = 0x100;
/** 31:29 priority bits - 1, 28:26 preemption bits - 1, 5:0 list registers - 1. */
const VTR_VALUE = (4 * 2 ** 29 + (4 << 26) + LIST_REGISTERS - 1) >>> 0;
/**
 * Position of the core that sent an SGI: in the physical interface's IAR, and here above the
 * virtual INTID.
 */
const CPUID_SHIFT = 10n;

export interface VirtualDeviceOptions {
  readonly interfaces: readonly VirtualInterface[];
  readonly currentCpu: () => number;
  /** Called after an access that may change the signals to a core. */
  readonly settle: (cpu: number) => void;
  readonly unknown: UnknownRegisters;
}

/** Converts list registers from GICv3's format to GICv2's, and back. */
function shortOf(list: bigint): number {
  const hw = (list & LR.hw) !== 0n;
  const id = hw
    ? ((list >> 32n) & 0x3ffn) << 10n
    : (((list >> 32n) & 7n) << CPUID_SHIFT) | ((list & LR.eoi) === 0n ? 0n : 1n << 19n);
  const state = list >> 62n;
  return Number(
    (list & 0x3ffn) |
      id |
      (((list >> 51n) & 0x1fn) << 23n) |
      (state << 28n) |
      (((list >> 60n) & 1n) << 30n) |
      ((hw ? 1n : 0n) << 31n),
  );
}

function longOf(value: number): bigint {
  const word = BigInt(value >>> 0);
  const hw = (word >> 31n) & 1n;
  const id = hw === 1n ? ((word >> 10n) & 0x3ffn) << 32n : ((word >> CPUID_SHIFT) & 7n) << 32n;
  const eoi = hw === 0n && ((word >> 19n) & 1n) === 1n ? LR.eoi : 0n;
  return (
    (word & 0x3ffn) |
    id |
    eoi |
    (((word >> 23n) & 0x1fn) << 51n) |
    (((word >> 30n) & 1n) << 60n) |
    (hw << 61n) |
    (((word >> 28n) & 3n) << 62n)
  );
}

abstract class VirtualDevice implements Device {
  readonly model = 'gicv2';
  protected readonly options: VirtualDeviceOptions;

  constructor(options: VirtualDeviceOptions) {
    this.options = options;
  }

  abstract reset(): void;

  saveState() {
    return { unknown: this.options.unknown.saveState() };
  }

  restoreState({ unknown }: ReturnType<VirtualDevice['saveState']>): void {
    this.options.unknown.restoreState(unknown);
  }

  /** @throws BusAbort for accesses that are not 32 bits wide */
  read(offset: number, width: AccessWidth): number {
    requireWord(offset, width);
    const cpu = this.options.currentCpu();
    const value = this.value(this.options.interfaces[cpu]!, offset);
    this.options.settle(cpu);
    if (value !== null) return value >>> 0;
    this.options.unknown.report('read', offset, width, 0);
    return 0;
  }

  /** @throws BusAbort for accesses that are not 32 bits wide */
  write(offset: number, width: AccessWidth, value: number): void {
    requireWord(offset, width);
    const cpu = this.options.currentCpu();
    if (!this.setValue(this.options.interfaces[cpu]!, offset, value)) {
      this.options.unknown.report('write', offset, width, value);
    }
    this.options.settle(cpu);
  }

  protected abstract value(own: VirtualInterface, offset: number): number | null;
  protected abstract setValue(own: VirtualInterface, offset: number, value: number): boolean;
}

export class GicHypervisor extends VirtualDevice {
  reset(): void {
    this.options.interfaces.forEach((own, cpu) => {
      own.reset();
      this.options.settle(cpu);
    });
  }

  protected value(own: VirtualInterface, offset: number): number | null {
    switch (offset) {
      case HCR:
        return own.hcr;
      case VTR:
        return VTR_VALUE;
      case VMCR_OFFSET:
        return own.vmcr;
      case MISR:
        return own.misr;
      case EISR0:
        return own.ended;
      case ELRSR0:
        return own.free;
      case APR:
        return own.activePriorities(0) | own.activePriorities(1);
      case EISR0 + 4:
      case ELRSR0 + 4:
        return 0;
      default:
        return isList(offset) ? shortOf(own.lists[(offset - LR0) / 4] as bigint) : null;
    }
  }

  protected setValue(own: VirtualInterface, offset: number, value: number): boolean {
    switch (offset) {
      case HCR:
        own.hcr = value;
        return true;
      case VMCR_OFFSET:
        own.vmcr = value;
        return true;
      case APR:
        own.setActivePriorities(0, value);
        own.setActivePriorities(1, 0);
        return true;
      case VTR:
      case MISR:
      case EISR0:
      case EISR0 + 4:
      case ELRSR0:
      case ELRSR0 + 4:
        return true; // read-only
      default:
        if (!isList(offset)) return false;
        own.lists[(offset - LR0) / 4] = longOf(value);
        return true;
    }
  }
}

const isList = (offset: number): boolean => offset >= LR0 && offset < LR0 + 4 * LIST_REGISTERS;

const CTLR_WRITABLE = VMCR.enables | VMCR.ackCtl | VMCR.fiqEn | VMCR.cbpr | VMCR.eoim;

export class GicVirtualInterface extends VirtualDevice {
  reset(): void {
    // The state is saved with the hypervisor's window (GICH).
  }

  protected value(own: VirtualInterface, offset: number): number | null {
    const groups = own.has(VMCR.ackCtl) ? 'any' : 0;
    switch (offset) {
      case CTLR:
        return own.vmcr & CTLR_WRITABLE;
      case PMR:
        return own.pmr;
      case BPR:
        return own.bpr0;
      case ABPR:
        return own.bpr1;
      case IAR:
        return idOf(
          own.signals !== null && groups === 0 && isOfGroup1(own.highestPending())
            ? OTHER_GROUP
            : own.acknowledge(groups),
        );
      case AIAR:
        return idOf(own.acknowledge(1));
      case HPPIR: {
        const list = own.highestPending();
        return idOf(groups === 0 && isOfGroup1(list) ? OTHER_GROUP : list);
      }
      case AHPPIR: {
        const list = own.highestPending();
        return idOf(isOfGroup1(list) ? list : null);
      }
      case RPR:
        return own.runningPriority;
      case APR0:
        return own.activePriorities(0);
      case NSAPR0:
        return own.activePriorities(1);
      case IIDR:
        return IIDR_VALUE;
      case EOIR:
      case AEOIR:
      case DIR:
        return 0; // write-only
      default:
        return null;
    }
  }

  protected setValue(own: VirtualInterface, offset: number, value: number): boolean {
    switch (offset) {
      case CTLR:
        own.change(CTLR_WRITABLE, value);
        return true;
      case PMR:
        own.pmr = value;
        return true;
      case BPR:
        own.bpr0 = value;
        return true;
      case ABPR:
        own.bpr1 = value;
        return true;
      case EOIR:
        own.end('any', value & INTID_MASK);
        return true;
      case AEOIR:
        own.end(1, value & INTID_MASK);
        return true;
      case DIR:
        own.deactivateGuests(value & INTID_MASK);
        return true;
      case APR0:
        own.setActivePriorities(0, value);
        return true;
      case NSAPR0:
        own.setActivePriorities(1, value);
        return true;
      case IAR:
      case RPR:
      case HPPIR:
      case AIAR:
      case AHPPIR:
      case IIDR:
        return true; // read-only
      default:
        return false;
    }
  }
}

const isOfGroup1 = (list: bigint | null): boolean => list !== null && groupOf(list) === 1;

/** Value of IAR and HPPIR: an INTID, with the core that sent an SGI. */
function idOf(list: bigint | number | null): number {
  if (list === null) return SPURIOUS;
  if (typeof list === 'number') return list;
  const source = (list & LR.hw) === 0n ? Number((list >> 32n) & 7n) << 10 : 0;
  return intidOf(list) | source;
}
