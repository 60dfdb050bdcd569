// SPDX-License-Identifier: GPL-2.0-only
/**
 * The loops of a region that WebAssembly can have as loops. Blocks stand in the order of their
 * addresses, so a branch forward leaves as many open blocks as it skips, and only a branch back
 * needs a loop around all between.
 *
 *     loop ─ header ─ … ─ last ─┐     entered at its header alone, from outside and from inside
 *       └───────────────────────┘
 *
 * A branch back to anything else goes through the region's dispatcher, a table of places.
 */

/** Numbers of blocks: [from, to]. */
export type Edge = readonly [from: number, to: number];

export interface Loop {
  readonly header: number;
  readonly last: number;
}

export interface Structure {
  /** By header. */
  readonly loops: ReadonlyMap<number, Loop>;
  /** Blocks that the dispatcher reaches: entries, and targets of branches back without a loop. */
  readonly dispatched: ReadonlySet<number>;
}

/** @param entries blocks that are entered from outside the region */
export function structureOf(edges: readonly Edge[], entries: Iterable<number>): Structure {
  const loops = new Map<number, Loop>();
  for (const [from, to] of edges) {
    if (to <= from) loops.set(to, { header: to, last: Math.max(from, loops.get(to)?.last ?? from) });
  }
  const dispatched = new Set(entries);
  const isInside = ({ header, last }: Loop, block: number): boolean => block > header && block <= last;
  const isEntered = (loop: Loop): boolean =>
    [...dispatched].some((block) => isInside(loop, block)) ||
    edges.some(([from, to]) => isInside(loop, to) && (from < loop.header || from > loop.last));
  for (let changed = true; changed; ) {
    changed = false;
    for (const loop of loops.values()) {
      if (!isEntered(loop)) continue;
      loops.delete(loop.header);
      dispatched.add(loop.header);
      changed = true;
    }
  }
  return { loops, dispatched };
}

/** True where the dispatcher can go to `block`: it is inside no loop. */
export function isReachable({ loops }: Structure, block: number): boolean {
  for (const { header, last } of loops.values()) if (block > header && block <= last) return false;
  return true;
}
