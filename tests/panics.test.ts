// SPDX-License-Identifier: GPL-2.0-only
/**
 * The panics of memory discovery: their exact conditions, and their text, byte for byte. They are a
 * contract: tools look for them on the serial line.
 */

import { describe, expect, it } from 'vitest';
import { boot, type DeviceTreeBuilder, dtb } from '#workbench/testing.ts';

const KiB = 2 ** 10;
const MiB = 2 ** 20;
const GiB = 2 ** 30;
const LOW = 0x8000_0000;
const HIGH = 0x8_8000_0000;

const NO_RAM = 'PANIC: No RAM regions found in DTB';
const ALL_RESERVED = 'PANIC: All RAM is reserved — no free memory';
const NO_MEM_MAP = 'PANIC: Cannot allocate mem_map — insufficient contiguous memory';

const bootTree = (tree: DeviceTreeBuilder, board = 'pixel6') => boot(board, { dtb: tree });

describe('the form of a panic', () => {
  it.each<[string, DeviceTreeBuilder]>([
    [NO_RAM, dtb()],
    [ALL_RESERVED, dtb().ram(LOW, '64M').reserved(LOW, '64M')],
    [
      NO_MEM_MAP,
      dtb()
        .ram(LOW, '64M')
        .reserved(LOW, 64 * MiB - 4096),
    ],
  ])('%s', (line, tree) => {
    const { machine, outcome } = bootTree(tree);
    const { lines } = machine.serial;
    expect(outcome).toMatchObject({ outcome: 'panic', exitStatus: 1, panic: line });
    expect(lines.filter((text) => text.startsWith('PANIC: '))).toEqual([line]);
    expect(lines.indexOf(line), 'one line with the numbers follows, and nothing else').toBe(lines.length - 2);
    // Alone between two line feeds; the dash is E2 80 94.
    const sent = Buffer.from(machine.serial.bytes).toString('latin1');
    expect(sent).toContain(`\n${line.replace('—', '\xe2\x80\x94')}\n`);
  });
});

describe('no RAM', () => {
  it.each<[string, DeviceTreeBuilder, RegExp]>([
    ['no memory node', dtb(), /^regions found: 0, bytes in partial pages: 0, /],
    ['a memory node with sizes of zero', dtb().ram(LOW, 0).ram(HIGH, 0), /^regions found: 0, /],
    ['a memory node that is switched off', dtb().ram(LOW, GiB, { status: 'disabled' }), /^regions found: 0, /],
    [
      'ranges without a whole page',
      dtb()
        .ram(LOW + 1, 4096)
        .ram(HIGH + 1, 8190),
      /^regions found: 2, bytes in partial pages: 12286, /,
    ],
    [
      'RAM beyond reach only',
      dtb()
        .ram(2 ** 47, GiB)
        .ram(2 ** 50, GiB),
      /^regions found: \d+, /,
    ],
    ['no memory node but reservations', dtb().reserved(LOW, MiB).memreserve(HIGH, MiB), /^regions found: 0, /],
    ['no memory node but 300 reservations', dtb().times(300, (tree, i) => tree.reserved(LOW + i * MiB, 4096)), /found/],
  ])('%s', (_what, tree, reason) => {
    expect(bootTree(tree)).toPanicWith(NO_RAM, reason);
  });

  it.each(['pixel6', 'qemu-virt'])('the own tree of %s without its memory nodes', (board) => {
    expect(bootTree(dtb().from(board), board)).toPanicWith(NO_RAM, /^regions found: 0, /);
    // The nodes stay, their device_type is another.
    const own = dtb().from(board, { keepMemory: true });
    const nodes = own.build();
    const text = Buffer.from(nodes.buffer).toString('latin1').replaceAll('memory\0\0', 'memorx\0\0');
    const dtbOfNone = new Uint8Array(Buffer.from(text, 'latin1'));
    expect(boot(board, { dtb: dtbOfNone })).toPanicWith(NO_RAM, /^regions found: 0, /);
  });
});

describe('all RAM reserved', () => {
  const banks = dtb().ram(LOW, '64M').ram(HIGH, '64M');
  const allOfBoth = banks.reserved(LOW, '64M').reserved(HIGH, '64M');

  it.each<[string, DeviceTreeBuilder]>([
    ['one reservation over each bank', allOfBoth],
    ['one that covers everything and more', banks.reserved(0, 2 ** 40, { noMap: true })],
    ['the reservation block', banks.memreserve(LOW, '64M').memreserve(HIGH, '64M')],
    [
      'an initramfs and a reservation',
      banks.chosen({ initrd: { start: LOW, end: LOW + 64 * MiB } }).reserved(HIGH, '64M'),
    ],
    [
      'pieces that overlap',
      banks.times(20, (tree, i) => tree.reserved(LOW + i * 4 * MiB, '5M').reserved(HIGH + i * 4 * MiB, '5M')),
    ],
    [
      'pieces whose odd ends leave no whole page',
      banks
        .reserved(LOW, 32 * MiB + 1)
        .reserved(LOW + 32 * MiB + 4095, '32M')
        .reserved(HIGH, 64 * MiB - 1),
    ],
    [
      '600 pieces',
      banks.times(600, (tree, i) => tree.reserved(LOW + i * 128 * KiB, '128K').reserved(HIGH + i * 128 * KiB, '128K')),
    ],
    ['the kernel image alone, in a RAM of its size', dtb().ram(LOW + 512 * KiB, '204K')],
  ])('%s', (_what, tree) => {
    expect(bootTree(tree)).toPanicWith(ALL_RESERVED, /\d+ .*(regions|reserved)/);
  });

  it('names the numbers', () => {
    expect(bootTree(allOfBoth)).toPanicWith(
      ALL_RESERVED,
      /^RAM 134217728 bytes in 2 regions, 4 reserved ranges cover all 134217728 bytes$/,
    );
  });

  it('is not said when one page is left: then mem_map has no room', () => {
    expect(bootTree(banks.reserved(LOW, '64M').reserved(HIGH + 4096, '64M'))).toPanicWith(
      NO_MEM_MAP,
      /4096 bytes free in 1 holes, largest hole 4096 bytes/,
    );
  });
});

describe('no room for mem_map', () => {
  // 144 MiB are 36,864 frames: 884,736 bytes of mem_map, exactly 216 pages.
  const NEEDED = 216 * 4096;
  /**
   * Free: `pages` in the low bank, and in the high one runs of 128 pages between reserved ones,
   * enough for a heap.
   */
  const holes = (pages: number): DeviceTreeBuilder =>
    dtb()
      .ram(LOW, '96M')
      .ram(HIGH, '48M')
      .reserved(LOW, '40M')
      .reserved(LOW + 40 * MiB + pages * 4096, '56M')
      .times(48, (tree, i) => tree.reserved(HIGH + i * MiB, '512K'));

  it('the largest hole is one page too small, though ten times as much is free', () => {
    expect(bootTree(holes(215))).toPanicWith(
      NO_MEM_MAP,
      new RegExp(
        `; ${NEEDED} bytes needed for 36864 frames, \\d{8} bytes free in 49 holes, largest hole ${215 * 4096} bytes$`,
      ),
    );
  });

  it('the largest hole fits exactly: it boots', () => {
    const result = bootTree(holes(216));
    expect(result).toEndAs('steady');
    expect(result.machine.kernel.memory?.memMap).toMatchObject({ base: LOW + 40 * MiB, bytes: NEEDED });
    expect(result).not.toPrint('PANIC');
  });

  it.each(['pixel6', 'qemu-virt'])('holes of 128 KiB only, on %s', (board) => {
    const base = board === 'pixel6' ? LOW : 0x4000_0000;
    const tree = dtb()
      .ram(base, '256M')
      .times(1024, (made, i) => made.reserved(base + i * 256 * KiB, '128K'));
    expect(bootTree(tree, board)).toPanicWith(NO_MEM_MAP, /largest hole 131072 bytes$/);
  });
});

describe('memory that is too small for what comes after mem_map', () => {
  it('is a panic that names the heap', () => {
    expect(bootTree(dtb().ram(LOW, '12M'))).toPanicWith(
      'PANIC: Cannot allocate kernel heap — insufficient free memory',
      /^16777216 bytes needed for 12582912 bytes of RAM, \d+ found in \d+ spans, /,
    );
  });
});
