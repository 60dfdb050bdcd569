/** Starting the modelled kernel: reset firmware, the kernel image, the device tree, an initrd. */

import { planLoad } from '../../boards/load-plan.ts';
import type { Board } from '../../boards/types.ts';
import { KernelImage, type KernelSymbols } from '../../kernel-ts/kernel/image.ts';
import { readFirmwareImage, resetFirmware } from './board-machine.ts';
import type { BootPlan } from './boot-plan.ts';
import { makeDeviceTree, ramOfDeviceTree, unionOfBanks } from './device-tree-source.ts';
import { KernelHost } from './kernel-host.ts';
import type { MachineSettings } from './machine-settings.ts';

const KERNEL_IMAGE = 'kernel.bin';
const KERNEL_SYMBOLS = 'kernel.symbols.json';

/** @throws BoardError when something does not fit; InputError for a tree that cannot get its fixups */
export function planLevitate(board: Board, settings: MachineSettings): BootPlan {
  const { dtb, initrd, memoryBytes } = settings;
  const kernelBytes = readFirmwareImage(KERNEL_IMAGE);
  const symbols = JSON.parse(Buffer.from(readFirmwareImage(KERNEL_SYMBOLS)).toString('utf8')) as KernelSymbols;
  const request = {
    board,
    blob: dtb ?? null,
    fixups: settings.fixups ?? 'none',
    bootargs: settings.append ?? null,
    seed: settings.seed ?? null,
  };
  // The initrd's bounds are fixed-width cells: a tree with any bounds has the size of the final one.
  const draft = makeDeviceTree(request, initrd === undefined ? null : { start: 0, end: 1 });
  const plan = planLoad(board, {
    kernelBytes: symbols._end,
    initrdBytes: initrd?.length ?? 0,
    dtbBytes: draft.length,
  });
  const deviceTree = plan.initrd === null ? draft : makeDeviceTree(request, plan.initrd);
  return {
    banks:
      dtb === undefined || memoryBytes !== undefined
        ? undefined
        : unionOfBanks(board.ramBanks, ramOfDeviceTree(dtb), board),
    firmware: resetFirmware(board, plan.kernel, plan.dtb),
    level: 3,
    images: [
      { what: 'kernel', base: plan.kernel, bytes: kernelBytes },
      { what: 'dtb', base: plan.dtb, bytes: deviceTree },
      ...(plan.initrd === null || initrd === undefined
        ? []
        : [{ what: 'initrd', base: plan.initrd.start, bytes: initrd }]),
    ],
    deviceTree,
    attachKernel: (machine) => {
      const host = new KernelHost(machine, new KernelImage(plan.kernel, symbols), {
        earlyConsole: { compatible: CONSOLE_COMPATIBLE[board.kernelConsole.model], base: board.kernelConsole.base },
        deviceTreeBytes: deviceTree.length,
      });
      machine.setGates(host);
      return host;
    },
  };
}

/** Compatible string of the board's console UART: what a kernel built for the board has as its early console. */
const CONSOLE_COMPATIBLE = { pl011: 'arm,pl011', 'gs101-uart': 'google,gs101-uart' } as const;
