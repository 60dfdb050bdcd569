/**
 * The device tree of a boot: generated from the board's data, or a user's file, with or without what a boot loader adds.
 *
 * A user's blob is handed to the kernel as it is, broken or not: judging it is the kernel's work. Only `--fixups loader` must read it.
 */

import { buildDeviceTree } from '../../boards/device-tree.ts';
import type { Board } from '../../boards/types.ts';
import type { MemoryBank } from '../../emulator/memory/physical-memory.ts';
import {
  chosen,
  Fdt,
  FdtError,
  type FdtNode,
  memoryRanges,
  readTree,
  writeFdt,
} from '../../kernel-ts/hal/fdt/index.ts';
import { alignDown, alignUp, PAGE_SIZE } from '../../emulator/address.ts';
import { InputError } from './input-error.ts';
import { type Interval, subtract } from '../../kernel-ts/kernel/mm/intervals.ts';

/** A physical address has at most 44 bits on these cores; beyond that nothing can be reached, so nothing is put there. */
const RAM_LIMIT = 2 ** 44;

/** What a boot loader adds to a user's tree. */
export type Fixups = 'none' | 'loader';

export interface DeviceTreeRequest {
  readonly board: Board;
  /** The user's tree, or null for the generated one. */
  readonly blob: Uint8Array | null;
  readonly fixups: Fixups;
  readonly bootargs: string | null;
  readonly seed: number | bigint | null;
}

/** The blob for given initrd bounds: sizes must not depend on them, so a caller can ask twice. @throws InputError */
export function makeDeviceTree(
  request: DeviceTreeRequest,
  initrd: { readonly start: number; readonly end: number } | null,
): Uint8Array {
  const { board, blob, fixups, bootargs, seed } = request;
  const generate = () =>
    buildDeviceTree(board, {
      bootargs: bootargs ?? undefined,
      initrd: initrd ?? undefined,
      seed: seed ?? undefined,
    });
  if (blob === null) return writeFdt({ root: generate(), reservations: [], bootCpuid: 0 });
  if (fixups === 'none') return blob;
  return applyLoaderFixups(board, blob, generate());
}

/** RAM that a user's tree names, in whole pages; empty when the tree cannot be read or names none. */
export function ramOfDeviceTree(blob: Uint8Array): MemoryBank[] {
  try {
    const ranges = memoryRanges(Fdt.open(blob)).map(({ base, size }) => ({
      start: Number(base),
      end: Number(base + size),
    }));
    // Joined before they are trimmed: ranges may meet inside a page, which then is whole.
    return join(ranges)
      .map(({ start, end }) => ({
        start: alignUp(start, PAGE_SIZE),
        end: alignDown(Math.min(end, RAM_LIMIT), PAGE_SIZE),
      }))
      .filter(({ start, end }) => start < end)
      .map(({ start, end }) => ({ base: start, size: end - start }));
  } catch (error) {
    // The kernel will say what is wrong with it.
    if (error instanceof FdtError) return [];
    throw error;
  }
}

/** Where a user's tree says that an initial RAM disk lies; null when it does not, or cannot be read. */
export function initrdOfDeviceTree(blob: Uint8Array): { readonly start: number; readonly end: number } | null {
  try {
    const { initrd } = chosen(Fdt.open(blob));
    return initrd === null ? null : { start: Number(initrd.start), end: Number(initrd.end) };
  } catch (error) {
    if (error instanceof FdtError) return null;
    throw error;
  }
}

/** `banks` and `more` together, without what lies on a device: overlapping and touching ranges made one. */
export function unionOfBanks(banks: readonly MemoryBank[], more: readonly MemoryBank[], board: Board): MemoryBank[] {
  const taken = [...board.devices, board.firmware].map(({ base, size }) => ({
    start: alignDown(base, PAGE_SIZE),
    end: alignUp(base + size, PAGE_SIZE),
  }));
  const interval = ({ base, size }: MemoryBank): Interval => ({ start: base, end: base + size });
  return join([...banks.map(interval), ...subtract(more.map(interval), taken)]).map(({ start, end }) => ({
    base: start,
    size: end - start,
  }));
}

/** Overlapping and touching ranges made one, ascending. */
function join(ranges: readonly Interval[]): Interval[] {
  const joined: { start: number; end: number }[] = [];
  for (const { start, end } of ranges.toSorted((a, b) => a.start - b.start)) {
    const last = joined.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else joined.push({ start, end });
  }
  return joined;
}

/** Adds /memory, /chosen and the boot loader's reserved regions where the tree has none, as the board's boot loader would. */
function applyLoaderFixups(board: Board, blob: Uint8Array, generated: FdtNode): Uint8Array {
  let fdt: Fdt;
  try {
    fdt = Fdt.open(blob);
  } catch (error) {
    if (!(error instanceof FdtError)) throw error;
    throw new InputError(`the device tree cannot be read, so nothing can be added to it: ${error.message}`);
  }
  const tree = readTree(fdt);
  const cells = { address: board.rootCells.address, size: board.rootCells.size };
  const own = { address: fdt.root.u32('#address-cells') ?? 2, size: fdt.root.u32('#size-cells') ?? 1 };
  if (own.address !== cells.address || own.size !== cells.size) {
    throw new InputError(
      `--fixups loader: the tree has #address-cells ${own.address} and #size-cells ${own.size}, the board ${board.name} ${cells.address} and ${cells.size}`,
    );
  }
  const hasMemory = memoryRanges(fdt).length > 0;
  const additions = generated.children.filter(
    ({ name }) => name === 'chosen' || name === 'reserved-memory' || (name.startsWith('memory@') && !hasMemory),
  );
  return writeFdt({ ...tree, root: additions.reduce(mergeNode, tree.root) });
}

/** `root` with `addition` as a child: properties and grandchildren that are there already win, what is missing is added. */
function mergeNode(root: FdtNode, addition: FdtNode): FdtNode {
  const existing = root.children.find(({ name }) => name === addition.name);
  if (existing === undefined) return { ...root, children: [...root.children, addition] };
  const overrides = new Set(['bootargs', 'linux,initrd-start', 'linux,initrd-end']);
  const added = addition.properties.filter(
    ({ name }) => overrides.has(name) || !existing.properties.some((property) => property.name === name),
  );
  const kept = existing.properties.filter(({ name }) => !added.some((property) => property.name === name));
  let merged: FdtNode = { ...existing, properties: [...kept, ...added] };
  for (const child of addition.children) {
    if (!merged.children.some(({ name }) => name === child.name)) {
      merged = { ...merged, children: [...merged.children, child] };
    }
  }
  return { ...root, children: root.children.map((child) => (child === existing ? merged : child)) };
}
