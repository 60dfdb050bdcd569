// SPDX-License-Identifier: GPL-2.0-only
/** Edits trees of plain nodes: each edit gives a new tree, and the old one stays unchanged. */

import type { FdtNode } from '#fdt/index.ts';

/** A node without anything in it. */
export function emptyNode(name: string): FdtNode {
  return { name, properties: [], children: [] };
}

/** The node with properties set. An existing property keeps its place. */
export function withProperties(node: FdtNode, values: Readonly<Record<string, Uint8Array>>): FdtNode {
  const kept = node.properties.map((property) => {
    const value = values[property.name];
    return value === undefined ? property : { name: property.name, value };
  });
  const added = Object.entries(values)
    .filter(([name]) => !node.properties.some((property) => property.name === name))
    .map(([name, value]) => ({ name, value }));
  return { ...node, properties: [...kept, ...added] };
}

/** The node with `change` applied to its child `name`, which is created if missing. */
export function withChild(node: FdtNode, name: string, change: (child: FdtNode) => FdtNode): FdtNode {
  if (!node.children.some((child) => child.name === name)) {
    return { ...node, children: [...node.children, change(emptyNode(name))] };
  }
  return { ...node, children: node.children.map((child) => (child.name === name ? change(child) : child)) };
}

/**
 * The tree with `change` applied to the node at `path` ("/soc/serial@1000"). Missing nodes on the
 * way are created.
 */
export function withNode(root: FdtNode, path: string, change: (node: FdtNode) => FdtNode): FdtNode {
  const [first, ...rest] = path.split('/').filter((name) => name !== '');
  if (first === undefined) return change(root);
  return withChild(root, first, (child) => withNode(child, rest.join('/'), change));
}

/** The tree without the node at `path` and what is below it; null when there is none. */
export function withoutNode(root: FdtNode, path: string): FdtNode | null {
  const [first, ...rest] = path.split('/').filter((name) => name !== '');
  const child = root.children.find(({ name }) => name === first);
  if (first === undefined || child === undefined) return null;
  const left = rest.length === 0 ? undefined : withoutNode(child, rest.join('/'));
  if (left === null) return null;
  return {
    ...root,
    children: root.children.flatMap((other) => (other !== child ? [other] : left === undefined ? [] : [left])),
  };
}
