// SPDX-License-Identifier: GPL-2.0-only
/**
 * Virtual CPU interface of one core: a hypervisor writes interrupts to list registers, and its
 * guest acknowledges and ends them without the hypervisor. Shared by GICv2 (GICH, GICV) and GICv3
 * (ICH_*, ICV_*); the register layouts are in gich-gicv.ts and ich-registers.ts.
 *
 *     LR0..LR3 ──pending, group enabled──► best ──priority < PMR, group priority < running──► vIRQ or vFIQ
 *                   ▲ EOIR, DIR: inactive; with HW the physical interrupt too         │ IAR: active
 *                   └────────────────────────────────────────────────────────────────┘
 *     HCR, MISR ──► the maintenance interrupt, for the hypervisor
 *
 * A list register is stored in GICv3's format:
 *
 *     63:62 state (1 pending, 2 active) │ 61 HW │ 60 group │ 55:48 priority │ 44:32 pINTID │ 31:0 vINTID
 *     without HW: 41 EOI, a maintenance interrupt at its end
 *
 * Specification: IHI 0069, 6 (virtual interrupt handling), 12.4; IHI 0048, 5.
 */

import { IDLE_PRIORITY } from './cpu-interface.ts';
import { lowestBit } from './ready-set.ts';

export const LIST_REGISTERS = 4;
export const LR = {
  pending: 1n << 62n,
  active: 1n << 63n,
  hw: 1n << 61n,
  group1: 1n << 60n,
  eoi: 1n << 41n,
  /** Bits of a list register that are stored. */
  mask: 0xf0ff_1fff_ffff_ffffn,
} as const;
const STATE = LR.pending | LR.active;

const HCR_EN = 1;
const HCR_UIE = 1 << 1;
const HCR_LRENPIE = 1 << 2;
const HCR_NPIE = 1 << 3;
/** VGrp0EIE, VGrp0DIE, VGrp1EIE, VGrp1DIE: bits of MISR at the same positions. */
const HCR_GROUPS = 0xf0;
const EOI_COUNT_ONE = 1 << 27;

/**
 * VMCR: 0 VENG0, 1 VENG1, 2 VAckCtl, 3 VFIQEn, 4 VCBPR, 9 VEOIM, 20:18 VBPR1, 23:21 VBPR0,
 * 31:24 VPMR.
 */
export const VMCR = { enables: 3, ackCtl: 4, fiqEn: 8, cbpr: 16, eoim: 1 << 9 } as const;
const VMCR_WRITABLE = 0xf8fc_021f;
const BPR1_SHIFT = 18;
const BPR0_SHIFT = 21;
const PMR_SHIFT = 24;
const MIN_BPR0 = 2;
const MIN_BPR1 = 3;

const PRIORITY_MASK = 0xf8;
const PRIORITY_SHIFT = 3;

export class VirtualInterface {
  readonly lists: bigint[] = Array<bigint>(LIST_REGISTERS).fill(0n);
  private control = 0;
  private settings = 0;
  private readonly active = [0, 0];
  private readonly deactivate: (intid: number) => void;

  /** @param deactivate deactivates a physical interrupt of this core */
  constructor(deactivate: (intid: number) => void) {
    this.deactivate = deactivate;
    this.reset();
  }

  reset(): void {
    this.lists.fill(0n);
    this.control = 0;
    this.active.fill(0);
    this.vmcr = 0;
  }

  saveState() {
    return { lists: [...this.lists], control: this.control, settings: this.settings, active: [...this.active] };
  }

  restoreState({ lists, control, settings, active }: ReturnType<VirtualInterface['saveState']>): void {
    lists.forEach((list, n) => (this.lists[n] = list));
    active.forEach((bits, group) => (this.active[group] = bits));
    this.control = control;
    this.settings = settings;
  }

  get hcr(): number {
    return this.control;
  }

  set hcr(value: number) {
    this.control = value >>> 0;
  }

  get vmcr(): number {
    return this.settings;
  }

  set vmcr(value: number) {
    this.settings = (value & VMCR_WRITABLE) >>> 0;
    // Binary points are limited to the implemented priority bits.
    this.bpr0 = value >>> BPR0_SHIFT;
    this.bpr1 = value >>> BPR1_SHIFT;
  }

  has(bits: number): boolean {
    return (this.settings & bits) !== 0;
  }

  /** Sets the bits of `mask` in VMCR to those of `value`. */
  change(mask: number, value: number): void {
    this.vmcr = (this.settings & ~mask) | (value & mask);
  }

  get pmr(): number {
    return this.settings >>> PMR_SHIFT;
  }

  set pmr(value: number) {
    this.settings = ((this.settings & 0xff_ffff) | ((value & PRIORITY_MASK) << PMR_SHIFT)) >>> 0;
  }

  get bpr0(): number {
    return (this.settings >>> BPR0_SHIFT) & 7;
  }

  set bpr0(value: number) {
    const point = Math.max(value & 7, MIN_BPR0);
    this.settings = ((this.settings & ~(7 << BPR0_SHIFT)) | (point << BPR0_SHIFT)) >>> 0;
  }

  get bpr1(): number {
    return (this.settings >>> BPR1_SHIFT) & 7;
  }

  set bpr1(value: number) {
    const point = Math.max(value & 7, MIN_BPR1);
    this.settings = ((this.settings & ~(7 << BPR1_SHIFT)) | (point << BPR1_SHIFT)) >>> 0;
  }

  /** BPR of group 1 as read. */
  get shownBpr1(): number {
    return this.has(VMCR.cbpr) ? Math.min(this.bpr0 + 1, 7) : this.bpr1;
  }

  activePriorities(group: number): number {
    return (this.active[group] as number) >>> 0;
  }

  setActivePriorities(group: number, value: number): void {
    this.active[group] = value;
  }

  get runningPriority(): number {
    const bits = (this.active[0] as number) | (this.active[1] as number);
    return bits === 0 ? IDLE_PRIORITY : lowestBit(bits) << PRIORITY_SHIFT;
  }

  /** EISR: list registers without an interrupt that request a maintenance interrupt. */
  get ended(): number {
    return this.listsThat((list) => (list & STATE) === 0n && (list & LR.hw) === 0n && (list & LR.eoi) !== 0n);
  }

  /** ELRSR: list registers without an interrupt that request nothing. */
  get free(): number {
    return this.listsThat((list) => (list & STATE) === 0n && ((list & LR.hw) !== 0n || (list & LR.eoi) === 0n));
  }

  /** MISR. */
  get misr(): number {
    const { control } = this;
    const valid = this.listsThat((list) => (list & STATE) !== 0n);
    const pending = this.listsThat((list) => (list & STATE) === LR.pending);
    const enables = this.settings & VMCR.enables;
    // VGrp0E, VGrp0D, VGrp1E, VGrp1D: by the current group enables.
    const groups = ((enables & 1) === 0 ? 0x20 : 0x10) | ((enables & 2) === 0 ? 0x80 : 0x40);
    return (
      (this.ended === 0 ? 0 : 1) |
      ((control & HCR_UIE) !== 0 && (valid & (valid - 1)) === 0 ? HCR_UIE : 0) |
      ((control & HCR_LRENPIE) !== 0 && control >>> 27 !== 0 ? HCR_LRENPIE : 0) |
      ((control & HCR_NPIE) !== 0 && pending === 0 ? HCR_NPIE : 0) |
      (control & groups & HCR_GROUPS)
    );
  }

  /** Level of the maintenance interrupt. */
  get maintenance(): boolean {
    return (this.control & HCR_EN) !== 0 && this.misr !== 0;
  }

  /** Interrupt signalled to the guest; null: none. */
  get signals(): 'irq' | 'fiq' | null {
    // Fast path: this is called whenever a line of the core may change, and most guests have no
    // hypervisor.
    if ((this.control & HCR_EN) === 0) return null;
    const list = this.highestPending();
    if (list === null) return null;
    const priority = priorityOf(list);
    if (priority >= this.pmr) return null;
    const { runningPriority } = this;
    const mask = this.groupPriorityMask(groupOf(list));
    if (runningPriority !== IDLE_PRIORITY && (priority & mask) >= (runningPriority & mask)) return null;
    return groupOf(list) === 0 && this.has(VMCR.fiqEn) ? 'fiq' : 'irq';
  }

  /** List register of the highest priority pending interrupt of the enabled groups; null: none. */
  highestPending(): bigint | null {
    const at = this.bestPending();
    return at < 0 ? null : (this.lists[at] as bigint);
  }

  private bestPending(): number {
    let best = -1;
    this.lists.forEach((list, n) => {
      if ((list & STATE) !== LR.pending || (this.settings & (1 << groupOf(list))) === 0) return;
      if (best < 0 || priorityOf(list) < priorityOf(this.lists[best] as bigint)) best = n;
    });
    return best;
  }

  /**
   * Acknowledges the signalled interrupt if it is of `group`. Returns its list register, or null.
   */
  acknowledge(group: number | 'any'): bigint | null {
    if (this.signals === null) return null;
    const at = this.bestPending();
    const list = this.lists[at] as bigint;
    const own = groupOf(list);
    if (group !== 'any' && own !== group) return null;
    const level = (priorityOf(list) & this.groupPriorityMask(own)) >>> PRIORITY_SHIFT;
    this.active[own] = (this.active[own] as number) | (1 << level);
    this.lists[at] = (list & ~LR.pending) | LR.active;
    return list;
  }

  /** EOIR: ends an interrupt. */
  end(group: number | 'any', intid: number): void {
    const bits = (this.active[0] as number) | (this.active[1] as number);
    if (intid > 1019 || bits === 0) return;
    const running = ((this.active[0] as number) & (bits & -bits)) === 0 ? 1 : 0;
    if (group !== 'any' && group !== running) return;
    const level = bits & -bits;
    this.active[running] = (this.active[running] as number) & ~level;
    const at = this.findActive(intid);
    if (at < 0) this.countEnd();
    else if (!this.has(VMCR.eoim)) this.deactivateAt(at);
  }

  /** DIR: deactivates, when EOIR does not. */
  deactivateGuests(intid: number): void {
    if (!this.has(VMCR.eoim) || intid > 1019) return;
    const at = this.findActive(intid);
    if (at < 0) this.countEnd();
    else this.deactivateAt(at);
  }

  /** Counts, in HCR.EOIcount, an end of an interrupt that no list register holds. */
  private countEnd(): void {
    if (this.control >>> 27 < 0x1f) this.control = (this.control + EOI_COUNT_ONE) >>> 0;
  }

  private findActive(intid: number): number {
    return this.lists.findIndex((list) => (list & LR.active) !== 0n && intidOf(list) === intid);
  }

  private deactivateAt(at: number): void {
    const list = this.lists[at] as bigint;
    this.lists[at] = list & ~LR.active;
    if ((list & LR.hw) !== 0n) this.deactivate(Number((list >> 32n) & 0x3ffn));
  }

  private groupPriorityMask(group: number): number {
    const point = group === 0 || this.has(VMCR.cbpr) ? this.bpr0 : this.bpr1 - 1;
    return (0xff << (point + 1)) & 0xff;
  }

  private listsThat(holds: (list: bigint) => boolean): number {
    return this.lists.reduce((bits, list, n) => bits | (holds(list) ? 1 << n : 0), 0);
  }
}

export const groupOf = (list: bigint): number => ((list & LR.group1) === 0n ? 0 : 1);
export const priorityOf = (list: bigint): number => Number((list >> 48n) & 0xffn);
export const intidOf = (list: bigint): number => Number(list & 0xffff_ffffn);
