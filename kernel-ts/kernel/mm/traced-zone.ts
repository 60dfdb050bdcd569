// SPDX-License-Identifier: GPL-2.0-only
/**
 * Zone that reports every operation on a block (buddy-trace.ts). It allocates and frees as a zone
 * does.
 */

import type { VirtAddr } from '#common/address.ts';
import type { MemoryPort } from '#kernel-ts/hal/ports.ts';
import type { BuddyTrace } from './buddy-trace.ts';
import { NONE } from './free-lists.ts';
import { headOf } from './frame-state.ts';
import type { Section } from './mem-map.ts';
import { decodeState, PAGE_STRUCT_WORDS } from './page.ts';
import { Zone } from './zone.ts';

/** Blocks of one section, with their trace. */
export class TracedZone extends Zone {
  private readonly trace: BuddyTrace;
  /** True while a block is allocated to be divided into a row: allocExact reports the result. */
  private cutting = false;

  constructor(memory: MemoryPort, va: VirtAddr, section: Section, trace: BuddyTrace) {
    super(memory, va, section);
    this.trace = trace;
  }

  override alloc(order: number, extra = 0): number {
    return this.allocated(super.alloc(order, extra), order);
  }

  override allocBelow(order: number, limitRel: number): number {
    return this.allocated(super.allocBelow(order, limitRel), order);
  }

  override allocExact(frames: number, order: number): number {
    this.cutting = true;
    const rel = super.allocExact(frames, order);
    this.cutting = false;
    if (rel === NONE) return rel;
    let [block, left, level] = [rel, frames, order];
    for (; left !== 2 ** level; level--) {
      this.emit('split', block, level);
      const half = 2 ** (level - 1);
      if (left > half) {
        this.emit('alloc', block, level - 1);
        block += half;
        left -= half;
      }
    }
    this.emit('alloc', block, level);
    return rel;
  }

  override free(rel: number, order: number, expected: number): boolean {
    if (!super.free(rel, order, expected)) return false;
    this.emit('free', rel, order);
    const last = decodeState(this.state(headOf(this, rel))).order;
    for (let level = order + 1; level <= last; level++) this.emit('merge', rel & -(1 << level), level);
    return true;
  }

  protected override expand(word: number, level: number, order: number): void {
    super.expand(word, level, order);
    const rel = word / PAGE_STRUCT_WORDS + this.startRel;
    for (let from = level; from > order; from--) this.emit('split', rel, from);
  }

  private allocated(rel: number, order: number): number {
    if (rel !== NONE && !this.cutting) this.emit('alloc', rel, order);
    return rel;
  }

  private emit(op: 'alloc' | 'free' | 'split' | 'merge', rel: number, order: number): void {
    this.trace.emit(op, this.originPfn + rel, order);
  }
}
