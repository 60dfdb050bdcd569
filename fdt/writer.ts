// SPDX-License-Identifier: GPL-2.0-only
/**
 * Writes a tree as a version 17 blob, in the layout that dtc gives its output: for a tree that was
 * read from dtc's blob, the same bytes.
 *
 * ```
 *   header 40 | reservations, {0,0} | structure ... FDT_END | strings | zeroes up to padTo
 *   0         0x28                                                     totalsize
 * ```
 *
 * Specification: Devicetree Specification v0.4, 5.1 to 5.6.
 */

import { alignUp } from '#common/address.ts';
import { FdtError } from './errors.ts';
import { FDT_MAGIC, HEADER, HEADER_SIZE } from './header.ts';
import { RESERVATION_SIZE, TOKEN, TOKEN_SIZE } from './structure.ts';
import { encodeName, quote } from './text.ts';
import type { FdtNode, FdtTree } from './tree.ts';

/** Options of {@link writeFdt}. */
export interface WriteOptions {
  /** Total size of the blob in bytes, at least; zeroes follow the strings. */
  readonly padTo?: number;
}

const VERSION = 17;
const LAST_COMPATIBLE_VERSION = 16;

/**
 * Writes `tree` as a blob, such that reading it gives `tree` again. O(tree), for a bounded number
 * of different property names.
 *
 * Names are not checked otherwise: a tree with a `/` in a name is written as it was read.
 *
 * @throws RangeError what no blob can hold: a root with a name, NUL or a character above 0xff in a
 * name, a reservation of size 0 (it would end the block) or beyond 64 bits, a boot CPU id that is
 * no 32-bit number
 * @throws FdtError `FDT_ERR_NOSPACE` the tree needs more than `padTo` bytes
 */
export function writeFdt(tree: FdtTree, options: WriteOptions = {}): Uint8Array {
  const strings = new StringsBlock();
  const struct = writeStructure(tree.root, strings);
  const names = strings.bytes();

  const reservationsOffset = HEADER_SIZE;
  const structOffset = reservationsOffset + RESERVATION_SIZE * (tree.reservations.length + 1);
  const stringsOffset = structOffset + struct.length;
  const used = stringsOffset + names.length;
  const totalSize = options.padTo ?? used;
  if (used > totalSize) throw new FdtError('FDT_ERR_NOSPACE', totalSize, `the tree needs ${used} bytes`);

  const blob = new Uint8Array(totalSize);
  const view = new DataView(blob.buffer);
  const fields: Record<keyof typeof HEADER, number> = {
    magic: FDT_MAGIC,
    totalsize: totalSize,
    off_dt_struct: structOffset,
    off_dt_strings: stringsOffset,
    off_mem_rsvmap: reservationsOffset,
    version: VERSION,
    last_comp_version: LAST_COMPATIBLE_VERSION,
    boot_cpuid_phys: tree.bootCpuid,
    size_dt_strings: names.length,
    size_dt_struct: struct.length,
  };
  for (const [name, value] of Object.entries(fields) as [keyof typeof HEADER, number][]) {
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** 32) throw new RangeError(`${name} cannot be ${value}`);
    view.setUint32(HEADER[name], value);
  }
  tree.reservations.forEach(({ address, size }, i) => {
    if (size === 0n || address !== BigInt.asUintN(64, address) || size !== BigInt.asUintN(64, size)) {
      throw new RangeError(`reservation ${i} cannot be ${size} bytes at ${address}`);
    }
    view.setBigUint64(reservationsOffset + RESERVATION_SIZE * i, address);
    view.setBigUint64(reservationsOffset + RESERVATION_SIZE * i + 8, size);
  });
  blob.set(struct, structOffset);
  blob.set(names, stringsOffset);
  return blob;
}

/** Written without recursion: a tree that was read may be deeper than the stack. */
function writeStructure(root: FdtNode, strings: StringsBlock): Uint8Array {
  if (root.name !== '') throw new RangeError(`the root node cannot have the name ${quote(root.name)}`);
  const out = new TokenWriter();
  const open: { readonly node: FdtNode; next: number }[] = [];
  const begin = (node: FdtNode): void => {
    out.word(TOKEN.BEGIN_NODE);
    out.padded(encodeName(node.name), 1);
    for (const { name, value } of node.properties) {
      out.word(TOKEN.PROP);
      out.word(value.length);
      out.word(strings.offsetOf(name));
      out.padded(value, 0);
    }
    open.push({ node, next: 0 });
  };
  begin(root);
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const child = top.node.children[top.next++];
    if (child !== undefined) {
      begin(child);
    } else {
      out.word(TOKEN.END_NODE);
      open.pop();
    }
  }
  out.word(TOKEN.END);
  return out.bytes();
}

/** The structure block as it grows. */
class TokenWriter {
  private buffer = new Uint8Array(4096);
  private view = new DataView(this.buffer.buffer);
  private length = 0;

  word(value: number): void {
    this.reserve(TOKEN_SIZE);
    this.view.setUint32(this.length, value);
    this.length += TOKEN_SIZE;
  }

  /** Appends `bytes`, `zeroes` zeros, and further zeros up to the next token. */
  padded(bytes: Uint8Array, zeroes: number): void {
    const size = alignUp(bytes.length + zeroes, TOKEN_SIZE);
    this.reserve(size);
    this.buffer.set(bytes, this.length);
    this.length += size;
  }

  bytes(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  private reserve(size: number): void {
    if (this.length + size <= this.buffer.length) return;
    const larger = new Uint8Array(Math.max(2 * this.buffer.length, this.length + size));
    larger.set(this.bytes());
    this.buffer = larger;
    this.view = new DataView(larger.buffer);
  }
}

/** Property names, each once. The tail of an earlier name shares its bytes, as dtc does. */
class StringsBlock {
  private text = '';
  private readonly offsets = new Map<string, number>();

  offsetOf(name: string): number {
    const known = this.offsets.get(name);
    if (known !== undefined) return known;
    encodeName(name); // refuses what a blob cannot hold, before it is joined to the other names
    let offset = this.text.indexOf(`${name}\0`);
    if (offset < 0) {
      offset = this.text.length;
      this.text += `${name}\0`;
    }
    this.offsets.set(name, offset);
    return offset;
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.text, (character) => character.charCodeAt(0));
  }
}
