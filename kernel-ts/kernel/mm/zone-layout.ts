// SPDX-License-Identifier: GPL-2.0-only
/**
 * struct Zone: the free lists of one section of mem_map. Like Linux's struct zone, it has
 * start_pfn, managed and free_area; unlike Linux's, a zone is a section of a bank and has no type.
 *
 * Layout only: numbers, written as literals for the reason in page.ts.
 *
 * ```
 *  +0   u64 start_pfn       first frame
 *  +8   u64 end_pfn         frame after the last
 *  +16  u64 origin_pfn      start_pfn rounded down to 2^20 frames
 *  +24  u64 map             virtual address of the first frame's struct Page
 *  +32  u32 non_empty       bit k: free_area[k] has a block
 *  +36  u32 pad
 *  +40  u32 managed         frames given to the zone
 *  +44  u32 pad             the number of free frames is the sum of nr_free << k
 *  +48  free_area[21] { u64 head: struct Page or 0, u32 nr_free, u32 pad }
 *  +384                     one every 512 bytes, 512-aligned: a struct never straddles a page
 * ```
 */

/** Word offsets in struct Zone. */
export const ZONE_START_PFN = 0;
export const ZONE_END_PFN = 2;
export const ZONE_ORIGIN_PFN = 4;
export const ZONE_MAP = 6;
export const ZONE_NON_EMPTY = 8;
export const ZONE_MANAGED = 10;
export const ZONE_FREE_AREA = 12;

/** Words in free_area[k], and word offsets in it. */
export const FREE_AREA_WORDS = 4;
export const AREA_HEAD_LO = 0;
export const AREA_HEAD_HI = 1;
export const AREA_NR_FREE = 2;

/** Size of the fields, and distance between zones, in bytes. */
export const ZONE_BYTES = 384;
export const ZONE_STRIDE = 512;
