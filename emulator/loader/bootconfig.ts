// SPDX-License-Identifier: GPL-2.0-only
/**
 * Boot configuration, as a boot loader passes it: text after the initrd, located from the end.
 *
 * ```
 *   initrd | text | zeros to a multiple of 4 | size of text and zeros (u32) | sum of the bytes (u32) | "#BOOTCONFIG\n"
 * ```
 * Specification: Documentation/admin-guide/bootconfig.rst, "Initrd" and "Boot Kernel With a Boot
 * Config".
 */

import { alignUp } from '#common/address.ts';

const TRAILER_MAGIC = '#BOOTCONFIG\n';
/** Word on the command line without which the kernel ignores the boot configuration. */
const COMMAND_LINE_WORD = 'bootconfig';

/** Appends the configuration `text` to `initrd`. Linear in the sizes. */
export function appendBootconfig(initrd: Uint8Array, text: Uint8Array): Uint8Array {
  const end = alignUp(initrd.length + text.length, 4);
  const output = new Uint8Array(end + 8 + TRAILER_MAGIC.length);
  output.set(initrd);
  output.set(text, initrd.length);
  const view = new DataView(output.buffer);
  const sum = text.reduce((total, byte) => total + byte, 0);
  view.setUint32(end, end - initrd.length, true);
  view.setUint32(end + 4, sum % 2 ** 32, true);
  output.set(
    Array.from(TRAILER_MAGIC, (character) => character.charCodeAt(0)),
    end + 8,
  );
  return output;
}

/** `bootargs` with the word that makes the kernel read the configuration, once. */
export function withBootconfigWord(bootargs: string): string {
  return bootargs.split(' ').includes(COMMAND_LINE_WORD) ? bootargs : `${bootargs} ${COMMAND_LINE_WORD}`.trim();
}
