// SPDX-License-Identifier: GPL-2.0-only
/** Images never overlap anything, at any memory size. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planLoad } from './load-plan.ts';
import { findBoard } from './registry.ts';

const MiB = 2 ** 20;
const GiB = 2 ** 30;

describe('planLoad', () => {
  it('uses the preferred places of pixel6', () => {
    const sizes = { kernelBytes: 4 * MiB, initrdBytes: 5 * MiB, dtbBytes: 0x1_0000 };
    expect(planLoad(findBoard('pixel6').create(), sizes)).toEqual({
      kernel: 0x8008_0000,
      initrd: { start: 0x8600_0000, end: 0x8650_0000 },
      dtb: 0x9e00_0000,
    });
  });

  it('moves an initrd that does not fit below the boot loader’s firmware', () => {
    const sizes = { kernelBytes: 4 * MiB, initrdBytes: 200 * MiB, dtbBytes: 0x1_0000 };
    expect(planLoad(findBoard('pixel6').create(), sizes).initrd?.start).toBe(0xa000_0000);
  });

  it.each([
    [GiB, 5 * MiB, 0x4800_0000, 0x4860_0000],
    [256 * MiB, 5 * MiB, 0x4800_0000, 0x4860_0000],
    [128 * MiB, 5 * MiB, 0x4400_0000, 0x4460_0000],
    [GiB, 0, null, 0x4800_0000],
  ])('places as QEMU does on qemu-virt: %i bytes of RAM, initrd of %i', (memoryBytes, initrdBytes, initrd, dtb) => {
    const board = findBoard('qemu-virt').create({ memoryBytes });
    const plan = planLoad(board, { kernelBytes: MiB, initrdBytes, dtbBytes: MiB });
    expect(plan.kernel).toBe(0x4008_0000);
    expect(plan.initrd?.start ?? null).toBe(initrd);
    expect(plan.dtb).toBe(dtb);
  });

  it('overlaps nothing and stays in RAM, whatever the sizes', () => {
    let planned = 0;
    const memory = fc.integer({ min: 16, max: 800 }).map((n) => n * 4 * MiB);
    const bytes = (max: number) => fc.integer({ min: 1, max });
    fc.assert(
      fc.property(
        fc.constantFrom('pixel6', 'qemu-virt'),
        memory,
        bytes(60 * MiB),
        bytes(300 * MiB),
        bytes(2 * MiB),
        (name, memoryBytes, kernelBytes, initrdBytes, dtbBytes) => {
          const board = findBoard(name).create({ memoryBytes });
          let plan: ReturnType<typeof planLoad>;
          try {
            plan = planLoad(board, { kernelBytes, initrdBytes, dtbBytes });
          } catch (error) {
            // Refusing is right only when the images are large for the RAM.
            expect(String(error)).toMatch(/^BoardError: no room for/);
            expect(kernelBytes + initrdBytes + dtbBytes + 64 * MiB).toBeGreaterThan(Math.min(memoryBytes, 176 * MiB));
            return;
          }
          planned++;
          const spans = [
            { start: plan.kernel, end: plan.kernel + kernelBytes },
            { start: plan.dtb, end: plan.dtb + dtbBytes },
            ...(plan.initrd === null ? [] : [plan.initrd]),
            ...board.reserved.map((region) => ({ start: region.base, end: region.base + region.size })),
          ].toSorted((a, b) => a.start - b.start);
          for (const [i, span] of spans.entries()) {
            expect(span.end).toBeLessThanOrEqual(spans[i + 1]?.start ?? Infinity);
          }
          const bank = board.ramBanks[0];
          expect(Math.min(...spans.map((span) => span.start))).toBeGreaterThanOrEqual(bank?.base ?? Infinity);
          expect(Math.max(...spans.map((span) => span.end))).toBeLessThanOrEqual((bank?.base ?? 0) + (bank?.size ?? 0));
          expect(plan.dtb % 8).toBe(0);
        },
      ),
    );
    expect(planned).toBeGreaterThan(10);
  });

  it('refuses images that do not fit, with their sizes', () => {
    const board = findBoard('pixel6').create({ memoryBytes: 96 * MiB });
    expect(() => planLoad(board, { kernelBytes: 128 * MiB, dtbBytes: 1 })).toThrow(
      /kernel needs 128 MiB at 0x80080000/,
    );
    expect(() => planLoad(board, { kernelBytes: MiB, initrdBytes: 96 * MiB, dtbBytes: 4096 })).toThrow(
      /no room for the initrd of 96 MiB in the RAM below 0x86000000/,
    );
  });
});
