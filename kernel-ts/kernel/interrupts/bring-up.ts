// SPDX-License-Identifier: GPL-2.0-only
/**
 * Finds interrupt controller, timer and the console's interrupt in the device tree, and enables
 * them. A tree that lacks one of them, or has a bad node, disables only what depends on it; a line
 * in the log says what and why.
 */

import { virtAddr } from '#common/address.ts';
import { type DeviceNode, type Fdt, FdtError } from '#fdt/index.ts';
import { type Interrupt, InterruptControllerError } from '#kernel-ts/hal/interrupt-controller/interrupt-controller.ts';
import {
  findInterruptController,
  type FoundController,
} from '#kernel-ts/hal/interrupt-controller/interrupt-controller-drivers.ts';
import { interruptsOf } from '#kernel-ts/hal/interrupt-controller/specifier.ts';
import { findTimer } from '#kernel-ts/hal/timer/generic-timer.ts';
import { mapRegisters } from '#kernel-ts/kernel/device-registers.ts';
import { phys } from '#common/quantities.ts';
import type { KernelContext } from '#kernel-ts/kernel/context.ts';
import type { Log, Tag } from '#kernel-ts/kernel/log.ts';
import { KernelPanic } from '#kernel-ts/kernel/panic.ts';
import { ByteQueue, QUEUE_BYTES } from './byte-queue.ts';
import { ConsoleInput } from './console-input.ts';
import { type InterruptHandler, Interrupts, TICK_HZ, TICKS_BYTES } from './interrupts.ts';

/**
 * Size of the interrupt state in the heap: the counter of ticks, then the queue of console input.
 */
const STATE_BYTES = TICKS_BYTES + QUEUE_BYTES;

/** Handlers that interrupts call. */
interface Handlers {
  /** Called every hundredth of a second. */
  readonly tick: InterruptHandler;
  /** Called when bytes are in the console's input queue. */
  readonly input: InterruptHandler;
}

/** Devices found; null where the tree lacks what they need. */
interface BringUpResult {
  readonly interrupts: Interrupts | null;
  readonly input: ConsoleInput | null;
}

/**
 * Enables the devices of the tree.
 * @param consoleNode the UART that the console uses
 * @throws KernelPanic when the heap has no room for their state
 */
export function bringUpInterrupts(
  context: KernelContext,
  consoleNode: DeviceNode | null,
  handlers: Handlers,
): BringUpResult {
  const { log, ports, memory } = context;
  const found = attempt(log, 'GIC', 'no interrupts', () => openController(context));
  if (found === null) return { interrupts: null, input: null };
  const state = memory.heap.alloc(STATE_BYTES);
  if (state === null) {
    throw new KernelPanic('No memory for interrupts', `the heap has no block of ${STATE_BYTES} bytes`);
  }
  ports.memory.fill(state, STATE_BYTES, 0);
  const interrupts = new Interrupts(found.controller, log, ports.memory, state);
  attempt(log, 'TIMER', 'no ticks', () => openTimer(context, interrupts, found, handlers.tick));
  const queue = new ByteQueue(ports.memory, virtAddr(state + BigInt(TICKS_BYTES)));
  const input = attempt(log, 'UART', 'no input', () =>
    openInput(context, interrupts, queue, interruptOf(consoleNode, found, context.fdt), handlers.input),
  );
  return { interrupts, input };
}

function openController({ log, ports, memory, fdt }: KernelContext): FoundController {
  const found = findInterruptController(fdt, ports, (base, bytes) => mapRegisters(memory, base, bytes));
  if (found === null) throw new InterruptControllerError('the device tree names no GIC');
  found.controller.init();
  const { controller, base, node } = found;
  log.line('GIC', `${node.path}, ${controller.name} at ${phys(base)}: ${controller.interrupts} interrupts`);
  return found;
}

function openTimer(
  { log, ports, fdt }: KernelContext,
  interrupts: Interrupts,
  { node }: FoundController,
  tick: InterruptHandler,
): void {
  const found = findTimer(fdt, node, ports.registers);
  if (found === null) throw new InterruptControllerError('the device tree names no generic timer');
  interrupts.attachTimer(found, tick);
  const { timer, interrupt } = found;
  log.line(
    'TIMER',
    `${timer.name}, ${timer.frequencyHz} Hz, interrupt ${interrupt.intid}: ${TICK_HZ} ticks a second while a process runs`,
  );
}

function interruptOf(consoleNode: DeviceNode | null, { node }: FoundController, fdt: Fdt): Interrupt {
  const [interrupt] = consoleNode === null ? [] : interruptsOf(consoleNode, node, fdt);
  if (interrupt !== undefined) return interrupt;
  throw new InterruptControllerError(`the device tree names no interrupt of ${consoleNode?.path ?? 'the console'}`);
}

function openInput(
  { log }: KernelContext,
  interrupts: Interrupts,
  queue: ByteQueue,
  interrupt: Interrupt,
  onInput: InterruptHandler,
): ConsoleInput {
  const input = new ConsoleInput(log.console, queue);
  interrupts.attach(interrupt, (frame) => {
    input.receive();
    return onInput(frame);
  });
  input.open();
  log.line('UART', `console input by interrupt ${interrupt.intid}`);
  return input;
}

/** Result of `open`, or null, with the reason in the log. */
function attempt<T>(log: Log, tag: Tag, consequence: string, open: () => T): T | null {
  try {
    return open();
  } catch (error) {
    if (!(error instanceof InterruptControllerError) && !(error instanceof FdtError)) throw error;
    log.line(tag, `${consequence}: ${error.message}`);
    return null;
  }
}
