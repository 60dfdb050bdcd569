// SPDX-License-Identifier: GPL-2.0-only
/**
 * Guests other than the modelled kernel: the loaded parts of their files, and the warnings for the
 * user.
 */

import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { findBoard } from '#boards/registry.ts';
import { concatBytes, imageBytes } from '#emulator/loader/testing/guest-images.ts';
import { encodeLz4Legacy } from '#emulator/loader/testing/lz4-encoder.ts';
import { dtb } from '#workbench/test-kit/device-tree.ts';
import { makeDeviceTree } from './device-tree-source.ts';
import type { BootPlan } from './boot-plan.ts';
import { planFlash, planGuest } from './guest-boot.ts';
import { planLevitate } from './levitate-boot.ts';

const board = findBoard('qemu-virt').create({});
const image = imageBytes({});
const tree = makeDeviceTree({ board, blob: null, fixups: 'loader', bootargs: null, seed: null }, null);

it.each<[string, Uint8Array]>([
  ['gzip', gzipSync(image)],
  ['gzip and a device tree', concatBytes(gzipSync(image), tree)],
  ['gzip and a signature', concatBytes(gzipSync(image), Buffer.from('~Module signature appended~\n'))],
  ['LZ4 and a device tree', concatBytes(encodeLz4Legacy(image), tree)],
])('%s: what is loaded is the kernel, whatever follows', (_what, kernel) => {
  const { images } = planGuest(board, { board: 'qemu-virt' }, kernel);
  const plain = planGuest(board, { board: 'qemu-virt' }, image);
  expect(images.map(({ what, base }) => [what, base])).toEqual(plain.images.map(({ what, base }) => [what, base]));
  expect(Buffer.compare(images[0]!.bytes, plain.images[0]!.bytes)).toBe(0);
});

it('RAM of --dtb that lies on devices is named, as for the modelled kernel', () => {
  const onDevices = dtb().ram(0, '2G').build();
  const warnings = (plan: BootPlan) => plan.warnings;
  const kernel = planGuest(board, { board: 'qemu-virt', dtb: onDevices }, image);
  const modelled = planLevitate(board, { board: 'qemu-virt', dtb: onDevices });
  expect(warnings(kernel)).toEqual([expect.stringMatching(/^--dtb: the tree names RAM at 0x0\.\..*: there is none$/)]);
  expect(warnings(kernel)).toEqual(warnings(modelled));
  expect(warnings(planFlash(board, { board: 'qemu-virt', dtb: onDevices }, image))).toEqual(warnings(modelled));
  expect(warnings(planGuest(board, { board: 'qemu-virt' }, image))).toEqual([]);
});
