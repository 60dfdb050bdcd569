// SPDX-License-Identifier: GPL-2.0-only
/** Error of reading guest images: the format, the field, and what is wrong there. */

/** Formats of a guest image or of a part of one. */
export type GuestImageFormat = 'image' | 'gzip' | 'elf' | 'android-boot' | 'android-vendor-boot' | 'lz4-legacy' | 'raw';

/**
 * Thrown for a guest image that cannot be used: truncated, malformed, or made for another machine.
 * `field` is the name that the format's specification gives the field (`image_size`, `e_machine`,
 * `header_version`), or the part of the file that is missing.
 */
export class GuestImageError extends Error {
  readonly format: GuestImageFormat;
  readonly field: string;

  constructor(format: GuestImageFormat, field: string, problem: string) {
    super(`${FORMAT_NAMES[format]}: ${field}: ${problem}`);
    this.name = 'GuestImageError';
    this.format = format;
    this.field = field;
  }
}

const FORMAT_NAMES: Readonly<Record<GuestImageFormat, string>> = {
  image: 'arm64 Image',
  gzip: 'gzip',
  elf: 'ELF',
  'android-boot': 'Android boot.img',
  'android-vendor-boot': 'Android vendor_boot.img',
  'lz4-legacy': 'LZ4 (legacy frame)',
  raw: 'guest image',
};
