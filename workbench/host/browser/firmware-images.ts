// SPDX-License-Identifier: GPL-2.0-only
/** Files of firmware/images, which the page has fetched before a machine is made. */

const images = new Map<string, Uint8Array>();

/** Gives the contents of the file `name`. */
export function provideFirmwareImage(name: string, bytes: Uint8Array): void {
  images.set(name, bytes);
}

/** A copy of the file, the caller's own. @throws Error when it was not provided */
export function readFirmwareImage(name: string): Uint8Array<ArrayBuffer> {
  const bytes = images.get(name);
  if (bytes === undefined) throw new Error(`firmware/images/${name} is not in the page's files`);
  return Uint8Array.from(bytes);
}
