// SPDX-License-Identifier: GPL-2.0-only
/**
 * Model of the page tables for property tests: their leaves in a `Map`. Knows no tables, no memory,
 * no descriptors.
 */

import { MapErrorCode } from '#kernel-ts/hal/mmu/map-error.ts';

/** Leaf: size in bytes, output address, attributes. */
export interface ModelLeaf {
  readonly size: number;
  readonly pa: number;
  readonly attrs: bigint;
}

const SIZES = [2 ** 30, 2 ** 21, 2 ** 12] as const;

/** Leaves by offset. Each operation returns null, or the expected error code. */
export class PageModel {
  readonly leaves = new Map<number, ModelLeaf>();

  /** Leaf around `offset`. */
  find(offset: number): { start: number; leaf: ModelLeaf } | null {
    for (const size of SIZES) {
      const start = offset - (offset % size);
      const leaf = this.leaves.get(start);
      if (leaf !== undefined && leaf.size > offset - start) return { start, leaf };
    }
    return null;
  }

  /** Maps the largest leaves that fit, from the left. */
  mapRange(start: number, pa: number, bytes: number, attrs: bigint): MapErrorCode | null {
    if (this.overlaps(start, bytes)) return MapErrorCode.AlreadyMapped;
    for (let done = 0; done < bytes; ) {
      const size = SIZES.find((s) => (start + done) % s === 0 && (pa + done) % s === 0 && done + s <= bytes) as number;
      this.leaves.set(start + done, { size, pa: pa + done, attrs });
      done += size;
    }
    return null;
  }

  /** Maps one leaf of `size`; inside a larger leaf it replaces its part. */
  mapUnit(start: number, pa: number, size: number, attrs: bigint): MapErrorCode | null {
    const around = this.find(start);
    if (around !== null && around.leaf.size > size) this.splitTo(start, size);
    else if (this.overlaps(start, size)) return MapErrorCode.AlreadyMapped;
    this.leaves.set(start, { size, pa, attrs });
    return null;
  }

  unmapRange(start: number, bytes: number): MapErrorCode | null {
    return this.update(start, bytes, () => null);
  }

  protect(start: number, bytes: number, attrs: bigint): MapErrorCode | null {
    return this.update(start, bytes, (leaf) => (leaf.attrs === attrs ? leaf : { ...leaf, attrs }));
  }

  private update(start: number, bytes: number, change: (leaf: ModelLeaf) => ModelLeaf | null): MapErrorCode | null {
    const end = start + bytes;
    for (let at = start; at < end; ) {
      const found = this.find(at);
      if (found === null) return MapErrorCode.NotMapped;
      at = found.start + found.leaf.size;
    }
    for (let at = start; at < end; ) {
      let found = this.find(at) as { start: number; leaf: ModelLeaf };
      const after = change(found.leaf);
      while (after !== found.leaf && (found.start < at || found.start + found.leaf.size > end)) {
        this.split(found.start);
        found = this.find(at) as { start: number; leaf: ModelLeaf };
      }
      const changed = change(found.leaf);
      if (changed === null) this.leaves.delete(found.start);
      else this.leaves.set(found.start, changed);
      at = found.start + found.leaf.size;
    }
    return null;
  }

  private overlaps(start: number, bytes: number): boolean {
    if (this.find(start) !== null) return true;
    for (const offset of this.leaves.keys()) if (offset >= start && offset < start + bytes) return true;
    return false;
  }

  private splitTo(offset: number, size: number): void {
    for (let found = this.find(offset); found !== null && found.leaf.size > size; found = this.find(offset)) {
      this.split(found.start);
    }
  }

  private split(start: number): void {
    const leaf = this.leaves.get(start) as ModelLeaf;
    const size = leaf.size / 512;
    for (let index = 0; index < 512; index++) {
      this.leaves.set(start + index * size, { ...leaf, size, pa: leaf.pa + index * size });
    }
  }
}
