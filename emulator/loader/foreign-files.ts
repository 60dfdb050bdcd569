// SPDX-License-Identifier: GPL-2.0-only
/**
 * Recognises files that are not a kernel. Otherwise they would be taken for raw code and executed.
 *
 * Sources of the magic numbers: each format's specification; Linux: Documentation/arch/x86/boot.rst
 * ("HdrS"), arm/booting.rst (zImage), riscv/boot-image-header.rst. Instructions: Arm ARM DDI 0487
 * K.a, C4.1.1 (UDF).
 */

import { hex } from '#common/address.ts';

interface ForeignFile {
  readonly at: number;
  /** Bytes, or characters with the same codes. */
  readonly magic: readonly number[] | string;
  /** The kind of file, and the way to use it. */
  readonly what: string;
}

const FOREIGN: readonly ForeignFile[] = [
  // Containers of a kernel.
  { at: 4, magic: 'zimg', what: 'an EFI zboot image: extract the kernel from it first' },
  {
    at: 0,
    magic: [0x04, 0x22, 0x4d, 0x18],
    what: 'an LZ4 frame: decompress it first (lz4 -d); only legacy frames are read',
  },
  { at: 0, magic: [0x28, 0xb5, 0x2f, 0xfd], what: 'zstd data: decompress it first (zstd -d)' },
  { at: 0, magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a], what: 'xz data: decompress it first (xz -d)' },
  { at: 0, magic: [0x42, 0x5a, 0x68], what: 'bzip2 data: decompress it first (bzip2 -d)' },
  { at: 0, magic: [0x27, 0x05, 0x19, 0x56], what: 'a U-Boot uImage: extract the kernel from it first' },
  { at: 0, magic: 'PK\u0003\u0004', what: 'a ZIP archive: unpack it first' },
  { at: 257, magic: 'ustar', what: 'a tar archive: unpack it first' },
  { at: 0, magic: '!<arch>\n', what: 'a Debian package or another ar archive: unpack it first (dpkg-deb -x)' },
  // Kernels for other machines.
  { at: 0x202, magic: 'HdrS', what: 'a Linux kernel for x86 (bzImage): it needs an x86 machine' },
  {
    at: 0x24,
    magic: [0x18, 0x28, 0x6f, 0x01],
    what: 'a Linux kernel for 32-bit Arm (zImage): cores have AArch64 only',
  },
  { at: 0x30, magic: 'RISCV', what: 'a Linux kernel for RISC-V' },
  // Files for another option.
  {
    at: 0,
    magic: [0xd0, 0x0d, 0xfe, 0xed],
    what: 'a device tree or FIT image, not a kernel: a tree goes after --dtb',
  },
  { at: 0, magic: '07070', what: 'a cpio archive, not a kernel: an initramfs goes after --initrd' },
  { at: 0, magic: 'QFI\u00fb', what: 'a qcow2 disk image: convert it (qemu-img convert -O raw), and --drive takes it' },
  { at: 0, magic: [0x3a, 0xff, 0x26, 0xed], what: 'an Android sparse image, not a kernel' },
  { at: 0x1fe, magic: [0x55, 0xaa], what: 'a disk image (it ends its first sector with 55 aa): --drive takes it' },
  { at: 0x438, magic: [0x53, 0xef], what: 'an ext2, ext3 or ext4 file system: --drive takes it' },
  { at: 0x8001, magic: 'CD001', what: 'an ISO 9660 image: --drive takes it' },
  // Other files.
  { at: 0, magic: [0xff, 0xd8, 0xff], what: 'a JPEG picture' },
  { at: 0, magic: '\u0089PNG', what: 'a PNG picture' },
  { at: 0, magic: 'GIF8', what: 'a GIF picture' },
  { at: 0, magic: '%PDF', what: 'a PDF document' },
  { at: 0, magic: 'MZ', what: 'an EFI or Windows program without the header of an arm64 Image' },
  { at: 0, magic: [0xcf, 0xfa, 0xed, 0xfe], what: 'a Mach-O program' },
  { at: 0, magic: '\0asm', what: 'a WebAssembly module' },
];

/** Number of bytes that decide whether a file is text. */
const TEXT_BYTES = 256;
/** Tab, line feed, form feed, carriage return. */
const WHITE = new Set([9, 10, 12, 13]);

/** Name of a file that is not code, to complete "this is …"; null when it may be code. O(1). */
export function foreignFile(bytes: Uint8Array): string | null {
  const known = FOREIGN.find(({ at, magic }) => startsAt(bytes, at, magic));
  if (known !== undefined) return known.what;
  if (isText(bytes.subarray(0, TEXT_BYTES))) return 'text';
  if (bytes.length < 4) return `${bytes.length} bytes long, shorter than an instruction`;
  const first = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  // The first word is UDF #imm16, which is permanently undefined.
  if (first >>> 16 !== 0) return null;
  return `no arm64 Image, ELF file, boot.img or code: its first word, ${hex(first)}, is no instruction of AArch64`;
}

function startsAt(bytes: Uint8Array, at: number, magic: readonly number[] | string): boolean {
  const codes = typeof magic === 'string' ? Array.from(magic, (character) => character.charCodeAt(0)) : magic;
  return codes.every((code, i) => bytes[at + i] === code);
}

/** True for ASCII or UTF-8 without control characters. */
function isText(bytes: Uint8Array): boolean {
  return bytes.every((byte) => (byte >= 0x20 && byte !== 0x7f) || WHITE.has(byte)) && bytes.some((byte) => byte < 0x80);
}
