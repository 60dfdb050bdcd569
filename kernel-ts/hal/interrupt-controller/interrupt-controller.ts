// SPDX-License-Identifier: GPL-2.0-only
/**
 * The kernel's interface to an interrupt controller of any board. Interrupts are named by INTID, as
 * the GIC architecture numbers them: 0-15 are software generated (SGIs), 16-31 (PPIs) private to
 * each core, 32 and up (SPIs) shared.
 *
 *     device ─line─► controller ─IRQ─► vector ─► acknowledge() = INTID ─► handler quiets the device ─► complete(INTID)
 *
 * Only the core that calls `init` is served.
 */

/** Trigger of an interrupt: level-sensitive, or edge-triggered (rising). */
export type Trigger = 'level' | 'edge';

/** Interrupt as the device tree describes it. */
export interface Interrupt {
  readonly intid: number;
  readonly trigger: Trigger;
}

/** Interrupt controller. Throws `DataAbort` when its registers are not mapped. */
export interface InterruptController {
  /** "GICv2", "GICv3". */
  readonly name: string;
  /** Number of INTIDs. Valid after `init`. */
  readonly interrupts: number;
  /**
   * Disables and clears all interrupts, then enables the controller: enabled interrupts reach the
   * calling core. @throws InterruptControllerError when the driver cannot use the hardware
   */
  init(): void;
  /**
   * Enables an interrupt for the calling core.
   * @throws InterruptControllerError when there is no such interrupt
   */
  enable(interrupt: Interrupt): void;
  /** Disables an interrupt. */
  disable(intid: number): void;
  /** Acknowledges the pending interrupt of the highest priority: its INTID, or null. */
  acknowledge(): number | null;
  /**
   * Stops all interrupts for the calling core, including wake-ups: for a core that parks for good.
   */
  close(): void;
  /** Completes the interrupt acknowledged last (end of interrupt). */
  complete(intid: number): void;
}

/** INTID of PPI 0 and of SPI 0. */
export const FIRST_PPI = 16;
export const FIRST_SPI = 32;

/** First special INTID, which means "none" (IHI 0048, 3.2.5; IHI 0069, 2.2.1). */
export const FIRST_SPECIAL_INTID = 1020;

/** Priority of every interrupt: the middle, above a mask of 0xf0. */
export const DEFAULT_PRIORITY = 0xa0;
/** Mask that lets {@link DEFAULT_PRIORITY} pass even where only four bits are implemented. */
export const PRIORITY_MASK = 0xf0;

/** Thrown for hardware that the driver cannot use. The message names a register and its value. */
export class InterruptControllerError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'InterruptControllerError';
  }
}
