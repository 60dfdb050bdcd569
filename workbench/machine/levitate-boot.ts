// SPDX-License-Identifier: GPL-2.0-only
/** Starting the modelled kernel: reset firmware, the kernel image, the device tree, an initrd. */

import { totalSize } from '#common/range.ts';
import { decodeUtf8 } from '#common/utf8.ts';
import { type ImageSizes, type LoadPlan, planLoad } from '#boards/load-plan.ts';
import type { Board } from '#boards/types.ts';
import { decodeLz4Legacy, isLz4Legacy } from '#emulator/loader/lz4-legacy.ts';
import { KernelImage, type KernelSymbols } from '#kernel-ts/kernel/image.ts';
import { readFirmwareImage } from '#host/firmware-images.ts';
import { resetFirmware } from './board-machine.ts';
import type { BootPlan } from './boot-plan.ts';
import { initrdOfDeviceTree, makeDeviceTree, reservedOfDeviceTree } from './device-tree-source.ts';
import { gunzip, isGzip } from './gunzip.ts';
import { InputError } from '#workbench/input-error.ts';
import { KernelHost } from './kernel-host.ts';
import type { MachineSettings } from './machine-settings.ts';
import { ramOfBlob, ramWarnings, type TreeRam, unionOfBanks } from './tree-ram.ts';

const KERNEL_IMAGE = 'kernel.bin';
const KERNEL_SYMBOLS = 'kernel.symbols.json';
const DEFAULT_INITRAMFS = 'initramfs.cpio';

/**
 * @throws BoardError when something does not fit; InputError for a tree that cannot get its fixups
 */
export function planLevitate(board: Board, settings: MachineSettings): BootPlan {
  const { dtb, memoryBytes } = settings;
  const symbols = JSON.parse(decodeUtf8(readFirmwareImage(KERNEL_SYMBOLS))) as KernelSymbols;
  const kernelBytes = kernelFor(board, symbols);
  const request = {
    board,
    blob: dtb ?? null,
    fixups: settings.fixups ?? 'none',
    bootargs: settings.append ?? null,
    seed: settings.seed ?? null,
  };
  const layOut = (initrd: Uint8Array | null): Layout => {
    // The initrd's bounds are fixed-width cells: a tree with any bounds has the size of the final
    // one.
    const draft = makeDeviceTree(request, initrd === null ? null : { start: 0, end: 1 });
    const sizes = { kernelBytes: symbols._end, initrdBytes: initrd?.length ?? 0, dtbBytes: draft.length };
    // When the loader adds to a given tree, pieces are placed in the tree's RAM. With the generated
    // tree, and with a tree that is passed on unchanged, they are at the board's addresses.
    const place = request.blob === null || request.fixups === 'none' ? {} : roomIn(draft, ramOfBlob(draft, board));
    return { initrd, draft, plan: planLoad(board, { ...sizes, ...place }) };
  };
  const { initrd, draft, plan } = layOutWithInitrd({ ...settings, initrd: unpackedInitrd(board, settings) }, layOut);
  const deviceTree = plan.initrd === null ? draft : makeDeviceTree(request, plan.initrd);
  const ofTree = ramOfBlob(dtb, board);
  return {
    banks: dtb === undefined || memoryBytes !== undefined ? undefined : unionOfBanks(board.ramBanks, ofTree.banks),
    warnings: ramWarnings(ofTree, board),
    firmware: resetFirmware(board, plan.kernel, plan.dtb),
    level: 3,
    images: [
      { what: 'kernel', base: plan.kernel, bytes: kernelBytes },
      { what: 'dtb', base: plan.dtb, bytes: deviceTree },
      ...(plan.initrd === null || initrd === null ? [] : [{ what: 'initrd', base: plan.initrd.start, bytes: initrd }]),
    ],
    deviceTree,
    attachKernel: (machine) => {
      const host = new KernelHost(machine, new KernelImage(plan.kernel, symbols), {
        earlyConsole: { compatible: CONSOLE_COMPATIBLE[board.kernelConsole.model], base: board.kernelConsole.base },
        deviceTreeBytes: deviceTree.length,
        memoryFaults: settings.faults ?? {},
      });
      machine.setGates(host);
      return host;
    },
  };
}

/** The kernel image for `board`: `_start` maps that board's console first. */
function kernelFor({ kernelConsole }: Board, { early_console }: KernelSymbols): Uint8Array {
  const image = readFirmwareImage(KERNEL_IMAGE);
  new DataView(image.buffer).setBigUint64(early_console, BigInt(kernelConsole.base), true);
  return image;
}

/**
 * The initramfs that was given, unpacked: the modelled kernel reads it where it lies.
 * @throws InputError for damaged data, or more than fits the board's RAM
 */
function unpackedInitrd({ name, ramBanks }: Board, { initrd }: MachineSettings): Uint8Array | undefined {
  if (initrd === undefined) return undefined;
  const mostBytes = totalSize(ramBanks);
  try {
    if (isGzip(initrd)) return gunzip(initrd, mostBytes, name);
    return isLz4Legacy(initrd) ? decodeLz4Legacy(initrd, mostBytes) : initrd;
  } catch (error) {
    throw new InputError(`--initrd: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Memory that a loader may use, by the tree that it passes on. */
function roomIn(blob: Uint8Array, { banks }: TreeRam): Pick<ImageSizes, 'ram' | 'reserved'> {
  return { ram: banks, reserved: reservedOfDeviceTree(blob) };
}

/** Loaded pieces and their addresses; the tree has no initrd bounds yet. */
interface Layout {
  readonly initrd: Uint8Array | null;
  readonly draft: Uint8Array;
  readonly plan: LoadPlan;
}

/**
 * The layout with the given initrd (an empty one means none), or else with the default one. A
 * user's tree is passed on unchanged. So it gets the default only when it names that place itself,
 * as a tree does that was dumped from this board.
 */
function layOutWithInitrd(
  { initrd, dtb, fixups }: MachineSettings,
  layOut: (initrd: Uint8Array | null) => Layout,
): Layout {
  if (initrd !== undefined) return layOut(initrd.length === 0 ? null : initrd);
  const layout = layOut(readFirmwareImage(DEFAULT_INITRAMFS));
  if (dtb === undefined || fixups === 'loader') return layout;
  const named = initrdOfDeviceTree(dtb);
  const { initrd: place } = layout.plan;
  return named !== null && named.start === place?.start && named.end === place.end ? layout : layOut(null);
}

/**
 * Compatible string of the board's console UART: the early console of a kernel built for the board.
 */
const CONSOLE_COMPATIBLE = { pl011: 'arm,pl011', 'gs101-uart': 'google,gs101-uart' } as const;
