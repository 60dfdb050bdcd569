// SPDX-License-Identifier: GPL-2.0-only
/**
 * The state of a part of the machine as plain data, which a snapshot holds: what the part needs to
 * go on as if nothing had happened, and nothing that it was built with. Registers, queues and
 * pending waits are state; names, sizes and connections are not.
 *
 * A part is restored into one that was built the same way. Restoring drives no line and tells
 * nobody: the other side of each connection restores its own half.
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

/** A part of the machine that a snapshot holds. */
export interface Stateful {
  /** A copy: what happens afterwards does not change it. */
  saveState(): SavedState;
  /** @param state what `saveState` of a part built the same way gave */
  restoreState(state: SavedState): void;
}

/**
 * Where the shape of `saved` differs from that of `expected`, as a path, or null. Records must have
 * the same members; what stands in lists is left to the owner. Another version of the emulator
 * keeps other members: better told than half restored.
 */
export function differenceOfShape(saved: SavedState, expected: SavedState, path = ''): string | null {
  if (!isRecord(saved) || !isRecord(expected)) return isRecord(saved) === isRecord(expected) ? null : path;
  for (const name of new Set([...Object.keys(saved), ...Object.keys(expected)])) {
    const [left, right] = [saved[name], expected[name]];
    const at = path === '' ? name : `${path}.${name}`;
    if (left === undefined || right === undefined) return at;
    // A value that is absent for the moment (a wait, a queue) has no shape.
    const difference = left === null || right === null ? null : differenceOfShape(left, right, at);
    if (difference !== null) return difference;
  }
  return null;
}

function isRecord(state: SavedState): state is { readonly [name: string]: SavedState } {
  return typeof state === 'object' && state !== null && !Array.isArray(state) && !(state instanceof Uint8Array);
}
