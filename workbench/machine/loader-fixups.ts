// SPDX-License-Identifier: GPL-2.0-only
/**
 * Additions of a boot loader to a device tree before it starts a kernel: RAM, the reserved regions
 * that it knows of, and /chosen.
 *
 * ```
 *   /memory           the tree's own ranges where they can be RAM; else, or where all are of size 0, the board's banks
 *   /reserved-memory  the board's regions beside the tree's
 *   /chosen           command line, bounds of the initrd; a console where the tree names none
 *   others            what the board's loader switches off
 * ```
 * Everything is written in the tree's own cells, whatever the board's are. With 32-bit addresses,
 * everything above 4 GiB is left out.
 *
 * Specification: Devicetree Specification v0.4, 3.4 to 3.6; as U-Boot does it:
 * fdt_fixup_memory_banks and fdt_chosen of boot/fdt_support.c.
 */

import type { CellCounts } from '#boards/tree-sections.ts';
import type { Board } from '#boards/types.ts';
import { decodeUtf8 } from '#common/utf8.ts';
import { readCells, writeCells } from './tree-cells.ts';
import {
  Fdt,
  FdtError,
  type FdtNode,
  type FdtProperty,
  memoryRanges,
  readTree,
  stringValue,
  writeFdt,
} from '#fdt/index.ts';
import { InputError } from '#workbench/input-error.ts';
import { ramIn } from './tree-ram.ts';

/**
 * `blob` with what the board's boot loader adds; `generated` is the board's own tree.
 * @throws InputError for a tree that cannot be read, or whose cells no loader can write
 */
export function applyLoaderFixups(board: Board, blob: Uint8Array, generated: FdtNode): Uint8Array {
  let fdt: Fdt;
  try {
    fdt = Fdt.open(blob);
    const tree = readTree(fdt);
    const own = rootCells(fdt);
    const withMemory = fixMemory(tree.root, fdt, board, own);
    const additions = generated.children
      .filter(({ name }) => name === 'chosen' || name === 'reserved-memory')
      .map((node) => (node.name === 'chosen' ? node : inCellsOf(node, board.rootCells, own)));
    const merged = additions.reduce(mergeNode, withMemory);
    const root = (board.switchedOff ?? []).reduce((above, path) => switchOff(above, path.split('/').slice(1)), merged);
    return writeFdt({ ...tree, root });
  } catch (error) {
    if (!(error instanceof FdtError)) throw error;
    throw new InputError(`the device tree cannot be read, so nothing can be added to it: ${error.message}`);
  }
}

/** `above` with the node at `path` below it disabled, where there is one. */
function switchOff(above: FdtNode, path: readonly string[]): FdtNode {
  const [name, ...deeper] = path;
  if (name === undefined) {
    const others = above.properties.filter((property) => property.name !== 'status');
    return { ...above, properties: [...others, { name: 'status', value: stringValue('disabled') }] };
  }
  return {
    ...above,
    children: above.children.map((child) => (child.name === name ? switchOff(child, deeper) : child)),
  };
}

function rootCells(fdt: Fdt): CellCounts {
  const own = { address: fdt.root.u32('#address-cells') ?? 2, size: fdt.root.u32('#size-cells') ?? 1 };
  if (own.address < 1 || own.address > 2 || own.size < 1 || own.size > 2) {
    throw new InputError(
      `--fixups loader: the tree's root has #address-cells ${own.address} and #size-cells ${own.size}; 1 or 2 each can be written`,
    );
  }
  return own;
}

/** The root with memory nodes that name RAM; unchanged when they already do. */
function fixMemory(root: FdtNode, fdt: Fdt, board: Board, cells: CellCounts): FdtNode {
  const named = memoryRanges(fdt);
  const { banks, onDevices } = ramIn(fdt, board);
  if (named.length > 0 && onDevices.length === 0) return root;
  const ranges = (banks.length > 0 ? banks : board.ramBanks).map(({ base, size }) => ({ address: base, size }));
  const reg = { name: 'reg', value: writeCells(ranges, cells.address, cells.size) };
  const old = root.children.find(isMemory);
  // The loader fills in the first memory node and keeps its name, phandle and numa-node-id. The
  // node gets all banks, as from U-Boot. Further nodes, which U-Boot leaves alone, are removed:
  // their memory is in the first node now, or is no RAM here.
  const filled: FdtNode =
    old === undefined
      ? memoryNode(ranges[0]?.address ?? 0, reg)
      : {
          ...old,
          properties: [...old.properties.filter(({ name }) => name !== 'reg' && name !== 'linux,usable-memory'), reg],
        };
  const children = root.children.filter((node) => !isMemory(node));
  return { ...root, children: [...children, filled] };
}

function memoryNode(address: number, reg: FdtProperty): FdtNode {
  return {
    name: `memory@${address.toString(16)}`,
    properties: [{ name: 'device_type', value: stringValue('memory') }, reg],
    children: [],
  };
}

/** True for a node that the kernel takes for memory: of that type, and not disabled. */
function isMemory({ properties }: FdtNode): boolean {
  const text = (wanted: string): string | null => {
    const property = properties.find(({ name }) => name === wanted);
    return property === undefined ? null : decodeUtf8(property.value).replace(/\0.*$/s, '');
  };
  const status = text('status');
  return text('device_type') === 'memory' && (status === null || status === 'okay' || status === 'ok');
}

/**
 * /reserved-memory of the board in other cells. Its phandles are left out: the tree has its own.
 */
function inCellsOf(node: FdtNode, from: CellCounts, to: CellCounts): FdtNode {
  const number = (value: number): Uint8Array => Uint8Array.of(0, 0, 0, value);
  const properties = node.properties.map((property) => {
    if (property.name === '#address-cells') return { ...property, value: number(to.address) };
    return property.name === '#size-cells' ? { ...property, value: number(to.size) } : property;
  });
  const children = node.children.flatMap((child) => {
    const reg = child.properties.find(({ name }) => name === 'reg');
    const others = child.properties.filter(({ name }) => name !== 'phandle' && name !== 'reg');
    if (reg === undefined) return [{ ...child, properties: others }];
    const value = writeCells(readCells(reg.value, from.address, from.size), to.address, to.size);
    return value.length === 0 ? [] : [{ ...child, properties: [...others, { name: 'reg', value }] }];
  });
  return { ...node, properties, children };
}

/**
 * `root` with `addition` as a child. Existing properties and grandchildren stay; missing ones are
 * added.
 */
function mergeNode(root: FdtNode, addition: FdtNode): FdtNode {
  const existing = root.children.find(({ name }) => name === addition.name);
  if (existing === undefined) return { ...root, children: [...root.children, addition] };
  const overrides = new Set(['bootargs', 'linux,initrd-start', 'linux,initrd-end']);
  const added = addition.properties.filter(
    ({ name }) => overrides.has(name) || !existing.properties.some((property) => property.name === name),
  );
  const kept = existing.properties.filter(({ name }) => !added.some((property) => property.name === name));
  const names = new Set(existing.children.map(({ name }) => name));
  const merged: FdtNode = {
    ...existing,
    properties: [...kept, ...added],
    children: [...existing.children, ...addition.children.filter(({ name }) => !names.has(name))],
  };
  return { ...root, children: root.children.map((child) => (child === existing ? merged : child)) };
}
