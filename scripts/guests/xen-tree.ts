// SPDX-License-Identifier: GPL-2.0-only
/**
 * The device tree for Xen on qemu-virt, with the kernel of Dom0 as a module.
 *
 *     --kernel xen --initrd Image      0x4000_0000 [ Xen ]…  0x4800_0000 [ Image ][ tree ]
 *
 * The kernel's place is the one where the boot loader puts an initial RAM disk. The loader must not
 * add this place to /chosen (`--fixups none`): Xen would give the memory to Dom0 twice.
 *
 * Source: Xen's docs/misc/arm/device-tree/booting.txt.
 */

import { buildDeviceTree } from '#boards/device-tree.ts';
import { findBoard } from '#boards/registry.ts';
import { writeFdt } from '#fdt/index.ts';
import { dtb } from '#workbench/test-kit/device-tree.ts';

/** The machine's other options on the command line. */
export const XEN_OPTIONS = '--board qemu-virt --el 2 --gic-version 3 --fixups none';

const XEN_ARGUMENTS = 'console=dtuart dom0_mem=256M sync_console';
const DOM0_ARGUMENTS = 'console=hvc0 earlycon=xenboot';

/** A blob. @param kernelBytes size of Dom0's kernel */
export function xenTree(kernelBytes: number): Uint8Array {
  const board = findBoard('qemu-virt').create({ gicVersion: 3, el: 2 });
  const [place = 0] = board.load.initrd;
  return dtb()
    .fromBlob(writeFdt({ root: buildDeviceTree(board), reservations: [], bootCpuid: 0 }))
    .node('/chosen', {
      '#address-cells': 2,
      '#size-cells': 2,
      'xen,xen-bootargs': XEN_ARGUMENTS,
      'xen,dom0-bootargs': DOM0_ARGUMENTS,
    })
    .node(`/chosen/module@${place.toString(16)}`, {
      compatible: ['multiboot,kernel', 'multiboot,module'],
      reg: [0, place, 0, kernelBytes],
    })
    .build();
}
