// SPDX-License-Identifier: GPL-2.0-only
/**
 * Turns the machine's events, as they come, into the story that pages show: the owner of each frame
 * over time, and the log.
 *
 * | event | becomes |
 * |---|---|
 * | memory (reserved, mem_map) | frames of an owner |
 * | buddy (alloc, free) | frames of an owner, or free; splits and merges follow from these (memory-state.ts) |
 * | boot | every frame unclaimed: a reset |
 * | serial, process, … | a moment |
 *
 * It reads only the kernel's own trace, so it costs the guest nothing beyond that trace.
 */

import { PAGE_SIZE } from '#common/address.ts';
import type { LogEvent } from '#workbench/machine/event-kinds.ts';
import { type EventOwner, type EventOwnerKind, ownerOf } from '#kernel-ts/hal/kernel-events.ts';
import type { Claim } from './guest-memory.ts';
import { type FrameSpan, OWNER_FREE, OWNER_NONE } from './memory-state.ts';
import { momentWords } from './moment-words.ts';
import type { Moment, Owner, OwnerClass, Stage, StoryPart } from './page-data.ts';

/** The group, and so the colour, of an owner. */
const CLASS_OF_OWNER: Readonly<Record<EventOwnerKind, OwnerClass>> = {
  'kernel-image': 'kernel',
  'device-tree': 'boot data',
  initramfs: 'boot data',
  'reservation-block': 'reserved',
  'reserved-memory': 'reserved',
  'dynamic-reserved-memory': 'reserved',
  memblock: 'mem_map',
  mem_map: 'mem_map',
  zones: 'mem_map',
  other: 'reserved',
  boot: 'other',
  kernel: 'kernel',
  'page-tables': 'tables',
  heap: 'heap',
  slab: 'slab',
  'kernel-stack': 'user',
  dma: 'other',
  user: 'user',
};

/**
 * Kinds of which every event is a moment. Stages and panics are lines of the serial log as well.
 */
const MOMENT_KINDS: ReadonlySet<string> = new Set('boot serial power stop unmapped uart device process'.split(' '));

/** Number of operations without a line of the log after which a moment is added. */
const SILENT_OPERATIONS = 32;

export const ALLOCATOR_AT_WORK = 'the allocator at work';

/**
 * Loud kinds that a story is made of; the machine must be told to keep them. Others become moments
 * where the user asks for them.
 */
export const STORY_TRACE = ['buddy', 'process'] as const;

export class StoryBuilder {
  private readonly banks: readonly FrameSpan[];
  private readonly ownerNumbers = new Map<string, number>();
  private owners: Owner[];
  private ownerCount = 2;
  private operations: number[] = [];
  private operationCount = 0;
  private moments: Moment[] = [];
  private stages: Stage[] = [];
  private operationsAtMoment = 0;

  /**
   * @param banks RAM in frames
   * @param unclaimed what to call RAM that no owner has claimed
   */
  constructor(banks: readonly FrameSpan[], unclaimed = 'RAM that nobody has claimed') {
    this.banks = banks;
    this.owners = [
      { name: 'free', class: 'free' },
      { name: unclaimed, class: 'unclaimed' },
    ];
  }

  add(event: LogEvent): void {
    const { t, kind } = event;
    switch (event.kind) {
      case 'boot':
        for (const { start, end } of this.banks) this.operate(start, end - start, OWNER_NONE, t);
        break;
      case 'memory':
        this.addMemory(event);
        return;
      case 'buddy':
        this.addBuddy(event);
        return;
      case 'stage':
        this.stages.push({ ...event.fields, t });
        return;
      case 'process':
        // Context switches are too many to be shown one by one.
        if (event.fields.op === 'switch') return;
        break;
      default:
        break;
    }
    if (MOMENT_KINDS.has(kind)) this.addMoment(t, kind, momentWords(event));
  }

  /** Adds an owner of frames that no event names. */
  claim({ start, end, owner }: Claim, t: number): void {
    this.operate(start, end - start, this.numberOf(owner), t);
  }

  /** Makes what was done since the last moment a moment of its own: the machine stands still. */
  settle(t: number, text: string): void {
    if (this.operationCount > this.operationsAtMoment) this.addMoment(t, 'allocator', text);
  }

  /** Operations since the last {@link drain}. */
  get buffered(): number {
    return this.operations.length / 4;
  }

  /** Operations since the last call. */
  drain(): StoryPart {
    const { owners, operations, moments, stages } = this;
    [this.owners, this.operations, this.moments, this.stages] = [[], [], [], []];
    return { owners, operations, moments, stages };
  }

  /**
   * Continues counting moments from `operations`, after the drained story was shortened to that
   * many. Call it right after {@link drain}.
   */
  continueAfter(operations: number): void {
    this.operationsAtMoment -= this.operationCount - operations;
    this.operationCount = operations;
  }

  private addMemory({ fields, t }: LogEvent<'memory'>): void {
    if (fields.what !== 'reserved' && fields.what !== 'mem_map') return;
    const owner: EventOwner = fields.what === 'mem_map' ? { kind: 'mem_map', name: 'mem_map' } : ownerOf(fields);
    const start = Math.floor(Number(fields.base) / PAGE_SIZE);
    const end = Math.ceil((Number(fields.base) + fields.bytes) / PAGE_SIZE);
    this.operate(start, end - start, this.ownerNumber(owner, fields.what === 'reserved' && fields.noMap), t);
  }

  private addBuddy({ fields, t }: LogEvent<'buddy'>): void {
    if (fields.op !== 'alloc' && fields.op !== 'free') return;
    const { op, base, order } = fields;
    const to = op === 'free' ? OWNER_FREE : this.ownerNumber(ownerOf(fields), false);
    this.operate(Number(base) / PAGE_SIZE, 2 ** order, to, t);
    const silent = this.operationCount - this.operationsAtMoment;
    if (silent >= SILENT_OPERATIONS) this.addMoment(t, 'allocator', ALLOCATOR_AT_WORK);
  }

  private operate(start: number, frames: number, owner: number, t: number): void {
    this.operations.push(start, frames, owner, t);
    this.operationCount++;
  }

  private addMoment(t: number, kind: string, text: string): void {
    this.moments.push({ t, kind, text, operations: this.operationCount });
    this.operationsAtMoment = this.operationCount;
  }

  /** No-map memory belongs to firmware, whatever reserved it. */
  private ownerNumber({ kind, name }: EventOwner, noMap: boolean): number {
    return this.numberOf({ name, class: noMap ? 'firmware' : CLASS_OF_OWNER[kind] });
  }

  private numberOf(owner: Owner): number {
    const key = `${owner.class} ${owner.name}`;
    const known = this.ownerNumbers.get(key);
    if (known !== undefined) return known;
    const number = this.ownerCount++;
    this.ownerNumbers.set(key, number);
    this.owners.push(owner);
    return number;
  }
}
