/**
 * The kinds of events: one table, read by the log, by `--trace`, and by people who read a log file.
 *
 * A kind marked `always` is kept in every run: it is rare, and somebody will ask for it afterwards.
 * The others are loud and are kept when `--trace` names them. Fields of each kind are chosen by who
 * emits it and listed in docs/event-log.md; addresses are "0x…" strings or `bigint`, counts are
 * numbers.
 */

/** What the table says of a kind. */
export interface EventKindInfo {
  /** Kept without being asked for. */
  readonly always: boolean;
  readonly meaning: string;
}

/** Every kind that the machine and the modelled kernel emit, with its meaning. */
export const EVENT_KINDS = {
  boot: { always: true, meaning: 'what the machine loaded where, and how it was started' },
  stage: { always: true, meaning: 'the kernel entered a boot stage' },
  serial: { always: true, meaning: 'a line ended on the serial line: its text' },
  panic: { always: true, meaning: 'the kernel gave up: reason and detail' },
  power: { always: true, meaning: 'power off, reset, or a core started or stopped' },
  stop: { always: true, meaning: 'the run ended: outcome and cause' },
  unmapped: {
    always: true,
    meaning: 'an access that neither RAM nor a device answered, or that a device refused: an external abort',
  },
  uart: { always: true, meaning: 'a UART lost or damaged a character, or sent again after losing some' },
  'mmio-unknown': { always: true, meaning: 'first access to a register that a device has no model for' },
  'sysreg-unknown': {
    always: true,
    meaning: 'first read or write of a system register that there is not: undefined for the guest',
  },
  device: { always: true, meaning: 'a device met a setting that it does not model' },
  memory: { always: true, meaning: 'the kernel laid out memory: banks, reserved ranges, mem_map, pools' },
  fault: { always: true, meaning: 'something went wrong on purpose: a refused allocation, a flipped bit' },
  exception: { always: false, meaning: 'an exception was taken: level, vector, ESR, FAR, ELR' },
  irq: { always: false, meaning: 'an interrupt was taken, acknowledged or ended' },
  mmu: { always: false, meaning: 'a mapping was made, changed or removed, or translation was switched' },
  mmio: { always: false, meaning: 'an access to a device register, which the device answered' },
  sysreg: { always: false, meaning: 'an access to a system register that the machine emulates' },
  psci: { always: false, meaning: 'a PSCI or SMCCC call and its answer' },
  timer: { always: false, meaning: 'a timer was programmed, or its interrupt line changed' },
  buddy: { always: false, meaning: 'the buddy allocator split, merged, gave out or took back a block' },
  heap: { always: false, meaning: 'the heap gave out or took back a block, or grew' },
  process: { always: false, meaning: 'a process was made, switched to or ended' },
  syscall: { always: false, meaning: 'a system call and its result' },
  gate: { always: false, meaning: 'the CPU entered TypeScript through a gate, or went back' },
} as const satisfies Readonly<Record<string, EventKindInfo>>;

/** A kind in the table. */
export type EventKind = keyof typeof EVENT_KINDS;

/** True when the table has `kind`. */
export function isEventKind(kind: string): kind is EventKind {
  return Object.hasOwn(EVENT_KINDS, kind);
}

/** The kinds that `--trace` adds, in the table's order. */
export function traceableKinds(): EventKind[] {
  return (Object.keys(EVENT_KINDS) as EventKind[]).filter((kind) => !EVENT_KINDS[kind].always);
}

/** `--trace` named a kind that does not exist. The message lists those that do. */
export class UnknownEventKindError extends Error {
  readonly kind: string;
  readonly known: readonly EventKind[];

  constructor(kind: string) {
    const known = traceableKinds();
    super(`unknown event kind "${kind}" to trace; known: ${known.join(', ')}, or all`);
    this.name = 'UnknownEventKindError';
    this.kind = kind;
    this.known = known;
  }
}

/**
 * The kinds that a `--trace` value such as "exception,irq" asks for, each once, in the table's
 * order. Spaces around a name do not count; "all" stands for every loud kind; naming a kind that is
 * always kept is allowed and changes nothing.
 * @throws UnknownEventKindError for any other name, the empty one included
 */
export function parseTraceList(list: string): EventKind[] {
  const wanted = new Set<EventKind>();
  for (const name of list.split(',').map((part) => part.trim())) {
    if (name === 'all') {
      for (const kind of traceableKinds()) {
        wanted.add(kind);
      }
    } else if (isEventKind(name)) {
      wanted.add(name);
    } else {
      throw new UnknownEventKindError(name);
    }
  }
  return (Object.keys(EVENT_KINDS) as EventKind[]).filter((kind) => wanted.has(kind));
}
