// SPDX-License-Identifier: GPL-2.0-only
/** From files to a guest: wrappings, Android’s parts in their order, and input of any kind. */

import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GuestImageError } from './guest-image-error.ts';
import { openGuest } from './open-guest.ts';
import {
  asciiBytes,
  bootImgBytes,
  concatBytes,
  elfBytes,
  imageBytes,
  patternBytes,
  vendorBootBytes,
} from './testing/guest-images.ts';
import { encodeLz4Legacy } from './testing/lz4-encoder.ts';

const decompressors = { gunzip: (bytes: Uint8Array) => gunzipSync(bytes, { maxOutputLength: 2 ** 24 }) };
const image = imageBytes({});
const generic = patternBytes(300, 10);
const platform = { type: 1, name: '', bytes: patternBytes(200, 20) };
const recovery = { type: 2, name: 'recovery', bytes: patternBytes(210, 30) };
const dlkm = { type: 3, name: 'dlkm', bytes: patternBytes(220, 40) };

describe('openGuest', () => {
  it.each([
    ['image', image, ['image']],
    ['gzip', new Uint8Array(gzipSync(image)), ['gzip', 'image']],
    ['LZ4', encodeLz4Legacy(image), ['lz4-legacy', 'image']],
    ['boot.img of LZ4', bootImgBytes({ kernel: encodeLz4Legacy(image) }), ['android-boot', 'lz4-legacy', 'image']],
    ['boot.img of gzip', bootImgBytes({ kernel: gzipSync(image) }), ['android-boot', 'gzip', 'image']],
  ])('unpacks %s', (_, kernel, formats) => {
    const guest = openGuest({ kernel }, decompressors);
    expect(guest).toMatchObject({ formats, initrd: null, bootargs: null, deviceTrees: null });
    expect(guest.kernel).toMatchObject({ kind: 'image', image: { imageSize: 0x10_0000 } });
    expect(guest.kernel.kind === 'image' && Buffer.compare(guest.kernel.bytes, image)).toBe(0);
  });

  it('joins what Android keeps apart: the vendor’s first, recovery’s left out', () => {
    const guest = openGuest(
      {
        kernel: bootImgBytes({ kernel: image, ramdisk: generic, cmdline: 'boot=1' }),
        vendorBoot: vendorBootBytes({
          ramdisks: [platform, recovery, dlkm],
          cmdline: 'vendor=1',
          dtb: patternBytes(77),
        }),
        append: 'user=1',
      },
      decompressors,
    );
    expect(guest.initrd).toEqual(concatBytes(platform.bytes, dlkm.bytes, generic));
    expect(guest.bootargs).toBe('vendor=1 boot=1 user=1');
    expect(guest.deviceTrees).toEqual(patternBytes(77));
  });

  it('puts the boot configuration after the initrd, aligned, summed, and announced', () => {
    const guest = openGuest(
      { kernel: bootImgBytes({ kernel: image, ramdisk: generic }), vendorBoot: vendorBootBytes({ bootconfig: 'ab' }) },
      decompressors,
    );
    // 300 + 2 bytes end at 302: two zeros; then 4 bytes that sum to 0x61 + 0x62.
    const trailer = Uint8Array.of(0x61, 0x62, 0, 0, 4, 0, 0, 0, 0xc3, 0, 0, 0);
    expect(guest.initrd).toEqual(concatBytes(generic, trailer, asciiBytes('#BOOTCONFIG\n')));
    expect(guest.bootargs).toBe('bootconfig');
  });

  it('takes the user’s initrd instead of the images’ own', () => {
    const kernel = bootImgBytes({ kernel: image, ramdisk: generic });
    expect(openGuest({ kernel, initrd: platform.bytes }, decompressors).initrd).toEqual(platform.bytes);
    expect(openGuest({ kernel, initrd: new Uint8Array() }, decompressors).initrd).toBeNull();
  });

  it.each([
    ['raw', 'size', new Uint8Array(), 'the file is empty'],
    ['gzip', 'data', Uint8Array.of(0x1f, 0x8b, 8, 0), 'unexpected end of file'],
    ['android-vendor-boot', 'magic', vendorBootBytes({}), 'holds no kernel'],
    ['raw', 'contents', asciiBytes('MZ\0\0zimg'), 'an EFI zboot image'],
    ['raw', 'contents', Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 1), 'zstd data'],
    ['lz4-legacy', 'contents', encodeLz4Legacy(encodeLz4Legacy(encodeLz4Legacy(encodeLz4Legacy(image)))), 'nested'],
  ])('refuses: %s, %s', (format, field, kernel, problem) => {
    const open = () => openGuest({ kernel }, decompressors);
    expect(open).toThrow(GuestImageError);
    expect(open).toThrow(expect.objectContaining({ format, field, message: expect.stringContaining(problem) }));
  });
});

describe('damaged images', () => {
  const boot = bootImgBytes({ kernel: encodeLz4Legacy(image), ramdisk: generic, signature: patternBytes(64) });
  const vendorBoot = vendorBootBytes({ ramdisks: [platform, dlkm], dtb: patternBytes(99), bootconfig: 'a' });
  const samples = [
    image,
    elfBytes(0x4020_0000n, [
      { physical: 0x4020_0000, bytes: patternBytes(300) },
      { physical: 0x4030_0000, bytes: patternBytes(64), memoryBytes: 0x1000 },
    ]),
    encodeLz4Legacy(image, patternBytes(2000)),
    new Uint8Array(gzipSync(image)),
    boot,
    vendorBoot,
  ];
  /** Fields are near the start; damage at the very end and beyond the end matters too. */
  const damage = fc.record({
    sample: fc.constantFrom(...samples),
    writes: fc.array(
      fc.tuple(
        fc.oneof(fc.nat(160), fc.integer({ min: 1570, max: 2130 }), fc.nat(20_000)),
        fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(255)),
      ),
      { maxLength: 6 },
    ),
    keep: fc.oneof(
      { weight: 2, arbitrary: fc.constant(1) },
      { weight: 1, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) },
    ),
  });

  it('are read, or refused with GuestImageError, and nothing else happens', () => {
    let refused = 0;
    let read = 0;
    fc.assert(
      fc.property(damage, fc.boolean(), ({ sample, writes, keep }, asVendorBoot) => {
        const bytes = Uint8Array.from(sample);
        for (const [offset, value] of writes) if (offset < bytes.length) bytes[offset] = value;
        const cut = bytes.subarray(0, Math.floor(bytes.length * keep));
        const files = asVendorBoot ? { kernel: boot, vendorBoot: cut } : { kernel: cut, vendorBoot };
        try {
          openGuest(files, decompressors);
          read++;
        } catch (error) {
          expect(error).toBeInstanceOf(GuestImageError);
          expect((error as GuestImageError).field).not.toBe('');
          refused++;
        }
      }),
      { numRuns: 1500 },
    );
    expect(refused).toBeGreaterThan(100);
    expect(read).toBeGreaterThan(100);
  });

  it('any bytes at all are read or refused', () => {
    const magics = samples.map((sample) => sample.subarray(0, 8));
    const bytes = fc
      .tuple(fc.constantFrom(new Uint8Array(), ...magics), fc.uint8Array({ maxLength: 300 }))
      .map(([magic, rest]) => concatBytes(magic, rest));
    fc.assert(
      fc.property(bytes, (kernel) => {
        try {
          openGuest({ kernel }, decompressors);
        } catch (error) {
          expect(error).toBeInstanceOf(GuestImageError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
