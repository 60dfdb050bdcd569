/**
 * Finding interrupt controller, timer and the console's interrupt in the device tree, and switching
 * them on. A tree without one of them, or with a bad node, costs what depends on it and no more: a
 * line in the log says what and why.
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
import type { Kernel } from '#kernel-ts/kernel/kernel.ts';
import type { Tag } from '#kernel-ts/kernel/log.ts';
import type { MemorySystem } from '#kernel-ts/kernel/mm/memory.ts';
import { KernelPanic } from '#kernel-ts/kernel/panic.ts';
import { ByteQueue, QUEUE_BYTES } from './byte-queue.ts';
import { ConsoleInput } from './console-input.ts';
import { Interrupts, TICK_HZ, TICKS_BYTES } from './interrupts.ts';

/**
 * The kernel's interrupt state in its heap: the counter of ticks, then the queue of the console's
 * input.
 */
const STATE_BYTES = TICKS_BYTES + QUEUE_BYTES;

/**
 * Sets `kernel.interrupts` and `kernel.input`, as far as the tree names what they need.
 * @param consoleNode the UART that the console uses
 * @throws KernelPanic when the heap has no room for their state
 */
export function bringUpInterrupts(
  kernel: Kernel,
  memory: MemorySystem,
  fdt: Fdt,
  consoleNode: DeviceNode | null,
): void {
  const found = attempt(kernel, 'GIC', 'no interrupts', () => openController(kernel, memory, fdt));
  if (found === null) return;
  const state = memory.heap.alloc(STATE_BYTES);
  if (state === null) {
    throw new KernelPanic('No memory for interrupts', `the heap has no block of ${STATE_BYTES} bytes`);
  }
  kernel.ports.memory.fill(state, STATE_BYTES, 0);
  const interrupts = new Interrupts(found.controller, kernel.log, kernel.ports.memory, state);
  kernel.interrupts = interrupts;
  attempt(kernel, 'TIMER', 'no ticks', () => openTimer(kernel, interrupts, found, fdt));
  const queue = new ByteQueue(kernel.ports.memory, virtAddr(state + BigInt(TICKS_BYTES)));
  attempt(kernel, 'UART', 'no input', () => openInput(kernel, interrupts, queue, interruptOf(consoleNode, found, fdt)));
}

function openController(kernel: Kernel, memory: MemorySystem, fdt: Fdt): FoundController {
  const found = findInterruptController(fdt, kernel.ports, (base, bytes) => mapRegisters(memory, base, bytes));
  if (found === null) throw new InterruptControllerError('the device tree names no GIC');
  found.controller.init();
  const { controller, base, node } = found;
  kernel.log.line('GIC', `${node.path}, ${controller.name} at ${phys(base)}: ${controller.interrupts} interrupts`);
  return found;
}

function openTimer(kernel: Kernel, interrupts: Interrupts, { node }: FoundController, fdt: Fdt): void {
  const found = findTimer(fdt, node, kernel.ports.registers);
  if (found === null) throw new InterruptControllerError('the device tree names no generic timer');
  interrupts.attachTimer(found, (frame) => kernel.userSpace?.tick(frame) ?? frame);
  const { timer, interrupt } = found;
  kernel.log.line(
    'TIMER',
    `${timer.name}, ${timer.frequencyHz} Hz, interrupt ${interrupt.intid}: ${TICK_HZ} ticks a second while a process runs`,
  );
}

function interruptOf(consoleNode: DeviceNode | null, { node }: FoundController, fdt: Fdt): Interrupt {
  const [interrupt] = consoleNode === null ? [] : interruptsOf(consoleNode, node, fdt);
  if (interrupt !== undefined) return interrupt;
  throw new InterruptControllerError(`the device tree names no interrupt of ${consoleNode?.path ?? 'the console'}`);
}

function openInput(kernel: Kernel, interrupts: Interrupts, queue: ByteQueue, interrupt: Interrupt): void {
  const input = new ConsoleInput(kernel.log.console, queue);
  kernel.input = input;
  interrupts.attach(interrupt, (frame) => {
    input.receive();
    return kernel.inputArrived(frame);
  });
  input.open();
  kernel.log.line('UART', `console input by interrupt ${interrupt.intid}`);
}

/** What `open` returns, or null after a line that says why there is nothing. */
function attempt<T>(kernel: Kernel, tag: Tag, consequence: string, open: () => T): T | null {
  try {
    return open();
  } catch (error) {
    if (!(error instanceof InterruptControllerError) && !(error instanceof FdtError)) throw error;
    kernel.log.line(tag, `${consequence}: ${error.message}`);
    return null;
  }
}
