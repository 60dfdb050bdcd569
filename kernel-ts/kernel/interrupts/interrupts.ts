// SPDX-License-Identifier: GPL-2.0-only
/**
 * Interrupt handling of the kernel: the controller, a handler for each attached interrupt, and the
 * tick.
 *
 *     IRQ ─► handle(frame) ─► acknowledge ─► handler(frame) ─► complete ─► the frame to go on with
 *
 * The tick is on only while a process can run (`tickWhile`). A machine with nothing to do then has
 * nothing that could wake it, which is its steady state.
 */

import type { Interrupt, InterruptController } from '#kernel-ts/hal/interrupt-controller/interrupt-controller.ts';
import type { MemoryPort } from '#kernel-ts/hal/ports.ts';
import type { FoundTimer } from '#kernel-ts/hal/timer/generic-timer.ts';
import type { VirtAddr } from '#common/address.ts';
import type { Log } from '#kernel-ts/kernel/log.ts';
import type { TrapFrame } from '#kernel-ts/kernel/trap-frame.ts';

/** Ticks per second. */
export const TICK_HZ = 100;

/** Quiets the device that interrupted, and returns the frame to continue with. */
export type InterruptHandler = (frame: TrapFrame) => TrapFrame;

/** Size of the tick counter in bytes. */
export const TICKS_BYTES = 8;

export class Interrupts {
  readonly controller: InterruptController;
  private readonly log: Log;
  private readonly memory: MemoryPort;
  private readonly ticksAt: VirtAddr;
  private readonly handlers = new Map<number, InterruptHandler>();
  private timer: FoundTimer | null = null;
  /** Copy of the timer's control register, which is written only here. */
  private ticking = false;

  /** @param ticksAt address of a zeroed u64 in kernel memory */
  constructor(controller: InterruptController, log: Log, memory: MemoryPort, ticksAt: VirtAddr) {
    this.controller = controller;
    this.log = log;
    this.memory = memory;
    this.ticksAt = ticksAt;
  }

  /** Ticks since boot. Idle time is not counted. */
  get ticks(): bigint {
    return this.memory.read64(this.ticksAt);
  }

  /**
   * Attaches `handler` to `interrupt`. @throws RangeError when the controller has no such interrupt
   */
  attach(interrupt: Interrupt, handler: InterruptHandler): void {
    this.handlers.set(interrupt.intid, handler);
    this.controller.enable(interrupt);
  }

  /** Uses `timer` for the tick; `tick` is called 100 times a second of simulated time. */
  attachTimer(found: FoundTimer, tick: InterruptHandler): void {
    this.timer = found;
    found.timer.stop();
    this.attach(found.interrupt, (frame) => {
      const periods = found.timer.expired(TICK_HZ);
      this.memory.write64(this.ticksAt, this.ticks + BigInt(periods));
      return tick(frame);
    });
  }

  /** Starts or stops the tick. */
  tickWhile(wanted: boolean): void {
    if (wanted === this.ticking || this.timer === null) return;
    this.ticking = wanted;
    if (wanted) this.timer.timer.start(TICK_HZ);
    else this.timer.timer.stop();
  }

  /** Disables interrupts for good. */
  close(): void {
    this.timer?.timer.stop();
    this.controller.close();
  }

  /** Handles an IRQ. @returns the frame to continue with */
  handle(frame: TrapFrame): TrapFrame {
    const intid = this.controller.acknowledge();
    if (intid === null) return frame;
    const handler = this.handlers.get(intid);
    if (handler === undefined) {
      this.controller.disable(intid);
      this.log.line('GIC', `interrupt ${intid} has no handler: switched off`);
    }
    const next = handler?.(frame) ?? frame;
    this.controller.complete(intid);
    return next;
  }
}
