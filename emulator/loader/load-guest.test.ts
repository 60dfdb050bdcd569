// SPDX-License-Identifier: GPL-2.0-only
/** Addresses by both sets of rules, and that nothing overlaps whatever the sizes. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GuestImageError } from './guest-image-error.ts';
import { GuestPlacementError } from './guest-space.ts';
import { loadFlash } from './load-flash.ts';
import { type GuestBoard, loadGuest } from './load-guest.ts';
import { type Guest, openGuest } from './open-guest.ts';
import { elfBytes, imageBytes, patternBytes } from './testing/guest-images.ts';

const KiB = 2 ** 10;
const MiB = 2 ** 20;
const GiB = 2 ** 30;

function virt(memoryBytes = GiB): GuestBoard {
  return { ram: [{ base: 0x4000_0000, size: memoryBytes }], reserved: [], rules: { by: 'qemu' } };
}

const oriole: GuestBoard = {
  ram: [
    { base: 0x8000_0000, size: 2 * GiB },
    { base: 0x8_8000_0000, size: 6 * GiB },
  ],
  reserved: [
    { base: 0x8b00_0000, size: 0xc_4000 },
    { base: 0x9020_0000, size: 0x40_0000 },
    { base: 0xb720_0000, size: 0x8e0_0000 },
  ],
  rules: { by: 'boot-loader', kernel: null, initrd: [0x8600_0000, 0xa000_0000], dtb: [0x9e00_0000] },
};

function open(kernel: Uint8Array, initrd?: Uint8Array, append?: string): Guest {
  return openGuest({ kernel, initrd, append }, { gunzip: () => expect.unreachable('nothing is compressed') });
}

describe('loadGuest by QEMU’s rules', () => {
  it.each([
    ['a kernel of today', {}, 0x4020_0000],
    ['text_offset 0x80000', { textOffset: 0x8_0000n }, 0x4008_0000],
    ['text_offset 0x1000, the first that is left alone', { textOffset: 0x1000n }, 0x4000_1000],
    ['text_offset 0xffc, inside QEMU’s first page', { textOffset: 0xffcn }, 0x4020_0ffc],
    ['image_size 0', { imageSize: 0n }, 0x4008_0000],
  ])('%s', (_, header, base) => {
    const plan = loadGuest(open(imageBytes(header)), virt(), MiB);
    expect(plan.placements.map(({ what, base }) => [what, base])).toEqual([['kernel', base]]);
    expect(plan.entry).toEqual({ pc: base, x0: 0x4800_0000 });
    expect(plan.dtb).toBe(0x4800_0000);
    expect(plan.chosen).toEqual({ bootargs: null, initrd: null });
  });

  it('a file of no known format goes where an old kernel would', () => {
    expect(loadGuest(open(patternBytes(100)), virt(), MiB).entry).toEqual({ pc: 0x4008_0000, x0: 0x4800_0000 });
  });

  it.each([
    [GiB, 0x10_0000n, 5 * MiB, 0x4800_0000, 0x4860_0000],
    [256 * MiB, 0x10_0000n, 5 * MiB, 0x4800_0000, 0x4860_0000],
    [128 * MiB, 0x10_0000n, 5 * MiB, 0x4400_0000, 0x4460_0000],
    [128 * MiB, 0x10_0000n, 2 * MiB, 0x4400_0000, 0x4420_0000],
    // A kernel that reaches beyond the usual place of the initrd: its end, on a page.
    [GiB, 0x900_0000n, 5 * MiB, 0x4920_0000, 0x4980_0000],
    [GiB, 0x900_0010n, 5 * MiB, 0x4920_1000, 0x4980_0000],
  ])('RAM %i, image_size %i, initrd of %i bytes', (memory, imageSize, bytes, initrd, dtb) => {
    const plan = loadGuest(open(imageBytes({ imageSize }), new Uint8Array(bytes), 'quiet'), virt(memory), 64 * KiB);
    expect(plan.chosen).toEqual({ bootargs: 'quiet', initrd: { start: initrd, end: initrd + bytes } });
    expect(plan.dtb).toBe(dtb);
    expect(plan.placements.map(({ base }) => base)).toEqual([0x4020_0000, initrd]);
  });

  it.each([
    [0x4020_0000, 0x4000_0000],
    [0x4001_0000, 0x4000_0000],
    [0x4000_fff0, null],
    [0x4000_0000, null],
  ])('ELF at %i: the tree at the start of RAM if it fits below, and x0 is 0', (physical, dtb) => {
    const kernel = elfBytes(BigInt(physical + 16), [{ physical, bytes: patternBytes(64), memoryBytes: 128 }]);
    expect(loadGuest(open(kernel), virt(), 64 * KiB)).toMatchObject({
      placements: [{ what: 'ELF segment 0', base: physical, bytes: patternBytes(64) }],
      dtb,
      entry: { pc: physical + 16, x0: 0 },
    });
  });
});

describe('loadGuest by the Pixel 6’s hand-off', () => {
  it('kernel at the start of RAM, RAM disk and tree at their own places', () => {
    const plan = loadGuest(open(imageBytes({ imageSize: 0x2f9_0000n }), new Uint8Array(5 * MiB)), oriole, 64 * KiB);
    expect(plan.entry).toEqual({ pc: 0x8000_0000, x0: 0x9e00_0000 });
    expect(plan.chosen.initrd).toEqual({ start: 0x8600_0000, end: 0x8650_0000 });
    expect(plan.dtb).toBe(0x9e00_0000);
  });

  it('a RAM disk that would reach the boot loader’s firmware takes the second place', () => {
    const plan = loadGuest(open(imageBytes({}), new Uint8Array(81 * MiB)), oriole, 64 * KiB);
    expect(plan.chosen.initrd?.start).toBe(0xa000_0000);
  });

  it('an ELF guest may lie in the second bank, and gets the tree in x0', () => {
    const kernel = elfBytes(0x8_8000_0000n, [{ physical: 0x8_8000_0000, bytes: patternBytes(64) }]);
    expect(loadGuest(open(kernel), oriole, 64 * KiB).entry).toEqual({ pc: 0x8_8000_0000, x0: 0x9e00_0000 });
  });

  it('refuses a kernel on a reserved region, in the hole, or larger than RAM, with the numbers', () => {
    const at = (physical: number) => open(elfBytes(BigInt(physical), [{ physical, bytes: patternBytes(64) }]));
    expect(() => loadGuest(at(0x8b0c_3ff0), oriole, 1)).toThrow(
      'the ELF segment 0 needs 0x8b0c3ff0 to 0x8b0c4030, but a reserved region takes 0x8b000000 to 0x8b0c4000',
    );
    expect(() => loadGuest(at(0x1_0000_0000), oriole, 1)).toThrow(
      'RAM is 0x80000000 to 0x100000000 and 0x880000000 to 0xa00000000',
    );
    expect(() => loadGuest(open(imageBytes({ imageSize: 2n ** 51n })), oriole, 1)).toThrow(GuestPlacementError);
  });
});

describe('loadGuest', () => {
  it('places disjoint ranges in RAM outside reserved regions, or refuses', () => {
    let planned = 0;
    const size = (max: number) => fc.integer({ min: 1, max });
    fc.assert(
      fc.property(
        fc.constantFrom('qemu', 'boot-loader'),
        fc.integer({ min: 8, max: 400 }),
        size(150 * MiB),
        fc.option(size(150 * MiB)),
        size(2 * MiB),
        (by, megabytes, imageSize, initrdBytes, dtbBytes) => {
          const base = by === 'qemu' ? virt() : oriole;
          const bank = base.ram[0]?.base ?? 0;
          const board = { ...base, ram: [{ base: bank, size: megabytes * MiB }] };
          // A view of that length would cost that much memory: only the length counts here.
          const initrd = initrdBytes === null ? null : ({ length: initrdBytes } as Uint8Array);
          const guest = { ...open(imageBytes({ imageSize: BigInt(imageSize) })), initrd };
          let plan: ReturnType<typeof loadGuest>;
          try {
            plan = loadGuest(guest, board, dtbBytes);
          } catch (error) {
            expect(error).toBeInstanceOf(GuestPlacementError);
            return;
          }
          planned++;
          const spans = [
            { start: plan.entry.pc, end: plan.entry.pc + Math.max(imageSize, 4096) },
            { start: plan.dtb ?? 0, end: (plan.dtb ?? 0) + dtbBytes },
            ...(plan.chosen.initrd === null ? [] : [plan.chosen.initrd]),
            ...board.reserved.map((region) => ({ start: region.base, end: region.base + region.size })),
          ].toSorted((a, b) => a.start - b.start);
          for (const [i, { end }] of spans.entries()) expect(end).toBeLessThanOrEqual(spans[i + 1]?.start ?? Infinity);
          const placed = spans.filter(({ start }) => board.reserved.every((region) => region.base !== start));
          expect(Math.min(...placed.map(({ start }) => start))).toBeGreaterThanOrEqual(bank);
          expect(Math.max(...placed.map(({ end }) => end))).toBeLessThanOrEqual(bank + megabytes * MiB);
          expect((plan.dtb ?? 1) % 8).toBe(0);
        },
      ),
      { numRuns: 300 },
    );
    expect(planned).toBeGreaterThan(50);
  });

  it('refuses a tree that a kernel would not map', () => {
    expect(() => loadGuest(open(imageBytes({})), virt(), 2 * MiB + 1)).toThrow(/device tree has 0x200001 bytes/);
  });
});

describe('loadFlash', () => {
  const flash = { base: 0, size: 64 * MiB };
  const ram = { base: 0x4000_0000, size: GiB };

  it('starts at the flash, with the tree at the start of RAM', () => {
    const image = patternBytes(100);
    expect(loadFlash(image, flash, ram, MiB)).toEqual({
      placement: { what: 'flash', base: 0, bytes: image },
      dtb: 0x4000_0000,
      entry: { pc: 0, x0: 0 },
    });
  });

  it('refuses what flash or RAM do not hold', () => {
    expect(() => loadFlash(new Uint8Array(), flash, ram, MiB)).toThrow(GuestImageError);
    expect(() => loadFlash(patternBytes(101), { base: 0, size: 100 }, ram, MiB)).toThrow(
      'size: 0x65 bytes do not fit into a flash of 0x64 bytes',
    );
    expect(() => loadFlash(patternBytes(1), flash, { base: 0, size: 1 }, MiB)).toThrow(GuestPlacementError);
  });
});
