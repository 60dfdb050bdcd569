// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { foreignFile } from './foreign-files.ts';
import { asciiBytes } from './testing/guest-images.ts';

/**
 * A file of 64 KiB with `bytes` at an offset, and a branch as its first word where that is free.
 */
function file(at: number, bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(0x1_0000);
  whole.set([0x10, 0, 0, 0x14]);
  whole.set(bytes, at);
  return whole;
}

describe('foreignFile', () => {
  it.each([
    ['text', asciiBytes('# Notes\n\nThis is not a kernel, but a page about one.\n'), 'text'],
    ['text in UTF-8', new TextEncoder().encode('Grüße — und mehr'), 'text'],
    ['a script', asciiBytes('#!/bin/sh\nexit 0\n'), 'text'],
    ['a JPEG', file(0, Uint8Array.of(0xff, 0xd8, 0xff, 0xe0)), 'a JPEG picture'],
    ['a bzImage', file(0x202, asciiBytes('HdrS')), 'a Linux kernel for x86'],
    ['a zImage', file(0x24, Uint8Array.of(0x18, 0x28, 0x6f, 0x01)), '32-bit Arm'],
    ['a RISC-V Image', file(0x30, asciiBytes('RISCV')), 'RISC-V'],
    ['an initramfs', file(0, asciiBytes('070701')), '--initrd'],
    ['a disk with a partition table', file(0x1fe, Uint8Array.of(0x55, 0xaa)), '--drive'],
    ['an ext4 file system', file(0x438, Uint8Array.of(0x53, 0xef)), '--drive'],
    ['zeroes', new Uint8Array(4096), '0x0, is no instruction'],
    ['three bytes', Uint8Array.of(1, 2, 3), 'shorter than an instruction'],
  ])('names %s', (_name, bytes, what) => {
    expect(foreignFile(bytes)).toContain(what);
  });

  it.each([
    ['a branch', 0x1400_0010],
    ['a move', 0xd2a1_2014],
    ['a load', 0xb940_0025],
    ['NOP', 0xd503_201f],
    ['an addition of vectors', 0x4ee1_8400],
  ])('takes code that begins with %s for code', (_name, word) => {
    const bytes = new Uint8Array(64).fill(0x80);
    new DataView(bytes.buffer).setUint32(0, word, true);
    expect(foreignFile(bytes)).toBe(null);
  });
});
