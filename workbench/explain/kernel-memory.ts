// SPDX-License-Identifier: GPL-2.0-only
/**
 * The modelled kernel's memory map and mem_map, read from outside: from its events, and from the
 * struct Pages in emulated RAM. So it also answers when the boot ended before the kernel's memory
 * system was complete.
 */

import { hex, PAGE_SIZE, physAddr } from '#common/address.ts';
import type { Range } from '#common/range.ts';
import type { MemoryFields } from '#kernel-ts/hal/kernel-events.ts';
import type { LogEvent } from '#workbench/machine/event-kinds.ts';
import type { PhysicalMemory } from '#emulator/memory/physical-memory.ts';
import { DIRECT_MAP_BASE } from '#kernel-ts/kernel/direct-map.ts';
import { explainFrame, type FrameState, outsideRam, type StateReader } from '#kernel-ts/kernel/mm/frame-state.ts';
import { planMemMap, type SectionPlan } from '#kernel-ts/kernel/mm/mem-map.ts';
import { decodeState, flagNames, MAX_BLOCK_FRAMES, PAGE_STRUCT_BYTES } from '#kernel-ts/kernel/mm/page.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';

/** The contents of a struct Page's 24 bytes. */
export interface DecodedPage {
  /** The descriptor's address. */
  readonly physical: number;
  readonly virtual: bigint;
  /** Names of the set flags: "HEAD FREE". */
  readonly flags: string;
  readonly order: number;
  readonly refcount: number;
  /** Neighbours in the free list; null for none. */
  readonly next: PageLink | null;
  readonly prev: PageLink | null;
}

/**
 * A link of a free list: the descriptor that it leads to, and the frame which that describes; null
 * where it leads out of mem_map.
 */
export interface PageLink {
  readonly virtual: bigint;
  readonly frame: number | null;
}

/** The banks that the kernel found, whole pages, ascending; empty when it did not get that far. */
export function kernelBanks({ events }: Pick<LevitateMachine, 'events'>): Range[] {
  return memoryFields(events.get('memory'), 'bank').map(({ base, bytes }) => {
    const start = Number(base);
    return { start, end: start + bytes };
  });
}

/** The fields of those `events` that are about `what`. */
export function memoryFields<What extends MemoryFields['what']>(
  events: readonly LogEvent<'memory'>[],
  what: What,
): Extract<MemoryFields, { readonly what: What }>[] {
  return events
    .map(({ fields }) => fields)
    .filter((fields): fields is Extract<MemoryFields, { readonly what: What }> => fields.what === what);
}

/** The kernel's mem_map; null when it has none, or none that is filled. */
export function findMemMap(machine: Pick<LevitateMachine, 'events' | 'memory'>): MemMapView | null {
  const placed = memoryFields(machine.events.get('memory'), 'mem_map').at(-1);
  if (placed === undefined) return null;
  const { sections } = planMemMap(kernelBanks(machine));
  const view = new MemMapView(machine.memory, Number(placed.base), sections);
  return view.isFilled ? view : null;
}

/** Reads struct Pages by the number of the frame. */
export class MemMapView {
  readonly base: number;
  readonly sections: readonly SectionPlan[];
  private readonly memory: PhysicalMemory;

  constructor(memory: PhysicalMemory, base: number, sections: readonly SectionPlan[]) {
    this.memory = memory;
    this.base = base;
    this.sections = sections;
  }

  /** No descriptor that the kernel ever wrote is zero. */
  get isFilled(): boolean {
    return this.memory.read32(this.base) !== 0;
  }

  get entries(): number {
    return this.sections.reduce((sum, { startPfn, endPfn }) => sum + endPfn - startPfn, 0);
  }

  /** The state words of a section. */
  reader({ startPfn, endPfn, firstEntry }: SectionPlan): StateReader {
    const originPfn = startPfn - (startPfn % MAX_BLOCK_FRAMES);
    const startRel = startPfn - originPfn;
    return {
      originPfn,
      startRel,
      endRel: endPfn - originPfn,
      state: (rel) => this.memory.read32(this.base + (firstEntry + rel - startRel) * PAGE_STRUCT_BYTES),
    };
  }

  /** The state of the frame that holds `pa`. */
  frameState(pa: number): FrameState {
    const pfn = Math.floor(pa / PAGE_SIZE);
    const section = this.sectionOf(pfn);
    if (section === null) return outsideRam(physAddr(pfn * PAGE_SIZE));
    const reader = this.reader(section);
    return explainFrame(reader, pfn - reader.originPfn);
  }

  /** The descriptor of the frame that holds `pa`; null when it has none. */
  page(pa: number): DecodedPage | null {
    const pfn = Math.floor(pa / PAGE_SIZE);
    const section = this.sectionOf(pfn);
    if (section === null) return null;
    const physical = this.base + (section.firstEntry + pfn - section.startPfn) * PAGE_STRUCT_BYTES;
    const { flags, order, refcount } = decodeState(this.memory.read32(physical));
    return {
      physical,
      virtual: DIRECT_MAP_BASE + BigInt(physical),
      flags: flagNames(flags),
      order,
      refcount,
      next: this.link(this.memory.read64(physical + 8)),
      prev: this.link(this.memory.read64(physical + 16)),
    };
  }

  private sectionOf(pfn: number): SectionPlan | null {
    return this.sections.find(({ startPfn, endPfn }) => pfn >= startPfn && pfn < endPfn) ?? null;
  }

  private link(virtual: bigint): PageLink | null {
    if (virtual === 0n) return null;
    const entry = Number(virtual - DIRECT_MAP_BASE - BigInt(this.base)) / PAGE_STRUCT_BYTES;
    const section = Number.isInteger(entry)
      ? this.sections.find(
          ({ startPfn, endPfn, firstEntry }) => entry >= firstEntry && entry < firstEntry + endPfn - startPfn,
        )
      : undefined;
    const frame = section === undefined ? null : (section.startPfn + entry - section.firstEntry) * PAGE_SIZE;
    return { virtual, frame };
  }
}

/** "0x80083000 (frame 0x9f000000)", or "none". */
export function showLink(link: PageLink | null): string {
  if (link === null) return 'none';
  return `${hex(link.virtual)} (${link.frame === null ? 'outside mem_map' : `frame ${hex(link.frame)}`})`;
}

/** A question that a machine cannot answer, and why: not an error, an answer. */
export interface Unknown {
  readonly known: false;
  readonly reason: string;
}

/** No answer, with the reason: one clause. */
export function unknown(reason: string): Unknown {
  return { known: false, reason };
}

/**
 * No answer: the modelled kernel's `what` does not exist at this moment, or the guest is another.
 */
export function notThere(machine: LevitateMachine, what: string): Unknown {
  if (machine.findKernel() === null) {
    return unknown(`the guest is not the modelled kernel: where and how it keeps its ${what} is not known here`);
  }
  const panic = machine.events.get('panic')[0];
  return unknown(
    panic === undefined
      ? `the kernel has no ${what} yet at this moment of the boot`
      : `the kernel panicked before it had its ${what}: ${panic.fields.reason}`,
  );
}
