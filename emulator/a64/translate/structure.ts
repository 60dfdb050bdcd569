// SPDX-License-Identifier: GPL-2.0-only
/**
 * Loops of a region that can become WebAssembly loops. Blocks are in the order of their addresses,
 * so a forward branch leaves as many open blocks as it skips, and only a backward branch needs a
 * loop around all blocks between.
 *
 *     loop ─ header ─ … ─ last ─┐     entered at its header alone, from outside and from inside
 *       └───────────────────────┘
 *
 * All other backward branches go through the region's dispatcher, a branch table.
 */

/** Edge between two block numbers: [from, to]. */
export type Edge = readonly [from: number, to: number];

export interface Loop {
  readonly header: number;
  readonly last: number;
}

export interface Structure {
  /** Loops by header. */
  readonly loops: ReadonlyMap<number, Loop>;
  /**
   * Blocks that the dispatcher reaches: entries, and targets of backward branches without a loop.
   */
  readonly dispatched: ReadonlySet<number>;
}

/** @param entries blocks that can be entered from outside the region */
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

/** True when the dispatcher can reach `block`, because it is inside no loop. */
export function isReachable({ loops }: Structure, block: number): boolean {
  for (const { header, last } of loops.values()) if (block > header && block <= last) return false;
  return true;
}
