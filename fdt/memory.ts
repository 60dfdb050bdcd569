// SPDX-License-Identifier: GPL-2.0-only
/**
 * RAM as the device tree describes it, before anything is subtracted: pure functions over an open
 * tree.
 *
 * Ranges are returned as in the blob: in its order, unaligned, possibly overlapping. The kernel
 * sorts, merges and trims them to pages.
 *
 * Specification: Devicetree Specification v0.4, 3.4 (/memory) and 5.3 (reservation block); what
 * Linux also accepts: drivers/of/fdt.c, early_init_dt_scan_memory.
 */

import { hex } from '#common/address.ts';
import type { Range } from '#common/range.ts';
import { addressCells, rangeOfPair, readPairs, sizeCells } from './addresses.ts';
import type { Fdt } from './fdt.ts';

/** Range of RAM. */
export interface MemoryRange extends Range<bigint> {
  /** Path of its node. */
  readonly path: string;
  /** True when the node has the property `hotpluggable`. */
  readonly hotpluggable: boolean;
}

/**
 * Every range of every node below the root whose `device_type` is "memory", whatever the node's
 * name. `linux,usable-memory` takes precedence over `reg`. Nodes whose `status` is neither absent,
 * `okay` nor `ok` are skipped, as are ranges of size 0 and an incomplete range at the end.
 * O(children of the root + ranges).
 *
 * @throws FdtError `FDT_ERR_BADNCELLS` from the root's cells; `FDT_ERR_BADVALUE` a number above 64
 * bits; `FDT_ERR_BADOFFSET` no root
 */
export function memoryRanges(fdt: Fdt): MemoryRange[] {
  const root = fdt.root;
  const ranges: MemoryRange[] = [];
  for (const node of root.children) {
    if (node.findProperty('device_type')?.text !== 'memory' || !node.available) continue;
    const property = node.findProperty('linux,usable-memory') ?? node.findProperty('reg');
    if (property === null) continue;
    const hotpluggable = node.has('hotpluggable');
    for (const pair of readPairs(property, addressCells(root), sizeCells(root)).entries) {
      if (pair.size > 0n) ranges.push({ ...rangeOfPair(pair), path: node.path, hotpluggable });
    }
  }
  return ranges;
}

/** Ranges of the reservation block, which must not be allocated. They may be mapped. */
export function memoryReservations(fdt: Fdt): Range<bigint>[] {
  return fdt.reservations.map(rangeOfPair);
}

/**
 * Reasons why nodes that look like memory give no RAM, for the panic of a kernel that finds no RAM.
 * Empty only when no node is named "memory" or has that device_type. O(children of the root +
 * ranges).
 *
 * @throws FdtError as {@link memoryRanges}
 */
export function ignoredMemory(fdt: Fdt): string[] {
  const root = fdt.root;
  const pairBytes = 4 * (addressCells(root) + sizeCells(root));
  const reasons: string[] = [];
  for (const node of root.children) {
    const type = node.findProperty('device_type')?.text ?? null;
    const named = node.name === 'memory' || node.name.startsWith('memory@');
    if (type !== 'memory') {
      if (named) {
        reasons.push(
          `${node.path} has ${type === null ? 'no device_type' : `device_type "${type}"`}: "memory" is needed`,
        );
      }
      continue;
    }
    if (!node.available) {
      reasons.push(`${node.path} is switched off: its status is "${node.findProperty('status')?.text ?? ''}"`);
      continue;
    }
    const property = node.findProperty('linux,usable-memory') ?? node.findProperty('reg');
    if (property === null) {
      reasons.push(`${node.path} has no reg`);
      continue;
    }
    const { entries, trailingBytes } = readPairs(property, addressCells(root), sizeCells(root));
    if (trailingBytes > 0) {
      const part = entries.length === 0 ? 'less than one range' : 'a part of a range at the end';
      reasons.push(`${property.name} of ${node.path} has ${property.value.length} bytes, ${part} of ${pairBytes}`);
    } else if (entries.length === 0) reasons.push(`${property.name} of ${node.path} is empty`);
    for (const { address, size } of entries) {
      if (size === 0n) reasons.push(`${node.path} names 0 bytes at ${hex(address)}, to be filled in by a boot loader`);
    }
  }
  return reasons;
}
