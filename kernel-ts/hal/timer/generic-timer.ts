// SPDX-License-Identifier: GPL-2.0-only
/**
 * Comparators of the generic timer that the kernel may use at EL1.
 *
 *     line = CTL.ENABLE and not CTL.IMASK and counter >= CVAL      level, a PPI
 *
 *     virtual    CNTV_*, counts with CNTVOFF_EL2 subtracted; always EL1's own
 *     physical   CNTP_*; EL2 can keep it from EL1 (CNTHCTL_EL2)
 *
 * Periods are counted from the comparator's last value, not from "now", so that they do not drift.
 * CVAL and CTL are the state: the object holds none.
 *
 * Specification: Arm ARM DDI 0487 K.a, D12.2 (comparators), D24.10.
 */

import { type DeviceNode, type Fdt, FdtError } from '#fdt/index.ts';
import type { Interrupt } from '#kernel-ts/hal/interrupt-controller/interrupt-controller.ts';
import { interruptsOf } from '#kernel-ts/hal/interrupt-controller/specifier.ts';
import type { SystemRegister, SystemRegisterPort } from '#kernel-ts/hal/ports.ts';

/** Periodic timer of the running core. */
export interface Timer {
  /** "virtual timer", "physical timer". */
  readonly name: string;
  /** Counts per second. */
  readonly frequencyHz: number;
  /** True between `start` and `stop`. */
  readonly running: boolean;
  /**
   * Starts to interrupt `hz` times a second, first after one period.
   * @throws RangeError when `hz` is not in 1 to the counter's frequency
   */
  start(hz: number): void;
  /**
   * Called by the interrupt handler: lowers the line until the next period.
   * @returns the number of periods that have passed, 1 unless interrupts were late
   */
  expired(hz: number): number;
  /** Stops the interrupts. */
  stop(): void;
}

const CTL_ENABLE = 1n << 0n;

/** Registers of one comparator. */
interface Comparator {
  readonly name: string;
  readonly counter: SystemRegister;
  readonly control: SystemRegister;
  readonly compare: SystemRegister;
  /** Index of its interrupt in the timer node's `interrupts`, and its name there. */
  readonly index: number;
  readonly interruptName: string;
}

/** Comparators in order of preference: the virtual timer belongs to EL1 under any hypervisor. */
const COMPARATORS: readonly Comparator[] = [
  {
    name: 'virtual timer',
    counter: 'CNTVCT_EL0',
    control: 'CNTV_CTL_EL0',
    compare: 'CNTV_CVAL_EL0',
    index: 2,
    interruptName: 'virt',
  },
  {
    name: 'physical timer',
    counter: 'CNTPCT_EL0',
    control: 'CNTP_CTL_EL0',
    compare: 'CNTP_CVAL_EL0',
    index: 1,
    interruptName: 'phys',
  },
];

/** Comparator of the generic timer. */
export class GenericTimer implements Timer {
  readonly name: string;
  readonly frequencyHz: number;
  private readonly registers: SystemRegisterPort;
  private readonly comparator: Comparator;

  constructor(registers: SystemRegisterPort, comparator: Comparator, frequencyHz: number) {
    this.registers = registers;
    this.comparator = comparator;
    this.name = comparator.name;
    this.frequencyHz = frequencyHz;
  }

  get running(): boolean {
    return (this.registers.read(this.comparator.control) & CTL_ENABLE) !== 0n;
  }

  start(hz: number): void {
    const { counter, control, compare } = this.comparator;
    this.registers.write(compare, BigInt.asUintN(64, this.registers.read(counter) + this.period(hz)));
    this.registers.write(control, CTL_ENABLE);
  }

  expired(hz: number): number {
    const { counter, compare } = this.comparator;
    const period = this.period(hz);
    const due = this.registers.read(compare);
    const late = BigInt.asIntN(64, this.registers.read(counter) - due);
    const periods = late < 0n ? 1n : late / period + 1n;
    this.registers.write(compare, BigInt.asUintN(64, due + periods * period));
    return Number(periods);
  }

  stop(): void {
    this.registers.write(this.comparator.control, 0n);
  }

  private period(hz: number): bigint {
    const period = Math.floor(this.frequencyHz / hz);
    if (!(hz > 0) || period < 1) {
      throw new RangeError(`a counter of ${this.frequencyHz} Hz cannot tick ${hz} times a second`);
    }
    return BigInt(period);
  }
}

/** Timer, with its interrupt. */
export interface FoundTimer {
  readonly timer: Timer;
  readonly interrupt: Interrupt;
  readonly node: DeviceNode;
}

/**
 * Timer of the tree's `arm,armv8-timer` node: the virtual one, or the physical one when the tree
 * gives the virtual one no interrupt. Null when there is no such node.
 * @throws FdtError `FDT_ERR_BADVALUE` when the node names neither interrupt or the frequency is 0,
 * and as {@link interruptsOf}
 */
export function findTimer(fdt: Fdt, interruptController: DeviceNode, registers: SystemRegisterPort): FoundTimer | null {
  const node = fdt.findCompatible('arm,armv8-timer').find(({ available }) => available);
  if (node === undefined) return null;
  const interrupts = interruptsOf(node, interruptController, fdt);
  const names = node.stringList('interrupt-names');
  const frequencyHz = Number(registers.read('CNTFRQ_EL0')) || (node.u32('clock-frequency') ?? 0);
  if (frequencyHz === 0) {
    throw new FdtError('FDT_ERR_BADVALUE', node.offset, `CNTFRQ_EL0 is 0 and ${node.path} has no clock-frequency`);
  }
  for (const comparator of COMPARATORS) {
    const index = names === null ? comparator.index : names.indexOf(comparator.interruptName);
    const interrupt = interrupts[index];
    if (interrupt !== undefined) {
      return { timer: new GenericTimer(registers, comparator, frequencyHz), interrupt, node };
    }
  }
  throw new FdtError(
    'FDT_ERR_BADVALUE',
    node.offset,
    `${node.path} names the interrupt of neither the virtual nor the physical timer`,
  );
}
