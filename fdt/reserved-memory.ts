// SPDX-License-Identifier: GPL-2.0-only
/**
 * `/reserved-memory`: ranges at fixed addresses, and requests for ranges that the kernel itself
 * must place.
 *
 * A child with `reg` is static, one with `size` dynamic; `reg` wins. A child that cannot be used is
 * not an error, but an entry of `rejected` with the reason, because Linux also prints a warning and
 * continues: the owner of such a range may be an unused device. Overlaps are not checked.
 *
 * More tolerant than the specification in one point: `size` and `alignment` may have 1 or 2 cells
 * whatever `#size-cells` says. The Pixel 6's boot loader writes 2-cell alignments into a tree whose
 * sizes have 1.
 *
 * Specification: Devicetree Specification v0.4, 3.5; rules for refusal: Linux
 * drivers/of/of_reserved_mem.c.
 */

import { hex } from '#common/address.ts';
import { type AddressRange, addressCells, rangeOfPair, readPairs, sizeCells } from './addresses.ts';
import type { Range } from '#common/range.ts';
import type { DeviceNode } from './device-node.ts';
import { FdtError } from './errors.ts';
import type { Fdt } from './fdt.ts';
import type { DeviceProperty } from './property.ts';

/** Properties that static and dynamic regions share. */
interface Region {
  /** The node's name with its unit address. */
  readonly name: string;
  readonly path: string;
  readonly node: DeviceNode;
  /** `no-map`: the kernel must not map it, not even speculatively. */
  readonly noMap: boolean;
  /** `reusable`: the kernel may use it until its owner asks. */
  readonly reusable: boolean;
}

/** Range at a fixed address. A node with several `reg` pairs gives several regions. */
export type StaticRegion = Region & Range<bigint>;

/**
 * Request for `size` bytes in one of `allocRanges`, in their order; anywhere when there are none.
 */
export interface DynamicRegion extends Region {
  readonly size: bigint;
  /** Power of two in bytes, or 0 when the tree gives none. */
  readonly alignment: bigint;
  readonly allocRanges: readonly Range<bigint>[];
}

/** Node (or the whole of `/reserved-memory`) that cannot be used, with the reason. */
export interface RejectedRegion {
  readonly name: string;
  readonly path: string;
  readonly reason: string;
}

/** All of `/reserved-memory`, each list in blob order. */
export interface ReservedMemory {
  readonly staticRegions: readonly StaticRegion[];
  readonly dynamicRegions: readonly DynamicRegion[];
  readonly rejected: readonly RejectedRegion[];
  /** Paths of the children that `status` disables. */
  readonly disabled: readonly string[];
}

/** Cells of an address and of a size. */
interface Cells {
  readonly address: number;
  readonly size: number;
}

/**
 * Reads `/reserved-memory`; four empty lists where there is none. O(children + ranges).
 * @throws FdtError `FDT_ERR_BADOFFSET` the blob has no root; `FDT_ERR_BADNCELLS` the root's own
 * cells are malformed
 */
export function reservedMemory(fdt: Fdt): ReservedMemory {
  const staticRegions: StaticRegion[] = [];
  const dynamicRegions: DynamicRegion[] = [];
  const rejected: RejectedRegion[] = [];
  const disabled: string[] = [];
  const result = { staticRegions, dynamicRegions, rejected, disabled };
  const parent = fdt.findPath('/reserved-memory');
  if (parent === null) return result;

  const reject = (node: DeviceNode, reason: string): void => {
    rejected.push({ name: node.name, path: node.path, reason });
  };
  const cells: Cells = { address: addressCells(fdt.root), size: sizeCells(fdt.root) };
  const unusable = whyUnusable(parent, cells);
  if (unusable !== null) {
    reject(parent, unusable);
    return result;
  }

  for (const node of parent.children) {
    if (!node.available) {
      disabled.push(node.path);
      continue;
    }
    try {
      const region = {
        name: node.name,
        path: node.path,
        node,
        noMap: node.has('no-map'),
        reusable: node.has('reusable'),
      };
      const property = node.findProperty('reg');
      if (property === null) {
        dynamicRegions.push({ ...region, ...dynamicRequest(node, cells) });
        continue;
      }
      for (const { address, size } of wholePairs(property, cells)) {
        if (size === 0n) reject(node, `the range at ${hex(address)} is empty`);
        else if (address + size > 2n ** 64n) {
          reject(node, `the range at ${hex(address)} of ${hex(size)} bytes ends beyond 64 bits`);
        } else staticRegions.push({ ...region, start: address, end: address + size });
      }
    } catch (error) {
      if (!(error instanceof FdtError)) throw error;
      reject(node, error.message);
    }
  }
  return result;
}

/** Linux requires the root's own cells and a `ranges`: children are then CPU addresses. */
function whyUnusable(parent: DeviceNode, root: Cells): string | null {
  for (const [name, wanted] of [
    ['#address-cells', root.address],
    ['#size-cells', root.size],
  ] as const) {
    const property = parent.findProperty(name);
    if (property === null) return `${name} is missing; it must equal the root's ${wanted}`;
    if (property.value.length !== 4) return `${name} has ${property.value.length} bytes, not 4`;
    if (property.u32() !== wanted) return `${name} is ${property.u32()}; it must equal the root's ${wanted}`;
  }
  return parent.has('ranges') ? null : 'ranges is missing';
}

function wholePairs(property: DeviceProperty, cells: Cells): readonly AddressRange[] {
  const { entries, trailingBytes } = readPairs(property, cells.address, cells.size);
  if (trailingBytes > 0 || entries.length === 0) {
    throw property.badValue(`a multiple of ${4 * (cells.address + cells.size)}, and at least that, is needed`);
  }
  return entries;
}

function dynamicRequest(node: DeviceNode, cells: Cells): Pick<DynamicRegion, 'size' | 'alignment' | 'allocRanges'> {
  const sizeProperty = node.getProperty('size');
  const size = sizeProperty.u64();
  if (size === 0n) throw sizeProperty.badValue('a request for nothing');
  const alignmentProperty = node.findProperty('alignment');
  const alignment = alignmentProperty?.u64() ?? 0n;
  if (alignmentProperty !== null && (alignment & (alignment - 1n)) !== 0n) {
    throw alignmentProperty.badValue(`the alignment ${hex(alignment)} is not a power of two`);
  }
  const allocRanges = node.findProperty('alloc-ranges');
  return { size, alignment, allocRanges: allocRanges === null ? [] : wholePairs(allocRanges, cells).map(rangeOfPair) };
}
