// SPDX-License-Identifier: GPL-2.0-only
/**
 * Generic timer of one core: the counters, and the physical and virtual timers of EL1 (with those
 * of EL2 as registers), in simulated time.
 *
 *     count  = floor(ticks x CNTFRQ / instruction rate)         CNTPCT; CNTVCT = CNTPCT - CNTVOFF_EL2
 *     line   = ENABLE and not IMASK and count >= CVAL           level, to a PPI of the interrupt controller
 *
 * The engine's own timer reads the host's clock, so every access of a guest must come here.
 *
 * Specification: Arm ARM DDI 0487 K.a, D12 (the generic timer), D24.10 (its registers).
 */

import { hex } from '#common/address.ts';
import type { Clock } from './clock.ts';
import type { ScheduledEvent, EventQueue } from './event-queue.ts';

/** Bits of CNTx_CTL. */
const CTL_ENABLE = 1n << 0n;
const CTL_IMASK = 1n << 1n;
const CTL_ISTATUS = 1n << 2n;

/**
 * Bits of CNTKCTL_EL1 that permit accesses of EL0; the same bits of CNTHCTL_EL2 when EL2 is its
 * host.
 */
const EL0PCTEN = 1n << 0n;
const EL0VCTEN = 1n << 1n;
const EL0VTEN = 1n << 8n;
const EL0PTEN = 1n << 9n;

/** Bits of CNTKCTL_EL1 and CNTHCTL_EL2 for the event stream. */
const EVNTEN = 1n << 2n;
const EVNTDIR = 1n << 3n;
const EVNTI_SHIFT = 4n;
const EVNTI_MASK = 0xfn;

/**
 * The timers of a core and the private interrupt that each drives on both boards (INTID; PPI number
 * + 16).
 */
export const TIMER_INTERRUPTS = {
  hypervisorVirtual: 28,
  hypervisorPhysical: 26,
  virtual: 27,
  secure: 29,
  physical: 30,
} as const;
export type TimerName = keyof typeof TIMER_INTERRUPTS;
const TIMER_NAMES = Object.keys(TIMER_INTERRUPTS) as TimerName[];

interface Comparator {
  ctl: bigint;
  cval: bigint;
  /** True when it compares the counter minus CNTVOFF_EL2. */
  readonly usesOffset: boolean;
  expiry: ScheduledEvent | null;
  line: boolean;
}

/** Timers by CRm and op1 of their registers (CRn 14; op2: 0 TVAL, 1 CTL, 2 CVAL). */
const COMPARATOR_ENCODINGS: Readonly<Record<string, TimerName>> = {
  '3_2': 'physical',
  '3_3': 'virtual',
  '4_2': 'hypervisorPhysical',
  '4_3': 'hypervisorVirtual',
  '7_2': 'secure',
};

/** Drives the core's private interrupt `intid`. */
export type TimerLine = (intid: number, level: boolean) => void;

/**
 * Called for events of kind `timer`: a timer's registers were written, or its interrupt line
 * changed.
 */
export type TimerTrace = (
  fields:
    | { readonly timer: TimerName; readonly what: 'programmed'; readonly ctl: number; readonly cval: string }
    | { readonly timer: TimerName; readonly what: 'line'; readonly intid: number; readonly level: boolean },
) => void;

export class GenericTimer {
  private readonly clock: Clock;
  private readonly eventQueue: EventQueue;
  private readonly line: TimerLine;
  private readonly trace: TimerTrace | null;
  /** Frequency of the counter in Hz. */
  private readonly counterHz: number;
  /**
   * CNTFRQ_EL0: a value that firmware writes, without effect. It starts correct, also on cores that
   * reset firmware never runs on.
   */
  private frequencyRegister: bigint;
  private kernelControl = 0n;
  private hypervisorControl = 3n;
  private virtualOffset = 0n;
  private readonly comparators: Record<TimerName, Comparator>;

  /** @param trace called for each event; null costs nothing */
  constructor(
    clock: Clock,
    eventQueue: EventQueue,
    counterHz: number,
    line: TimerLine,
    trace: TimerTrace | null = null,
  ) {
    this.clock = clock;
    this.eventQueue = eventQueue;
    this.counterHz = counterHz;
    this.frequencyRegister = BigInt(counterHz);
    this.line = line;
    this.trace = trace;
    const comparator = (usesOffset: boolean): Comparator => ({
      ctl: 0n,
      cval: 0n,
      usesOffset,
      expiry: null,
      line: false,
    });
    this.comparators = {
      physical: comparator(false),
      virtual: comparator(true),
      hypervisorPhysical: comparator(false),
      hypervisorVirtual: comparator(false),
      secure: comparator(false),
    };
  }

  /** Current CNTPCT_EL0. */
  get physicalCount(): bigint {
    return this.clock.counter(this.counterHz);
  }

  /** Current CNTVCT_EL0. */
  get virtualCount(): bigint {
    return BigInt.asUintN(64, this.physicalCount - this.virtualOffset);
  }

  /** Cold reset: timers off, no offset, lines low. */
  reset(): void {
    this.kernelControl = 0n;
    this.hypervisorControl = 3n;
    this.virtualOffset = 0n;
    this.frequencyRegister = BigInt(this.counterHz);
    for (const name of TIMER_NAMES) {
      const comparator = this.comparators[name];
      comparator.ctl = 0n;
      comparator.cval = 0n;
      this.update(name);
    }
  }

  /**
   * True when EL0 may access the register, by CNTKCTL_EL1, or by CNTHCTL_EL2 when EL2 is its host.
   * `crm` and `op2` belong to an encoding with op1 = 3, CRn = 14.
   */
  allowedAtEl0(crm: number, op2: number, isHosted = false): boolean {
    const control = isHosted ? this.hypervisorControl : this.kernelControl;
    if (crm === 0) {
      if (op2 === 0) return (control & (EL0PCTEN | EL0VCTEN)) !== 0n;
      return (control & (op2 === 1 ? EL0PCTEN : EL0VCTEN)) !== 0n;
    }
    return (control & (crm === 2 ? EL0PTEN : EL0VTEN)) !== 0n;
  }

  /**
   * First tick after now with an event of an event stream: that of CNTKCTL_EL1 on the virtual
   * counter, or that of CNTHCTL_EL2 on the physical one. Infinity when both are off.
   */
  get nextStreamTick(): number {
    const { kernelControl, hypervisorControl } = this;
    return Math.min(
      this.nextEvent(kernelControl, () => this.virtualCount),
      this.nextEvent(hypervisorControl, () => this.physicalCount),
    );
  }

  private nextEvent(control: bigint, count: () => bigint): number {
    if ((control & EVNTEN) === 0n) return Infinity;
    const bit = 1n << ((control >> EVNTI_SHIFT) & EVNTI_MASK);
    // The counter bit rises at odd multiples of its value and falls at even ones.
    const phase = (control & EVNTDIR) === 0n ? bit : 0n;
    const now = count();
    const next = ((now + phase) / (2n * bit) + 1n) * 2n * bit - phase;
    return this.clock.ticksAtCount(this.physicalCount + next - now, this.counterHz);
  }

  /**
   * Value of the register with op0 = 3, CRn = 14 and these fields; undefined when the timer has no
   * such register.
   */
  read(op1: number, crm: number, op2: number): bigint | undefined {
    if (op1 === 0 && crm === 1 && op2 === 0) return this.kernelControl;
    if (op1 === 4 && crm === 1 && op2 === 0) return this.hypervisorControl;
    if (op1 === 4 && crm === 0 && op2 === 3) return this.virtualOffset;
    if (op1 === 3 && crm === 0) {
      return op2 === 0
        ? this.frequencyRegister
        : op2 === 1
          ? this.physicalCount
          : op2 === 2
            ? this.virtualCount
            : undefined;
    }
    const name = COMPARATOR_ENCODINGS[`${op1}_${crm}`];
    if (name === undefined) return undefined;
    const comparator = this.comparators[name];
    switch (op2) {
      case 0:
        return BigInt.asUintN(32, comparator.cval - this.countFor(comparator));
      case 1:
        return comparator.ctl | (this.expired(comparator) ? CTL_ISTATUS : 0n);
      case 2:
        return comparator.cval;
      default:
        return undefined;
    }
  }

  /**
   * Writes such a register. Returns false when the timer has no such register, or it is read-only.
   */
  write(op1: number, crm: number, op2: number, value: bigint): boolean {
    if (op1 === 0 && crm === 1 && op2 === 0) this.kernelControl = value;
    else if (op1 === 4 && crm === 1 && op2 === 0) this.hypervisorControl = value;
    else if (op1 === 4 && crm === 0 && op2 === 3) {
      this.virtualOffset = value;
      this.update('virtual');
    } else if (op1 === 3 && crm === 0 && op2 === 0) this.frequencyRegister = BigInt.asUintN(32, value);
    else {
      const name = COMPARATOR_ENCODINGS[`${op1}_${crm}`];
      if (name === undefined || op2 > 2) return false;
      const comparator = this.comparators[name];
      if (op2 === 0) comparator.cval = BigInt.asUintN(64, this.countFor(comparator) + BigInt.asIntN(32, value));
      else if (op2 === 1) comparator.ctl = value & (CTL_ENABLE | CTL_IMASK);
      else comparator.cval = value;
      this.trace?.({ timer: name, what: 'programmed', ctl: Number(comparator.ctl), cval: hex(comparator.cval) });
      this.update(name);
    }
    return true;
  }

  saveState() {
    const { frequencyRegister, kernelControl, hypervisorControl, virtualOffset, comparators } = this;
    const save = ({ ctl, cval, expiry, line }: Comparator) => ({ ctl, cval, line, expiry: expiry?.deadline ?? null });
    return {
      frequencyRegister,
      kernelControl,
      hypervisorControl,
      virtualOffset,
      comparators: {
        physical: save(comparators.physical),
        virtual: save(comparators.virtual),
        hypervisorPhysical: save(comparators.hypervisorPhysical),
        hypervisorVirtual: save(comparators.hypervisorVirtual),
        secure: save(comparators.secure),
      },
    };
  }

  restoreState(state: ReturnType<GenericTimer['saveState']>): void {
    this.frequencyRegister = state.frequencyRegister;
    this.kernelControl = state.kernelControl;
    this.hypervisorControl = state.hypervisorControl;
    this.virtualOffset = state.virtualOffset;
    for (const name of TIMER_NAMES) {
      const comparator = this.comparators[name];
      const saved = state.comparators[name];
      comparator.expiry?.cancel();
      comparator.ctl = saved.ctl;
      comparator.cval = saved.cval;
      comparator.line = saved.line;
      comparator.expiry = saved.expiry === null ? null : this.eventQueue.resume(saved.expiry, () => this.update(name));
    }
  }

  private countFor(comparator: Comparator): bigint {
    return comparator.usesOffset ? this.virtualCount : this.physicalCount;
  }

  private expired(comparator: Comparator): boolean {
    return (comparator.ctl & CTL_ENABLE) !== 0n && this.countFor(comparator) >= comparator.cval;
  }

  /**
   * Updates a timer's line, and schedules the next update. Called after a change, and when that
   * time has come.
   */
  private update(name: TimerName): void {
    const comparator = this.comparators[name];
    comparator.expiry?.cancel();
    comparator.expiry = null;
    const expired = this.expired(comparator);
    const level = expired && (comparator.ctl & CTL_IMASK) === 0n;
    if (level !== comparator.line) {
      comparator.line = level;
      this.trace?.({ timer: name, what: 'line', intid: TIMER_INTERRUPTS[name], level });
      this.line(TIMER_INTERRUPTS[name], level);
    }
    if ((comparator.ctl & CTL_ENABLE) === 0n) return;
    const physical = this.physicalCount;
    const count = this.countFor(comparator);
    // An offset larger than the counter makes the count huge. It wraps to zero when the counter
    // reaches the offset, which may end the condition.
    const change = expired ? (comparator.usesOffset ? this.virtualOffset : 0n) : physical + comparator.cval - count;
    if (change <= physical) return;
    const tick = this.clock.ticksAtCount(change, this.counterHz);
    if (tick < Number.MAX_SAFE_INTEGER) comparator.expiry = this.eventQueue.at(tick, () => this.update(name));
  }
}
