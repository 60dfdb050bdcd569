/**
 * The panics of memory discovery: under exactly which conditions, with which words, byte for byte. They are a contract: tools look for them on the serial
 * line.
 */

import { describe, expect, it } from 'vitest';
import { type BootResult, bootBoard, createMachine } from '../scripts/index.ts';
import { panicFacts, panicWith } from './support/panic-facts.ts';
import { type Span, span } from './support/spans.ts';
import { treeBlob, type TreeSource } from './support/test-tree.ts';

const KiB = 2 ** 10;
const MiB = 2 ** 20;
const GiB = 2 ** 30;
const LOW = 0x8000_0000;
const HIGH = 0x8_8000_0000;

const NO_RAM = 'PANIC: No RAM regions found in DTB';
const ALL_RESERVED = 'PANIC: All RAM is reserved — no free memory';
const NO_MEM_MAP = 'PANIC: Cannot allocate mem_map — insufficient contiguous memory';

function many<T>(n: number, make: (index: number) => T): T[] {
  return Array.from({ length: n }, (_, i) => make(i));
}

/** Boots a Pixel 6 on a tree. */
function boot(source: TreeSource): BootResult {
  return bootBoard('pixel6', { dtb: treeBlob(source) });
}

describe('the bytes of the em dash', () => {
  it('are E2 80 94 on the raw line', () => {
    const { machine } = boot({ ram: [span(LOW, 64 * MiB)], reserved: [{ at: [span(LOW, 64 * MiB)] }] });
    const sent = Buffer.from(machine.serial.bytes).toString('latin1');
    expect(sent).toContain('PANIC: All RAM is reserved \xe2\x80\x94 no free memory\n');
    machine.close();
  });
});

describe('no RAM', () => {
  it.each<[string, TreeSource, RegExp]>([
    ['no memory node', {}, /^regions found: 0, bytes in partial pages: 0, /],
    ['a memory node with sizes of zero', { ram: [span(LOW, 0), span(HIGH, 0)] }, /^regions found: 0, /],
    ['a memory node that is switched off', { ram: [span(LOW, GiB)], memoryStatus: 'disabled' }, /^regions found: 0, /],
    [
      'ranges without a whole page',
      { ram: [span(LOW + 1, 4096), span(HIGH + 1, 8190)] },
      /^regions found: 2, bytes in partial pages: 12286, /,
    ],
    ['RAM beyond reach only', { ram: [span(2 ** 47, GiB), span(2 ** 50, GiB)] }, /^regions found: \d+, /],
    [
      'no memory node but reservations',
      { reserved: [{ at: [span(LOW, MiB)] }], reservationBlock: [span(HIGH, MiB)] },
      /^regions found: 0, /,
    ],
    [
      'no memory node but 300 reservations',
      { reserved: many(300, (i) => ({ at: [span(LOW + i * MiB, 4096)] })) },
      /found/,
    ],
  ])('%s', (_what, source, reason) => {
    expect(panicFacts(boot(source))).toEqual(panicWith(NO_RAM, reason));
  });

  it('the board’s own tree without its memory nodes, on both boards', () => {
    for (const board of ['pixel6', 'qemu-virt']) {
      const dtb = createMachine({ board }).deviceTree.slice();
      // The nodes stay, their device_type is another: "memory" becomes "memorx".
      const text = Buffer.from(dtb.buffer).toString('latin1').replaceAll('memory\0\0', 'memorx\0\0');
      expect(panicFacts(bootBoard(board, { dtb: new Uint8Array(Buffer.from(text, 'latin1')) }))).toEqual(
        panicWith(NO_RAM, /^regions found: 0, /),
      );
    }
  });
});

describe('all RAM reserved', () => {
  const RAM = [span(LOW, 64 * MiB), span(HIGH, 64 * MiB)];

  it.each<[string, TreeSource]>([
    ['one reservation over each bank', { ram: RAM, reserved: [{ at: RAM }] }],
    ['one that covers everything and more', { ram: RAM, reserved: [{ at: [span(0, 2 ** 40)], noMap: true }] }],
    ['the reservation block', { ram: RAM, reservationBlock: RAM }],
    [
      'an initramfs and a reservation',
      { ram: RAM, initrd: { ...span(LOW, 64 * MiB), bytes: 8 }, reserved: [{ at: [span(HIGH, 64 * MiB)] }] },
    ],
    [
      'pieces that overlap',
      {
        ram: RAM,
        reserved: many(20, (i) => ({ at: [span(LOW + i * 4 * MiB, 5 * MiB), span(HIGH + i * 4 * MiB, 5 * MiB)] })),
      },
    ],
    [
      'pieces whose odd ends leave no whole page',
      {
        ram: RAM,
        reserved: [{ at: [span(LOW, 32 * MiB + 1), span(LOW + 32 * MiB + 4095, 32 * MiB), span(HIGH, 64 * MiB - 1)] }],
      },
    ],
    [
      '600 pieces',
      {
        ram: RAM,
        reserved: many(600, (i) => ({
          at: [span(LOW + i * 128 * KiB, 128 * KiB), span(HIGH + i * 128 * KiB, 128 * KiB)],
        })),
      },
    ],
    ['the kernel image alone, in a RAM of its size', { ram: [span(LOW + 512 * KiB, 204 * KiB)] }],
  ])('%s', (_what, source) => {
    expect(panicFacts(boot(source))).toEqual(panicWith(ALL_RESERVED, /\d+ .*(regions|reserved)/));
  });

  it('names the numbers', () => {
    expect(panicFacts(boot({ ram: RAM, reserved: [{ at: RAM }] }))).toEqual(
      panicWith(ALL_RESERVED, /^RAM 134217728 bytes in 2 regions, 4 reserved ranges cover all 134217728 bytes$/),
    );
  });

  it('is not said when one page is left: then mem_map has no room', () => {
    const source: TreeSource = { ram: RAM, reserved: [{ at: [span(LOW, 64 * MiB), span(HIGH + 4096, 64 * MiB)] }] };
    expect(panicFacts(boot(source))).toEqual(
      panicWith(NO_MEM_MAP, /4096 bytes free in 1 holes, largest hole 4096 bytes/),
    );
  });
});

describe('no room for mem_map', () => {
  // 144 MiB are 36,864 frames: 884,736 bytes of mem_map, exactly 216 pages.
  const RAM = [span(LOW, 96 * MiB), span(HIGH, 48 * MiB)];
  const NEEDED = 216 * 4096;
  /** Free: `pages` in the low bank, and in the high one runs of 128 pages between reserved ones, enough for a heap. */
  const holes = (pages: number): TreeSource => ({
    ram: RAM,
    reserved: [
      { at: [span(LOW, 40 * MiB), span(LOW + 40 * MiB + pages * 4096, 56 * MiB)] },
      ...many(48, (i): { at: Span[] } => ({ at: [span(HIGH + i * MiB, 512 * KiB)] })),
    ],
  });

  it('the largest hole is one page too small, though ten times as much is free', () => {
    expect(panicFacts(boot(holes(215)))).toEqual(
      panicWith(
        NO_MEM_MAP,
        new RegExp(
          `; ${NEEDED} bytes needed for 36864 frames, \\d{8} bytes free in 49 holes, largest hole ${215 * 4096} bytes$`,
        ),
      ),
    );
  });

  it('the largest hole fits exactly: it boots', () => {
    const { outcome, machine } = boot(holes(216));
    expect(outcome.outcome, machine.serial.text).toBe('steady');
    expect(machine.kernel.memory?.memMap).toMatchObject({ base: LOW + 40 * MiB, bytes: NEEDED });
    expect(machine.serial.text).not.toContain('PANIC');
    machine.close();
  });

  it.each(['pixel6', 'qemu-virt'])('holes of 128 KiB only, on %s', (board) => {
    const base = board === 'pixel6' ? LOW : 0x4000_0000;
    const source: TreeSource = {
      ram: [span(base, 256 * MiB)],
      reserved: [{ at: many(1024, (i) => span(base + i * 256 * KiB, 128 * KiB)) }],
    };
    expect(panicFacts(bootBoard(board, { dtb: treeBlob(source) }))).toEqual(
      panicWith(NO_MEM_MAP, /largest hole 131072 bytes$/),
    );
  });
});

describe('memory that is too small for what comes after mem_map', () => {
  it('is a panic that names the heap', () => {
    const { machine, outcome } = boot({ ram: [span(LOW, 12 * MiB)] });
    expect(outcome.panic).toBe('PANIC: Cannot allocate kernel heap — insufficient free memory');
    expect(machine.serial.lines.at(-1)).toMatch(
      /^16777216 bytes needed for 12582912 bytes of RAM, \d+ found in \d+ spans, /,
    );
    machine.close();
  });
});
