// SPDX-License-Identifier: GPL-2.0-only
/**
 * Device tree of a board, generated from the data that also places its devices on the bus.
 *
 * It generates a tree of names and property bytes, not a blob: fdt/ writes the flattened device
 * tree.
 *
 *   Board --sections, device nodes--> NodeSource tree --tree-resolve.ts--> FdtNode tree
 *
 * Specification: Devicetree Specification v0.4, 2.3 (standard properties).
 */

import { BoardError } from './board-error.ts';
import type { CellCounts, ChosenOptions } from './tree-sections.ts';
import * as sections from './tree-sections.ts';
import type { FdtNode } from '#fdt/index.ts';
import { resolveTree } from './tree-resolve.ts';
import { type NodeSource, cells, interrupts, pathTo, ref, text } from './tree-source.ts';
import type { Board, DeviceNode, DevicePlacement, RootItem } from './types.ts';
import { getDevice } from './validate-board.ts';

/**
 * Device tree of `board`, with the additions of the boot loader. Equal arguments give equal bytes.
 * Phandles are given to referenced nodes only, from 1 upward in tree order.
 * @throws BoardError when a label is used that no node has, two nodes share a label, a device
 * node's parent does not exist, or a root item names a device that has no root-level node
 */
export function buildDeviceTree(board: Board, options: ChosenOptions = {}): FdtNode {
  const { rootCells } = board;
  const placed = new Set(
    board.tree.flatMap((item) => ('devices' in item && item.devices !== 'rest' ? item.devices : [])),
  );
  const root: NodeSource = {
    name: '',
    properties: {
      model: text(board.model),
      compatible: text(...board.compatible),
      '#address-cells': cells(rootCells.address),
      '#size-cells': cells(rootCells.size),
      'interrupt-parent': cells(ref(board.interruptController.label)),
    },
    children: board.tree.flatMap((item) => rootItemNodes(board, item, placed, options)),
  };
  return resolveTree(board, attachDevices(board, root));
}

/** Nodes of one root item, in order. */
function rootItemNodes(
  board: Board,
  item: RootItem,
  placed: ReadonlySet<string>,
  options: ChosenOptions,
): readonly NodeSource[] {
  if ('devices' in item) {
    const devices =
      item.devices === 'rest'
        ? board.devices.filter((device) => !placed.has(device.name))
        : item.devices.map((name) => getDevice(board, name));
    return devices.flatMap((device) => {
      const nodes = device.nodes.filter((node) => node.parent === undefined);
      if (nodes.length === 0 && item.devices !== 'rest') {
        throw new BoardError(`board ${board.name}: device "${device.name}" has no node below the root`);
      }
      return nodes.map((node) => deviceNode(board, device, node, board.rootCells));
    });
  }
  if (!('section' in item)) return [item];
  switch (item.section) {
    case 'aliases':
      return [sections.aliasesNode(board)];
    case 'chosen':
      return [sections.chosenNode(pathTo(board.kernelConsole.device), options)];
    case 'cpus':
      return [sections.cpusNode(board.cpus)];
    case 'memory':
      return sections.memoryNodes(board.ramBanks, board.rootCells);
    case 'psci':
      return [sections.psciNode(board)];
    case 'reserved-memory': {
      const node = sections.reservedMemoryNode(board.reserved, board.rootCells);
      return node === null ? [] : [node];
    }
    case 'timer':
      return [sections.timerNode(board)];
  }
}

/**
 * Tree node of a placement: name, reg and interrupts from the placement, the rest from the board.
 */
function deviceNode(board: Board, device: DevicePlacement, node: DeviceNode, counts: CellCounts): NodeSource {
  const base = device.base - (node.parentBase ?? 0);
  const own = { ...(node.label === undefined ? {} : { label: node.label }), children: node.children ?? [] };
  if (node.reg === 'none') return { name: node.name, properties: node.properties, ...own };
  const windows = [
    ...sections.regCells(base, node.regBytes ?? device.size, counts),
    ...(node.moreWindows ?? []).flatMap((name) => {
      const more = getDevice(board, name);
      return sections.regCells(more.base - (node.parentBase ?? 0), more.size, counts);
    }),
  ];
  const { compatible, ...others } = node.properties;
  return {
    name: `${node.name}@${(node.unitAddress ?? base).toString(16)}`,
    properties: {
      ...(compatible === undefined ? {} : { compatible }),
      reg: cells(...windows),
      ...(device.irqs === undefined ? {} : { interrupts: interrupts(...device.irqs) }),
      ...others,
    },
    ...own,
  };
}

/** Attaches device nodes that name a parent to that node in `root`, after its own children. */
function attachDevices(board: Board, root: NodeSource): NodeSource {
  const waiting = new Map<string, { device: DevicePlacement; node: DeviceNode }[]>();
  for (const device of board.devices) {
    for (const node of device.nodes) {
      if (node.parent !== undefined) waiting.set(node.parent, [...(waiting.get(node.parent) ?? []), { device, node }]);
    }
  }
  const attach = (source: NodeSource): NodeSource => {
    const own = source.label === undefined ? [] : (waiting.get(source.label) ?? []);
    if (source.label !== undefined) waiting.delete(source.label);
    const counts = childCells(source);
    const devices = own.map(({ device, node }) => deviceNode(board, device, node, counts));
    return { ...source, children: [...(source.children ?? []), ...devices].map(attach) };
  };
  const whole = attach(root);
  for (const label of waiting.keys()) throw new BoardError(`board ${board.name}: no node is labelled "${label}"`);
  return whole;
}

/**
 * Cell counts that a node gives its children, by default 2 and 1 (Devicetree Specification, 2.3.5).
 */
function childCells(source: NodeSource): CellCounts {
  const count = (name: string, fallback: number): number => {
    const property = source.properties[name];
    const first = property?.kind === 'cells' ? property.cells[0] : undefined;
    return typeof first === 'number' ? first : fallback;
  };
  return { address: count('#address-cells', 2), size: count('#size-cells', 1) };
}
