// SPDX-License-Identifier: GPL-2.0-only
/**
 * Builders for tests: trees in a line or two, and blobs made by hand, valid or with one chosen
 * error. Unlike writer.ts, these are not checked, and every field of their header can be
 * overridden.
 */

import { Fdt } from '#fdt/fdt.ts';
import { FDT_MAGIC, HEADER, HEADER_SIZE } from '#fdt/header.ts';
import { cells, type FdtNode, u64Cells } from '#fdt/tree.ts';
import { writeFdt } from '#fdt/writer.ts';

/** Bytes of text, one per character. */
export function ascii(text: string): number[] {
  return Array.from(text, (character) => character.charCodeAt(0));
}

function padded(bytes: readonly number[], padding = 0): number[] {
  return [...bytes, ...new Array<number>((4 - (bytes.length % 4)) % 4).fill(padding)];
}

/** FDT_BEGIN_NODE with its name. */
export function begin(name: string): number[] {
  return [0, 0, 0, 1, ...padded([...ascii(name), 0])];
}

/** FDT_PROP, its name at `nameOffset` of the strings block. */
export function prop(nameOffset: number, value: Iterable<number> = [], padding = 0): number[] {
  const bytes = [...value];
  return [0, 0, 0, 3, ...cells(bytes.length, nameOffset), ...padded(bytes, padding)];
}

export const END_NODE = [0, 0, 0, 2];
export const NOP = [0, 0, 0, 4];
export const END = [0, 0, 0, 9];

/** Parts from which {@link blob} builds. */
export interface BlobSections {
  readonly struct: readonly (readonly number[])[];
  readonly strings?: string;
  /** Pairs of the reservation block with its terminator. */
  readonly reservations?: readonly bigint[];
  /** Header fields with wrong values. */
  readonly header?: Partial<Record<keyof typeof HEADER, number>>;
  /** Bytes between the strings and `totalsize`. */
  readonly padding?: readonly number[];
  /** Bytes after `totalsize`. */
  readonly after?: readonly number[];
}

/** A version 17 blob: header, reservations at 0x28, structure, strings. */
export function blob(parts: BlobSections): Uint8Array {
  const reservations = [...u64Cells(...(parts.reservations ?? [0n, 0n]))];
  const struct = parts.struct.flat();
  const strings = ascii(parts.strings ?? 'a\0bc\0');
  const structOffset = HEADER_SIZE + reservations.length;
  const stringsOffset = structOffset + struct.length;
  const body = [...reservations, ...struct, ...strings, ...(parts.padding ?? [])];
  const fields: Record<keyof typeof HEADER, number> = {
    magic: FDT_MAGIC,
    totalsize: HEADER_SIZE + body.length,
    off_dt_struct: structOffset,
    off_dt_strings: stringsOffset,
    off_mem_rsvmap: HEADER_SIZE,
    version: 17,
    last_comp_version: 16,
    boot_cpuid_phys: 0,
    size_dt_strings: strings.length,
    size_dt_struct: struct.length,
    ...parts.header,
  };
  const header = new Uint8Array(HEADER_SIZE);
  const view = new DataView(header.buffer);
  for (const [name, offset] of Object.entries(HEADER) as [keyof typeof HEADER, number][]) {
    view.setUint32(offset, fields[name]);
  }
  return Uint8Array.from([...header, ...body, ...(parts.after ?? [])]);
}

/** Creates a node as plain data. */
export function node(
  name: string,
  properties: Readonly<Record<string, Uint8Array>> = {},
  children: readonly FdtNode[] = [],
): FdtNode {
  return { name, properties: Object.entries(properties).map(([key, value]) => ({ name: key, value })), children };
}

/** Writes the tree below `root`, and opens it. */
export function openTree(root: FdtNode): Fdt {
  return Fdt.open(writeFdt({ reservations: [], bootCpuid: 0, root }));
}

/** Value of a property that only has to exist. */
export const EMPTY = new Uint8Array();
