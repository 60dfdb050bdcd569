// SPDX-License-Identifier: GPL-2.0-only
/**
 * Events of kind `mmu` for changes of translation tables. Emitted only when that kind is traced.
 *
 *     map     [va, va + bytes) leads to [pa, pa + bytes) with these attributes; earlier mappings there no longer count
 *     unmap   [va, va + bytes) leads nowhere; pa is where va led before
 *     split   the block of `bytes` at va is 512 smaller entries now, which say the same
 *     switch  the half that begins at va is translated by the tables whose root is pa; pa null: walks are off
 */

import { hex, type PhysAddr, type VirtAddr } from '#common/address.ts';
import type { MmuFields } from '#kernel-ts/hal/kernel-events.ts';
import type { TracePort } from '#kernel-ts/hal/ports.ts';
import { describeAttributes, type MemoryAttributes } from './descriptor.ts';
import { addressAt, HALF_BYTES, type Half } from './virtual-range.ts';

/** Emits the events. Sizes are in bytes; describeAttributes formats the attributes. */
export class MappingTrace {
  private readonly trace: TracePort;

  constructor(trace: TracePort) {
    this.trace = trace;
  }

  mapped(va: VirtAddr, pa: number, bytes: number, attrs: MemoryAttributes): void {
    this.emit('map', va, pa, bytes, describeAttributes(attrs));
  }

  unmapped(va: VirtAddr, pa: number | null, bytes: number): void {
    this.emit('unmap', va, pa, bytes, null);
  }

  split(va: VirtAddr, pa: number, bytes: number, attrs: MemoryAttributes): void {
    this.emit('split', va, pa, bytes, describeAttributes(attrs));
  }

  switched(half: Half, root: PhysAddr | null): void {
    this.emit('switch', addressAt(half, 0), root, HALF_BYTES, null);
  }

  private emit(op: MmuFields['op'], va: VirtAddr, pa: number | null, bytes: number, attributes: string | null): void {
    this.trace.emit('mmu', { op, va: hex(va), pa: pa === null ? null : hex(pa), bytes, attributes });
  }
}
