// SPDX-License-Identifier: GPL-2.0-only
/**
 * struct Cache and struct Slab: slab caches in memory. Layout only.
 *
 * ```
 * struct Cache (112 bytes, from the heap, 128-aligned)       struct Slab (at the start of a block of 2^order frames)
 *  +0   u32 lock            +4  u32 object_bytes              +0  u32 magic "SLAB"   +4  u32 in_use
 *  +8   u32 stride          +12 u32 order                     +8  u64 cache: struct Cache
 *  +16  u32 capacity        +20 u32 first: offset of object 0 +16 u64 next    +24 u64 prev: struct Slab or 0
 *  +24  u32 in_use          +28 u32 align                     +32 u32 bitmap[(capacity + 31) / 32]: set = in use,
 *  +32  u64 next: struct Cache or 0                                 and set beyond the last object
 *  +40  u8  name[24]: UTF-8, ends with a zero                 +first  objects, one every stride bytes
 *  +64  list[3] { u64 head: struct Slab or 0, u32 length, u32 pad }      partial, full, empty
 *
 *   cache ─► partial ─► slab ⇄ slab                |header|bitmap|pad| object 0 | object 1 | …… | object n-1 | rest |
 *         ─► full    ─► slab ⇄ slab ⇄ slab         0                 first                               2^order * 4096
 *         ─► empty   ─► slab
 * ```
 * A slab lies in the direct map at a multiple of its size, because the buddy's blocks do: the slab
 * of an object is found by rounding down.
 */

/** Word offsets in struct Cache. */
export const CACHE_OBJECT_BYTES = 1;
export const CACHE_STRIDE = 2;
export const CACHE_ORDER = 3;
export const CACHE_CAPACITY = 4;
export const CACHE_FIRST = 5;
export const CACHE_IN_USE = 6;
export const CACHE_ALIGN = 7;
export const CACHE_NEXT = 8;
export const CACHE_LISTS = 16;

/** Byte offset of the name, and its longest length in bytes without the zero. */
export const CACHE_NAME = 40;
export const CACHE_NAME_BYTES = 23;

/** Size of struct Cache in bytes, and its alignment: it never crosses a page boundary. */
export const CACHE_BYTES = 112;
export const CACHE_ALIGNMENT = 128;

/** Words in list[k], and word offsets in it. */
export const LIST_WORDS = 4;
export const LIST_HEAD_LO = 0;
export const LIST_HEAD_HI = 1;
export const LIST_LENGTH = 2;

/** Lists of slabs; `in_use` determines the list. */
export const SlabList = { PARTIAL: 0, FULL: 1, EMPTY: 2 } as const;
export type SlabList = (typeof SlabList)[keyof typeof SlabList];

/** Word offsets in struct Slab. */
export const SLAB_MAGIC_WORD = 0;
export const SLAB_IN_USE = 1;
export const SLAB_CACHE_LO = 2;
export const SLAB_CACHE_HI = 3;
export const SLAB_NEXT = 4;
export const SLAB_PREV = 6;
export const SLAB_BITMAP = 8;

/** Size of the header before the bitmap. */
export const SLAB_HEADER_BYTES = 32;

/** "SLAB" in a memory dump. */
export const SLAB_MAGIC = 0x4241_4c53;

/** Largest slab: 8 frames. */
export const MAX_SLAB_ORDER = 3;

/** Layout of a cache's objects in its slabs. */
export interface SlabGeometry {
  readonly order: number;
  /** Bytes of the whole slab. */
  readonly bytes: number;
  /** Bytes from one object to the next. */
  readonly stride: number;
  /** Objects in a slab. */
  readonly capacity: number;
  /** Offset of object 0. */
  readonly first: number;
}

/**
 * Geometry of the smallest slab that wastes at most an eighth for header and rest, or of the slab
 * that wastes least. `align` is a power of two. `null` when no slab holds an object.
 */
export function slabGeometry(objectBytes: number, align: number, pageBytes: number): SlabGeometry | null {
  const stride = Math.ceil(objectBytes / align) * align;
  let best: SlabGeometry | null = null;
  for (let order = 0; order <= MAX_SLAB_ORDER; order++) {
    const bytes = pageBytes * 2 ** order;
    let capacity = Math.floor((bytes - SLAB_HEADER_BYTES) / stride);
    while (capacity > 0 && firstObject(capacity, align) + capacity * stride > bytes) capacity--;
    if (capacity <= 0) continue;
    const geometry = { order, bytes, stride, capacity, first: firstObject(capacity, align) };
    if (lost(geometry) <= 1 / 8) return geometry;
    if (best === null || lost(geometry) < lost(best)) best = geometry;
  }
  return best;
}

function firstObject(capacity: number, align: number): number {
  return Math.ceil((SLAB_HEADER_BYTES + Math.ceil(capacity / 32) * 4) / align) * align;
}

function lost({ bytes, stride, capacity }: SlabGeometry): number {
  return 1 - (capacity * stride) / bytes;
}
