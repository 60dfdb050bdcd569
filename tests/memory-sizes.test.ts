// SPDX-License-Identifier: GPL-2.0-only
/**
 * Boards with other amounts of RAM than their own: each boots, gives the heap its share, and costs
 * the host what it touches.
 */

import { describe, expect, it } from 'vitest';
import { bootBoard } from '#workbench/index.ts';
import { expectedMemory, findFaults } from './support/sound-machine.ts';

const MiB = 2 ** 20;
const GiB = 2 ** 30;

/** total_ram / 128 between 16 and 64 MiB. */
const HEAPS: readonly [bytes: number, heapMiB: number][] = [
  [64 * MiB, 16],
  [96 * MiB, 16],
  [128 * MiB, 16],
  [GiB, 16],
  [2 * GiB, 16],
  [3 * GiB, 24],
  [4 * GiB, 32],
  [6 * GiB, 48],
  [8 * GiB, 64],
  [12 * GiB, 64],
];

describe.each(['qemu-virt', 'pixel6'])('%s', (board) => {
  it.each(HEAPS)('with %i bytes of RAM has a heap of %i MiB, and every promise holds', (memoryBytes, heapMiB) => {
    const result = bootBoard(board, { memoryBytes });
    expect(result.outcome.outcome, result.machine.serial.text).toBe('steady');
    expect(result.machine.kernel.memory?.heap.stats().bytes).toBe(heapMiB * MiB);
    expect(result.machine.kernel.memory?.memMap.entries).toBe(memoryBytes / 4096);
    expect(findFaults(result.machine, expectedMemory(result.machine.board))).toEqual([]);
    result.machine.close();
  });

  it.each([
    ['an odd number of pages', 100 * MiB + 4096],
    ['a size whose 128th is no whole page', 3 * GiB + 4096],
    ['a page more than the low bank of a Pixel 6', 2 * GiB + 4096],
  ])('with %s, every promise holds', (_what, memoryBytes) => {
    const { machine, outcome } = bootBoard(board, { memoryBytes });
    expect(outcome.outcome, machine.serial.text).toBe('steady');
    expect(findFaults(machine, expectedMemory(machine.board))).toEqual([]);
    machine.close();
  });

  it('with 64 GiB touches no more than mem_map and what the loader and the kernel use', () => {
    const { machine, outcome } = bootBoard(board, { memoryBytes: 64 * GiB });
    expect(outcome.outcome, machine.serial.text).toBe('steady');
    const { memMap } = machine.kernel.memory!;
    expect(memMap.bytes).toBe(384 * MiB);
    // Chunks are made whole; at most a handful are needed beside mem_map.
    expect(machine.memory.touchedBytes).toBeLessThanOrEqual(memMap.bytes + 8 * machine.memory.chunkBytes);
    expect(findFaults(machine, expectedMemory(machine.board))).toEqual([]);
    machine.close();
  });
});

describe('sizes that a board cannot have', () => {
  it.each([
    ['pixel6', 32 * MiB, /memory of 32 MiB is not possible on pixel6/],
    ['qemu-virt', 256 * GiB, /memory of 256 GiB is not possible on qemu-virt/],
    ['qemu-virt', 100 * MiB + 1, /not a multiple of the 4 KiB page/],
  ])('%s refuses %i bytes', (board, memoryBytes, message) => {
    expect(() => bootBoard(board, { memoryBytes })).toThrow(message);
  });
});
