// SPDX-License-Identifier: GPL-2.0-only
/**
 * Event log of the machine: each event with its simulated time and core. It is kept in memory; the
 * application writes log files.
 *
 * Nothing in the machine reads it, so a run is the same whether all kinds are traced or none. It
 * holds no clock: time and core come from the two functions given at construction.
 *
 * Invariants: events are in the order of emission; the time stamps do not go back as long as the
 * machine's clock does not.
 */

import type { EventKindInfo, MachineEvents } from './machine-events.ts';

/** Kinds of a map from kinds to fields. */
export type KindOf<Events> = keyof Events & string;

/**
 * Event of one of the kinds `K` of the map `Events`: a union discriminated by `kind`. The log keeps
 * the given fields object: do not change it afterwards.
 */
export type EventOf<Events, K extends KindOf<Events> = KindOf<Events>> = {
  [Kind in K]: {
    /** Simulated nanoseconds since power-on. */
    readonly t: number;
    /** Number of the core that was running. */
    readonly core: number;
    readonly kind: Kind;
    readonly fields: Events[Kind];
  };
}[K];

/** Table with information on each kind of a map. */
export type KindTable<Events> = Readonly<Record<KindOf<Events>, EventKindInfo>>;

export interface EventLogOptions<Events> {
  readonly kinds: KindTable<Events>;
  /** Current simulated time in nanoseconds. */
  readonly now: () => number;
  /** Number of the running core; core 0 when absent. */
  readonly core?: () => number;
  /** Loud kinds to keep; none when absent. */
  readonly trace?: readonly string[];
  /**
   * Number of loud events to keep in memory; listeners receive all. 1,000,000 when absent, about
   * 200 MB.
   */
  readonly loudLimit?: number;
}

const DEFAULT_LOUD_LIMIT = 1_000_000;

/** Event log of one run. */
export class EventLog<Events = MachineEvents> {
  private readonly now: () => number;
  private readonly core: () => number;
  private readonly traced: ReadonlySet<string>;
  private readonly loud = new Set<string>();
  private readonly loudLimit: number;
  private readonly kept: EventOf<Events>[] = [];
  private readonly byKind = new Map<string, EventOf<Events>[]>();
  private readonly listeners = new Set<{
    readonly kind: string | null;
    readonly listener: (event: EventOf<Events>) => void;
  }>();
  private loudKept = 0;
  private notKeptCount = 0;

  constructor({ kinds, now, core = () => 0, trace = [], loudLimit = DEFAULT_LOUD_LIMIT }: EventLogOptions<Events>) {
    this.now = now;
    this.core = core;
    this.loudLimit = loudLimit;
    this.traced = new Set(trace);
    this.addKinds(kinds);
  }

  /** The same log, typed for a guest that has further kinds of its own. */
  extendedBy<More extends Events>(kinds: KindTable<More>): EventLog<More> {
    this.addKinds(kinds);
    return this as unknown as EventLog<More>;
  }

  /**
   * True when events of `kind` are kept: check it before computing costly fields. A kind without a
   * table entry is kept, so that no report is lost.
   */
  enabled(kind: KindOf<Events>): boolean {
    return !this.loud.has(kind) || this.traced.has(kind);
  }

  /**
   * Adds an event, stamped with time and core, and calls the listeners. Does nothing for a kind
   * that is not enabled.
   */
  emit<K extends KindOf<Events>>(kind: K, fields: Events[K]): void {
    if (!this.enabled(kind)) return;
    const event = this.stamped(kind, fields);
    this.keep(event);
    for (const { kind: wanted, listener } of this.listeners) {
      if (wanted === null || wanted === kind) listener(event);
    }
  }

  /** The event that {@link emit} would add now. Adds nothing. */
  stamped<K extends KindOf<Events>>(kind: K, fields: Events[K]): EventOf<Events, K> {
    return { t: this.now(), core: this.core(), kind, fields };
  }

  /**
   * Calls `listener` at once for each further event (of `kind` when given), in order of
   * subscription, also beyond the limit of loud events. Returns a function that ends the
   * subscription. A listener that throws ends the run: that is a fault of the emulator.
   */
  subscribe<K extends KindOf<Events>>(
    listener: (event: EventOf<Events, K>) => void,
    kind: K | null = null,
  ): () => void {
    const entry = { kind, listener: listener as (event: EventOf<Events>) => void };
    this.listeners.add(entry);
    return () => {
      this.listeners.delete(entry);
    };
  }

  /** All events kept so far, oldest first. Not a copy. */
  get events(): readonly EventOf<Events>[] {
    return this.kept;
  }

  /** Kept events of one kind, oldest first. Not a copy. O(1). */
  get<K extends KindOf<Events>>(kind: K): readonly EventOf<Events, K>[] {
    return (this.byKind.get(kind) ?? []) as unknown as EventOf<Events, K>[];
  }

  /** Number of loud events that listeners received but memory did not keep. */
  get notKept(): number {
    return this.notKeptCount;
  }

  private addKinds(kinds: KindTable<Events>): void {
    for (const [kind, { always }] of Object.entries<EventKindInfo>(kinds)) {
      if (!always) this.loud.add(kind);
    }
  }

  private keep(event: EventOf<Events>): void {
    if (this.loud.has(event.kind)) {
      if (this.loudKept >= this.loudLimit) {
        this.notKeptCount++;
        return;
      }
      this.loudKept++;
    }
    this.kept.push(event);
    const sameKind = this.byKind.get(event.kind);
    if (sameKind === undefined) this.byKind.set(event.kind, [event]);
    else sameKind.push(event);
  }
}
