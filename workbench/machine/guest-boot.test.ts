/**
 * Compressed kernels with something behind them: what is loaded is the kernel, whatever follows.
 */

import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { findBoard } from '#boards/registry.ts';
import { concatBytes, imageBytes } from '#emulator/loader/testing/guest-images.ts';
import { encodeLz4Legacy } from '#emulator/loader/testing/lz4-encoder.ts';
import { makeDeviceTree } from './device-tree-source.ts';
import { planGuest } from './guest-boot.ts';

const board = findBoard('qemu-virt').create({});
const image = imageBytes({});
const tree = makeDeviceTree({ board, blob: null, fixups: 'loader', bootargs: null, seed: null }, null);

it.each<[string, Uint8Array]>([
  ['gzip', gzipSync(image)],
  ['gzip and a device tree', concatBytes(gzipSync(image), tree)],
  ['gzip and a signature', concatBytes(gzipSync(image), Buffer.from('~Module signature appended~\n'))],
  ['LZ4 and a device tree', concatBytes(encodeLz4Legacy(image), tree)],
])('%s', (_what, kernel) => {
  const { images } = planGuest(board, { board: 'qemu-virt' }, kernel);
  const plain = planGuest(board, { board: 'qemu-virt' }, image);
  expect(images.map(({ what, base }) => [what, base])).toEqual(plain.images.map(({ what, base }) => [what, base]));
  expect(Buffer.compare(images[0]!.bytes, plain.images[0]!.bytes)).toBe(0);
});
