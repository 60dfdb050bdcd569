// SPDX-License-Identifier: GPL-2.0-only
/**
 * Addresses and sizes in a device tree: 32-bit cells, whose number the parent gives, most
 * significant first; and translation of addresses on an inner bus to CPU addresses.
 *
 * ```
 *   / { #address-cells = <2>; #size-cells = <2>;
 *     bus { #address-cells = <1>; #size-cells = <1>;     child    parent      length
 *       ranges =                                       <0x0      0x0 0x40000000  0x1000>;
 *       dev { reg = <0x100 0x10>; };  };  };            0x100 on the bus is 0x40000100 for the CPU
 * ```
 *
 * Not supported: buses whose addresses are more than a number (PCI); such an address exceeds 64
 * bits and is refused.
 *
 * Specification: Devicetree Specification v0.4, 2.3.5 (#address-cells), 2.3.6 (reg), 2.3.8
 * (ranges).
 */

import type { Range } from '#common/range.ts';
import type { DeviceNode } from './device-node.ts';
import { FdtError } from './errors.ts';
import type { DeviceProperty } from './property.ts';
import { quote } from './text.ts';

/** The most cells an address or a size may have (libfdt's FDT_MAX_NCELLS). */
const MAX_CELLS = 4;
const MAX_U64 = 0xffff_ffff_ffff_ffffn;

/** Pair of a `reg` property: `size` bytes from `address`. */
export interface AddressRange {
  readonly address: bigint;
  readonly size: bigint;
}

/** Range of a pair. Its end may exceed 64 bits. */
export function rangeOfPair({ address, size }: AddressRange): Range<bigint> {
  return { start: address, end: address + size };
}

/** Pairs read from a property, and the number of bytes at its end that are less than a pair. */
export interface Pairs {
  readonly entries: readonly AddressRange[];
  readonly trailingBytes: number;
}

function cellCount(node: DeviceNode, name: string, absent: number, least: number): number {
  const property = node.findProperty(name);
  if (property === null) return absent;
  const cells = property.value.length === 4 ? property.u32() : -1;
  if (cells >= least && cells <= MAX_CELLS) return cells;
  const found = cells < 0 ? `${property.value.length} bytes` : `${cells}`;
  throw new FdtError(
    'FDT_ERR_BADNCELLS',
    property.offset,
    `${name} of ${quote(node.path)} must be one cell from ${least} to ${MAX_CELLS}, not ${found}`,
  );
}

/**
 * Number of address cells in the `reg` of the node's CHILDREN; 2 when absent.
 * @throws FdtError `FDT_ERR_BADNCELLS` not one cell of 1 to 4
 */
export function addressCells(node: DeviceNode): number {
  return cellCount(node, '#address-cells', 2, 1);
}

/**
 * Number of size cells in the `reg` of the node's CHILDREN; 1 when absent.
 * @throws FdtError `FDT_ERR_BADNCELLS` not one cell of 0 to 4
 */
export function sizeCells(node: DeviceNode): number {
  return cellCount(node, '#size-cells', 1, 0);
}

/** Reads `count` cells, starting at cell `at`. No cells give 0. */
function cellsToU64(property: DeviceProperty, cells: readonly number[], at: number, count: number): bigint {
  let value = 0n;
  for (let i = at; i < at + count; i++) value = (value << 32n) | BigInt(cells[i] ?? 0);
  if (value > MAX_U64) throw property.badValue(`the ${count} cells at cell ${at} exceed 64 bits`);
  return value;
}

/** Whole cells of a property; trailing bytes that are less than a cell are ignored. */
function wholeCells(property: DeviceProperty): number[] {
  const view = new DataView(property.value.buffer, property.value.byteOffset, property.value.length);
  return Array.from({ length: Math.floor(property.value.length / 4) }, (_, i) => view.getUint32(4 * i));
}

/**
 * The (address, size) pairs of a property, for 0 to 4 cells each; none when both are 0. O(length).
 * @throws FdtError `FDT_ERR_BADVALUE` an address or a size above 64 bits
 */
export function readPairs(property: DeviceProperty, addressCellCount: number, sizeCellCount: number): Pairs {
  const stride = addressCellCount + sizeCellCount;
  if (stride === 0) return { entries: [], trailingBytes: property.value.length };
  const cells = wholeCells(property);
  const entries: AddressRange[] = [];
  for (let at = 0; at + stride <= cells.length; at += stride) {
    const address = cellsToU64(property, cells, at, addressCellCount);
    entries.push({ address, size: cellsToU64(property, cells, at + addressCellCount, sizeCellCount) });
  }
  return { entries, trailingBytes: property.value.length % (4 * stride) };
}

/**
 * The node's `reg` in its parent's address space; null where it has none.
 * @throws FdtError `FDT_ERR_BADVALUE` not a whole number of pairs, or above 64 bits;
 * `FDT_ERR_BADNCELLS` from the parent
 */
export function reg(node: DeviceNode): readonly AddressRange[] | null {
  const property = node.findProperty('reg');
  const parent = node.parent;
  if (property === null || parent === null) return null;
  const [addresses, sizes] = [addressCells(parent), sizeCells(parent)];
  const { entries, trailingBytes } = readPairs(property, addresses, sizes);
  if (trailingBytes > 0) throw property.badValue(`a multiple of ${4 * (addresses + sizes)} is needed`);
  return entries;
}

/**
 * `address` (and the `size` bytes from it, which one entry of `ranges` must cover) in the space of
 * `node`'s parent, translated to a CPU address. An empty `ranges` is the identity; null where a bus
 * on the way has no `ranges` or none that covers it. O(depth × entries).
 * @throws FdtError `FDT_ERR_BADVALUE` a malformed `ranges` or a result above 64 bits;
 * `FDT_ERR_BADNCELLS`
 */
export function translateAddress(node: DeviceNode, address: bigint, size = 1n): bigint | null {
  let translated = address;
  for (let bus = node.parent; bus !== null; bus = bus.parent) {
    const outer = bus.parent;
    if (outer === null) break;
    const ranges = bus.findProperty('ranges');
    if (ranges === null) return null;
    if (ranges.value.length === 0) continue;
    const next = throughRanges(ranges, bus, outer, translated, size);
    if (next === null) return null;
    translated = next;
  }
  return translated;
}

function throughRanges(
  ranges: DeviceProperty,
  bus: DeviceNode,
  outer: DeviceNode,
  address: bigint,
  size: bigint,
): bigint | null {
  const [inner, parent, length] = [addressCells(bus), addressCells(outer), sizeCells(bus)];
  const stride = inner + parent + length;
  if (ranges.value.length % (4 * stride) !== 0) throw ranges.badValue(`a multiple of ${4 * stride} is needed`);
  const cells = ranges.cells();
  for (let at = 0; at < cells.length; at += stride) {
    const childBase = cellsToU64(ranges, cells, at, inner);
    const parentBase = cellsToU64(ranges, cells, at + inner, parent);
    const bytes = cellsToU64(ranges, cells, at + inner + parent, length);
    const into = address - childBase;
    if (into < 0n || into >= bytes || into + size > bytes) continue;
    if (parentBase + into > MAX_U64) throw ranges.badValue('an address translates beyond 64 bits');
    return parentBase + into;
  }
  return null;
}

/**
 * The node's `reg` in CPU addresses; null where it has none or a range cannot be translated.
 * @throws FdtError as {@link reg} and {@link translateAddress}
 */
export function cpuReg(node: DeviceNode): readonly AddressRange[] | null {
  const own = reg(node);
  if (own === null) return null;
  const translated: AddressRange[] = [];
  for (const { address, size } of own) {
    const base = translateAddress(node, address, size === 0n ? 1n : size);
    if (base === null) return null;
    translated.push({ address: base, size });
  }
  return translated;
}
