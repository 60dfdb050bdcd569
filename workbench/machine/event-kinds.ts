// SPDX-License-Identifier: GPL-2.0-only
/**
 * The kinds of events of a whole machine: the emulator's and the modelled kernel's, with what they
 * say. One table, read by `--trace`, by `npm run log`, and by people who read a log file.
 */

import type { EventLog, EventOf, KindTable } from '#emulator/events/event-log.ts';
import { MACHINE_EVENT_KINDS as MACHINE, type MachineEvents } from '#emulator/events/machine-events.ts';
import { KERNEL_EVENT_KINDS as KERNEL, type KernelEvents } from '#kernel-ts/hal/kernel-events.ts';
import { InputError } from '#workbench/input-error.ts';

/** A bit of memory is flipped on purpose. */
export interface FlipBitFields {
  readonly what: 'flip-bit';
  /** physical */
  readonly address: string;
  /** 0 to 7 */
  readonly bit: number;
  /** byte */
  readonly before: string;
  /** byte */
  readonly after: string;
}

/** Fields by kind. */
export interface Events extends MachineEvents, Omit<KernelEvents, 'fault'> {
  fault: KernelEvents['fault'] | FlipBitFields;
}

/** An event of a machine: `kind` tells its fields. */
export type LogEvent<K extends EventKind = EventKind> = EventOf<Events, K>;

/** Every kind, with its meaning. */
export const EVENT_KINDS = {
  boot: MACHINE.boot,
  stage: KERNEL.stage,
  serial: MACHINE.serial,
  panic: KERNEL.panic,
  power: MACHINE.power,
  stop: MACHINE.stop,
  unmapped: MACHINE.unmapped,
  uart: MACHINE.uart,
  'mmio-unknown': MACHINE['mmio-unknown'],
  'sysreg-unknown': MACHINE['sysreg-unknown'],
  device: MACHINE.device,
  memory: KERNEL.memory,
  fault: KERNEL.fault,
  exception: MACHINE.exception,
  irq: MACHINE.irq,
  mmu: KERNEL.mmu,
  mmio: MACHINE.mmio,
  sysreg: MACHINE.sysreg,
  psci: MACHINE.psci,
  timer: MACHINE.timer,
  buddy: KERNEL.buddy,
  heap: KERNEL.heap,
  process: KERNEL.process,
  syscall: KERNEL.syscall,
  gate: MACHINE.gate,
} as const satisfies KindTable<Events>;

/** A kind in the table. */
export type EventKind = keyof Events;

/** The event log of a machine, with the types of the kernel's and the application's events too. */
export function eventsOf({ events }: { readonly events: EventLog }): EventLog<Events> {
  return events.extendedBy<Events>(EVENT_KINDS);
}

/** True when the table has `kind`. */
export function isEventKind(kind: string): kind is EventKind {
  return Object.hasOwn(EVENT_KINDS, kind);
}

/** The kinds that `--trace` adds, in the table's order. */
export function traceableKinds(): EventKind[] {
  return (Object.keys(EVENT_KINDS) as EventKind[]).filter((kind) => !EVENT_KINDS[kind].always);
}

/** The loud kinds that only the modelled kernel has, or the machine on its behalf. */
export function isOfModelledKernel(kind: EventKind): boolean {
  return kind === 'gate' || (Object.hasOwn(KERNEL, kind) && !EVENT_KINDS[kind].always);
}

/**
 * The kinds that a `--trace` value such as "exception,irq" asks for, each once, in the table's
 * order. Spaces around a name do not count; "all" stands for every loud kind; naming a kind that is
 * always kept is allowed and changes nothing.
 * @param option its name in the message
 * @throws InputError for any other name, the empty one included
 */
export function parseTraceList(option: string, list: string): EventKind[] {
  const wanted = new Set<EventKind>();
  for (const name of list.split(',').map((part) => part.trim())) {
    if (name === 'all') {
      for (const kind of traceableKinds()) wanted.add(kind);
    } else if (isEventKind(name)) {
      wanted.add(name);
    } else {
      const known = traceableKinds().join(', ');
      throw new InputError(`${option}: unknown event kind "${name}" to trace; known: ${known}, or all`);
    }
  }
  return (Object.keys(EVENT_KINDS) as EventKind[]).filter((kind) => wanted.has(kind));
}
