// SPDX-License-Identifier: GPL-2.0-only
/**
 * Is a machine that reached its steady state sound? Everything that the memory system promises,
 * recounted from physical memory, from the page tables and from what the test itself knows of RAM
 * and reservations. The kernel's own figures are compared, never trusted.
 *
 * Only where it put its own things (mem_map, tables of regions, dynamic reservations) is asked from
 * it; that they lie in free RAM is checked.
 */

import type { Board } from '#boards/types.ts';
import { virtAddr } from '#common/address.ts';
import { DataAbort } from '#common/data-abort.ts';
import { OwnerKind } from '#kernel-ts/kernel/mm/owner.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import { compareCensus, expectedCensus } from './frame-census.ts';
import { bytesIn, common, pagesInside, pagesTouched, type Span, show, span, unite, without } from './spans.ts';
import { type Leaf, readTree } from './table-walk.ts';

/** The memory that the device tree describes, as a test knows it. */
export interface ExpectedMemory {
  /** RAM as the tree names it, in any order, overlapping or not. */
  readonly ram: readonly Span[];
  /** Everything reserved at a fixed place, except the kernel image and the device tree. */
  readonly reserved: readonly (Span & { readonly noMap?: boolean })[];
}

/** The memory that the board's own device tree describes. */
export function expectedMemory({ ramBanks, reserved }: Board): ExpectedMemory {
  return {
    ram: ramBanks.map(({ base, size }) => span(base, size)),
    reserved: reserved.map(({ base, size, noMap }) => ({ ...span(base, size), noMap })),
  };
}

const DIRECT_MAP = 0xffff_8000_0000_0000n;
const DIRECT_MAP_OFFSET = 2 ** 47;

/**
 * Attributes of LevitateOS's composites: read-only executable, read-only data, data, device nGnRE
 * (MAIR attribute 1).
 */
const CODE = 0x0040_0000_0000_0781n;
const RODATA = 0x0060_0000_0000_0781n;
const DATA = 0x0060_0000_0000_0701n;
const DEVICE = 0x0060_0000_0000_0405n;

const SPAN_MAGIC = 0x4e41_5053;

/**
 * @returns one sentence for each promise that does not hold; empty for a sound machine. O(frames)
 */
export function findFaults(machine: LevitateMachine, facts: ExpectedMemory): string[] {
  const faults: string[] = [];
  const expect = (what: string, found: unknown, wanted: unknown): void => {
    if (!Object.is(found, wanted)) faults.push(`${what}: ${String(found)}, expected ${String(wanted)}`);
  };
  const expectSpans = (what: string, found: readonly Span[], wanted: readonly Span[]): void => {
    const extra = without(found, wanted);
    const missing = without(wanted, found);
    if (extra.length > 0) faults.push(`${what}, but must not be: ${show(extra.slice(0, 5))}`);
    if (missing.length > 0) faults.push(`not ${what}, but must be: ${show(missing.slice(0, 5))}`);
  };

  const system = machine.kernel.memory;
  if (system === null) return ['the kernel has no memory system'];
  const { memory } = machine;
  const { image } = machine.kernel;
  // The processes of the boot have ended: their memory is free again except empty slabs, which
  // are kept for the next.
  system.slab.shrink();
  const [, dtb] = kernelSpans(machine) as [Span, Span];

  // RAM, reservations, and the places of the kernel's own structures.
  const ram = pagesInside(facts.ram);
  const fixed = pagesTouched([...facts.reserved, ...kernelSpans(machine)]);
  const own = [...system.memblock.reservedRanges()].filter(({ owner }) =>
    [OwnerKind.MEMBLOCK, OwnerKind.MEM_MAP, OwnerKind.ZONES, OwnerKind.RESERVED_DYNAMIC].some(
      (kind) => kind === owner.kind,
    ),
  );
  const ownSpans = own.map(({ start, end }) => ({ start, end }));
  expectSpans('free RAM under the kernel’s own reservations', ownSpans, common(ownSpans, without(ram, fixed)));
  expect('bytes of its own reservations', bytesIn(unite(ownSpans)), bytesIn(ownSpans));
  const mapRange = own.find(({ owner }) => owner.kind === OwnerKind.MEM_MAP);
  expect('base of mem_map', system.memMap.base, mapRange?.start);
  const entries = bytesIn(ram) / 4096;
  expect('entries of mem_map', system.memMap.entries, entries);
  expect('bytes of mem_map', system.memMap.bytes, entries * 24);
  const beforeMap = own.filter(
    ({ owner }) => owner.kind === OwnerKind.MEMBLOCK || owner.kind === OwnerKind.RESERVED_DYNAMIC,
  );
  const holes = without(ram, [...fixed, ...beforeMap]);
  const room = Math.ceil((entries * 24) / 4096) * 4096;
  expect(
    'mem_map in the first hole that fits',
    system.memMap.base,
    holes.find(({ start, end }) => end - start >= room)?.start,
  );

  // Frames: free = total - reserved - heap - tables.
  const managed = without(ram, [...fixed, ...ownSpans]);
  const tree = readTree(memory, Number(machine.cpu.translationRegisters().ttbr1 & 0x0000_ffff_ffff_f000n));
  const pool = span(image.physical('pt_pool'), 16 * 4096);
  const tables = tree.tables.filter((table) => table < pool.start || table >= pool.end);
  const heap = heapSpans(machine);
  const free = without(managed, [...heap, ...tables.map((table) => span(table, 4096))]);
  const counts = system.buddy.counts();
  expect('frames managed', counts.totalFrames, bytesIn(managed) / 4096);
  expect(
    'frames free',
    counts.freeFrames,
    (bytesIn(ram) - bytesIn(common(ram, [...fixed, ...ownSpans])) - bytesIn(heap)) / 4096 - tables.length,
  );
  expect('tables from the buddy', system.mmu.pool.fromAllocator, tables.length);
  expect('tables from PT_POOL', system.mmu.pool.used, tree.tables.length - tables.length);
  expect('bytes of heap', bytesIn(heap), heapBytes(bytesIn(ram)));
  expectSpans('managed memory under the heap', heap, common(heap, managed));
  const census = expectedCensus({ ram, free, pages: tables, exact: heap });
  expect('free blocks by order', system.buddy.buddyinfo().join(), census.freeBlocks.join());
  faults.push(
    ...compareCensus(
      memory,
      { base: system.memMap.base, virtual: DIRECT_MAP + BigInt(system.memMap.base) },
      census,
      ram,
    ),
  );
  faults.push(...system.buddy.validate(), ...system.heap.validate());
  expect('lock of the buddy held', system.buddy.lock.held, false);
  expect('lock of the heap held', system.heap.lock.held, false);

  // Page tables.
  const leaves = tree.leaves;
  expect('table descriptors with attributes', tree.oddTables.length, 0);
  expect(
    'leaves that are not at their direct-map address',
    leaves.filter(({ offset, pa }) => offset !== pa + DIRECT_MAP_OFFSET).length,
    0,
  );
  const noMap = [...facts.reserved.filter((region) => region.noMap === true), ...own.filter((region) => region.noMap)];
  const { text, rodata, guard } = image;
  const kernelImage = without([image.whole], [guard]);
  const console = span(Math.floor(machine.board.kernelConsole.base / 4096) * 4096, 4096);
  const treePages = without(pagesTouched([dtb]), [image.whole]);
  const mappable = without(ram, [...pagesTouched(noMap), guard, console]);
  expectSpans('mapped read-only and executable', mapped(leaves, CODE), [text]);
  expectSpans('mapped read-only', mapped(leaves, RODATA), unite([rodata, ...treePages]));
  // The console always, and of the rest what the drivers of this tree need: registers of the
  // board's devices, never memory.
  const devices = mapped(leaves, DEVICE);
  const registers = pagesTouched(machine.board.devices.map(({ base, size }) => span(base, size)));
  expectSpans('mapped as device nGnRE', devices, [console, ...common(devices, without(registers, ram))]);
  expectSpans(
    'mapped as data',
    mapped(leaves, DATA),
    without(unite([...mappable, ...kernelImage]), [text, rodata, ...treePages]),
  );
  expect(
    'leaves with other attributes',
    leaves.filter(({ attributes }) => ![CODE, RODATA, DATA, DEVICE].includes(attributes)).length,
    0,
  );
  for (const address of [0n, BigInt(image.physicalBase), BigInt(ram[0]?.start ?? 0), 0x0000_ffff_ffff_f000n]) {
    if (!faultsAt(machine, address)) faults.push(`low address 0x${address.toString(16)} is still mapped`);
  }
  if (!faultsAt(machine, DIRECT_MAP + BigInt(guard.start))) faults.push('the guard page below the stack is mapped');
  const unmapped = machine.events.get('unmapped');
  expect('accesses that nothing answered', unmapped.length, 0);
  return faults;
}

/**
 * The loader's pieces that the kernel needs: its image, the device tree, and the initramfs if there
 * is one.
 */
export function kernelSpans(machine: LevitateMachine): Span[] {
  const { deviceTree } = machine;
  const treeBytes = new DataView(deviceTree.buffer, deviceTree.byteOffset).getUint32(4);
  const initramfs = machine.findImage('initrd');
  return [
    machine.kernel.image.whole,
    span(deviceTreeAddress(machine), treeBytes),
    ...(initramfs === null ? [] : [span(initramfs.base, initramfs.bytes.length)]),
  ];
}

/**
 * The device tree's address by the firmware's parameter: the tree may have been moved since the
 * machine was made.
 */
export function deviceTreeAddress(machine: LevitateMachine): number {
  return Number(firmwareWords(machine).getBigUint64(DTB_OFFSET, true));
}

/** Puts the device tree elsewhere, before the machine runs. */
export function moveDeviceTree(machine: LevitateMachine, address: number): void {
  machine.memory.writeBytes(address, machine.deviceTree);
  firmwareWords(machine).setBigUint64(DTB_OFFSET, BigInt(address), true);
}

/** Offset of the device tree's address in the reset firmware: firmware/reset/reset.inc. */
const DTB_OFFSET = 0x10;

function firmwareWords(machine: LevitateMachine): DataView {
  const { firmware } = machine.board;
  const rom = machine.machine.fixedMemory.find(({ name }) => name === firmware.device);
  if (rom === undefined) throw new Error(`${machine.board.name} has no ${firmware.device}`);
  return new DataView(rom.bytes.buffer, rom.bytes.byteOffset);
}

/** The heap's spans, by following its list in memory: magic at +0, bytes at +8, next at +16. */
function heapSpans(machine: LevitateMachine): Span[] {
  const spans: Span[] = [];
  let at: bigint = machine.kernel.memory?.heap.stats().base ?? 0n;
  while (at !== 0n) {
    const pa = Number(at - DIRECT_MAP);
    if (machine.memory.read32(pa) !== SPAN_MAGIC) throw new Error(`no heap span at 0x${pa.toString(16)}`);
    spans.push(span(pa, Number(machine.memory.read64(pa + 8))));
    at = machine.memory.read64(pa + 16);
  }
  return spans;
}

/** A 128th of RAM in whole pages, at least 16 MiB and at most 64 MiB. */
function heapBytes(ramBytes: number): number {
  const share = Math.ceil(Math.floor(ramBytes / 128) / 4096) * 4096;
  return Math.min(64 * 2 ** 20, Math.max(16 * 2 ** 20, share));
}

function mapped(leaves: readonly Leaf[], attributes: bigint): Span[] {
  return unite(leaves.filter((leaf) => leaf.attributes === attributes).map(({ pa, bytes }) => span(pa, bytes)));
}

/** True when a load at `va` takes a fault, through the translation that is live now. */
function faultsAt(machine: LevitateMachine, va: bigint): boolean {
  try {
    machine.cpu.virtualMemory.read8(virtAddr(va));
    return false;
  } catch (error) {
    if (error instanceof DataAbort) return true;
    throw error;
  }
}
