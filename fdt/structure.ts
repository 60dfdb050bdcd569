// SPDX-License-Identifier: GPL-2.0-only
/**
 * One pass over the reservation and structure blocks: it finds every error that libfdt's
 * fdt_check_full finds, and records the start of each node. Afterwards every offset in the index is
 * valid, so readers of nodes and properties check no bounds.
 *
 * ```
 *   FDT_BEGIN_NODE  name NUL, padded to 4        1
 *     FDT_PROP      len, nameoff, len bytes, padded   3
 *     FDT_NOP       anywhere                     4
 *     ... nodes ...
 *   FDT_END_NODE                                 2
 *   FDT_END                                      9
 * ```
 *
 * As in libfdt, padding is skipped unread and need not be inside the block when it is the block's
 * last thing; FDT_PROP or FDT_NOP before the root pass this check (lookups by path then fail).
 * FDT_NOP after the root passes too, as in libfdt 1.8.1; 1.7.2 refused it.
 *
 * Specification: Devicetree Specification v0.4, 5.3 to 5.5; what is accepted: libfdt 1.7.2, tried
 * blob by blob (libfdt-cases.ts), but for that.
 */

import { alignUp, hex } from '#common/address.ts';
import { bisect } from '#common/range.ts';
import { FdtError } from './errors.ts';
import type { FdtHeader } from './header.ts';

/** Tokens of the structure block. */
export const TOKEN = { BEGIN_NODE: 1, END_NODE: 2, PROP: 3, NOP: 4, END: 9 } as const;

/** Size of a token in bytes, and its alignment. */
export const TOKEN_SIZE = 4;

/** Bytes of FDT_PROP before its value: token, length, name offset. */
export const PROPERTY_HEADER_SIZE = 12;

/** Bytes of a reservation: address and size. */
export const RESERVATION_SIZE = 16;

/** Range in the blob's reservation block, in bytes. */
export interface Reservation {
  readonly address: bigint;
  readonly size: bigint;
}

/** No node: the parent of the root, or the child of a leaf. */
export const NO_NODE = -1;

/** Offsets of the nodes. Node i is the i-th FDT_BEGIN_NODE; arrays have an entry a node. */
export interface StructureIndex {
  /** Offset of the node's FDT_BEGIN_NODE from the start of the blob. */
  readonly offset: readonly number[];
  /** Offset of the NUL that ends the node's name. */
  readonly nameEnd: readonly number[];
  readonly parent: readonly number[];
  readonly firstChild: readonly number[];
  readonly nextSibling: readonly number[];
  /** True when the block starts with the root node, without which libfdt finds no path. */
  readonly startsWithRoot: boolean;
  /** Offsets of the NULs in the strings block, ascending: the ends of the property names. */
  readonly stringEnds: readonly number[];
}

/**
 * The reservation block up to its terminator, an entry of size 0 (whatever its address, as in
 * libfdt). O(entries).
 * @throws FdtError `FDT_ERR_TRUNCATED` no terminator inside the blob
 */
export function readReservations(view: DataView, header: FdtHeader): readonly Reservation[] {
  const reservations: Reservation[] = [];
  for (let at = header.reservationsOffset; at + RESERVATION_SIZE <= header.totalSize; at += RESERVATION_SIZE) {
    const size = view.getBigUint64(at + 8);
    if (size === 0n) return reservations;
    reservations.push({ address: view.getBigUint64(at), size });
  }
  throw new FdtError(
    'FDT_ERR_TRUNCATED',
    header.totalSize,
    `the reservation block at ${hex(header.reservationsOffset)} has no terminating entry`,
  );
}

/**
 * Checks the whole structure block and indexes its nodes. O(bytes of the structure and strings
 * blocks), whatever they hold.
 *
 * @param blob exactly `header.totalSize` bytes
 * @throws FdtError `FDT_ERR_TRUNCATED` the block ends before FDT_END, a property name before its
 * NUL; `FDT_ERR_BADOFFSET` a property name outside the strings block; `FDT_ERR_BADSTRUCTURE`
 * unknown token, unterminated node name, value longer than the block, unbalanced nodes, named root,
 * anything but FDT_NOP and FDT_END after the root
 */
export function indexStructure(blob: Uint8Array, view: DataView, header: FdtHeader): StructureIndex {
  const offset: number[] = [];
  const nameEnd: number[] = [];
  const parent: number[] = [];
  const firstChild: number[] = [];
  const nextSibling: number[] = [];
  /** Last child so far of each node, to which the next sibling is linked. */
  const lastChild: number[] = [];
  const stringEnds = findStringEnds(blob, header);
  let startsWithRoot = false;
  let current = NO_NODE;
  let rootClosed = false;

  let at = header.structOffset;
  for (;;) {
    const start = at;
    // The token is checked first, then whether it is allowed here: libfdt's order decides which
    // error is reported.
    at = tokenEnd(blob, view, header, start);
    const token = view.getUint32(start);
    if (rootClosed && token !== TOKEN.END && token !== TOKEN.NOP) {
      throw malformed(start, `token ${token} follows the end of the root node`);
    }
    switch (token) {
      case TOKEN.BEGIN_NODE: {
        const nul = blob.indexOf(0, start + TOKEN_SIZE);
        if (current === NO_NODE && nul > start + TOKEN_SIZE) throw malformed(start, 'the root node has a name');
        if (start === header.structOffset) startsWithRoot = true;
        const node = offset.length;
        const previous = lastChild[current] ?? NO_NODE;
        if (previous !== NO_NODE) nextSibling[previous] = node;
        else if (current !== NO_NODE) firstChild[current] = node;
        if (current !== NO_NODE) lastChild[current] = node;
        offset.push(start);
        nameEnd.push(nul);
        parent.push(current);
        firstChild.push(NO_NODE);
        nextSibling.push(NO_NODE);
        lastChild.push(NO_NODE);
        current = node;
        break;
      }
      case TOKEN.END_NODE:
        if (current === NO_NODE) throw malformed(start, 'FDT_END_NODE without a node that it could end');
        current = parent[current] ?? NO_NODE;
        rootClosed = current === NO_NODE;
        break;
      case TOKEN.PROP:
        checkPropertyName(view, header, stringEnds, start);
        break;
      case TOKEN.NOP:
        break;
      case TOKEN.END:
        if (current !== NO_NODE) throw malformed(start, 'FDT_END inside a node');
        return { offset, nameEnd, parent, firstChild, nextSibling, startsWithRoot, stringEnds };
    }
  }
}

function malformed(at: number, sentence: string): FdtError {
  return new FdtError('FDT_ERR_BADSTRUCTURE', at, sentence);
}

/** Offset of the next token: a multiple of 4 into the block, not always inside it. */
function tokenEnd(blob: Uint8Array, view: DataView, header: FdtHeader, start: number): number {
  const end = header.structEnd;
  let at = start + TOKEN_SIZE;
  if (at > end) {
    throw new FdtError('FDT_ERR_TRUNCATED', start, `the structure block ends at ${hex(end)} without FDT_END`);
  }
  const token = view.getUint32(start);
  switch (token) {
    case TOKEN.BEGIN_NODE: {
      const nul = blob.indexOf(0, at);
      if (nul < 0 || nul >= end) throw malformed(start, 'the name of a node is not terminated inside the block');
      at = nul + 1;
      break;
    }
    case TOKEN.PROP: {
      if (at + TOKEN_SIZE > end) throw malformed(start, 'a property ends before its length');
      const length = view.getUint32(at);
      at = start + PROPERTY_HEADER_SIZE + length;
      if (at > end) throw malformed(start, `a property of ${length} bytes ends outside the block (${hex(end)})`);
      break;
    }
    case TOKEN.NOP:
    case TOKEN.END_NODE:
    case TOKEN.END:
      break;
    default:
      throw malformed(start, `${hex(token, 8)} is no token`);
  }
  return header.structOffset + alignUp(at - header.structOffset, TOKEN_SIZE);
}

/** Offsets of all NULs in the strings block, found once: names may share one long tail. */
function findStringEnds(blob: Uint8Array, header: FdtHeader): number[] {
  const ends: number[] = [];
  // Version 16 limits names by the blob's end; strings still end at size_dt_strings or later.
  for (
    let at = blob.indexOf(0, header.stringsOffset);
    at >= 0 && at < header.stringsEnd;
    at = blob.indexOf(0, at + 1)
  ) {
    ends.push(at);
  }
  return ends;
}

function checkPropertyName(view: DataView, header: FdtHeader, stringEnds: readonly number[], property: number): void {
  const name = header.stringsOffset + view.getUint32(property + 8);
  if (name >= header.stringsEnd) {
    throw new FdtError(
      'FDT_ERR_BADOFFSET',
      property,
      `a property's name at ${hex(name)} is outside the strings block, which ends at ${hex(header.stringsEnd)}`,
    );
  }
  if (name > (stringEnds.at(-1) ?? -1)) {
    throw new FdtError('FDT_ERR_TRUNCATED', property, `the property name at ${hex(name)} is not terminated`);
  }
}

/** Offset of the NUL that ends the (checked) name at `start`. O(log names). */
export function stringEnd(index: StructureIndex, start: number): number {
  const ends = index.stringEnds;
  return ends[bisect(ends.length, (i) => (ends[i] ?? 0) < start)] ?? start;
}
