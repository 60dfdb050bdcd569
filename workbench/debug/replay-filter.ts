// SPDX-License-Identifier: GPL-2.0-only
/**
 * Passes on a machine's output and events, each once. A debugger that goes back executes the past
 * again in a new machine, which repeats them.
 */

import type { LogEvent } from '#workbench/machine/event-kinds.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';

export class ReplayFilter {
  private readonly onBytes: (chunk: Uint8Array) => void;
  private readonly onEvent: (event: LogEvent) => void;
  /** Serial bytes and events passed on so far, counted from the machine's reset. */
  private bytes = 0;
  private events = 0;

  constructor(onBytes: (chunk: Uint8Array) => void, onEvent: (event: LogEvent) => void) {
    this.onBytes = onBytes;
    this.onEvent = onEvent;
  }

  /** Leaves out the machine's first `events` events: they belong to the time before a snapshot. */
  leaveOut(events: number): void {
    this.events = events;
  }

  /**
   * Listens to a machine that has not run, or not since it was put back. The machine first repeats
   * the output of the previous one, then continues.
   * @param eventsBefore number of events before the moment to which it was put back; null: its own
   * events are all there are
   */
  listen({ serial, events }: LevitateMachine, eventsBefore: number | null = null): void {
    let bytesSent = eventsBefore === null ? 0 : serial.byteLength;
    serial.onBytes((chunk) => {
      const known = Math.max(0, this.bytes - bytesSent);
      bytesSent += chunk.length;
      if (known >= chunk.length) return;
      this.bytes = bytesSent;
      this.onBytes(chunk.subarray(known));
    });
    let eventsSent = eventsBefore ?? 0;
    const forward = (event: LogEvent): void => {
      eventsSent++;
      if (eventsSent <= this.events) return;
      this.events = eventsSent;
      this.onEvent(event);
    };
    if (eventsBefore === null) for (const event of events.events) forward(event);
    events.subscribe(forward);
  }
}
