// SPDX-License-Identifier: GPL-2.0-only
/**
 * Node of a checked blob, and the table that creates nodes on demand. A node is created only once:
 * two lookups of the same node are `===`. Names and properties are decoded on first use, so opening
 * a large tree costs only a pass over its tokens.
 *
 * As libfdt reads them: the properties of a node are those before its first sub-node, FDT_NOPs
 * skipped (a property after a sub-node belongs to no node); of several with the same name, the
 * first counts.
 *
 * Specification: Devicetree Specification v0.4, 2.2.1 (names), 5.4; lookups as libfdt's
 * fdt_getprop, fdt_get_phandle, fdt_subnode_offset.
 */

import { alignUp } from '#common/address.ts';
import { FdtError } from './errors.ts';
import type { FdtHeader } from './header.ts';
import { DeviceProperty } from './property.ts';
import { NO_NODE, PROPERTY_HEADER_SIZE, stringEnd, type StructureIndex, TOKEN, TOKEN_SIZE } from './structure.ts';
import { decodeName, quote } from './text.ts';

/** Nodes of one blob, by their index in the structure block. */
export class NodeTable {
  readonly blob: Uint8Array;
  readonly view: DataView;
  readonly header: FdtHeader;
  readonly index: StructureIndex;
  private readonly nodes: (DeviceNode | undefined)[] = [];
  private strings: string | undefined;

  constructor(blob: Uint8Array, view: DataView, header: FdtHeader, index: StructureIndex) {
    this.blob = blob;
    this.view = view;
    this.header = header;
    this.index = index;
  }

  get count(): number {
    return this.index.offset.length;
  }

  node(i: number): DeviceNode {
    const made = this.nodes[i];
    if (made !== undefined) return made;
    const node = new DeviceNode(this, i);
    this.nodes[i] = node;
    return node;
  }

  /**
   * Property name at `nameOffset` in the strings block. The block is decoded as one string, and
   * names are slices of it, whose memory JavaScript engines share: in a hostile blob, thousands of
   * names may be tails of one that is megabytes long.
   */
  propertyName(nameOffset: number): string {
    const start = this.header.stringsOffset;
    this.strings ??= decodeName(this.blob, start, this.index.stringEnds.at(-1) ?? start);
    return this.strings.slice(nameOffset, stringEnd(this.index, start + nameOffset) - start);
  }
}

/** Node of a device tree. Created by `Fdt`. */
export class DeviceNode {
  private readonly table: NodeTable;
  private readonly i: number;
  private cachedName: string | undefined;
  private cachedProperties: readonly DeviceProperty[] | undefined;

  constructor(table: NodeTable, i: number) {
    this.table = table;
    this.i = i;
  }

  /** Offset of its FDT_BEGIN_NODE from the start of the blob, bytes. */
  get offset(): number {
    return this.table.index.offset[this.i] ?? 0;
  }

  /** The name with its unit address; empty for the root. */
  get name(): string {
    const end = this.table.index.nameEnd[this.i] ?? 0;
    this.cachedName ??= decodeName(this.table.blob, this.offset + TOKEN_SIZE, end);
    return this.cachedName;
  }

  /** The unit address: the name after its first `@`, or null. */
  get unitAddress(): string | null {
    const at = this.name.indexOf('@');
    return at < 0 ? null : this.name.slice(at + 1);
  }

  get parent(): DeviceNode | null {
    const parent = this.table.index.parent[this.i] ?? NO_NODE;
    return parent === NO_NODE ? null : this.table.node(parent);
  }

  /** The full path, `/` for the root. O(depth). */
  get path(): string {
    const names = [this.name];
    for (let node = this.parent; node !== null; node = node.parent) names.push(node.name);
    return names.reverse().join('/') || '/';
  }

  /** The sub-nodes in blob order. O(children). */
  get children(): readonly DeviceNode[] {
    const { firstChild, nextSibling } = this.table.index;
    const children: DeviceNode[] = [];
    for (let i = firstChild[this.i] ?? NO_NODE; i !== NO_NODE; i = nextSibling[i] ?? NO_NODE) {
      children.push(this.table.node(i));
    }
    return children;
  }

  /** The properties in blob order, duplicates too. O(properties) the first time. */
  get properties(): readonly DeviceProperty[] {
    this.cachedProperties ??= this.readProperties();
    return this.cachedProperties;
  }

  /** The first sub-node with this name, with or without its unit address; or null. */
  findChild(component: string): DeviceNode | null {
    const withUnit = component.includes('@');
    for (const child of this.children) {
      const matches = child.name === component || (!withUnit && child.name.startsWith(`${component}@`));
      if (matches) return child;
    }
    return null;
  }

  /** The first property of that name, or null. O(properties). */
  findProperty(name: string): DeviceProperty | null {
    return this.properties.find((property) => property.name === name) ?? null;
  }

  /** @throws FdtError `FDT_ERR_NOTFOUND` the node has no such property */
  getProperty(name: string): DeviceProperty {
    const property = this.findProperty(name);
    if (property !== null) return property;
    throw new FdtError('FDT_ERR_NOTFOUND', this.offset, `node ${quote(this.path)} has no property ${quote(name)}`);
  }

  has(name: string): boolean {
    return this.findProperty(name) !== null;
  }

  /**
   * One cell, null where the property is absent.
   * @throws FdtError `FDT_ERR_BADVALUE` not 4 bytes
   */
  u32(name: string): number | null {
    return this.findProperty(name)?.u32() ?? null;
  }

  /**
   * One or two cells, null where absent.
   * @throws FdtError `FDT_ERR_BADVALUE` neither 4 nor 8 bytes
   */
  u64(name: string): bigint | null {
    return this.findProperty(name)?.u64() ?? null;
  }

  /** All cells, null where absent. @throws FdtError `FDT_ERR_BADVALUE` not a multiple of 4 bytes */
  cells(name: string): number[] | null {
    return this.findProperty(name)?.cells() ?? null;
  }

  /** The first string, null where absent. @throws FdtError `FDT_ERR_BADVALUE` not terminated */
  string(name: string): string | null {
    return this.findProperty(name)?.string() ?? null;
  }

  /**
   * The list of strings, null where absent.
   * @throws FdtError `FDT_ERR_BADVALUE` the last one is not terminated
   */
  stringList(name: string): string[] | null {
    return this.findProperty(name)?.stringList() ?? null;
  }

  /** The raw value (a view into the blob), null where absent. */
  bytes(name: string): Uint8Array | null {
    return this.findProperty(name)?.value ?? null;
  }

  /** The phandle from `phandle` or the older `linux,phandle`; 0 where neither has 4 bytes. */
  get phandle(): number {
    for (const name of ['phandle', 'linux,phandle']) {
      const property = this.findProperty(name);
      if (property?.value.length === 4) return property.u32();
    }
    return 0;
  }

  /** True when `status` is absent, `okay` or `ok` (Devicetree Specification 2.3.4; Linux: `ok`). */
  get available(): boolean {
    const status = this.findProperty('status')?.text;
    return status === undefined || status === 'okay' || status === 'ok';
  }

  /** True when `compatible` lists `name`. An unterminated last string never matches. O(length). */
  isCompatible(name: string): boolean {
    const property = this.findProperty('compatible');
    if (property === null) return false;
    const terminated = property.value.lastIndexOf(0) + 1;
    const list = new DeviceProperty(property.name, property.value.subarray(0, terminated), property.offset);
    return list.stringList().includes(name);
  }

  private readProperties(): DeviceProperty[] {
    const { blob, view, header, index } = this.table;
    const aligned = (at: number): number => header.structOffset + alignUp(at - header.structOffset, TOKEN_SIZE);
    const properties: DeviceProperty[] = [];
    let at = aligned((index.nameEnd[this.i] ?? 0) + 1);
    for (;;) {
      const token = view.getUint32(at);
      if (token === TOKEN.NOP) {
        at += TOKEN_SIZE;
      } else if (token === TOKEN.PROP) {
        const start = at + PROPERTY_HEADER_SIZE;
        const end = start + view.getUint32(at + TOKEN_SIZE);
        const name = this.table.propertyName(view.getUint32(at + 2 * TOKEN_SIZE));
        properties.push(new DeviceProperty(name, blob.subarray(start, end), at));
        at = aligned(end);
      } else {
        return properties;
      }
    }
  }
}
