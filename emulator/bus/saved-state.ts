// SPDX-License-Identifier: GPL-2.0-only
/**
 * State of a part of the machine as plain data, for snapshots: everything that the part needs to
 * continue as if nothing had happened, without its configuration. Registers, queues and pending
 * waits are state; names, sizes and connections are configuration.
 *
 * State is restored into a part that was built the same way. Restoring drives no line and notifies
 * nobody: the other side of each connection restores its own state.
 */

/** Plain data. */
export type SavedState =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly SavedState[]
  | { readonly [name: string]: SavedState };

/** Part of the machine whose state a snapshot holds. */
export interface Stateful {
  /** Returns a copy, which later changes do not affect. */
  saveState(): SavedState;
  /** @param state result of `saveState` of a part that was built the same way */
  restoreState(state: SavedState): void;
}

/**
 * Path of the first difference in shape between `saved` and `expected`, or null. Records must have
 * the same members; the contents of lists are left to their owner. Another version of the emulator
 * may have other members: an error is better than a half-restored machine.
 */
export function differenceOfShape(saved: SavedState, expected: SavedState, path = ''): string | null {
  if (!isRecord(saved) || !isRecord(expected)) return isRecord(saved) === isRecord(expected) ? null : path;
  for (const name of new Set([...Object.keys(saved), ...Object.keys(expected)])) {
    const [left, right] = [saved[name], expected[name]];
    const at = path === '' ? name : `${path}.${name}`;
    if (left === undefined || right === undefined) return at;
    // A value that is null at the moment (a wait, a queue) has no shape.
    const difference = left === null || right === null ? null : differenceOfShape(left, right, at);
    if (difference !== null) return difference;
  }
  return null;
}

function isRecord(state: SavedState): state is { readonly [name: string]: SavedState } {
  return typeof state === 'object' && state !== null && !Array.isArray(state) && !(state instanceof Uint8Array);
}
