// SPDX-License-Identifier: GPL-2.0-only
/**
 * Additions of `--fixups loader` to trees other than the board's: RAM in the tree's own cells,
 * placeholders filled in, and an initramfs where the tree has RAM.
 */

import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fetchBoardTrees, treeFiles } from '#scripts/board-trees/tree-files.ts';
import { tryTree } from '#scripts/board-trees/try-tree.ts';
import { createMachine } from '#workbench/index.ts';
import { DebianPackageError } from '#workbench/engine-library/debian-packages.ts';
import { boot, type BootResult, type DeviceTreeBuilder, dtb } from '#workbench/testing.ts';

const MiB = 2 ** 20;

const ramLines = ({ machine }: BootResult): string[] =>
  machine.serial.lines
    .filter((line) => line.startsWith('[MEM] RAM  '))
    .map((line) => line.slice('[MEM] RAM      '.length));

describe('a tree without RAM gets the board’s, in its own cells', () => {
  it.each([
    [2, 2, ['0x0080000000..0x0100000000  2 GiB', '0x0880000000..0x0a00000000  6 GiB']],
    [2, 1, ['0x0080000000..0x0100000000  2 GiB', '0x0880000000..0x0a00000000  6 GiB']],
    // 32-bit addresses have no words for the second bank.
    [1, 1, ['0x0080000000..0x0100000000  2 GiB']],
    [1, 2, ['0x0080000000..0x0100000000  2 GiB']],
  ] as const)('#address-cells %i, #size-cells %i', (address, size, banks) => {
    const result = boot('pixel6', { dtb: dtb().cells(address, size), fixups: 'loader' });
    expect(result).toExitWith('init', 0);
    expect(ramLines(result)).toEqual(banks);
    expect(result.machine.serial.text).toContain('sec_dram  (no-map)');
  });

  it.each(['pixel6', 'qemu-virt'])('and placeholders of size 0 are filled in on %s', (board) => {
    const placeholder = dtb().cells(2, 1).ram(0x8000_0000, 0);
    const result = boot(board, { dtb: placeholder, fixups: 'loader' });
    expect(result).toExitWith('init', 0);
    expect(ramLines(result)).toHaveLength(board === 'pixel6' ? 2 : 1);
    expect(result.machine.serial.text).not.toContain('warning');
  });
});

describe('RAM of the tree that lies on devices', () => {
  const onDevices: DeviceTreeBuilder = dtb().ram(0, '2G');

  it('is named when it is left out, and the kernel says that the tree is another machine’s', () => {
    const result = boot('qemu-virt', { dtb: onDevices });
    expect(result).toPanicWith('PANIC: The device tree names RAM where devices are', 'arm,pl011 is at 0x9000000 in it');
    expect(result.machine.warnings).toEqual([
      expect.stringMatching(
        /^--dtb: the tree names RAM at 0x0\.\..*, where qemu-virt has devices \(.*\): there is none$/,
      ),
    ]);
  });

  it('is left out of the tree by a boot loader', () => {
    const result = boot('qemu-virt', { dtb: onDevices, fixups: 'loader' });
    expect(result).toExitWith('init', 0);
    expect(ramLines(result).at(-1)).toMatch(/\.\.0x0080000000 /);
  });

  it('is left out of a tree with several memory nodes: one names what remains, as from U-Boot', () => {
    const several = dtb().ram(0, '16M', { ownNode: true }).ram(0x4000_0000, '64M', { ownNode: true });
    const result = boot('qemu-virt', { dtb: several.ram(0x5000_0000, '64M', { ownNode: true }), fixups: 'loader' });
    expect(result).toExitWith('init', 0);
    expect(ramLines(result)).toEqual(['0x0040000000..0x0044000000  64 MiB', '0x0050000000..0x0054000000  64 MiB']);
  });

  it('elsewhere than at the console: what does not answer is named with the node that promised it', () => {
    const { board } = createMachine({ board: 'qemu-virt' });
    const silent = board.devices.find(({ model, size }) => model === 'absent' && size >= MiB)!;
    const result = boot('qemu-virt', { dtb: dtb().ram(silent.base, silent.size).ram(0x4000_0000, '16M') });
    expect(result).toPanicWith('PANIC: RAM that the device tree names does not answer', 'which is RAM by /memory@');
  });
});

describe('an initramfs is put where the tree has RAM', () => {
  it.each([
    ['pixel6', 0x8000_0000, 64],
    ['qemu-virt', 0x4000_0000, 96],
    // Beside the board's own RAM.
    ['qemu-virt', 0x2_0000_0000, 64],
  ])('%s with RAM at %d, %i MiB', (board, base, megabytes) => {
    const result = boot(board, { dtb: dtb().ram(base, megabytes * MiB), fixups: 'loader' });
    expect(result).toExitWith('init', 0);
    const { base: start, bytes } = result.machine.findImage('initrd')!;
    expect(start).toBeGreaterThanOrEqual(base);
    expect(start + bytes.length).toBeLessThanOrEqual(base + megabytes * MiB);
  });

  it('and not where the tree reserves memory', () => {
    const tree = dtb().ram(0x4000_0000, '256M').reserved(0x4800_0000, '16M', { noMap: true });
    const result = boot('qemu-virt', { dtb: tree, fixups: 'loader' });
    expect(result).toExitWith('init', 0);
    expect(result.machine.serial.text).not.toContain('initramfs ignored');
  });
});

/** Every 200th of the trees, or why they cannot be had here. */
function sample(): { readonly folder: string; readonly files: readonly string[] } | string {
  try {
    const folder = fetchBoardTrees();
    return { folder, files: treeFiles(folder).filter((_, i) => i % 200 === 0) };
  } catch (error) {
    if (error instanceof DebianPackageError && process.env['CI'] !== 'true') return error.message;
    throw error;
  }
}
const trees = sample();

describe(`trees of Debian’s boards end in a way that says why${typeof trees === 'string' ? ` (skipped: ${trees})` : ''}`, () => {
  const { folder, files } = typeof trees === 'string' ? { folder: '', files: [] } : trees;

  it.skipIf(typeof trees === 'string').each(files.map((file) => [relative(folder, file), file]))(
    '%s',
    (_name, file) => {
      const blob = new Uint8Array(readFileSync(file));
      for (const board of ['pixel6', 'qemu-virt']) {
        const asItIs = tryTree(blob, { board, fixups: 'none' });
        expect(asItIs.explained, asItIs.detail).toBe(true);
        expect(tryTree(blob, { board, fixups: 'loader' })).toMatchObject({ kind: 'steady state' });
      }
    },
  );
});
