// SPDX-License-Identifier: GPL-2.0-only
/**
 * The device tree of a boot: generated from the board's data, or a user's file, with or without a
 * boot loader's additions.
 *
 * The kernel gets a user's blob as it is, broken or not, and judges it. Only `--fixups loader` must
 * read it.
 */

import { buildDeviceTree } from '#boards/device-tree.ts';
import type { Board } from '#boards/types.ts';
import { chosen, Fdt, FdtError, type FdtTree, memoryReservations, reservedMemory, writeFdt } from '#fdt/index.ts';
import { numberRange, type Range } from '#common/range.ts';
import { applyLoaderFixups } from './loader-fixups.ts';

/** Additions of a boot loader to a user's tree. */
export type Fixups = 'none' | 'loader';

export interface DeviceTreeRequest {
  readonly board: Board;
  /** The user's tree, or null for the generated one. */
  readonly blob: Uint8Array | null;
  readonly fixups: Fixups;
  readonly bootargs: string | null;
  readonly seed: number | bigint | null;
}

/**
 * The blob for given initrd bounds: sizes must not depend on them, so a caller can ask twice.
 * @throws InputError
 */
export function makeDeviceTree(request: DeviceTreeRequest, initrd: Range | null): Uint8Array {
  const { board, blob, fixups, bootargs, seed } = request;
  const generate = () =>
    buildDeviceTree(board, {
      bootargs: bootargs ?? undefined,
      initrd: initrd ?? undefined,
      seed: seed ?? undefined,
    });
  if (blob === null) return writeFdt({ root: generate(), reservations: firmwareInRam(board), bootCpuid: 0 });
  if (fixups === 'none') return blob;
  return applyLoaderFixups(board, blob, generate());
}

/** The reservation block: firmware that waits in RAM, and is not in /reserved-memory. */
function firmwareInRam({ firmware: { device, base, size } }: Board): FdtTree['reservations'] {
  return device === null ? [{ address: BigInt(base), size: BigInt(size) }] : [];
}

/** The initial RAM disk that a user's tree names; null when it names none or cannot be read. */
export function initrdOfDeviceTree(blob: Uint8Array): Range | null {
  return asRead(blob, null, (fdt) => {
    const { initrd } = chosen(fdt);
    return initrd === null ? null : numberRange(initrd);
  });
}

/**
 * Memory that a user's tree reserves: its reservation block and the regions of its
 * /reserved-memory.
 */
export function reservedOfDeviceTree(blob: Uint8Array): Range[] {
  return asRead(blob, [], (fdt) => [
    ...memoryReservations(fdt).map(numberRange),
    ...reservedMemory(fdt).staticRegions.map(numberRange),
  ]);
}

/**
 * The result of `read`, or `otherwise` when the blob cannot be read: the kernel will report what is
 * wrong with it.
 */
function asRead<T>(blob: Uint8Array, otherwise: T, read: (fdt: Fdt) => T): T {
  try {
    return read(Fdt.open(blob));
  } catch (error) {
    if (error instanceof FdtError) return otherwise;
    throw error;
  }
}
