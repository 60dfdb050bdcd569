// SPDX-License-Identifier: GPL-2.0-only
/**
 * The map of blocks in a terminal: what a cell shows, how wide it gets, and that colour is there
 * only when it is wanted.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawBlockMap } from './block-map.ts';
import type { OwnedRange, RangeKind } from './physical-map.ts';
import { styleOf } from '#workbench/cli/terminal-style.ts';

const MIB = 2 ** 20;
const range = (start: number, end: number, kind: RangeKind): OwnedRange => ({
  start,
  end,
  kind,
  owner: kind,
  detail: '',
});

describe('drawBlockMap', () => {
  it('shows what is used before what is free, a bank after the other', () => {
    const banks = [
      { start: 0, end: 64 * MIB },
      { start: 128 * MIB, end: 192 * MIB },
    ];
    const ranges = [
      range(0, 4096, 'kernel'),
      range(4096, 32 * MIB, 'free'),
      range(32 * MIB, 64 * MIB, 'mem_map'),
      range(128 * MIB, 192 * MIB, 'free'),
    ];
    const lines = drawBlockMap(banks, ranges, { colour: false, width: 30 });
    const cells = lines.join('\n');
    expect(lines[0]).toBe('0x0000000000  K...............');
    expect(
      lines
        .filter((line) => line.startsWith('0x'))
        .join('')
        .match(/M/g),
    ).toHaveLength(64);
    expect(cells).toContain('(64 MiB of nothing)');
    expect(lines.at(-1)).toBe('. free   K kernel   M mem_map   (a cell is 512 KiB)');
  });

  it('has lines no wider than the terminal, and a cell for every piece of RAM', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 30, max: 250 }),
        fc.integer({ min: 1, max: 2 ** 21 }),
        fc.integer({ min: 0, max: 2 ** 20 }),
        (width, pages, first) => {
          const bank = { start: first * 4096, end: (first + pages) * 4096 };
          const lines = drawBlockMap([bank], [range(bank.start, bank.end, 'free')], { colour: false, width });
          const drawn = lines.slice(0, -2);
          for (const line of drawn) expect(line.length).toBeLessThanOrEqual(width);
          const cells = drawn.join('').match(/\./g)?.length ?? 0;
          const cell = /a cell is (\d+) (bytes|KiB|MiB|GiB)/.exec(lines.at(-1) ?? '') ?? [];
          const bytes = Number(cell[1]) * { bytes: 1, KiB: 2 ** 10, MiB: MIB, GiB: 2 ** 30 }[cell[2] as 'MiB'];
          expect(cells).toBe(Math.ceil(bank.end / bytes) - Math.floor(bank.start / bytes));
        },
      ),
    );
  });

  it('is in colour where the style says so', () => {
    const bank = { start: 0, end: MIB };
    const plain = drawBlockMap([bank], [range(0, MIB, 'heap')], { colour: false, width: 80 }).join('\n');
    const coloured = drawBlockMap([bank], [range(0, MIB, 'heap')], { colour: true, width: 80 }).join('\n');
    expect(plain).not.toContain('\u001b');
    const uncoloured = coloured
      .split('\u001b[')
      .map((part, index) => (index === 0 ? part : part.slice(part.indexOf('m') + 1)))
      .join('');
    expect(uncoloured).toBe(plain);
    expect(coloured).toContain('\u001b[48;5;');
  });
});

describe('styleOf', () => {
  it.each([
    [{ isTTY: true, columns: 132 }, {}, { colour: true, width: 132 }],
    [{ isTTY: true, columns: 132 }, { NO_COLOR: '1' }, { colour: false, width: 132 }],
    [{ isTTY: true, columns: 132 }, { NO_COLOR: '' }, { colour: true, width: 132 }],
    [{ isTTY: true }, { TERM: 'dumb' }, { colour: false, width: 100 }],
    [{ columns: 132 }, {}, { colour: false, width: 100 }],
  ])('%j with %j is %j', (stream, environment, style) => {
    expect(styleOf(stream, environment)).toEqual(style);
  });
});
