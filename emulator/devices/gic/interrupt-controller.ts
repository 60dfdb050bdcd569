// SPDX-License-Identifier: GPL-2.0-only
/**
 * External interface of both GICv2 and GICv3: inputs from devices, lines to the cores.
 *
 *     setSpi, setPpi ──► state ──► CPU interface n ──► irqLine(n), fiqLine(n), onLines(n, irq, fiq)
 *
 * It knows no CPU engine: the code that runs the cores reads the lines or listens to their changes,
 * and asks `pendingFor` whether a waiting core must wake.
 */

import { CpuInterface, GROUP0, type Handling } from './cpu-interface.ts';
import { FIRST_SPI, InterruptState, type InterruptStateOptions } from './interrupt-state.ts';
import { lowestBit } from './ready-set.ts';
import { VirtualInterface } from './virtual-interface.ts';

/**
 * Called when a line of a core changes, after the change. It must not call the controller back
 * before it returns.
 */
export type LinesListener = (cpu: number, irq: boolean, fiq: boolean, virtualIrq: boolean, virtualFiq: boolean) => void;

const IRQ = 1;
const FIQ = 2;
const VIRTUAL_IRQ = 4;
const VIRTUAL_FIQ = 8;
/** Interrupt that tells a hypervisor about its guests' interrupts: PPI 9 on every board. */
const MAINTENANCE_INTID = 25;
const FIRST_PPI = 16;

/** Base class of both controllers. */
export abstract class InterruptController {
  protected readonly state: InterruptState;
  protected readonly interfaces: readonly CpuInterface[];
  protected readonly virtualInterfaces: readonly VirtualInterface[];
  private readonly lines: Uint8Array;
  private readonly onLines: LinesListener;

  /** @throws RangeError as {@link InterruptState} does */
  protected constructor(
    options: InterruptStateOptions & { readonly resetPmr: number; readonly onLines: LinesListener },
  ) {
    this.state = new InterruptState(options);
    this.interfaces = Array.from(
      { length: options.cpus },
      (_, cpu) => new CpuInterface(cpu, this.state, options.resetPmr),
    );
    this.virtualInterfaces = this.interfaces.map(
      (own) => new VirtualInterface((intid) => own.deactivateForGuest(intid)),
    );
    this.lines = new Uint8Array(options.cpus);
    this.onLines = options.onLines;
  }

  /**
   * Sets the level of a shared input, INTID 32 and up. O(1). @throws RangeError when the controller
   * has no such input
   */
  setSpi(intid: number, level: boolean): void {
    if (!(intid >= FIRST_SPI && this.state.exists(intid))) {
      throw new RangeError(
        `INTID ${intid} is not an SPI: this controller has 32 to ${FIRST_SPI + this.state.spis - 1}`,
      );
    }
    this.state.setLine(this.state.slot(0, intid), level);
    this.settle();
  }

  /**
   * Sets the level of a core's private input, INTID 16..31. O(1). @throws RangeError when `intid`
   * is not a PPI or there is no such core
   */
  setPpi(cpu: number, intid: number, level: boolean): void {
    if (!(intid >= FIRST_PPI && intid < FIRST_SPI) || this.interfaces[cpu] === undefined) {
      throw new RangeError(
        `INTID ${intid} of core ${cpu} is not a PPI: 16 to 31 of ${this.interfaces.length} cores are`,
      );
    }
    this.state.setLine(this.state.slot(cpu, intid), level);
    this.settle();
  }

  /** True while the core's IRQ input is asserted, regardless of PSTATE.I. */
  irqLine(cpu: number): boolean {
    return (this.lines[cpu]! & IRQ) !== 0;
  }

  /** True while the core's FIQ input is asserted, regardless of PSTATE.F. */
  fiqLine(cpu: number): boolean {
    return (this.lines[cpu]! & FIQ) !== 0;
  }

  /**
   * True when a waiting core (in WFI, or powered down by CPU_SUSPEND) must wake, regardless of
   * PSTATE: a line is asserted, or its redistributor sleeps and requests power because an enabled
   * interrupt is pending (IHI 0069, GICR_WAKER). O(1).
   */
  pendingFor(cpu: number): boolean {
    const { asleep } = this.interfaces[cpu]!;
    const isVirtual = (this.lines[cpu]! & (VIRTUAL_IRQ | VIRTUAL_FIQ)) !== 0;
    return isVirtual || (asleep ? this.interfaces[cpu]!.hasAnythingReady() : this.lines[cpu] !== 0);
  }

  /**
   * False when software has enabled no group in the distributor or in any CPU interface: no core
   * can be interrupted.
   */
  couldInterrupt(): boolean {
    return this.state.groupEnables !== 0 && this.interfaces.some(({ enables }) => enables !== 0);
  }

  /** Calls `listener` at each step that the running core takes with its interrupts, for traces. */
  traceHandling(listener: (handling: Handling, intid: number) => void): void {
    for (const one of this.interfaces) one.onHandled = listener;
  }

  /**
   * State common to both versions; each adds its own. The devices on the bus only keep the
   * registers that they have reported.
   */
  saveState() {
    return {
      interrupts: this.state.saveState(),
      interfaces: this.interfaces.map((one) => one.saveState()),
      virtualInterfaces: this.virtualInterfaces.map((one) => one.saveState()),
      lines: [...this.lines],
    };
  }

  restoreState(state: ReturnType<InterruptController['saveState']>): void {
    this.state.restoreState(state.interrupts);
    for (const [cpu, saved] of state.interfaces.entries()) this.interfaces[cpu]?.restoreState(saved);
    for (const [cpu, saved] of state.virtualInterfaces.entries()) this.virtualInterfaces[cpu]?.restoreState(saved);
    this.lines.set(state.lines);
  }

  /** True when group 0 drives the core's FIQ line, not IRQ. */
  protected abstract signalsFiq(cpu: number): boolean;

  /** Updates the lines of every core concerned, lowest core first. */
  protected settle(): void {
    for (let touched = this.state.takeTouched(); touched !== 0; touched &= touched - 1) {
      this.settleCpu(lowestBit(touched));
    }
  }

  /** Updates the lines of one core after its interface changed. */
  protected settleCpu(cpu: number): void {
    const group = this.interfaces[cpu]!.signals();
    const physical = group === 0 ? 0 : group === GROUP0 && this.signalsFiq(cpu) ? FIQ : IRQ;
    const { signals } = this.virtualInterfaces[cpu]!;
    const lines = physical | (signals === null ? 0 : signals === 'irq' ? VIRTUAL_IRQ : VIRTUAL_FIQ);
    if (lines !== this.lines[cpu]) {
      this.lines[cpu] = lines;
      const has = (line: number): boolean => (lines & line) !== 0;
      this.onLines(cpu, has(IRQ), has(FIQ), has(VIRTUAL_IRQ), has(VIRTUAL_FIQ));
    }
  }

  /** Updates the lines of one core after its virtual interface changed. */
  protected settleVirtual(cpu: number): void {
    this.state.setLine(this.state.slot(cpu, MAINTENANCE_INTID), this.virtualInterfaces[cpu]!.maintenance);
    this.settleCpu(cpu);
    this.settle();
  }
}
