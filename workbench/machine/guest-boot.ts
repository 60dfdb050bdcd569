// SPDX-License-Identifier: GPL-2.0-only
/**
 * Starts guests other than the modelled kernel: a kernel by the loader's rules (`--kernel`), or
 * code in flash at the reset vector (`--bios`).
 */

import { totalSize } from '#common/range.ts';
import { unavailableRanges } from '#boards/load-plan.ts';
import type { Board } from '#boards/types.ts';
import { GuestImageError } from '#emulator/loader/guest-image-error.ts';
import { GuestPlacementError } from '#emulator/loader/guest-space.ts';
import { loadFlash } from '#emulator/loader/load-flash.ts';
import { loadGuest, type LoadingRules } from '#emulator/loader/load-guest.ts';
import { type Decompressors, openGuest } from '#emulator/loader/open-guest.ts';
import { resetFirmware } from './board-machine.ts';
import { PL011_CR, PL011_ENABLED } from '#emulator/devices/pl011.ts';
import type { BootPlan } from './boot-plan.ts';
import { makeDeviceTree } from './device-tree-source.ts';
import { gunzip } from './gunzip.ts';
import { InputError } from '#workbench/input-error.ts';
import type { MachineSettings } from './machine-settings.ts';
import { ramOfBlob, ramWarnings } from './tree-ram.ts';
import { chooseVendorTree, NO_VENDOR_TREE } from './vendor-tree.ts';

/** `--kernel`. @throws InputError naming the file's option, the field and why */
export function planGuest(board: Board, settings: MachineSettings, kernel: Uint8Array): BootPlan {
  return explained('--kernel', () => {
    const guest = openGuest(
      { kernel, vendorBoot: settings.vendorBoot, initrd: settings.initrd, append: settings.append },
      unpackInto(board),
    );
    const vendors = settings.dtb === undefined ? chooseVendorTree(guest.deviceTrees, board) : NO_VENDOR_TREE;
    const request = {
      board,
      blob: settings.dtb ?? vendors.tree,
      fixups: settings.fixups ?? ('loader' as const),
      bootargs: guest.bootargs,
      seed: settings.seed ?? null,
    };
    const draft = makeDeviceTree(request, guest.initrd === null ? null : { start: 0, end: 1 });
    const plan = loadGuest(
      guest,
      { ram: board.ramBanks, reserved: unavailableRanges(board), rules: loadingRules(board) },
      draft.length,
    );
    const deviceTree = makeDeviceTree(request, plan.chosen.initrd);
    return {
      firmware: resetFirmware(board, plan.entry.pc, plan.entry.x0, settings.el),
      level: 3,
      images: [...plan.placements, ...(plan.dtb === null ? [] : [{ what: 'dtb', base: plan.dtb, bytes: deviceTree }])],
      deviceTree,
      warnings: ramWarnings(ramOfBlob(settings.dtb, board), board),
      attachKernel: null,
    };
  });
}

/** Decompressors whose output is limited to the size of the board's RAM. */
function unpackInto({ name, ramBanks }: Board): Decompressors {
  const mostBytes = totalSize(ramBanks);
  return { mostBytes, gunzip: (bytes) => gunzip(bytes, mostBytes, name) };
}

/** `--bios`. @throws InputError */
export function planFlash(board: Board, settings: MachineSettings, bios: Uint8Array): BootPlan {
  if (!board.firmware.replaceable) {
    throw new InputError(`--bios: the reset firmware of ${board.name} is in its boot ROM and cannot be replaced`);
  }
  return explained('--bios', () => {
    const deviceTree = makeDeviceTree(
      {
        board,
        blob: settings.dtb ?? null,
        fixups: settings.fixups ?? 'loader',
        bootargs: settings.append ?? null,
        seed: settings.seed ?? null,
      },
      null,
    );
    const [ram] = board.ramBanks;
    if (ram === undefined) throw new InputError(`board ${board.name} has no RAM`);
    const plan = loadFlash(bios, board.firmware, ram, deviceTree.length);
    return {
      firmware: plan.placement.bytes,
      // The start of code in flash on QEMU's virt machine without EL3, with or without EL2.
      level: settings.el === 2 ? 2 : 1,
      // QEMU's UART sends before it is enabled, and code for that machine relies on it.
      registers: [[board.kernelConsole.base + PL011_CR, PL011_ENABLED]],
      images: [{ what: 'dtb', base: plan.dtb, bytes: deviceTree }],
      deviceTree,
      warnings: ramWarnings(ramOfBlob(settings.dtb, board), board),
      attachKernel: null,
    };
  });
}

/**
 * QEMU's rules where the board is QEMU's; otherwise those of its boot loader, from the board's
 * data.
 */
function loadingRules(board: Board): LoadingRules {
  if (board.load.dtb.length === 0) return { by: 'qemu' };
  const { guestKernel, initrd, dtb } = board.load;
  return { by: 'boot-loader', kernel: guestKernel ?? null, initrd, dtb };
}

function explained<T>(option: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof GuestImageError || error instanceof GuestPlacementError) {
      throw new InputError(`${option}: ${error.message}`);
    }
    throw error;
  }
}
