// SPDX-License-Identifier: GPL-2.0-only
/**
 * The panic for a frame that cannot be freed. Slow path: the allocator has already found that the
 * descriptor does not match a correct free; this file finds the reason. Each panic names frame,
 * order and state.
 */

import { hex, PAGE_SIZE, type PhysAddr } from '#common/address.ts';
import { KernelPanic } from '#kernel-ts/kernel/panic.ts';
import { describeFrame, type FrameState } from './frame-state.ts';
import { MAX_ORDER, PageFlag } from './page.ts';

/** Reasons, printed after `PANIC: `. An interface for tools. */
export const BadFree = {
  MISALIGNED: 'Free of an address that is not a frame',
  OUTSIDE_RAM: 'Free of a frame outside RAM',
  BAD_ORDER: 'Free with an order that does not exist',
  DOUBLE_FREE: 'Double free of a frame',
  NEVER_ALLOCATED: 'Free of a frame that was never allocated',
  TAIL: 'Free of the inside of an allocation',
  WRONG_ORDER: 'Free with the wrong order',
  EXACT: 'Free of a part of an exact allocation',
  NOT_EXACT: 'Exact free of what is no exact allocation of this size',
  CORRUPT: 'Free of a frame whose struct Page is corrupted',
} as const;

/** Panic for `freeFrames(frame, order)`. `state` is null for a misaligned frame. */
export function badFree(frame: PhysAddr, order: number, state: FrameState | null): KernelPanic {
  const what = `frame ${hex(frame)} (pfn ${hex(Math.floor(frame / PAGE_SIZE))}), order ${order}`;
  if (state === null) {
    return new KernelPanic(BadFree.MISALIGNED, `${what}: not a multiple of ${PAGE_SIZE} bytes`);
  }
  return new KernelPanic(reasonFor(order, state), `${what}: ${describeFrame(state)}`);
}

/** Panic for `freeExact(frame, bytes)` at a block that is not part of such an allocation. */
export function badExactFree(frame: PhysAddr, bytes: number, order: number, state: FrameState): KernelPanic {
  const kind = state.kind === 'allocated' && state.head === state.frame ? BadFree.NOT_EXACT : reasonFor(order, state);
  return new KernelPanic(
    kind,
    `frame ${hex(frame)}, ${bytes} bytes: at ${hex(state.frame)} a block of order ${order} was expected, found ${describeFrame(state)}`,
  );
}

function reasonFor(order: number, state: FrameState): string {
  switch (state.kind) {
    case 'outside-ram':
      return BadFree.OUTSIDE_RAM;
    case 'reserved':
      return BadFree.NEVER_ALLOCATED;
    case 'free':
      return BadFree.DOUBLE_FREE;
    case 'corrupt':
      return BadFree.CORRUPT;
    case 'allocated':
      if (!(Number.isInteger(order) && order >= 0 && order <= MAX_ORDER)) return BadFree.BAD_ORDER;
      if ((state.headFlags & PageFlag.EXACT) !== 0) return BadFree.EXACT;
      return state.head === state.frame ? wrongOrder(order, state) : BadFree.TAIL;
  }
}

/** Order and flags are right, so the refcount is wrong: only a stray write can cause this. */
function wrongOrder(order: number, state: FrameState): string {
  return order === state.order ? BadFree.CORRUPT : BadFree.WRONG_ORDER;
}
