// SPDX-License-Identifier: GPL-2.0-only
/**
 * Resolves the nodes of a board into nodes with bytes: assigns phandles, paths and interrupt
 * specifiers.
 *
 * Specification: Devicetree Specification v0.4, 2.2.4 (property values), 2.3.3 (phandle); bindings
 * arm,gic and arm,gic-v3 (three cells: type, number, flags; a fourth names a PPI partition).
 */

import { type FdtNode, stringListValue } from '#fdt/index.ts';
import { BoardError } from './board-error.ts';
import { type CellSource, type Interrupt, type NodeSource, type PropertySource, ref } from './tree-source.ts';
import type { Board } from './types.ts';

/**
 * Resolves references into phandles and paths, interrupts into cells, and all values into bytes.
 * @throws BoardError for a label that no node has, a label that two nodes have, or a cell outside
 * 32 bits
 */
export function resolveTree(board: Board, root: NodeSource): FdtNode {
  const paths = new Map<string, string>();
  const referenced = new Set<string>();
  const inTreeOrder: string[] = [];
  const survey = (source: NodeSource, path: string): void => {
    if (source.label !== undefined) {
      if (paths.has(source.label)) throw new BoardError(`board ${board.name}: two nodes labelled "${source.label}"`);
      paths.set(source.label, path);
      inTreeOrder.push(source.label);
    }
    for (const property of Object.values(source.properties)) {
      for (const cell of propertyCells(board, property)) if (typeof cell !== 'number') referenced.add(cell.ref);
    }
    for (const child of source.children ?? []) survey(child, `${path === '/' ? '' : path}/${child.name}`);
  };
  survey(root, '/');
  const phandles = new Map(inTreeOrder.filter((label) => referenced.has(label)).map((label, i) => [label, i + 1]));

  const lookup = <T>(table: ReadonlyMap<string, T>, label: string): T => {
    const found = table.get(label);
    if (found === undefined) throw new BoardError(`board ${board.name}: no node is labelled "${label}"`);
    return found;
  };
  const valueOf = (property: PropertySource): Uint8Array => {
    switch (property.kind) {
      case 'flag':
        return new Uint8Array(0);
      case 'bytes':
        return property.bytes;
      case 'text':
        return stringListValue(...property.strings);
      case 'path':
        return stringListValue(lookup(paths, property.label));
      case 'cells':
      case 'interrupts':
        return cellBytes(
          propertyCells(board, property).map((cell) => (typeof cell === 'number' ? cell : lookup(phandles, cell.ref))),
        );
    }
  };
  const resolve = (source: NodeSource): FdtNode => {
    const properties = Object.entries(source.properties).map(([name, property]) => ({
      name,
      value: valueOf(property),
    }));
    const phandle = source.label === undefined ? undefined : phandles.get(source.label);
    if (phandle !== undefined) properties.push({ name: 'phandle', value: cellBytes([phandle]) });
    return { name: source.name, properties, children: (source.children ?? []).map(resolve) };
  };
  return resolve(root);
}

function propertyCells(board: Board, property: PropertySource): readonly CellSource[] {
  if (property.kind === 'cells') return property.cells;
  if (property.kind === 'interrupts') return property.interrupts.flatMap((line) => interruptCells(board, line));
  return [];
}

const TRIGGER_FLAGS = { 'edge-rising': 1, 'level-high': 4, 'level-low': 8 } as const;

/**
 * An interrupt specifier of the GIC bindings: type, number, flags, and 0 or a PPI partition.
 *
 *   flags  15      8 7     4 3        0
 *         [ PPI CPU mask ][  0  ][ trigger ]
 */
function interruptCells({ interruptController }: Pick<Board, 'interruptController'>, line: Interrupt): CellSource[] {
  const mask = line.type === 'ppi' ? (line.cpuMask ?? interruptController.ppiCpuMask) : 0;
  const specifier: CellSource[] = [
    line.type === 'spi' ? 0 : 1,
    line.number,
    mask * 0x100 + TRIGGER_FLAGS[line.trigger],
  ];
  if (interruptController.cells === 4) specifier.push(line.partition === undefined ? 0 : ref(line.partition));
  return specifier;
}

function cellBytes(values: readonly number[]): Uint8Array {
  const out = new Uint8Array(values.length * 4);
  const view = new DataView(out.buffer);
  for (const [i, value] of values.entries()) {
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** 32) throw new BoardError(`not a 32-bit cell: ${value}`);
    view.setUint32(i * 4, value);
  }
  return out;
}
