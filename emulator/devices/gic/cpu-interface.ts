// SPDX-License-Identifier: GPL-2.0-only
/**
 * CPU interface of one core: which interrupt it signals, and the effects of acknowledge and end of
 * interrupt. Shared by GICv2 (memory mapped) and GICv3 (ICC_* system registers); the register
 * layouts are in gicv2-cpu-interface.ts and icc-registers.ts.
 *
 *     ready sets ──enabled groups──► best ──priority < PMR, group priority < running──► IRQ or FIQ
 *                                                                                        │ IAR
 *     APR0, APR1: one bit per active group priority  ◄── set ────────────────────────────┘
 *                 lowest set bit = running priority  ◄── cleared by EOIR
 *
 *     priority   7 6 5 4 3 │ 2 1 0          BPR n: group priority = bits 7..n+1 for group 0,
 *                implemented│ not                                   bits 7..n for group 1 with its own BPR
 *
 * Group 0 is signalled as FIQ where the controller says so (GICv3 always, GICv2 with FIQEn),
 * everything else as IRQ.
 *
 * Implementation choices: the running priority is compared under the mask of the pending
 * interrupt's binary point, so that a coarser binary point never lets a lower priority preempt. An
 * EOIR or DIR that does not match the last acknowledge drops the highest active priority of the
 * group and deactivates the INTID written; an EOIR without an active priority in that group is
 * ignored, and so is DIR with EOImode 0. A group that the interface has disabled does not hide an
 * interrupt of the other.
 *
 * Specification: IHI 0069, 4.8 (prioritisation, preemption, binary point), 12.2 (ICC registers);
 * IHI 0048, 3.3 and 4.4.
 */

import type { InterruptState } from './interrupt-state.ts';
import {
  FIRST_SPECIAL_INTID,
  intidOfKey,
  lowestBit,
  NOTHING_READY,
  PRIORITY_SHIFT,
  priorityOfKey,
  type ReadySet,
} from './ready-set.ts';

/** INTID that IAR and HPPIR read when there is no interrupt to acknowledge (IHI 0069, 2.2.1). */
export const SPURIOUS = 1023;
/** RPR while no interrupt is active. */
export const IDLE_PRIORITY = 0xff;
/**
 * Least BPR of group 0: with 5 bits of priority it cannot split below bits 7..3. That of group 1 is
 * one more.
 */
export const MIN_BPR0 = 2;
export const MIN_BPR1 = 3;
const MAX_BPR = 7;
const PRIORITY_MASK = 0xf8;

export const GROUP0 = 1;
export const GROUP1 = 2;
/** Groups as a mask: bit 0 for group 0, bit 1 for group 1. */
export type GroupMask = number;

/** Step in the life of an interrupt: IAR, EOIR, and DIR when EOImode splits it off. */
export type Handling = 'acknowledged' | 'ended' | 'deactivated';

/** Interface of one core. Its owner reads `signals` after each change. */
export class CpuInterface {
  readonly cpu: number;
  private readonly state: InterruptState;
  private readonly ready0: ReadySet;
  private readonly ready1: ReadySet;
  private readonly resetPmr: number;
  /** Called after each such step, for traces; it must not change anything. */
  onHandled: ((handling: Handling, intid: number) => void) | null = null;
  /** Group enables: {@link GROUP0} | {@link GROUP1}. */
  enables: GroupMask = 0;
  /** EOImode: EOIR drops the priority only, DIR deactivates. */
  splitEoi = false;
  /** CBPR: group 1 uses the binary point of group 0. */
  commonBpr = false;
  /** True while the core sleeps (GICR_WAKER): nothing is forwarded to it. */
  asleep = false;
  private priorityMask = 0;
  private binaryPoint0 = MIN_BPR0;
  private binaryPoint1 = MIN_BPR1;
  private readonly apr = new Int32Array(2);

  /** @param resetPmr priority mask after reset, 8 bits */
  constructor(cpu: number, state: InterruptState, resetPmr: number) {
    this.cpu = cpu;
    this.state = state;
    this.ready0 = state.ready[2 * cpu]!;
    this.ready1 = state.ready[2 * cpu + 1]!;
    this.resetPmr = resetPmr;
    this.reset();
  }

  /** Restores the reset values, except `asleep`, which belongs to the redistributor. */
  reset(): void {
    this.enables = 0;
    this.splitEoi = false;
    this.commonBpr = false;
    this.priorityMask = this.resetPmr & PRIORITY_MASK;
    this.binaryPoint0 = MIN_BPR0;
    this.binaryPoint1 = MIN_BPR1;
    this.apr.fill(0);
  }

  saveState() {
    const { enables, splitEoi, commonBpr, asleep } = this;
    return {
      enables,
      splitEoi,
      commonBpr,
      asleep,
      pmr: this.priorityMask,
      bpr0: this.binaryPoint0,
      bpr1: this.binaryPoint1,
      apr: [...this.apr],
    };
  }

  restoreState(state: ReturnType<CpuInterface['saveState']>): void {
    this.enables = state.enables;
    this.splitEoi = state.splitEoi;
    this.commonBpr = state.commonBpr;
    this.asleep = state.asleep;
    this.priorityMask = state.pmr;
    this.binaryPoint0 = state.bpr0;
    this.binaryPoint1 = state.bpr1;
    this.apr.set(state.apr);
  }

  get pmr(): number {
    return this.priorityMask;
  }

  set pmr(value: number) {
    this.priorityMask = value & PRIORITY_MASK;
  }

  get bpr0(): number {
    return this.binaryPoint0;
  }

  set bpr0(value: number) {
    this.binaryPoint0 = Math.max(value & MAX_BPR, MIN_BPR0);
  }

  /** BPR of group 1 as read: with CBPR, that of group 0 plus one. */
  get bpr1(): number {
    return this.commonBpr ? Math.min(this.binaryPoint0 + 1, MAX_BPR) : this.binaryPoint1;
  }

  /** Ignored while CBPR is set (IHI 0069, ICC_BPR1_EL1). */
  set bpr1(value: number) {
    if (!this.commonBpr) this.ownBpr1 = value;
  }

  /** Binary point of group 1 itself, used or not: GICv2's ABPR. */
  get ownBpr1(): number {
    return this.binaryPoint1;
  }

  set ownBpr1(value: number) {
    this.binaryPoint1 = Math.max(value & MAX_BPR, MIN_BPR1);
  }

  /** Active priorities of group 0 or 1, one bit per priority level, unsigned. */
  activePriorities(group: number): number {
    return this.apr[group]! >>> 0;
  }

  setActivePriorities(group: number, value: number): void {
    this.apr[group] = value;
  }

  /** Running group priority: 0xff while no interrupt is active. */
  get runningPriority(): number {
    const active = this.apr[0]! | this.apr[1]!;
    return active === 0 ? IDLE_PRIORITY : lowestBit(active) << PRIORITY_SHIFT;
  }

  /**
   * Highest priority pending interrupt of the enabled groups, as a key of ready-set.ts, regardless
   * of priority mask and running priority. O(1).
   */
  highestPending(): number {
    if (this.asleep) return NOTHING_READY;
    const key0 = (this.enables & GROUP0) === 0 ? NOTHING_READY : this.ready0.best();
    const key1 = (this.enables & GROUP1) === 0 ? NOTHING_READY : this.ready1.best();
    return key0 < key1 ? key0 : key1;
  }

  /**
   * Group of a key from `highestPending`: {@link GROUP0} or {@link GROUP1}; 0 for no interrupt.
   * O(1).
   */
  groupOf(key: number): GroupMask {
    if (key === NOTHING_READY) return 0;
    return (this.enables & GROUP0) !== 0 && this.ready0.best() === key ? GROUP0 : GROUP1;
  }

  /** Group of the interrupt that is signalled to the core; 0 when none is. O(1). */
  signals(): GroupMask {
    const key = this.highestPending();
    const priority = priorityOfKey(key);
    if (key === NOTHING_READY || priority >= this.priorityMask) return 0;
    const group = this.groupOf(key);
    const running = this.runningPriority;
    const mask = this.groupPriorityMask(group);
    return running === IDLE_PRIORITY || (priority & mask) < (running & mask) ? group : 0;
  }

  /**
   * True when an interrupt would be forwarded if the core were awake and both groups were enabled.
   * O(1).
   */
  hasAnythingReady(): boolean {
    return this.ready0.best() !== NOTHING_READY || this.ready1.best() !== NOTHING_READY;
  }

  /**
   * Acknowledges the signalled interrupt if its group is in `groups`, and makes it active. O(1).
   * @returns its INTID, or {@link SPURIOUS}
   */
  acknowledge(groups: GroupMask): number {
    const group = this.signals();
    if ((group & groups) === 0) return SPURIOUS;
    const key = this.highestPending();
    const intid = intidOfKey(key);
    const level = (priorityOfKey(key) & this.groupPriorityMask(group)) >>> PRIORITY_SHIFT;
    const index = group === GROUP0 ? 0 : 1;
    this.apr[index] = this.apr[index]! | (1 << level);
    this.state.acknowledge(this.state.slot(this.cpu, intid));
    this.onHandled?.('acknowledged', intid);
    return intid;
  }

  /** The INTID that HPPIR shows to a register of `groups`, or {@link SPURIOUS}. O(1). */
  highestPendingIntid(groups: GroupMask): number {
    const key = this.highestPending();
    return (this.groupOf(key) & groups) === 0 ? SPURIOUS : intidOfKey(key);
  }

  /**
   * Group of the running priority: 0 while no interrupt is active, group 0 when both groups have
   * it.
   */
  activeGroup(): GroupMask {
    const [apr0, apr1] = [this.apr[0]!, this.apr[1]!];
    if ((apr0 | apr1) === 0) return 0;
    return (apr0 & (1 << lowestBit(apr0 | apr1))) === 0 ? GROUP1 : GROUP0;
  }

  /**
   * Group of an INTID as this core sees it, signalled or not; group 0 for an INTID that does not
   * exist.
   */
  groupOfInterrupt(intid: number): GroupMask {
    const grouped = this.state.exists(intid) && this.state.hasBit('grouped', this.state.slot(this.cpu, intid));
    return grouped ? GROUP1 : GROUP0;
  }

  /**
   * EOIR: drops the running priority of `group`, and deactivates unless EOImode splits that off.
   * O(1).
   */
  endInterrupt(group: GroupMask, intid: number): void {
    const index = group === GROUP0 ? 0 : 1;
    const active = this.apr[index]!;
    if (intid >= FIRST_SPECIAL_INTID || active === 0) return;
    this.apr[index] = active & (active - 1);
    if (!this.splitEoi) this.clearActive(intid);
    this.onHandled?.('ended', intid);
  }

  /** DIR: deactivates an interrupt. O(1). */
  deactivate(intid: number): void {
    if (this.splitEoi) {
      this.clearActive(intid);
      this.onHandled?.('deactivated', intid);
    }
  }

  /** Deactivates the physical interrupt of a virtual one that a guest has ended. */
  deactivateForGuest(intid: number): void {
    this.clearActive(intid);
    this.onHandled?.('deactivated', intid);
  }

  private clearActive(intid: number): void {
    if (this.state.exists(intid)) this.state.writeBit('active', this.state.slot(this.cpu, intid), false);
  }

  private groupPriorityMask(group: GroupMask): number {
    const bpr = group === GROUP0 || this.commonBpr ? this.binaryPoint0 : this.binaryPoint1 - 1;
    return (0xff << (bpr + 1)) & 0xff;
  }
}
