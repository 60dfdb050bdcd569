// SPDX-License-Identifier: GPL-2.0-only
/**
 * Random mappings and random addresses around them, for tests that compare the walker with a CPU.
 *
 * Deterministic for a given generator. Mappings are disjoint in virtual addresses and close
 * together, so that they share tables, blocks are next to pages, and a random neighbour of a mapped
 * address is worth a test.
 */

import type { PhysAddr, VirtAddr } from '#common/address.ts';
import { PAGE_SIZE, physAddr, virtAddr } from '#common/address.ts';
import { AF, MemoryAttributes, PXN, UXN } from '#kernel-ts/hal/mmu/descriptor.ts';
import type { Half } from '#kernel-ts/hal/mmu/virtual-range.ts';
import { addressAt } from '#kernel-ts/hal/mmu/virtual-range.ts';

/** Uniform random numbers in [0, 1). */
export type Random = () => number;

/** Arguments of `AddressSpace.mapRange` for the half that `va` is in. */
export interface RandomMapping {
  readonly va: VirtAddr;
  readonly pa: PhysAddr;
  readonly bytes: number;
  readonly attrs: MemoryAttributes;
}

/** Virtual range [start, end). */
export interface VirtualRange {
  readonly start: bigint;
  readonly end: bigint;
}

export interface RandomMappingOptions {
  /** Number of mappings; fewer when no place is found in a hundred tries each. */
  readonly count: number;
  /** Ranges of output addresses, at least 4 KiB each. Mappings may share frames. */
  readonly physical: readonly { readonly start: number; readonly end: number }[];
  /** Halves to map in; by default both. */
  readonly halves?: readonly Half[];
  /** Ranges that must stay unmapped: the direct map, the image, the alias window. */
  readonly avoid?: readonly VirtualRange[];
  /** Attributes to choose from; by default {@link TEST_ATTRIBUTES}. */
  readonly attrs?: readonly MemoryAttributes[];
}

/**
 * The kernel's six attributes, and four that it never uses: access flag clear, writable and
 * executable at EL1, at EL0, and executable only.
 */
export const TEST_ATTRIBUTES: readonly MemoryAttributes[] = [
  ...Object.values(MemoryAttributes),
  (MemoryAttributes.kernelData & ~AF) as MemoryAttributes,
  (MemoryAttributes.kernelData & ~PXN) as MemoryAttributes,
  (MemoryAttributes.userData & ~(UXN | PXN)) as MemoryAttributes,
  (MemoryAttributes.kernelCode & ~UXN) as MemoryAttributes,
];

const GIB = 2 ** 30;
const MIB2 = 2 ** 21;

/** Disjoint mappings of pages, 2 MiB and 1 GiB blocks, and mixtures. */
export function randomMappings(random: Random, options: RandomMappingOptions): RandomMapping[] {
  const { count, physical, halves = ['low', 'high'], avoid = [], attrs = TEST_ATTRIBUTES } = options;
  const taken: VirtualRange[] = [...avoid];
  const mappings: RandomMapping[] = [];
  for (let tries = 0; mappings.length < count && tries < count * 100; tries++) {
    const { size, unit } = randomSize(random);
    const places = physical
      .map(({ start, end }) => ({ first: Math.ceil(start / unit), last: Math.floor((end - size) / unit) }))
      .filter(({ first, last }) => first <= last);
    if (places.length === 0) continue;
    const { first, last } = pick(random, places);
    const pa = (first + below(random, last - first + 1)) * unit;
    const va = addressAt(pick(random, halves), randomOffset(random, unit));
    const range = { start: va, end: va + BigInt(size) };
    if (taken.some((other) => range.start < other.end && other.start < range.end)) continue;
    taken.push(range);
    mappings.push({ va, pa: physAddr(pa), bytes: size, attrs: pick(random, attrs) });
  }
  return mappings;
}

/**
 * Addresses to translate: in mappings, at and just past their ends, near them, anywhere in both
 * halves, and not canonical. Byte granular.
 */
export function randomAddresses(random: Random, mappings: readonly RandomMapping[], count: number): VirtAddr[] {
  return Array.from({ length: count }, () => {
    const kind = random();
    const anywhere = addressAt(random() < 0.5 ? 'low' : 'high', below(random, 2 ** 48));
    if (kind < 0.15 || mappings.length === 0) return anywhere;
    const { va, bytes } = pick(random, mappings);
    const inside = virtAddr(va + BigInt(below(random, bytes)));
    if (kind < 0.6) return inside;
    if (kind < 0.75) {
      const edge = random() < 0.5 ? va : va + BigInt(bytes);
      return virtAddr(edge + BigInt(below(random, 17) - 8));
    }
    if (kind < 0.9) {
      const distance = pick(random, [PAGE_SIZE, MIB2, GIB, 2 ** 39]) * (1 + below(random, 3));
      return virtAddr(random() < 0.5 ? inside + BigInt(distance) : inside - BigInt(distance));
    }
    // One of bits 63 to 48 is flipped: not canonical, and bit 55 would select the other half's
    // register.
    return virtAddr((random() < 0.5 ? inside : anywhere) ^ (1n << BigInt(48 + below(random, 16))));
  });
}

/** Size of a mapping, and the alignment of its addresses. */
function randomSize(random: Random): { size: number; unit: number } {
  const kind = random();
  if (kind < 0.45) return { size: PAGE_SIZE * (1 + below(random, 16)), unit: PAGE_SIZE };
  if (kind < 0.65) return { size: MIB2 * (1 + below(random, 3)), unit: MIB2 };
  // Blocks with pages at the end, and 2 MiB of pages where the addresses do not fit a block.
  if (kind < 0.8) return { size: MIB2 + PAGE_SIZE * (1 + below(random, 64)), unit: MIB2 };
  if (kind < 0.9) return { size: MIB2 + PAGE_SIZE * below(random, 8), unit: PAGE_SIZE };
  return { size: GIB, unit: GIB };
}

/** Offset in a half, from a few level 0 and level 1 entries, so that mappings become neighbours. */
function randomOffset(random: Random, unit: number): number {
  const gigabyte = pick(random, [0, 1, 255, 256, 510, 511]) * 2 ** 39 + pick(random, [0, 1, 2, 511]) * GIB;
  if (unit === GIB) return gigabyte;
  const megabytes = gigabyte + pick(random, [0, 1, 2, 3, 200, 505]) * MIB2;
  return unit === MIB2 ? megabytes : megabytes + below(random, 512) * PAGE_SIZE;
}

function below(random: Random, limit: number): number {
  // Two random numbers: a 32-bit generator would leave the low bits of a 48-bit range zero.
  return Math.floor(((random() + random() / 2 ** 32) % 1) * limit) % limit;
}

function pick<T>(random: Random, items: readonly T[]): T {
  return items[below(random, items.length)] as T;
}
