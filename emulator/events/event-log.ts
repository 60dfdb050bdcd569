/**
 * The machine's event log: what happened, when in simulated time, on which core. In memory;
 * event-lines.ts turns it into text.
 *
 * It is the machine's voice beside the serial line. Nothing in the machine reads it to decide
 * anything, so a run is the same with every kind traced and with none. It holds no clock: the
 * machine stamps through the two functions given at construction.
 *
 * Invariants: events are in the order of emission; the time stamps do not go back as long as the
 * machine's clock does not.
 */

import { EVENT_KINDS, type EventKind, isEventKind } from './event-kinds.ts';
import { eventLine, parseEventLine } from './event-lines.ts';

/**
 * Fields of an event, in the order in which the emitter named them. The log keeps the object: do
 * not change it afterwards.
 */
export type EventFields = Readonly<Record<string, unknown>>;

/** One event. */
export interface LogEvent {
  /** Simulated nanoseconds since power-on. */
  readonly t: number;
  /** Number of the core that was running. */
  readonly core: number;
  readonly kind: string;
  readonly fields: EventFields;
}

/**
 * An event as the log keeps it. JSON has no big integers: as JSON it is what a log file has of it.
 */
class EmittedEvent implements LogEvent {
  readonly t: number;
  readonly core: number;
  readonly kind: string;
  readonly fields: EventFields;

  constructor(t: number, core: number, kind: string, fields: EventFields) {
    this.t = t;
    this.core = core;
    this.kind = kind;
    this.fields = fields;
  }

  toJSON(): LogEvent {
    return parseEventLine(eventLine(this), 1);
  }
}

export type EventListener = (event: LogEvent) => void;

export interface EventLogOptions {
  /** Simulated nanoseconds. */
  readonly now: () => number;
  /** Number of the running core. Core 0 when absent. */
  readonly core?: () => number;
  /** Loud kinds to keep, see `parseTraceList`. None when absent. */
  readonly trace?: readonly EventKind[];
  /**
   * How many loud events to keep in memory; listeners get the rest too. 1,000,000 when absent:
   * about 200 MB.
   */
  readonly loudLimit?: number;
}

const DEFAULT_LOUD_LIMIT = 1_000_000;

/** The log of one run. */
export class EventLog {
  readonly #now: () => number;
  readonly #core: () => number;
  readonly #quiet: ReadonlySet<string>;
  readonly #loudLimit: number;
  readonly #events: LogEvent[] = [];
  readonly #byKind = new Map<string, LogEvent[]>();
  readonly #listeners = new Set<{ readonly kind: string | null; readonly listener: EventListener }>();
  #loudKept = 0;
  #notKept = 0;

  constructor(options: EventLogOptions) {
    this.#now = options.now;
    this.#core = options.core ?? (() => 0);
    this.#loudLimit = options.loudLimit ?? DEFAULT_LOUD_LIMIT;
    const traced = new Set<string>(options.trace ?? []);
    this.#quiet = new Set(
      (Object.keys(EVENT_KINDS) as EventKind[]).filter((kind) => !EVENT_KINDS[kind].always && !traced.has(kind)),
    );
  }

  /**
   * True when events of `kind` are kept: test it before building costly fields. A kind outside the
   * table is kept: no report is lost.
   */
  enabled(kind: string): boolean {
    return !this.#quiet.has(kind);
  }

  /**
   * Adds an event, stamped with the machine's time and core, and tells the listeners. Does nothing
   * for a kind that is not enabled.
   */
  emit(kind: string, fields: EventFields): void {
    if (this.#quiet.has(kind)) {
      return;
    }
    const event = new EmittedEvent(this.#now(), this.#core(), kind, fields);
    this.#keep(event);
    for (const { kind: wanted, listener } of this.#listeners) {
      if (wanted === null || wanted === kind) {
        listener(event);
      }
    }
  }

  /**
   * Calls `listener` for each further event (of `kind` when given), at once, in order of
   * subscription, also past the limit of loud events. Returns the function that ends it. A listener
   * that throws ends the run: that is a fault of the emulator.
   */
  subscribe(listener: EventListener, kind: string | null = null): () => void {
    const entry = { kind, listener };
    this.#listeners.add(entry);
    return () => {
      this.#listeners.delete(entry);
    };
  }

  /** Every event kept so far, oldest first. Not a copy. */
  get events(): readonly LogEvent[] {
    return this.#events;
  }

  /** The kept events of one kind, oldest first. Not a copy. O(1). */
  get(kind: string): readonly LogEvent[] {
    return this.#byKind.get(kind) ?? [];
  }

  /** Loud events that listeners saw but memory did not keep. */
  get notKept(): number {
    return this.#notKept;
  }

  #keep(event: LogEvent): void {
    if (isEventKind(event.kind) && !EVENT_KINDS[event.kind].always) {
      if (this.#loudKept >= this.#loudLimit) {
        this.#notKept++;
        return;
      }
      this.#loudKept++;
    }
    this.#events.push(event);
    const sameKind = this.#byKind.get(event.kind);
    if (sameKind === undefined) {
      this.#byKind.set(event.kind, [event]);
    } else {
      sameKind.push(event);
    }
  }
}
