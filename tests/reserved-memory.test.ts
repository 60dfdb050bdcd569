// SPDX-License-Identifier: GPL-2.0-only
/**
 * Memory that somebody else owns: /reserved-memory with fixed and with free places, the reservation
 * block, the initramfs. None of it is handed out, no-map memory is not even mapped, and the log
 * names every owner.
 */

import { describe, expect, it } from 'vitest';
import { OwnerKind } from '#kernel-ts/kernel/mm/owner.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import { boot } from '#workbench/testing.ts';
import { expectedMemory, findFaults, kernelSpans } from './support/sound-machine.ts';
import { common, pagesTouched, type Span, span } from './support/spans.ts';
import {
  expectedMemoryOfTree,
  many,
  outOfOrder,
  type Reserved,
  treeBlob,
  type TreeSource,
} from './support/test-tree.ts';

const KiB = 2 ** 10;
const MiB = 2 ** 20;
const GiB = 2 ** 30;

/** RAM of the Pixel 6; the kernel is loaded at LOW + 512 KiB. */
const LOW = 0x8000_0000;
const HIGH = 0x8_8000_0000;

const ENOUGH = span(LOW, 128 * MiB);

const RESERVATIONS: readonly [string, readonly Reserved[]][] = [
  ['one with several reg tuples', [{ at: many(40, (i) => span(LOW + 32 * MiB + i * 128 * KiB, 64 * KiB)) }]],
  ['no-map', [{ at: [span(LOW + 32 * MiB, 3 * MiB)], noMap: true }]],
  ['no-map with odd ends', [{ at: [span(LOW + 32 * MiB + 3, 8190)], noMap: true }]],
  [
    'switched off',
    [
      { at: [span(LOW + 32 * MiB, MiB)], status: 'disabled' },
      { at: [span(LOW + 40 * MiB, MiB)], status: 'okay' },
    ],
  ],
  ['reusable', [{ at: [span(LOW + 32 * MiB, MiB)], reusable: true }]],
  [
    'overlapping, one of them no-map',
    [{ at: [span(LOW + 32 * MiB, 4 * MiB)], noMap: true }, { at: [span(LOW + 34 * MiB, 4 * MiB)] }],
  ],
  ['on the kernel image and the device tree', [{ at: [span(LOW + 600 * KiB, 4096), span(0x9e00_0000, 8192)] }]],
  ['across the end of RAM, and outside it', [{ at: [span(LOW + 127 * MiB, 4 * MiB), span(HIGH, GiB), span(0, MiB)] }]],
  ['of all but the top', [{ at: [span(LOW, 64 * MiB)] }]],
  [
    '300 of them',
    many(300, (i) => ({ at: [span(LOW + 16 * MiB + i * 64 * KiB, 4096 * (1 + (i % 9)))], noMap: i % 3 === 0 })),
  ],
  [
    '600 of them, out of order and overlapping',
    outOfOrder(many(600, (i) => ({ at: [span(LOW + 16 * MiB + i * 32 * KiB, 40 * KiB)], noMap: i % 5 === 0 }))),
  ],
  ['a page in each 2 MiB', many(60, (i) => ({ at: [span(LOW + 2 * MiB + i * 2 * MiB, 4096)], noMap: true }))],
  ['every second page of 8 MiB', many(1024, (i) => ({ at: [span(LOW + 32 * MiB + i * 8 * KiB, 4096)] }))],
];

describe('reservations', () => {
  it.each(RESERVATIONS)('%s', (_shape, reserved) => {
    const source: TreeSource = { ram: [ENOUGH], reserved };
    const result = boot('pixel6', { dtb: treeBlob(source) });
    const { machine } = result;
    expect(result).toEndAs('steady');
    expect(findFaults(machine, expectedMemoryOfTree(source))).toEqual([]);
    for (const { at = [], noMap } of reserved.filter(({ status }) => status !== 'disabled').slice(0, 20)) {
      for (const range of pagesTouched(at)) {
        const start = range.start.toString(16).padStart(10, '0');
        const line = machine.serial.lines.find(
          (text) => text.startsWith(`[MEM] reserved 0x${start}`) && text.includes('region-'),
        );
        expect(line, start).toBeDefined();
        if (noMap === true) expect(machine.serial.text).toContain('no-map');
      }
    }
  });

  it('in the reservation block', () => {
    const source: TreeSource = {
      ram: [ENOUGH],
      reservationBlock: [
        span(LOW + 20 * MiB, 5 * MiB),
        span(LOW + 50 * MiB + 1, 1),
        ...many(150, (i) => span(LOW + 60 * MiB + i * 128 * KiB, 4096)),
      ],
    };
    const result = boot('pixel6', { dtb: treeBlob(source) });
    const { machine } = result;
    expect(result).toEndAs('steady');
    expect(machine.serial.text).toContain('0x0081400000..0x0081900000  5 MiB  reservation block');
    expect(findFaults(machine, expectedMemoryOfTree(source))).toEqual([]);
  });
});

describe('dynamic reservations', () => {
  /** The places that the kernel chose for them, in the order of their nodes. */
  function places(machine: LevitateMachine): (Span & { noMap: boolean })[] {
    return [...(machine.kernel.memory?.memblock.reservedRanges() ?? [])]
      .filter(({ owner }) => owner.kind === OwnerKind.RESERVED_DYNAMIC)
      .toSorted((a, b) => Number(a.owner.cookie - b.owner.cookie))
      .map(({ start, end, noMap }) => ({ start, end, noMap }));
  }

  it('lie inside their ranges, in the order of the ranges, aligned, clear of everything fixed', () => {
    const reserved: readonly Reserved[] = [
      { at: [span(LOW + 64 * MiB, 32 * MiB)] },
      { size: 4 * MiB, alignment: 4 * MiB, allocRanges: [span(LOW + 60 * MiB, 40 * MiB)] },
      { size: 3 * MiB, allocRanges: [span(LOW + 60 * MiB, 8 * MiB), span(HIGH, GiB)], noMap: true },
      { size: 5000, alignment: 64 * KiB },
      { size: MiB, allocRanges: [span(0, MiB)] },
      { size: 512 * MiB, alignment: 256 * MiB, reusable: true },
    ];
    const source: TreeSource = { ram: [ENOUGH, span(HIGH, 2 * GiB)], reserved };
    const result = boot('pixel6', { dtb: treeBlob(source) });
    const { machine } = result;
    expect(result).toEndAs('steady');
    const [first, second, third, last] = places(machine);
    expect(places(machine)).toHaveLength(4);
    expect(first).toEqual({ ...span(LOW + 60 * MiB, 4 * MiB), noMap: false });
    expect(second).toEqual({ ...span(HIGH, 3 * MiB), noMap: true });
    expect(third!.start % (64 * KiB)).toBe(0);
    expect(third!.end - third!.start).toBe(8192);
    expect(last!.start % (256 * MiB)).toBe(0);
    expect(common(places(machine), pagesTouched(kernelSpans(machine)))).toEqual([]);
    expect(machine.serial.text).toContain(
      '[MEM] warning: /reserved-memory/region-4 ignored: no room for 0x100000 bytes',
    );
    expect(findFaults(machine, expectedMemoryOfTree(source))).toEqual([]);
  });

  it('may be hundreds', () => {
    const source: TreeSource = {
      ram: [span(LOW, GiB)],
      reserved: many(300, (i) => ({ size: 4096 * (1 + (i % 5)), noMap: i % 2 === 0 })),
    };
    const result = boot('pixel6', { dtb: treeBlob(source) });
    const { machine } = result;
    expect(result).toEndAs('steady');
    expect(places(machine)).toHaveLength(300);
    expect(findFaults(machine, expectedMemoryOfTree(source))).toEqual([]);
  });
});

describe('an initramfs', () => {
  it.each([4, 8] as const)('whose bounds have %i bytes is reserved and told', (bytes) => {
    const initrd = { ...span(LOW + 96 * MiB + 512, 5 * MiB + 3), bytes };
    const source: TreeSource = { ram: [ENOUGH], initrd };
    const result = boot('pixel6', { dtb: treeBlob(source) });
    const { machine } = result;
    expect(result).toEndAs('steady');
    expect(machine.serial.lines).toContain('[DTB] initramfs 0x0086000200..0x0086500203');
    expect(machine.serial.text).toContain('0x0086000000..0x0086501000  5124 KiB  initramfs');
    expect(findFaults(machine, expectedMemoryOfTree(source))).toEqual([]);
  });

  it.each(['pixel6', 'qemu-virt'])(
    'given to %s as a file is in memory, byte for byte, and nobody writes to it',
    (board) => {
      const initrd = Uint8Array.from({ length: 3 * MiB + 5 }, (_, i) => (i * 7) % 251);
      const result = boot(board, { initrd });
      const { machine } = result;
      expect(result).toEndAs('steady');
      const { base: start, bytes } = machine.findImage('initrd')!;
      const end = start + bytes.length;
      expect(end - start).toBe(initrd.length);
      expect(Buffer.compare(machine.memory.readBytes(start, initrd.length), initrd)).toBe(0);
      const facts = expectedMemory(machine.board);
      expect(findFaults(machine, { ...facts, reserved: [...facts.reserved, span(start, end - start)] })).toEqual([]);
    },
  );

  it('that ends before it starts is ignored, and the log says why', () => {
    const source: TreeSource = { ram: [ENOUGH], initrd: { start: LOW + 2 * MiB, end: LOW + MiB, bytes: 8 } };
    const { machine } = boot('pixel6', { dtb: treeBlob(source) });
    expect(machine.serial.text).toContain(
      '[MEM] warning: initramfs ignored: it starts at 0x80200000 and ends at 0x80100000',
    );
    expect(findFaults(machine, { ram: [ENOUGH], reserved: [] })).toEqual([]);
  });
});
