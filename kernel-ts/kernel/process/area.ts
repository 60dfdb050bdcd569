// SPDX-License-Identifier: GPL-2.0-only
/**
 * Areas: the ranges of a user address space that a process may use, with their permissions. They
 * describe what may be mapped; the page tables describe what is mapped.
 *
 * ```
 *  +0x00 u64 next area, ascending addresses; 0: none
 *  +0x08 u64 start   +0x10 u64 end, whole pages, half-open
 *  +0x18 u32 kind
 * ``` No kind is both writable and executable (W^X), and the guard is not even readable.
 */

import { type VirtAddr, virtAddr } from '#common/address.ts';
import { MemoryAttributes } from '#kernel-ts/hal/mmu/descriptor.ts';
import { RecordView } from './record.ts';

/** Size of a record in bytes. */
export const AREA_RECORD_BYTES = 32;

const NEXT = 0x00;
const START = 0x08;
const END = 0x10;
const KIND = 0x18;

/** Kinds of area, as stored. */
export const AreaKind = { TEXT: 1, RODATA: 2, DATA: 3, HEAP: 4, STACK: 5, GUARD: 6 } as const;
export type AreaKind = (typeof AreaKind)[keyof typeof AreaKind];

/** Kind of access by a program. */
export type UserAccess = 'read' | 'write' | 'execute';

/** Permissions of an area, by its kind. */
interface AreaRules {
  readonly name: string;
  /** Page attributes; null for areas that are never mapped. */
  readonly attributes: MemoryAttributes | null;
  readonly allows: readonly UserAccess[];
}

const RULES: Readonly<Record<AreaKind, AreaRules>> = {
  [AreaKind.TEXT]: { name: 'text', attributes: MemoryAttributes.userCode, allows: ['read', 'execute'] },
  [AreaKind.RODATA]: { name: 'read-only data', attributes: MemoryAttributes.userRodata, allows: ['read'] },
  [AreaKind.DATA]: { name: 'data', attributes: MemoryAttributes.userData, allows: ['read', 'write'] },
  [AreaKind.HEAP]: { name: 'heap', attributes: MemoryAttributes.userData, allows: ['read', 'write'] },
  [AreaKind.STACK]: { name: 'stack', attributes: MemoryAttributes.userData, allows: ['read', 'write'] },
  [AreaKind.GUARD]: { name: 'guard page below the stack', attributes: null, allows: [] },
};

/** Permissions of an area of this kind. */
export function areaRules(kind: AreaKind): AreaRules {
  return RULES[kind];
}

/** Handle on an area's record. */
export class Area extends RecordView {
  get next(): VirtAddr | null {
    return this.getLink(NEXT);
  }
  set next(area: VirtAddr | null) {
    this.setLink(NEXT, area);
  }

  get start(): VirtAddr {
    return virtAddr(this.get64(START));
  }
  set start(va: VirtAddr) {
    this.set64(START, va);
  }

  /** End of the area, exclusive. */
  get end(): VirtAddr {
    return virtAddr(this.get64(END));
  }
  set end(va: VirtAddr) {
    this.set64(END, va);
  }

  get kind(): AreaKind {
    return this.get32(KIND) as AreaKind;
  }
  set kind(kind: AreaKind) {
    this.set32(KIND, kind);
  }
}
