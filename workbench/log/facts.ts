/**
 * What a log says of a whole run: how memory was laid out, which stages were reached when, how it
 * ended. The ground of the timeline and of the comparison.
 *
 * A machine that was reset boots again: the layout is that of the last boot, the marks are those of
 * all.
 */

import type { EventFields, EventRecord } from './event-lines.ts';
import type { ScannedLine } from './log-file.ts';

/** A range of physical memory, `[base, base + bytes)`. */
export interface RangeFact {
  readonly base: number;
  readonly bytes: number;
}

export interface ReservedFact extends RangeFact {
  readonly owner: string;
  readonly noMap: boolean;
}

export interface MemMapFact extends RangeFact {
  readonly entries: number;
  /** Every candidate: its range and "accepted", or why it was refused. */
  readonly holes: readonly string[];
}

/** Something that happened at a time and has a name: what a timeline shows. */
export interface Mark {
  readonly t: number;
  readonly core: number;
  readonly kind: string;
  readonly fields: EventFields;
}

export interface MemoryFacts {
  readonly banks: RangeFact[];
  readonly reserved: ReservedFact[];
  memMap: MemMapFact | null;
  /** Tables that came from the buddy, in frames. */
  tableFrames: number | null;
  managedFrames: number | null;
  /** At the steady state, or where that was not reached, when the allocators were ready. */
  freeFrames: number | null;
  heap: { readonly base: string; readonly bytes: number } | null;
}

/**
 * Gathers facts from the lines of a log, in their order. Only the kinds that say something are
 * parsed.
 */
export class Facts {
  readonly marks: Mark[] = [];
  memory: MemoryFacts = noMemory();
  boots = 0;
  events = 0;
  /** Simulated nanoseconds of the last event. */
  endNs = 0;
  panic: { readonly t: number; readonly reason: string; readonly detail: string } | null = null;
  stop: { readonly t: number; readonly outcome: string; readonly reason: string } | null = null;

  take(line: ScannedLine): void {
    this.events++;
    this.endNs = line.t;
    if (TOLD_BY.has(line.kind)) this.takeEvent(line.parse());
  }

  private takeEvent({ t, core, kind, fields }: EventRecord): void {
    if (kind === 'memory') {
      takeMemory(this.memory, fields);
      return;
    }
    if (this.marks.length < MOST_MARKS) this.marks.push({ t, core, kind, fields });
    if (kind === 'boot' && ++this.boots > 1) this.memory = noMemory();
    if (kind === 'panic') this.panic ??= { t, reason: text(fields['reason']), detail: text(fields['detail']) };
    if (kind === 'stop') this.stop = { t, outcome: text(fields['outcome']), reason: text(fields['reason']) };
  }
}

const TOLD_BY: ReadonlySet<string> = new Set(['boot', 'stage', 'panic', 'power', 'stop', 'memory']);

/** A guest that goes on and off for ever must not fill memory. */
const MOST_MARKS = 10_000;

function noMemory(): MemoryFacts {
  return {
    banks: [],
    reserved: [],
    memMap: null,
    tableFrames: null,
    managedFrames: null,
    freeFrames: null,
    heap: null,
  };
}

function takeMemory(memory: MemoryFacts, fields: EventFields): void {
  const range = { base: Number(fields['base']), bytes: Number(fields['bytes']) };
  switch (fields['what']) {
    case 'bank':
      memory.banks.push(range);
      break;
    case 'reserved':
      memory.reserved.push({ ...range, owner: text(fields['owner']), noMap: fields['noMap'] === true });
      break;
    case 'mem_map': {
      const { holes } = fields;
      memory.memMap = {
        ...range,
        entries: Number(fields['entries']),
        holes: Array.isArray(holes) ? holes.map(String) : [],
      };
      break;
    }
    case 'page-tables':
      memory.tableFrames = Number(fields['fromAllocator']);
      break;
    case 'ready':
      memory.heap = { base: text(fields['heapBase']), bytes: Number(fields['heapBytes']) };
      memory.managedFrames = Number(fields['totalFrames']);
      memory.freeFrames = Number(fields['freeFrames']);
      break;
    case 'steady':
      memory.managedFrames = Number(fields['totalFrames']);
      memory.freeFrames = Number(fields['freeFrames']);
      break;
    default:
      break;
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}
