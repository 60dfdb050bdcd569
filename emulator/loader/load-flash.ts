// SPDX-License-Identifier: GPL-2.0-only
/**
 * `--bios`: a file as contents of the flash at the reset vector, by QEMU's rules. The machine
 * starts with the code in it.
 *
 * QEMU puts the device tree at the start of RAM, and leaves all registers zero (hw/arm/boot.c;
 * U-Boot's qemu_arm64 looks for the tree there).
 */

import { alignUp, hex } from '#common/address.ts';
import { GuestImageError } from './guest-image-error.ts';
import type { BaseAndSize } from '#common/range.ts';
import { GuestPlacementError } from './guest-space.ts';
import type { GuestEntry, Placement } from './load-guest.ts';

/** Plan for flash; the device tree always has a place. */
export interface FlashPlan {
  readonly placement: Placement;
  readonly dtb: number;
  readonly entry: GuestEntry;
}

/**
 * Places `image` at the start of `flash` and a tree of `dtbBytes` at the start of `ram`.
 * @throws GuestImageError `size` when the file is empty or larger than the flash;
 * GuestPlacementError when the tree is larger than RAM
 */
export function loadFlash(image: Uint8Array, flash: BaseAndSize, ram: BaseAndSize, dtbBytes: number): FlashPlan {
  if (image.length === 0) throw new GuestImageError('raw', 'size', 'the file is empty');
  if (image.length > flash.size) {
    throw new GuestImageError(
      'raw',
      'size',
      `${hex(image.length)} bytes do not fit into a flash of ${hex(flash.size)} bytes`,
    );
  }
  if (alignUp(dtbBytes, 8) > ram.size) {
    throw new GuestPlacementError(`the device tree of ${hex(dtbBytes)} bytes is larger than RAM`);
  }
  return {
    placement: { what: 'flash', base: flash.base, bytes: image },
    dtb: ram.base,
    entry: { pc: flash.base, x0: 0 },
  };
}
