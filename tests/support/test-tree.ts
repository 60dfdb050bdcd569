// SPDX-License-Identifier: GPL-2.0-only
/**
 * Device trees for tests, said in a few words and written as a blob: RAM, reservations, initrd.
 * Everything else a kernel can do without, so the console stays the early one.
 */

import { concatBytes } from '#common/bytes.ts';
import { cells, type FdtNode, type FdtProperty, stringValue, u64Cells, writeFdt } from '#fdt/index.ts';
import type { ExpectedMemory } from './sound-machine.ts';
import { type Span, span } from './spans.ts';

/** A child of /reserved-memory: `at` (fixed places) or `size` (the kernel's choice). */
export interface Reserved {
  readonly at?: readonly Span[];
  readonly size?: number;
  readonly alignment?: number;
  readonly allocRanges?: readonly Span[];
  readonly noMap?: boolean;
  readonly reusable?: boolean;
  readonly status?: string;
}

/** The contents of a tree. Addresses and sizes take two cells each unless `sizeCells` is 1. */
export interface TreeSource {
  /** One `reg` entry each, in this order. */
  readonly ram?: readonly Span[];
  /** Nodes for the entries: one for all (default), or one for each. */
  readonly memoryNodes?: 'one' | 'each';
  /** `status` of the memory nodes. */
  readonly memoryStatus?: string;
  readonly reserved?: readonly Reserved[];
  /** Entries of the reservation block. */
  readonly reservationBlock?: readonly Span[];
  /** `bytes` is the width of linux,initrd-start and -end. */
  readonly initrd?: Span & { readonly bytes: 4 | 8 };
  readonly sizeCells?: 1 | 2;
}

/** The blob. @throws RangeError for numbers that do not fit */
export function treeBlob(source: TreeSource): Uint8Array {
  const { ram = [], reserved = [], reservationBlock = [], initrd } = source;
  const sizeCells = source.sizeCells ?? 2;
  const reg = (spans: readonly Span[]): Uint8Array => concatBytes(spans.map((range) => pair(range, sizeCells)));
  const memory = (spans: readonly Span[], index: number): FdtNode =>
    node(`memory@${(spans[0]?.start ?? index).toString(16)}`, {
      device_type: stringValue('memory'),
      ...(source.memoryStatus === undefined ? {} : { status: stringValue(source.memoryStatus) }),
      reg: reg(spans),
    });
  const rootCells = { '#address-cells': cells(2), '#size-cells': cells(sizeCells) };
  const width = (value: number): Uint8Array => (initrd?.bytes === 4 ? cells(value) : u64Cells(BigInt(value)));
  const children: FdtNode[] = [
    node(
      'chosen',
      initrd === undefined ? {} : { 'linux,initrd-start': width(initrd.start), 'linux,initrd-end': width(initrd.end) },
    ),
    ...(source.memoryNodes === 'each'
      ? ram.map((range, i) => memory([range], i))
      : ram.length > 0
        ? [memory(ram, 0)]
        : []),
  ];
  if (reserved.length > 0) {
    children.push(
      node(
        'reserved-memory',
        { ...rootCells, ranges: new Uint8Array(0) },
        reserved.map((region, i) => reservedNode(region, i, reg, sizeCells)),
      ),
    );
  }
  const root = node('', { ...rootCells, model: stringValue('test tree') }, children);
  const reservations = reservationBlock.map(({ start, end }) => ({
    address: BigInt(start),
    size: BigInt(end - start),
  }));
  return writeFdt({ root, reservations, bootCpuid: 0 });
}

/** The memory that the kernel must find in `source`: every fixed reservation of an enabled node. */
export function expectedMemoryOfTree(source: TreeSource): ExpectedMemory {
  const switchedOn = (status: string | undefined): boolean =>
    status === undefined || status === 'okay' || status === 'ok';
  return {
    ram: switchedOn(source.memoryStatus) ? (source.ram ?? []) : [],
    reserved: [
      ...(source.reserved ?? [])
        .filter(({ status }) => switchedOn(status))
        .flatMap(({ at = [], noMap = false }) => at.map((range) => ({ ...range, noMap }))),
      ...(source.reservationBlock ?? []),
      ...(source.initrd === undefined ? [] : [span(source.initrd.start, source.initrd.end - source.initrd.start)]),
    ],
  };
}

/** n items made by `make`. */
export function many<T>(n: number, make: (index: number) => T): T[] {
  return Array.from({ length: n }, (_, i) => make(i));
}

/** A fixed shuffle: the order of a stride that shares no factor with the length. */
export function outOfOrder<T>(items: readonly T[]): T[] {
  return items.map((_, i) => items[(i * 37 + 11) % items.length] as T);
}

function reservedNode(
  region: Reserved,
  index: number,
  reg: (spans: readonly Span[]) => Uint8Array,
  sizeCells: 1 | 2,
): FdtNode {
  const number = (value: number): Uint8Array => (sizeCells === 1 ? cells(value) : u64Cells(BigInt(value)));
  const empty = new Uint8Array(0);
  return node(`region-${index}`, {
    ...(region.at === undefined ? {} : { reg: reg(region.at) }),
    ...(region.size === undefined ? {} : { size: number(region.size) }),
    ...(region.alignment === undefined ? {} : { alignment: number(region.alignment) }),
    ...(region.allocRanges === undefined ? {} : { 'alloc-ranges': reg(region.allocRanges) }),
    ...(region.noMap === true ? { 'no-map': empty } : {}),
    ...(region.reusable === true ? { reusable: empty } : {}),
    ...(region.status === undefined ? {} : { status: stringValue(region.status) }),
  });
}

function node(
  name: string,
  properties: Readonly<Record<string, Uint8Array>>,
  children: readonly FdtNode[] = [],
): FdtNode {
  const list: FdtProperty[] = Object.entries(properties).map(([key, value]) => ({ name: key, value }));
  return { name, properties: list, children };
}

function pair({ start, end }: Span, sizeCells: 1 | 2): Uint8Array {
  const size = end - start;
  return concatBytes([u64Cells(BigInt(start)), sizeCells === 1 ? cells(size) : u64Cells(BigInt(size))]);
}
