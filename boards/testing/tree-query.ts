// SPDX-License-Identifier: GPL-2.0-only
/**
 * Reads a generated tree as a kernel would, for tests: nodes by path, cells, and `reg` translated
 * through `ranges` to CPU addresses. It is written from the specification and shares nothing with
 * the generator, so that the two check each other.
 *
 * Specification: Devicetree Specification v0.4, 2.3.5, 2.3.6, 2.3.8.
 */

import type { FdtNode } from '#fdt/index.ts';

/** A window of a device node in CPU addresses. */
export interface TreeWindow {
  readonly path: string;
  readonly base: number;
  readonly size: number;
}

/** The node at `path` ("/" for the root). Throws when there is none. */
export function nodeAt(root: FdtNode, path: string): FdtNode {
  let node = root;
  for (const name of path.split('/').filter((part) => part !== '')) {
    const child = node.children.find((candidate) => candidate.name === name);
    if (child === undefined) throw new Error(`no node ${name} in ${path}`);
    node = child;
  }
  return node;
}

/** Every node with its path, parents first. */
export function allNodes(root: FdtNode, path = '/'): { path: string; node: FdtNode }[] {
  const below = path === '/' ? '/' : `${path}/`;
  return [{ path, node: root }, ...root.children.flatMap((child) => allNodes(child, below + child.name))];
}

/** Raw value of a property, or null. */
export function valueOf(node: FdtNode, name: string): Uint8Array | null {
  return node.properties.find((property) => property.name === name)?.value ?? null;
}

/** The cells of a property; empty when it is absent or empty. */
export function cellsOf(node: FdtNode, name: string): number[] {
  const value = valueOf(node, name) ?? new Uint8Array(0);
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  return Array.from({ length: value.length / 4 }, (_, i) => view.getUint32(i * 4));
}

/** The strings of a property. */
export function stringsOf(node: FdtNode, name: string): string[] {
  const value = valueOf(node, name);
  if (value === null) return [];
  return new TextDecoder().decode(value).split('\0').slice(0, -1);
}

/** Cells joined into one number, most significant first. */
export function join(parts: readonly number[]): number {
  return parts.reduce((sum, part) => sum * 2 ** 32 + part, 0);
}

/**
 * Windows of all nodes below `root` whose `reg` can be translated to CPU addresses; `skip` names
 * root nodes to leave out.
 */
export function deviceWindows(root: FdtNode, skip: readonly string[]): TreeWindow[] {
  const out: TreeWindow[] = [];
  const visit = (parent: FdtNode, path: string, toCpu: (address: number) => number): void => {
    const address = cellsOf(parent, '#address-cells')[0] ?? 2;
    const size = cellsOf(parent, '#size-cells')[0] ?? 1;
    for (const node of parent.children) {
      const name = node.name.split('@')[0] ?? '';
      if (path === '' && skip.includes(name)) continue;
      const nodePath = `${path}/${node.name}`;
      const reg = cellsOf(node, 'reg');
      for (let i = 0; i < reg.length; i += address + size) {
        const base = toCpu(join(reg.slice(i, i + address)));
        out.push({ path: nodePath, base, size: join(reg.slice(i + address, i + address + size)) });
      }
      const translate = rangesOf(node, address);
      if (translate !== null) visit(node, nodePath, (child) => toCpu(translate(child)));
    }
  };
  visit(root, '', (cpu) => cpu);
  return out;
}

/**
 * Maps child addresses to parent addresses by the entry of `ranges` that covers them; null when the
 * node has none, so that nothing below it has a CPU address.
 */
function rangesOf(node: FdtNode, parentCells: number): ((address: number) => number) | null {
  const value = valueOf(node, 'ranges');
  if (value === null || stringsOf(node, 'device_type')[0] === 'pci') return null;
  if (value.length === 0) return (address) => address;
  const childCells = cellsOf(node, '#address-cells')[0] ?? 2;
  const sizeCells = cellsOf(node, '#size-cells')[0] ?? 1;
  const ranges = cellsOf(node, 'ranges');
  const entries: { readonly child: number; readonly parent: number; readonly size: number }[] = [];
  for (let i = 0; i < ranges.length; i += childCells + parentCells + sizeCells) {
    const child = join(ranges.slice(i, i + childCells));
    const parent = join(ranges.slice(i + childCells, i + childCells + parentCells));
    entries.push({ child, parent, size: join(ranges.slice(i + childCells + parentCells).slice(0, sizeCells)) });
  }
  return (address) => {
    const entry = entries.find(({ child, size }) => address >= child && address < child + size);
    if (entry === undefined) throw new RangeError(`${node.name} has no range for 0x${address.toString(16)}`);
    return address - entry.child + entry.parent;
  };
}
