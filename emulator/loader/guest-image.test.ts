// SPDX-License-Identifier: GPL-2.0-only
/** Each format’s reader: what it takes from a good image, and which field it names in a bad one. */

import { describe, expect, it } from 'vitest';
import { parseAndroidBoot } from './android-boot.ts';
import { parseAndroidVendorBoot } from './android-vendor-boot.ts';
import { parseArm64Image } from './arm64-image.ts';
import { parseElf64 } from './elf64.ts';
import { identifyGuest } from './guest-image.ts';
import { GuestImageError } from './guest-image-error.ts';
import {
  asciiBytes,
  bootImgBytes,
  elfBytes,
  imageBytes,
  patternBytes,
  vendorBootBytes,
} from './testing/guest-images.ts';
import { encodeLz4Legacy } from './testing/lz4-encoder.ts';

/** The error of `parse`, to look at its fields. */
function errorOf(parse: () => unknown): GuestImageError {
  try {
    parse();
  } catch (error) {
    if (error instanceof GuestImageError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

/** `bytes` with `value` written over them at `offset`. */
function patched(bytes: Uint8Array, offset: number, ...value: readonly number[]): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy.set(value, offset);
  return copy;
}

const kernel = patternBytes(5000, 1);
const elf = elfBytes(0x4020_0008n, [{ physical: 0x4020_0000, bytes: kernel, memoryBytes: 0x3000 }]);

describe('identifyGuest', () => {
  it.each([
    ['image', imageBytes({})],
    ['gzip', Uint8Array.of(0x1f, 0x8b, 8, 0)],
    ['elf', elf],
    ['android-boot', bootImgBytes({ kernel })],
    ['lz4-legacy', encodeLz4Legacy(kernel)],
    ['raw', kernel],
    ['raw', new Uint8Array()],
    // One byte short of a header.
    ['raw', imageBytes({}).subarray(0, 63)],
  ] as const)('%s', (format, bytes) => {
    expect(identifyGuest(bytes)).toBe(format);
  });
});

describe('parseArm64Image', () => {
  it('reads the header of a kernel of today', () => {
    const bytes = imageBytes({ textOffset: 0n, imageSize: 0x2f9_0000n, flags: 0xan });
    expect(parseArm64Image(bytes)).toEqual({ textOffset: 0, imageSize: 0x2f9_0000, pageSize: 4096, anywhere: true });
  });

  it.each([
    [0x0n, null, false],
    [0x4n, 16_384, false],
    [0xen, 65_536, true],
  ])('flags %s', (flags, pageSize, anywhere) => {
    expect(parseArm64Image(imageBytes({ flags }))).toMatchObject({ pageSize, anywhere });
  });

  it('assumes text_offset 0x80000 where image_size is 0, whatever the field holds', () => {
    expect(parseArm64Image(imageBytes({ imageSize: 0n, textOffset: 0x1234n })).textOffset).toBe(0x8_0000);
  });

  it.each([
    ['header', imageBytes({}).subarray(0, 63)],
    ['magic', patched(imageBytes({}), 56, 0x41, 0x52, 0x4d, 0x65)],
    ['text_offset', imageBytes({ textOffset: 2n ** 63n })],
    ['text_offset', imageBytes({ textOffset: 2n })],
    ['image_size', imageBytes({ imageSize: 2n ** 52n })],
    ['flags', imageBytes({ flags: 0x1n })],
  ])('names %s', (field, bytes) => {
    expect(errorOf(() => parseArm64Image(bytes))).toMatchObject({ format: 'image', field });
  });
});

describe('parseElf64', () => {
  it('gives segments by physical address, sorted, without those that load nothing', () => {
    const { entry, segments } = parseElf64(
      elfBytes(0x4100_0000n, [
        { physical: 0x4100_0000, bytes: kernel },
        { physical: 0x9999_9999, bytes: kernel, type: 4 },
        { physical: 0x5000_0000, bytes: new Uint8Array(), memoryBytes: 0 },
        { physical: 0x4020_0000, bytes: kernel.subarray(0, 16), memoryBytes: 0x1000 },
      ]),
    );
    expect(entry).toBe(0x4100_0000);
    expect(segments).toEqual([
      { physical: 0x4020_0000, bytes: kernel.subarray(0, 16), memoryBytes: 0x1000 },
      { physical: 0x4100_0000, bytes: kernel, memoryBytes: kernel.length },
    ]);
  });

  it('translates an entry that is a virtual address of an executable segment', () => {
    const virtual = 0xffff_8000_0000_0000n;
    const segment = { physical: 0x4020_0000, virtual, bytes: kernel };
    expect(parseElf64(elfBytes(virtual + 8n, [segment])).entry).toBe(0x4020_0008);
    expect(errorOf(() => parseElf64(elfBytes(virtual + 8n, [{ ...segment, flags: 6 }])))).toMatchObject({
      field: 'e_entry',
    });
  });

  const at = (offset: number, ...value: number[]) => patched(elf, offset, ...value);
  it.each([
    ['e_ident', at(0, 0)],
    ['EI_CLASS', at(4, 1)],
    ['EI_DATA', at(5, 2)],
    ['EI_VERSION', at(6, 0)],
    ['e_type', at(16, 1)],
    ['e_machine', at(18, 62)],
    ['e_phoff', at(38, 0xff)],
    ['e_phentsize', at(54, 32)],
    ['e_phnum', at(56, 0)],
    ['e_phoff', elf.subarray(0, 30)],
    ['p_type of program header 0', elf.subarray(0, 64)],
    ['p_filesz of program header 0', at(64 + 40, 0, 0)],
    ['p_offset of program header 0', elf.subarray(0, 5000)],
    ['p_paddr of program header 0', at(64 + 24 + 7, 1)],
    [
      'p_paddr',
      elfBytes(0n, [
        { physical: 0x1000, bytes: kernel, memoryBytes: 0x3000 },
        { physical: 0x3fff, bytes: kernel },
      ]),
    ],
  ])('names %s', (field, bytes) => {
    expect(errorOf(() => parseElf64(bytes))).toMatchObject({ format: 'elf', field });
  });
});

describe('parseAndroidBoot', () => {
  const ramdisk = patternBytes(100, 7);

  it.each([3, 4] as const)('version %i: kernel, RAM disk and command line', (version) => {
    const bytes = bootImgBytes({ version, kernel, ramdisk, cmdline: 'a=1 b', signature: patternBytes(9) });
    expect(parseAndroidBoot(bytes)).toEqual({ headerVersion: version, kernel, ramdisk, cmdline: 'a=1 b' });
  });

  const good = bootImgBytes({ kernel, ramdisk, signature: patternBytes(4096) });
  it.each([
    ['magic', patched(good, 0, 0)],
    ['header_version', patched(good, 40, 2)],
    ['header_version', good.subarray(0, 42)],
    ['header_size', patched(good, 20, 0)],
    ['kernel_size', patched(good, 8, 0, 0, 0, 0)],
    ['kernel_size', good.subarray(0, 9000)],
    ['ramdisk_size', patched(good, 15, 0xff)],
    ['signature_size', good.subarray(0, 4 * 4096)],
  ])('names %s', (field, bytes) => {
    expect(errorOf(() => parseAndroidBoot(bytes))).toMatchObject({ format: 'android-boot', field });
  });
});

describe('parseAndroidVendorBoot', () => {
  const platform = { type: 1, name: '', bytes: patternBytes(5000, 2) };
  const dlkm = { type: 3, name: 'dlkm', bytes: patternBytes(600, 3) };
  const dtb = patternBytes(4097, 4);

  it('version 3: one RAM disk', () => {
    const bytes = vendorBootBytes({ version: 3, ramdisks: [platform], dtb, cmdline: 'x', pageBytes: 2048 });
    expect(parseAndroidVendorBoot(bytes)).toEqual({
      headerVersion: 3,
      ramdisks: [{ type: 'none', name: '', bytes: platform.bytes }],
      cmdline: 'x',
      dtb,
      bootconfig: new Uint8Array(),
    });
  });

  it('version 4: a table of RAM disks, and the boot configuration', () => {
    const bytes = vendorBootBytes({ ramdisks: [platform, dlkm], dtb, bootconfig: 'androidboot.a = "1"\n' });
    expect(parseAndroidVendorBoot(bytes)).toEqual({
      headerVersion: 4,
      ramdisks: [
        { type: 'platform', name: '', bytes: platform.bytes },
        { type: 'dlkm', name: 'dlkm', bytes: dlkm.bytes },
      ],
      cmdline: '',
      dtb,
      bootconfig: asciiBytes('androidboot.a = "1"\n'),
    });
  });

  it('accepts the header size that mkbootimg 29 wrote for version 3', () => {
    const bytes = vendorBootBytes({ version: 3, ramdisks: [platform], dtb, pageBytes: 2048 });
    expect(parseAndroidVendorBoot(patched(bytes, 2096, 0x3c, 0x08))).toEqual(parseAndroidVendorBoot(bytes));
  });

  const good = vendorBootBytes({ ramdisks: [platform, dlkm], dtb, bootconfig: 'a' });
  // Header, two pages of RAM disks, two of DTB.
  const table = 5 * 4096;
  it.each([
    ['magic', patched(good, 7, 0)],
    ['header_version', patched(good, 8, 5)],
    ['page_size', patched(good, 12, 1)],
    ['page_size', patched(good, 12, 0, 0, 0, 0x80)],
    ['header_size', patched(good, 2096, 0x40)],
    ['vendor_ramdisk_size', patched(good, 27, 0x7f)],
    ['dtb_size', patched(good, 2103, 0x7f)],
    ['vendor_ramdisk_table_size', patched(good, 2115, 1)],
    ['vendor_ramdisk_table_entry_num', patched(good, 2116, 3)],
    ['vendor_ramdisk_table_entry_size', patched(good, 2120, 100)],
    ['bootconfig_size', patched(good, 2125, 0xff)],
    ['ramdisk_offset of RAM disk 1', patched(good, table + 108 + 4, 0xff, 0xff)],
    ['ramdisk_type of RAM disk 0', patched(good, table + 8, 4)],
    ['header_size', good.subarray(0, 2000)],
  ])('names %s', (field, bytes) => {
    expect(errorOf(() => parseAndroidVendorBoot(bytes))).toMatchObject({ format: 'android-vendor-boot', field });
  });
});
