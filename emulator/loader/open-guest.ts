// SPDX-License-Identifier: GPL-2.0-only
/**
 * Unpacks the files that a user names into the contents of memory: decompresses, opens Android's
 * containers, and joins RAM disks and command lines. load-guest.ts chooses the addresses.
 *
 * ```
 *   --kernel  gzip ─┐
 *             LZ4 ──┼─▶ Image | ELF | raw
 *    boot.img ──────┘                      vendor_boot.img: RAM disks, device tree, command line, boot configuration
 * ```
 * Sources: source.android.com, "Vendor boot partitions" (RAM disks: the vendor's, then the generic
 * one right after; recovery's only when booting recovery). The command line is the vendor's, then
 * boot.img's, as a gs101 boot loader joins them, then what the user adds.
 */

import { concatBytes } from '#common/bytes.ts';
import { parseAndroidBoot } from './android-boot.ts';
import { type AndroidVendorBoot, isAndroidVendorBoot, parseAndroidVendorBoot } from './android-vendor-boot.ts';
import { type Arm64Image, parseArm64Image } from './arm64-image.ts';
import { appendBootconfig, withBootconfigWord } from './bootconfig.ts';
import { type Elf64, parseElf64 } from './elf64.ts';
import { foreignFile } from './foreign-files.ts';
import { type GuestFormat, identifyGuest } from './guest-image.ts';
import { GuestImageError } from './guest-image-error.ts';
import { decodeLz4Legacy } from './lz4-legacy.ts';

/** Files as read, and text as typed. */
export interface GuestFiles {
  /** `--kernel`. */
  readonly kernel: Uint8Array;
  /** vendor_boot.img beside a boot.img. */
  readonly vendorBoot?: Uint8Array | undefined;
  /** `--initrd`: replaces the RAM disks of Android's images. */
  readonly initrd?: Uint8Array | undefined;
  /** `--append`. */
  readonly append?: string | undefined;
}

/**
 * Decompressors of the caller: this folder imports none. Their errors become a {@link
 * GuestImageError}.
 */
export interface Decompressors {
  readonly gunzip: (bytes: Uint8Array) => Uint8Array;
  /** Limit of each unpacked size: the guest's RAM; absent: a limit of the format. */
  readonly mostBytes?: number;
}

/** Code to load. */
export type GuestKernel =
  | { readonly kind: 'image'; readonly image: Arm64Image; readonly bytes: Uint8Array }
  | { readonly kind: 'elf'; readonly elf: Elf64 }
  | { readonly kind: 'raw'; readonly bytes: Uint8Array };

/** Unpacked guest. */
export interface Guest {
  readonly kernel: GuestKernel;
  /** Formats of the kernel, from the outermost container to the kernel itself: "gzip, image". */
  readonly formats: readonly GuestFormat[];
  /** Complete initrd, with the boot configuration after it; null for none. */
  readonly initrd: Uint8Array | null;
  /** Null when no file gives any. */
  readonly bootargs: string | null;
  /** Device trees of vendor_boot (one or more concatenated blobs); null without vendor_boot. */
  readonly deviceTrees: Uint8Array | null;
}

/** Most nested containers: boot.img, its kernel's compression, and one more. */
const MAX_NESTING = 3;

/**
 * Unpacks a guest.
 * @throws GuestImageError for the first image that cannot be used, naming its format and field
 */
export function openGuest(files: GuestFiles, decompressors: Decompressors): Guest {
  const formats: GuestFormat[] = [];
  let bytes = files.kernel;
  let ramdisk: Uint8Array = new Uint8Array();
  const commandLines: string[] = [];
  const vendor = files.vendorBoot === undefined ? null : parseAndroidVendorBoot(files.vendorBoot);
  if (vendor !== null) commandLines.push(vendor.cmdline);
  for (;;) {
    const format = identifyGuest(bytes);
    formats.push(format);
    if (format === 'image' || format === 'elf' || format === 'raw') {
      if (files.append !== undefined) commandLines.push(files.append);
      return {
        kernel: kernelOf(format, bytes),
        formats,
        deviceTrees: vendor === null || vendor.dtb.length === 0 ? null : vendor.dtb,
        ...handOver(files.initrd, ramdisk, vendor, commandLines),
      };
    }
    if (formats.length > MAX_NESTING) {
      throw new GuestImageError(format, 'contents', `nested ${formats.length} deep: ${formats.join(', ')}`);
    }
    if (format === 'android-boot') {
      const boot = parseAndroidBoot(bytes);
      bytes = boot.kernel;
      ramdisk = boot.ramdisk;
      commandLines.push(boot.cmdline);
    } else {
      bytes = format === 'gzip' ? gunzip(bytes, decompressors) : decodeLz4Legacy(bytes, decompressors.mostBytes);
    }
  }
}

function gunzip(bytes: Uint8Array, decompressors: Decompressors): Uint8Array {
  try {
    return decompressors.gunzip(bytes);
  } catch (error) {
    throw new GuestImageError('gzip', 'data', error instanceof Error ? error.message : String(error));
  }
}

function kernelOf(format: 'image' | 'elf' | 'raw', bytes: Uint8Array): GuestKernel {
  if (format === 'image') return { kind: 'image', image: parseArm64Image(bytes), bytes };
  if (format === 'elf') return { kind: 'elf', elf: parseElf64(bytes) };
  if (bytes.length === 0) throw new GuestImageError('raw', 'size', 'the file is empty');
  if (isAndroidVendorBoot(bytes)) {
    throw new GuestImageError('android-vendor-boot', 'magic', 'this image holds no kernel: boot.img does');
  }
  const foreign = foreignFile(bytes);
  if (foreign !== null) throw new GuestImageError('raw', 'contents', `this is ${foreign}`);
  return { kind: 'raw', bytes };
}

function handOver(
  initrd: Uint8Array | undefined,
  generic: Uint8Array,
  vendor: AndroidVendorBoot | null,
  commandLines: readonly string[],
): Pick<Guest, 'initrd' | 'bootargs'> {
  const vendors = (vendor?.ramdisks ?? []).filter(({ type }) => type !== 'recovery').map(({ bytes }) => bytes);
  const joined = initrd ?? concatBytes([...vendors, generic]);
  const given = commandLines.filter((line) => line !== '').join(' ');
  if (vendor !== null && vendor.bootconfig.length > 0) {
    return { initrd: appendBootconfig(joined, vendor.bootconfig), bootargs: withBootconfigWord(given) };
  }
  return { initrd: joined.length === 0 ? null : joined, bootargs: given === '' ? null : given };
}
