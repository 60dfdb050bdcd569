// SPDX-License-Identifier: GPL-2.0-only
/**
 * A flattened device tree, opened: checked as libfdt's fdt_check_full checks it, then navigable.
 *
 * `find*` returns null for an absent item; an error means that libfdt would also return one.
 * Opening takes one pass over the structure and strings blocks, whatever they contain; padding
 * after them is never read. The blob is not copied: keep it unchanged while the tree is in use.
 *
 * Specification: Devicetree Specification v0.4, chapter 5; behaviour: libfdt.
 */

import { type DeviceNode, NodeTable } from './device-node.ts';
import { FdtError } from './errors.ts';
import { type FdtHeader, readHeader } from './header.ts';
import { indexStructure, readReservations, type Reservation } from './structure.ts';
import { quote } from './text.ts';

/** An open device tree. */
export class Fdt {
  readonly header: FdtHeader;
  /** The reservation block, without its terminator. */
  readonly reservations: readonly Reservation[];
  private readonly table: NodeTable;
  private phandles: Map<number, DeviceNode> | undefined;

  private constructor(header: FdtHeader, reservations: readonly Reservation[], table: NodeTable) {
    this.header = header;
    this.reservations = reservations;
    this.table = table;
  }

  /**
   * Checks a whole blob and indexes its nodes. Bytes after `totalsize` are ignored. O(structure +
   * strings + reservations).
   *
   * @throws FdtError what fdt_check_full would return: see `readHeader`, `readReservations` and
   * `indexStructure`; also `FDT_ERR_TRUNCATED` when the blob is shorter than its `totalsize`
   */
  static open(blob: Uint8Array): Fdt {
    const header = readHeader(blob);
    if (blob.length < header.totalSize) {
      throw new FdtError(
        'FDT_ERR_TRUNCATED',
        blob.length,
        `the blob has ${blob.length} of its ${header.totalSize} bytes`,
      );
    }
    // A plain Uint8Array, even if the caller's is of a subclass: the slice() of Node's Buffer does
    // not copy, but readTree relies on a copy.
    const bytes = new Uint8Array(blob.buffer, blob.byteOffset, header.totalSize);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const reservations = readReservations(view, header);
    return new Fdt(header, reservations, new NodeTable(bytes, view, header, indexStructure(bytes, view, header)));
  }

  /** Physical id of the boot CPU, which is not checked. */
  get bootCpuid(): number {
    return this.header.bootCpuid;
  }

  /**
   * @throws FdtError `FDT_ERR_BADOFFSET` the structure block does not start with a node: it is
   * empty, or FDT_NOP or FDT_PROP comes first
   */
  get root(): DeviceNode {
    if (this.table.index.startsWithRoot) return this.table.node(0);
    throw new FdtError(
      'FDT_ERR_BADOFFSET',
      this.header.structOffset,
      'the structure block does not start with the root node',
    );
  }

  /** Every node, parents before children, in blob order; also where {@link root} fails. */
  *nodes(): Generator<DeviceNode, void, undefined> {
    for (let i = 0; i < this.table.count; i++) yield this.table.node(i);
  }

  /**
   * The node at `path`: `/a/b@1`, unit addresses optional, or an alias and what follows it
   * (`serial0`, `soc/uart`). The first that matches, or null. O(nodes passed).
   * @throws FdtError `FDT_ERR_BADPATH` neither `/` nor an alias at the start; `FDT_ERR_BADOFFSET`
   * as {@link root}
   */
  findPath(path: string): DeviceNode | null {
    if (path.startsWith('/')) return descend(this.root, path);
    const slash = path.indexOf('/');
    const alias = slash < 0 ? path : path.slice(0, slash);
    const target = this.resolveAlias(alias);
    if (target === null) {
      throw new FdtError(
        'FDT_ERR_BADPATH',
        this.header.structOffset,
        `${quote(path)} starts with neither / nor an alias`,
      );
    }
    const start = descend(this.root, target);
    return start === null || slash < 0 ? start : descend(start, path.slice(slash));
  }

  /** As {@link findPath}. @throws FdtError `FDT_ERR_NOTFOUND` too */
  getPath(path: string): DeviceNode {
    const node = this.findPath(path);
    if (node !== null) return node;
    throw new FdtError('FDT_ERR_NOTFOUND', this.header.structOffset, `there is no node ${quote(path)}`);
  }

  /** The path of `alias` in `/aliases`; null without one, or when it is not absolute. */
  resolveAlias(alias: string): string | null {
    if (!this.table.index.startsWithRoot) return null;
    const property = this.root.findChild('aliases')?.findProperty(alias) ?? null;
    if (property === null || property.value.at(-1) !== 0) return null;
    const path = property.text;
    return path.startsWith('/') ? path : null;
  }

  /**
   * The first node with that phandle, or null. O(nodes) the first time, then O(1).
   * @throws FdtError `FDT_ERR_BADPHANDLE` 0 and 0xffffffff are no phandles
   */
  findPhandle(phandle: number): DeviceNode | null {
    if (phandle === 0 || phandle === 0xffff_ffff) {
      throw new FdtError('FDT_ERR_BADPHANDLE', this.header.structOffset, `${phandle} is not a phandle`);
    }
    if (this.phandles === undefined) {
      this.phandles = new Map();
      for (const node of this.nodes()) if (!this.phandles.has(node.phandle)) this.phandles.set(node.phandle, node);
    }
    return this.phandles.get(phandle) ?? null;
  }

  /** Every node whose `compatible` lists one of `names`, in blob order. O(nodes). */
  findCompatible(...names: readonly string[]): DeviceNode[] {
    return [...this.nodes()].filter((node) => names.some((name) => node.isCompatible(name)));
  }

  /** Every node with that `device_type`, in blob order. O(nodes). */
  findDeviceType(type: string): DeviceNode[] {
    return [...this.nodes()].filter((node) => node.findProperty('device_type')?.text === type);
  }
}

function descend(from: DeviceNode, path: string): DeviceNode | null {
  let node: DeviceNode | null = from;
  for (const component of path.split('/')) {
    if (component !== '') node = node?.findChild(component) ?? null;
  }
  return node;
}
