// SPDX-License-Identifier: GPL-2.0-only
/**
 * Plain data (emulator/bus/saved-state.ts, settings) as JSON text and byte blocks beside it.
 * JSON has no big integers, no bytes and no infinity:
 *
 *     12n ─► {"$":"n","v":"12"}          bytes ─► {"$":"b","v":3}, the block with that number     Infinity ─► {"$":"i"}
 */

import type { SavedState } from '#emulator/bus/saved-state.ts';

/** Text and blocks that {@link decodePlainData} makes the same data of. */
interface EncodedData {
  readonly text: string;
  readonly blocks: readonly Uint8Array[];
}

/** Members that are undefined are left out. Blocks are the arrays themselves, not copies. */
export function encodePlainData(data: unknown): EncodedData {
  const blocks: Uint8Array[] = [];
  const tag = (value: unknown): unknown => {
    if (typeof value === 'bigint') return { $: 'n', v: value.toString() };
    if (value === Infinity) return { $: 'i' };
    if (value instanceof Uint8Array) return { $: 'b', v: blocks.push(value) - 1 };
    if (Array.isArray(value)) return value.map(tag);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, tag(member)]));
  };
  return { text: JSON.stringify(tag(data)), blocks };
}

/**
 * @param json the parsed text.
 * @throws SyntaxError, RangeError when text and blocks were not made by {@link encodePlainData}
 */
export function decodePlainData(json: unknown, blocks: readonly Uint8Array[]): unknown {
  const untag = (value: SavedState): SavedState => {
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
    if (isList(value)) return value.map(untag);
    switch (value['$']) {
      case undefined:
        return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, untag(member)]));
      case 'n':
        return BigInt(value['v'] as string);
      case 'i':
        return Infinity;
      default: {
        const block = blocks[Number(value['v'])];
        if (block === undefined) throw new RangeError(`no block ${Number(value['v'])}`);
        return block;
      }
    }
  };
  return untag(json as SavedState);
}

function isList(value: object): value is readonly SavedState[] {
  return Array.isArray(value);
}
