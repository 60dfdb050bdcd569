// SPDX-License-Identifier: GPL-2.0-only
/**
 * The kernel's interface to an interrupt controller of any board. Interrupts are named by INTID, as
 * the GIC architecture numbers them: 0-15 are software generated (SGIs), 16-31 (PPIs) private to
 * each core, 32 and up (SPIs) shared.
 *
 *     device ─line─► controller ─IRQ─► vector ─► acknowledge() = INTID ─► handler quiets the device ─► complete(INTID)
 *
 * One core is served: the one that calls `init`.
 */

/** A device's line is level-sensitive, or edge-triggered (rising). */
export type Trigger = 'level' | 'edge';

/** An interrupt as the device tree gives it. */
export interface Interrupt {
  readonly intid: number;
  readonly trigger: Trigger;
}

/** An interrupt controller. Throws `DataAbort` when its registers are not mapped. */
export interface InterruptController {
  /** "GICv2", "GICv3". */
  readonly name: string;
  /** INTIDs below this exist. Valid after `init`. */
  readonly interrupts: number;
  /**
   * Everything off and quiet, then the controller on: interrupts reach the calling core when they
   * are enabled.
   * @throws InterruptControllerError when the hardware is not what the driver can use
   */
  init(): void;
  /**
   * Lets the interrupt through to the calling core.
   * @throws InterruptControllerError no such interrupt
   */
  enable(interrupt: Interrupt): void;
  /** Stops it. */
  disable(intid: number): void;
  /** Acknowledges the pending interrupt of the highest priority: its INTID, or null. */
  acknowledge(): number | null;
  /** No interrupt reaches or wakes the calling core any more: for a core that stops for good. */
  close(): void;
  /** Says that the interrupt taken last has been dealt with. */
  complete(intid: number): void;
}

/** INTID of PPI 0 and of SPI 0. */
export const FIRST_PPI = 16;
export const FIRST_SPI = 32;

/** From here on INTIDs are special: "none" (IHI 0048, 3.2.5; IHI 0069, 2.2.1). */
export const FIRST_SPECIAL_INTID = 1020;

/** The priority that every interrupt gets: the middle, above a mask of 0xf0. */
export const DEFAULT_PRIORITY = 0xa0;
/** Lets {@link DEFAULT_PRIORITY} pass where as few as four bits are implemented. */
export const PRIORITY_MASK = 0xf0;

/** Hardware that the driver cannot use. The message names a register and its value. */
export class InterruptControllerError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'InterruptControllerError';
  }
}
