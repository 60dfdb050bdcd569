// SPDX-License-Identifier: GPL-2.0-only
/**
 * State of a frame: reads its descriptor and, for a TAIL, that of its head. Only reads; used by
 * reports, panics and validate().
 */

import { hex, PAGE_SIZE, type PhysAddr, physAddr } from '#common/address.ts';
import { decodeState, flagNames, MAX_ORDER, PageFlag } from './page.ts';

/** Descriptors of a section, by frame relative to `originPfn`. An open Zone implements it. */
export interface StateReader {
  readonly originPfn: number;
  readonly startRel: number;
  readonly endRel: number;
  /** State word of frame `rel`. */
  state(rel: number): number;
}

/** Kind of a frame. `corrupt`: a descriptor that the allocator never writes. */
export type FrameKind = 'free' | 'allocated' | 'reserved' | 'outside-ram' | 'corrupt';

/** State of a frame. Addresses in bytes. */
export interface FrameState {
  readonly kind: FrameKind;
  readonly frame: PhysAddr;
  /** First frame of its block; the frame itself when reserved or outside RAM. */
  readonly head: PhysAddr;
  /** Order of that block; 0 when reserved or outside RAM. */
  readonly order: number;
  readonly refcount: number;
  /** Flags of the frame's own descriptor. */
  readonly flags: number;
  /** Flags of the head's descriptor. */
  readonly headFlags: number;
  /** First byte and first byte after the RAM of its zone, `null` outside RAM. */
  readonly zone: { readonly base: PhysAddr; readonly end: PhysAddr } | null;
}

/**
 * Head of the block that contains frame `rel` of an open zone; the frame itself when it is no TAIL,
 * -1 when no head covers it (corruption). At most MAX_ORDER steps.
 */
export function headOf(zone: StateReader, rel: number): number {
  if ((zone.state(rel) & PageFlag.TAIL) === 0) return rel;
  for (let order = 1; order <= MAX_ORDER; order++) {
    const candidate = rel & -(1 << order);
    if (candidate < zone.startRel) return -1;
    const state = decodeState(zone.state(candidate));
    if ((state.flags & PageFlag.TAIL) === 0) {
      return (state.flags & PageFlag.HEAD) !== 0 && state.order >= order ? candidate : -1;
    }
  }
  return -1;
}

/** State of frame `rel` of an open zone. */
export function explainFrame(zone: StateReader, rel: number): FrameState {
  const own = decodeState(zone.state(rel));
  const headRel = headOf(zone, rel);
  const head = headRel < 0 ? own : decodeState(zone.state(headRel));
  const address = (of: number): PhysAddr => physAddr((zone.originPfn + of) * PAGE_SIZE);
  return {
    kind: headRel < 0 ? 'corrupt' : kindOf(head.flags),
    frame: address(rel),
    head: address(headRel < 0 ? rel : headRel),
    order: head.order,
    refcount: head.refcount,
    flags: own.flags,
    headFlags: head.flags,
    zone: { base: address(zone.startRel), end: address(zone.endRel) },
  };
}

/** State of a frame outside all zones. */
export function outsideRam(frame: PhysAddr): FrameState {
  return { kind: 'outside-ram', frame, head: frame, order: 0, refcount: 0, flags: 0, headFlags: 0, zone: null };
}

/** Describes a state for a panic or a log: "tail of a free block of order 3 at 0x80008000". */
export function describeFrame(state: FrameState): string {
  const place = state.head === state.frame ? 'head of' : 'tail of';
  switch (state.kind) {
    case 'outside-ram':
      return 'outside every bank of RAM';
    case 'reserved':
      return 'RESERVED, never given to the allocator';
    case 'corrupt':
      return `corrupt: flags ${flagNames(state.flags)}, no head covers it`;
    case 'free':
      return `${place} a free block of order ${state.order} at ${hex(state.head)}`;
    case 'allocated': {
      const exact = (state.headFlags & PageFlag.EXACT) !== 0 ? ', in an exact allocation' : '';
      return `${place} an allocated block of order ${state.order} at ${hex(state.head)}${exact}`;
    }
  }
}

function kindOf(headFlags: number): FrameKind {
  switch (headFlags & ~(PageFlag.EXACT | PageFlag.CONTINUED)) {
    case PageFlag.HEAD | PageFlag.FREE:
      return 'free';
    case PageFlag.HEAD | PageFlag.ALLOCATED:
      return 'allocated';
    case PageFlag.RESERVED:
      return 'reserved';
    default:
      return 'corrupt';
  }
}
