// SPDX-License-Identifier: GPL-2.0-only
/**
 * Interrupts of a core: whether each is signalled, its target exception level, whether it is
 * masked.
 *
 *     physical   SCR_EL3.IRQ, FIQ ─► EL3    HCR_EL2.IMO, FMO, TGE ─► EL2    else EL1
 *     virtual    the virtual CPU interface, HCR_EL2.VI, VF, VSE ─► EL1, where IMO, FMO, AMO are set
 *
 * PSTATE does not mask an interrupt whose target is a higher level. Two targets are exceptions:
 * EL1, and EL2 as the host of EL0. An interrupt whose target is a lower level stays pending.
 *
 * Specification: Arm ARM DDI 0487 K.a, D1.3.6 (asynchronous exceptions: routing, masking, virtual
 * interrupts).
 */

import { type CoreState, PSTATE } from '#emulator/a64/core-state.ts';
import { effectiveHcr, HCR, isHost } from './hypervisor.ts';
import type { RegisterFile } from './register-file.ts';

export interface Interrupt {
  readonly kind: 'irq' | 'fiq' | 'serror';
  readonly isVirtual: boolean;
}

export interface DueInterrupt extends Interrupt {
  readonly target: 1 | 2 | 3;
}

/** Interrupts in order of priority. */
const INTERRUPTS: readonly Interrupt[] = [
  { kind: 'fiq', isVirtual: false },
  { kind: 'irq', isVirtual: false },
  { kind: 'fiq', isVirtual: true },
  { kind: 'irq', isVirtual: true },
  { kind: 'serror', isVirtual: true },
];

const MASK = { irq: PSTATE.i, fiq: PSTATE.f, serror: PSTATE.a } as const;
const ROUTE = { irq: HCR.imo, fiq: HCR.fmo, serror: HCR.amo } as const;
const REQUEST = { irq: HCR.vi, fiq: HCR.vf, serror: HCR.vse } as const;
const SCR_ROUTE = { irq: 2n, fiq: 4n, serror: 8n } as const;

/** Interrupt lines that the interrupt controller drives. */
export interface SignalledLines {
  readonly irq: boolean;
  readonly fiq: boolean;
  /** From the virtual CPU interface. */
  readonly virtualIrq: boolean;
  readonly virtualFiq: boolean;
}

const NO_LINES: SignalledLines = { irq: false, fiq: false, virtualIrq: false, virtualFiq: false };

export class CoreInterrupts {
  private readonly state: CoreState;
  private readonly file: RegisterFile;
  private lines = NO_LINES;

  constructor(state: CoreState, file: RegisterFile) {
    this.state = state;
    this.file = file;
  }

  set(lines: SignalledLines): void {
    this.lines = lines;
  }

  saveState() {
    const { irq, fiq, virtualIrq, virtualFiq } = this.lines;
    return { irq, fiq, virtualIrq, virtualFiq };
  }

  restoreState(lines: SignalledLines): void {
    this.lines = { ...lines };
  }

  /** True while an interrupt is signalled that ends a wait (WFI), masked or not. */
  get pending(): boolean {
    const { irq, fiq } = this.lines;
    if (irq || fiq) return true;
    const isGuest = this.state.level < 2;
    return isGuest && INTERRUPTS.some((one) => one.isVirtual && this.isSignalled(one) && this.target(one) !== null);
  }

  /** True while any interrupt is signalled, even if no level would take it. */
  get isAnySignalled(): boolean {
    const { irq, fiq, virtualIrq, virtualFiq } = this.lines;
    return irq || fiq || virtualIrq || virtualFiq || this.requested !== 0n;
  }

  /** Interrupt that is taken before the next instruction, or null. */
  get due(): DueInterrupt | null {
    if (!this.isAnySignalled) return null;
    for (const one of INTERRUPTS) {
      const target = this.isSignalled(one) ? this.target(one) : null;
      if (target !== null && this.isTaken(one, target)) return { ...one, target };
    }
    return null;
  }

  /**
   * True when no interrupt can be taken until PSTATE, the exception level or the routing changes.
   */
  get allMasked(): boolean {
    return INTERRUPTS.every((one) => {
      const target = this.target(one);
      return target === null || !this.isTaken(one, target);
    });
  }

  /**
   * Interrupt groups that are virtual at the current level: bit 0 for group 0 (FMO), bit 1 for
   * group 1 (IMO).
   */
  get virtualGroups(): number {
    if (this.state.level !== 1) return 0;
    const hcr = effectiveHcr(this.file);
    return ((hcr & HCR.fmo) === 0n ? 0 : 1) | ((hcr & HCR.imo) === 0n ? 0 : 2);
  }

  /** Clears HCR_EL2.VSE when a virtual SError is taken. */
  taken({ kind, isVirtual }: Interrupt): void {
    if (isVirtual && kind === 'serror') this.file.set('HCR_EL2', this.file.get('HCR_EL2') & ~HCR.vse);
  }

  private get requested(): bigint {
    return this.file.get('HCR_EL2') & (HCR.vi | HCR.vf | HCR.vse);
  }

  private isSignalled({ kind, isVirtual }: Interrupt): boolean {
    const { irq, fiq, virtualIrq, virtualFiq } = this.lines;
    if (!isVirtual) return kind === 'irq' ? irq : fiq;
    const line = kind === 'irq' ? virtualIrq : kind === 'fiq' && virtualFiq;
    return line || (this.requested & REQUEST[kind]) !== 0n;
  }

  /** Target level; null for a virtual interrupt that HCR_EL2 does not enable. */
  private target({ kind, isVirtual }: Interrupt): 1 | 2 | 3 | null {
    const hcr = effectiveHcr(this.file);
    const isRouted = (hcr & ROUTE[kind]) !== 0n;
    if (isVirtual) return isRouted && (hcr & HCR.tge) === 0n ? 1 : null;
    if ((this.file.get('SCR_EL3') & SCR_ROUTE[kind]) !== 0n) return 3;
    return isRouted ? 2 : 1;
  }

  private isTaken({ kind }: Interrupt, target: 1 | 2 | 3): boolean {
    const { level } = this.state;
    if (level > target) return false;
    const isAbove = level < target && target > 1 && !(target === 2 && isHost(this.file));
    return isAbove || !this.state.has(MASK[kind]);
  }
}
