// SPDX-License-Identifier: GPL-2.0-only
/**
 * Device tree as plain data, for the writer and from {@link readTree}, and constructors of property
 * values.
 *
 * Not a view of a blob: nothing here has offsets, and a tree that was read shares no bytes with the
 * blob it came from.
 */

import type { DeviceNode } from './device-node.ts';
import type { Fdt } from './fdt.ts';
import type { Reservation } from './structure.ts';
import { encodeUtf8 } from '#common/utf8.ts';

/** A whole tree. */
export interface FdtTree {
  /** The reservation block, without its terminator. Bytes. */
  readonly reservations: readonly Reservation[];
  /** The physical id of the boot CPU. */
  readonly bootCpuid: number;
  /** The root; its name is empty. */
  readonly root: FdtNode;
}

export interface FdtNode {
  /** Name with its unit address; one character per byte. */
  readonly name: string;
  readonly properties: readonly FdtProperty[];
  readonly children: readonly FdtNode[];
}

export interface FdtProperty {
  readonly name: string;
  readonly value: Uint8Array;
}

/**
 * The tree of a blob: every node and property in blob order, duplicates too. Data that libfdt
 * ignores is left out: FDT_NOPs, properties after a sub-node, and padding. O(blob), at any depth.
 * @throws FdtError `FDT_ERR_BADOFFSET` the blob has no root
 */
export function readTree(fdt: Fdt): FdtTree {
  const plain = (node: DeviceNode): { name: string; properties: FdtProperty[]; children: FdtNode[] } => ({
    name: node.name,
    properties: node.properties.map(({ name, value }) => ({ name, value: value.slice() })),
    children: [],
  });
  const root = plain(fdt.root);
  const pending = [{ source: fdt.root, target: root }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const source of next.source.children) {
      const target = plain(source);
      next.target.children.push(target);
      pending.push({ source, target });
    }
  }
  return { reservations: fdt.reservations.map((entry) => ({ ...entry })), bootCpuid: fdt.bootCpuid, root };
}

/** 32-bit cells, big-endian. @throws RangeError not an integer in [0, 2^32) */
export function cells(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** 32) throw new RangeError(`${value} does not fit a cell`);
    view.setUint32(4 * i, value);
  });
  return bytes;
}

/** Values of two cells each, most significant first. @throws RangeError not in [0, 2^64) */
export function u64Cells(...values: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(8 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    if (value !== BigInt.asUintN(64, value)) throw new RangeError(`${value} does not fit two cells`);
    view.setBigUint64(8 * i, value);
  });
  return bytes;
}

/** `text` as UTF-8 with its NUL. @throws RangeError `text` contains a NUL */
export function stringValue(text: string): Uint8Array {
  return stringListValue(text);
}

/** Strings one after the other, each with its NUL. @throws RangeError one of them contains a NUL */
export function stringListValue(...texts: readonly string[]): Uint8Array {
  for (const text of texts) {
    if (text.includes('\0')) throw new RangeError(`a string of a property contains NUL: ${JSON.stringify(text)}`);
  }
  return encodeUtf8(texts.map((text) => `${text}\0`).join(''));
}
