// SPDX-License-Identifier: GPL-2.0-only
/**
 * Reservations of physical memory with their owners: the path of a device tree node, an entry of
 * the reservation block, or the kernel's own reason.
 *
 * The source is the kernel's memblock where that is up, else its events, else (another guest, or a
 * kernel at its start) the device tree and the loader.
 */

import { alignDown, alignUp, PAGE_SIZE } from '#common/address.ts';
import type { Range } from '#common/range.ts';
import { chosen, Fdt, FdtError, memoryReservations, reservedMemory } from '#fdt/index.ts';
import type { EventOwnerKind } from '#kernel-ts/hal/kernel-events.ts';
import { PLACED_BY_KERNEL } from '#kernel-ts/kernel/mm/boot-report.ts';
import { ownerInEvents } from '#kernel-ts/kernel/mm/owner.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import { kernelBanks, memoryFields } from './kernel-memory.ts';

/** Holders of a reserved range. */
export type ReservationKind = 'kernel' | 'device-tree' | 'initramfs' | 'reserved' | 'mem_map' | 'kernel-tables';

/** A reserved range, [start, end), whole pages. Ranges may overlap: a page counts for the first. */
export interface NamedReservation extends Range {
  readonly kind: ReservationKind;
  /** "kernel image", "/reserved-memory/aoc@94000000", "memreserve entry 0". */
  readonly owner: string;
  readonly noMap: boolean;
  /** The kernel chose the place. */
  readonly dynamic: boolean;
}

/** The others are `reserved`. */
const KINDS: Readonly<Partial<Record<EventOwnerKind, ReservationKind>>> = {
  'kernel-image': 'kernel',
  'device-tree': 'device-tree',
  initramfs: 'initramfs',
  memblock: 'kernel-tables',
  mem_map: 'mem_map',
  zones: 'kernel-tables',
};

/** The device tree that the guest was given; null when it cannot be read. */
export function openTree({ deviceTree }: Pick<LevitateMachine, 'deviceTree'>): Fdt | null {
  try {
    return Fdt.open(deviceTree);
  } catch (error) {
    if (error instanceof FdtError) return null;
    throw error;
  }
}

/** Every reservation, ascending by start. */
export function reservationsOf(machine: LevitateMachine): NamedReservation[] {
  const fdt = openTree(machine);
  const kernel = machine.findKernel();
  if (kernel === null || kernelBanks(machine).length === 0) return ofLoader(machine, fdt);
  const memblock = kernel.memory?.memblock;
  if (memblock === undefined) return ofEvents(machine, fdt);
  return machine.machine.clock.withoutCharge(() =>
    [...memblock.reservedRanges()].map(({ start, end, owner, noMap }) => {
      const { kind, name } = ownerInEvents(owner.kind);
      return {
        start,
        end,
        kind: KINDS[kind] ?? 'reserved',
        owner: nodePath(fdt, kind, owner.cookie) ?? entryName(fdt, kind, start) ?? name,
        noMap,
        dynamic: kind === 'dynamic-reserved-memory',
      };
    }),
  );
}

/**
 * Reservations by the kernel's events: those of memblock before mem_map was placed, and mem_map
 * itself once it was placed.
 */
export function ofEvents(machine: Pick<LevitateMachine, 'events'>, fdt: Fdt | null): NamedReservation[] {
  const events = machine.events.get('memory');
  const found = memoryFields(events, 'reserved').map(
    ({ base, bytes, owner, ownerKind: kind, noMap }): NamedReservation => {
      const start = Number(base);
      const isNode = NODES.has(kind);
      return {
        start,
        end: start + bytes,
        kind: KINDS[kind] ?? 'reserved',
        owner: isNode
          ? `/reserved-memory/${owner.replace(PLACED_BY_KERNEL, '')}`
          : (entryName(fdt, kind, start) ?? owner),
        noMap,
        dynamic: kind === 'dynamic-reserved-memory',
      };
    },
  );
  for (const { base, bytes } of memoryFields(events, 'mem_map')) {
    const start = Number(base);
    const end = alignUp(start + bytes, PAGE_SIZE);
    found.push({ start, end, kind: 'mem_map', owner: 'mem_map', noMap: false, dynamic: true });
  }
  return found.toSorted((a, b) => a.start - b.start);
}

/** Owners that are nodes of the device tree. */
const NODES: ReadonlySet<EventOwnerKind> = new Set(['reserved-memory', 'dynamic-reserved-memory']);

function nodePath(fdt: Fdt | null, kind: EventOwnerKind, cookie: bigint): string | null {
  if (fdt === null || !NODES.has(kind)) return null;
  for (const node of fdt.nodes()) if (BigInt(node.offset) === cookie) return node.path;
  return null;
}

/** The entry of the reservation block that begins in this page. */
function entryName(fdt: Fdt | null, kind: EventOwnerKind, start: number): string | null {
  if (fdt === null || kind !== 'reservation-block') return null;
  const index = memoryReservations(fdt).findIndex((range) => alignDown(Number(range.start), PAGE_SIZE) === start);
  return index < 0 ? null : `memreserve entry ${index}`;
}

/**
 * The loader's pieces and the tree's reservations, which every kernel must respect.
 */
function ofLoader(machine: LevitateMachine, fdt: Fdt | null): NamedReservation[] {
  const found: NamedReservation[] = [];
  const add = (base: number, size: number, kind: ReservationKind, owner: string, noMap = false): void => {
    const end = alignUp(base + size, PAGE_SIZE);
    if (size > 0) found.push({ start: alignDown(base, PAGE_SIZE), end, kind, owner, noMap, dynamic: false });
  };
  for (const { what, kind, owner } of LOADED) {
    const image = machine.findImage(what);
    if (image !== null) add(image.base, image.bytes.length, kind, owner);
  }
  if (fdt !== null) {
    for (const [index, { start, end }] of memoryReservations(fdt).entries()) {
      add(Number(start), Number(end - start), 'reserved', `memreserve entry ${index}`);
    }
    for (const { start, end, path, noMap } of reservedMemory(fdt).staticRegions) {
      add(Number(start), Number(end - start), 'reserved', path, noMap);
    }
    const { initrd } = chosen(fdt);
    if (initrd !== null && !found.some(({ kind }) => kind === 'initramfs')) {
      add(Number(initrd.start), Number(initrd.end - initrd.start), 'initramfs', 'initramfs');
    }
  }
  return found.toSorted((a, b) => a.start - b.start);
}

/** Names that the loaders give their pieces. */
const LOADED = [
  { what: 'kernel', kind: 'kernel', owner: 'kernel, as loaded' },
  { what: 'dtb', kind: 'device-tree', owner: 'device tree' },
  { what: 'initrd', kind: 'initramfs', owner: 'initramfs' },
] as const;
