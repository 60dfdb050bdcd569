// SPDX-License-Identifier: GPL-2.0-only
/** Finding boards, and what their options allow. */

import { describe, expect, it } from 'vitest';
import { PAGE_SIZE } from '#common/address.ts';
import { BoardError } from './board-error.ts';
import { boards, findBoard } from './registry.ts';
import type { Board } from './types.ts';

const GiB = 2 ** 30;
const MiB = 2 ** 20;

function frames(board: Board): number {
  return board.ramBanks.reduce((sum, bank) => sum + bank.size, 0) / PAGE_SIZE;
}

describe('findBoard', () => {
  it('finds each board by its name', () => {
    expect(new Set(boards.map(({ name }) => name)).size).toBe(boards.length);
    for (const board of boards) expect(findBoard(board.name)).toBe(board);
  });

  it('names the boards that exist when asked for another', () => {
    expect(() => findBoard('pixel7')).toThrow(
      new BoardError(`unknown board "pixel7"; known boards: ${boards.map(({ name }) => name).join(', ')}`),
    );
  });
});

describe('defaults', () => {
  it('give pixel6 2,097,152 frames in two banks and eight cores', () => {
    const board = findBoard('pixel6').create();
    expect(frames(board)).toBe(2_097_152);
    expect(board.ramBanks).toEqual([
      { base: 0x8000_0000, size: 2 * GiB },
      { base: 0x8_8000_0000, size: 6 * GiB },
    ]);
    expect(board.cpus.map((cpu) => cpu.mpidrEl1)).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((n) => 0x8100_0000 + n * 0x100));
    expect(board.timer.frequencyHz).toBe(24_576_000);
  });

  it('give rpi4 4 GiB but for what lies over it, and four cores', () => {
    const board = findBoard('rpi4').create();
    expect(board.ramBanks).toEqual([
      { base: 0, size: 0x3b40_0000 },
      { base: 0x4000_0000, size: 0xbc00_0000 },
    ]);
    expect(board.cpus.map(({ releaseAddress }) => releaseAddress)).toEqual([0xd8, 0xe0, 0xe8, 0xf0]);
    expect(board.timer.frequencyHz).toBe(54_000_000);
  });

  it('give qemu-virt 262,144 frames in one bank and one core', () => {
    const board = findBoard('qemu-virt').create();
    expect(frames(board)).toBe(262_144);
    expect(board.ramBanks).toEqual([{ base: 0x4000_0000, size: GiB }]);
    expect(board.cpus).toHaveLength(1);
    expect(board.timer.frequencyHz).toBe(62_500_000);
  });
});

describe('--memory', () => {
  it.each([
    [96 * MiB, [[0x8000_0000, 96 * MiB]]],
    [2 * GiB, [[0x8000_0000, 2 * GiB]]],
    [
      3 * GiB,
      [
        [0x8000_0000, 2 * GiB],
        [0x8_8000_0000, GiB],
      ],
    ],
    [
      6 * GiB,
      [
        [0x8000_0000, 2 * GiB],
        [0x8_8000_0000, 4 * GiB],
      ],
    ],
    [
      64 * GiB,
      [
        [0x8000_0000, 2 * GiB],
        [0x8_8000_0000, 62 * GiB],
      ],
    ],
  ])('fills the banks of pixel6 in order: %i bytes', (memoryBytes, banks) => {
    const board = findBoard('pixel6').create({ memoryBytes });
    expect(board.ramBanks.map((bank) => [bank.base, bank.size])).toEqual(banks);
  });

  it.each([
    [96 * MiB, [[0, 96 * MiB]]],
    [GiB, [[0, 0x3b40_0000]]],
    [
      8 * GiB,
      [
        [0, 0x3b40_0000],
        [0x4000_0000, 0xbc00_0000],
        [4 * GiB, 4 * GiB],
      ],
    ],
  ])('is cut where it lies on rpi4: %i bytes', (memoryBytes, banks) => {
    const board = findBoard('rpi4').create({ memoryBytes });
    expect(board.ramBanks.map((bank) => [bank.base, bank.size])).toEqual(banks);
  });

  it('cuts the reserved regions of pixel6 to the RAM that exists', () => {
    const names = (memoryBytes: number): string[] =>
      findBoard('pixel6')
        .create({ memoryBytes })
        .reserved.map((region) => region.name);
    expect(names(96 * MiB)).toEqual([]);
    expect(names(512 * MiB)).toEqual(['gsa@90200000', 'tpu-fw@93000000', 'aoc@94000000', 'pkvm_guest_firmware']);
    expect(names(3 * GiB)).toHaveLength(12);
    const half = findBoard('pixel6').create({ memoryBytes: 0x1500_0000 });
    expect(half.reserved).toContainEqual(expect.objectContaining({ name: 'aoc@94000000', size: 0x100_0000 }));
  });
});

describe('options out of range', () => {
  it.each([
    ['pixel6', { memoryBytes: 32 * MiB }, 'memory of 32 MiB is not possible on pixel6: 64 MiB to 992 GiB'],
    ['pixel6', { memoryBytes: 993 * GiB }, 'memory of 993 GiB is not possible on pixel6: 64 MiB to 992 GiB'],
    ['qemu-virt', { memoryBytes: 256 * GiB }, 'memory of 256 GiB is not possible on qemu-virt: 64 MiB to 255 GiB'],
    ['qemu-virt', { memoryBytes: Number.NaN }, 'memory of NaN bytes is not possible on qemu-virt: 64 MiB to 255 GiB'],
    ['qemu-virt', { memoryBytes: 100_000_000 }, 'memory of 100000000 bytes is not a multiple of the 4 KiB page'],
    ['qemu-virt', { cpus: 9 }, '9 CPUs are not possible on qemu-virt: 1 to 8'],
    ['pixel6', { cpus: 0 }, '0 CPUs are not possible on pixel6: 1 to 8'],
    ['pixel6', { cpus: 1.5 }, '1.5 CPUs are not possible on pixel6: 1 to 8'],
    [
      'pixel6',
      { cpuType: 'cortex-a72' },
      'cores of type "cortex-a72" are not possible on pixel6: it has cores of its own',
    ],
    [
      'qemu-virt',
      { cpuType: 'cortex-m0' },
      'cores of type "cortex-m0" are not possible on qemu-virt: cortex-a53, cortex-a55, cortex-a72, cortex-a76, cortex-x1',
    ],
    ['pixel6', { gicVersion: 2 }, 'GIC version 2 is not possible on pixel6: 3'],
    ['rpi4', { cpus: 5 }, '5 CPUs are not possible on rpi4: 1 to 4'],
    ['qemu-virt', { gicVersion: 4 }, 'GIC version 4 is not possible on qemu-virt: 2 or 3'],
  ])('%s %o: %s', (name, options, message) => {
    expect(() => findBoard(name).create(options)).toThrow(new BoardError(message));
  });
});
