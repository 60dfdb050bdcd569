// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { hex } from '#common/address.ts';
import type { EventRecord } from './event-lines.ts';
import { diffEventLogs, showDifference } from './diff.ts';
import { PLAIN } from '#workbench/cli/terminal-style.ts';
import { event, logFile } from './testing/log-fixture.ts';

const GIB = 2 ** 30;

interface Layout {
  readonly banks?: readonly (readonly [number, number])[];
  readonly memMap?: { readonly base: number; readonly bytes: number; readonly holes: readonly string[] };
  readonly reserved?: readonly (readonly [string, number, number])[];
  readonly managed?: number;
  readonly free?: number;
  readonly heap?: number;
  readonly rest?: readonly EventRecord[];
}

const memory = (what: string, fields: Readonly<Record<string, unknown>>): EventRecord =>
  event('memory', { what, ...fields }, 5);

/** A log of a boot with this layout. */
function bootLog({ banks = [], memMap, reserved = [], managed = 0, free = 0, heap = 0, rest = [] }: Layout): string {
  return logFile([
    event('boot', { kernel: '0x80080000' }),
    event('stage', { number: 1, name: 'Early' }, 1),
    ...banks.map(([base, bytes]) => memory('bank', { base: hex(base), bytes })),
    ...reserved.map(([owner, base, bytes]) => memory('reserved', { owner, base: hex(base), bytes, noMap: true })),
    ...(memMap === undefined
      ? []
      : [memory('mem_map', { ...memMap, base: hex(memMap.base), entries: memMap.bytes / 24 })]),
    memory('page-tables', { fromAllocator: 2 }),
    memory('ready', { totalFrames: managed, freeFrames: free, heapBase: '0xffff', heapBytes: heap }),
    ...rest,
  ]);
}

const sentences = (before: Layout, after: Layout): string[] =>
  diffEventLogs(bootLog(before), bootLog(after)).differences.map(({ topic, text }) => `${topic}: ${text}`);

describe('differences', () => {
  it('of a machine with less RAM: bank, size of mem_map and free frames, which add up', () => {
    const memMap = (bytes: number) => ({ base: 0x8000_0000, bytes, holes: ['0x0080000000..0x00ffffffff accepted'] });
    const before: Layout = {
      banks: [
        [0x8000_0000, 2 * GIB],
        [0x8_8000_0000, 6 * GIB],
      ],
      memMap: memMap(50331648),
      managed: 2_084_864,
      free: 2_068_478,
      heap: 2 ** 26,
    };
    const after: Layout = {
      banks: [[0x8000_0000, 2 * GIB]],
      memMap: memMap(12582912),
      managed: 521_000,
      free: 516_902,
      heap: 2 ** 24,
    };
    expect(sentences(before, after)).toEqual([
      'ram: RAM is 2 GiB instead of 8 GiB: the bank of 6 GiB at 0x880000000 is gone',
      'mem_map: mem_map has 12 MiB instead of 48 MiB because RAM is 2 GiB instead of 8 GiB: 524,288 entries of 24 bytes instead of 2,097,152',
      'heap: the heap has 16 MiB instead of 64 MiB',
      'free: 516,902 frames are free instead of 2,068,478 (-1,551,576): -1,572,864 of RAM, +9,216 for mem_map, -216 otherwise reserved, +12,288 for the heap',
    ]);
    expect(-1_572_864 + 9_216 - 216 + 12_288).toBe(-1_551_576);
  });

  it.each([
    [
      'to a hole that is large enough now',
      {
        base: 0x9000,
        bytes: 2400,
        holes: ['0x1000..0x1500 too small: 1280 bytes, 2400 needed', '0x9000..0xf000 accepted'],
      },
      { base: 0x1000, bytes: 1200, holes: ['0x1000..0x1500 accepted', '0x9000..0xf000 accepted'] },
      'mem_map moved from 0x9000 to 0x1000 because the hole at 0x1000 is large enough now; before it was too small: 1280 bytes, 2400 needed, and RAM is 1 GiB instead of 2 GiB',
    ],
    [
      'from a hole that is refused now',
      { base: 0x1000, bytes: 1200, holes: ['0x1000..0x1500 accepted'] },
      {
        base: 0x9000,
        bytes: 2400,
        holes: ['0x1000..0x1500 too small: 1280 bytes, 2400 needed', '0x9000..0xf000 accepted'],
      },
      'mem_map moved from 0x1000 to 0x9000 because the hole at 0x1000 is refused now: too small: 1280 bytes, 2400 needed, and RAM is 1 GiB instead of 2 GiB',
    ],
    [
      'from a place that is gone',
      { base: 0x1000, bytes: 1200, holes: ['0x1000..0x1500 accepted'] },
      { base: 0x9000, bytes: 1200, holes: ['0x9000..0xf000 accepted'] },
      'mem_map moved from 0x1000 to 0x9000 because 0x1000 is no longer free: RAM is 1 GiB instead of 2 GiB',
    ],
  ])('of mem_map that moved %s', (_how, before, after, sentence) => {
    expect(sentences({ banks: [[0, 2 * GIB]], memMap: before }, { banks: [[0, GIB]], memMap: after })).toContain(
      `mem_map: ${sentence}`,
    );
  });

  it('of reservations: gone, moved, resized, new', () => {
    const before: Layout = {
      reserved: [
        ['a', 0x1000, 4096],
        ['b', 0x4000, 4096],
        ['c', 0x8000, 4096],
      ],
    };
    const after: Layout = {
      reserved: [
        ['b', 0x5000, 8192],
        ['c', 0x8000, 8192],
        ['d', 0x1000, 4096],
      ],
    };
    expect(sentences(before, after)).toEqual([
      'reserved: "a" (4 KiB at 0x1000) is no longer reserved',
      'reserved: "b" moved from 0x4000 to 0x5000 and has 8 KiB instead of 4 KiB',
      'reserved: "c" at 0x8000 has 8 KiB instead of 4 KiB',
      'reserved: "d" is reserved now: 4 KiB at 0x1000',
    ]);
  });

  it('of panics, ends and stages', () => {
    const panic = event('panic', { reason: 'No RAM', detail: 'none at all' }, 9);
    const stop = (reason: string) => event('stop', { outcome: '', reason }, 20);
    const stage = event('stage', { number: 2, name: 'Memory' }, 3);
    expect(sentences({ rest: [stage, stop('steady')] }, { rest: [panic, stop('panicked')] })).toEqual([
      'panic: it panics with "PANIC: No RAM" at 9 ns (none at all), where before it did not',
      'end: it ends "panicked" instead of "steady"',
      'stages: stage 1: Early takes 19 ns instead of 2 ns',
      'stages: stage 2: Memory is not reached',
    ]);
    expect(sentences({ rest: [panic] }, {})[0]).toBe(
      'panic: no panic any more; before: "PANIC: No RAM" at 9 ns (none at all)',
    );
  });

  it('of options and boards', () => {
    const a = logFile([], { board: 'pixel6', options: { memoryBytes: GIB } });
    const b = logFile([], { board: 'qemu-virt', options: { cpus: 2 } });
    expect(diffEventLogs(a, b).differences.map(({ text }) => text)).toEqual([
      'board is qemu-virt instead of pixel6',
      'memoryBytes is not given instead of 1 GiB',
      'cpus is 2 instead of not given',
    ]);
  });

  it('of files: their sizes and what identifies them', () => {
    const a = logFile([], { options: {} });
    const b = logFile([], { options: { dtb: { bytes: 377, sha256: '3275b7c1fc688df2' } } });
    expect(diffEventLogs(a, b).differences.map(({ text }) => text)).toEqual([
      'dtb is a file of 377 bytes (sha256 3275b7c1fc688df2…) instead of not given',
    ]);
  });

  it('of a kernel that found no RAM at all and one that did', () => {
    const image: Layout = { reserved: [['kernel image', 0x8008_0000, 4096]] };
    const found: Layout = { ...image, banks: [[0x8000_0000, GIB]] };
    expect(sentences(image, found)[0]).toBe('ram: RAM is 1 GiB instead of 0 bytes: a bank of 1 GiB at 0x80000000 came');
    expect(sentences(found, image)[0]).toBe(
      'ram: RAM is 0 bytes instead of 1 GiB: the bank of 1 GiB at 0x80000000 is gone',
    );
  });
});

describe('the first event that differs', () => {
  const line = (text: string, t = 0, core = 0) => event('serial', { text }, t, core);

  it('is found with what came before and after', () => {
    const before = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((text) => line(text));
    const after = ['a', 'b', 'c', 'd', 'X', 'f'].map((text) => line(text));
    const [a, b] = [logFile(before), logFile(after)];
    const difference = diffEventLogs(a, b);
    expect(difference.divergence).toMatchObject({ index: 5, fields: ['text'] });
    expect(difference.divergence?.before.map(({ event: one }) => one.fields)).toEqual([
      { text: 'b' },
      { text: 'c' },
      { text: 'd' },
    ]);
    expect(difference.divergence?.first.map(({ line: number }) => number)).toEqual([6, 7, 8]);
    expect(showDifference(difference, 'a', 'b', PLAIN)).toContain('the runs part at event 5: text is X instead of e');
  });

  it('is not one at another time, which is told for itself', () => {
    const difference = diffEventLogs(logFile([line('a', 1), line('b', 2)]), logFile([line('a', 1), line('b', 9)]));
    expect(difference).toMatchObject({
      divergence: null,
      identical: false,
      same: 2,
      time: { second: { event: { t: 9 } } },
    });
  });

  it('may be another core, another kind, or the end of a log', () => {
    expect(diffEventLogs(logFile([line('a')]), logFile([line('a', 0, 1)])).divergence?.fields).toEqual(['core']);
    const [shorter, longer] = [logFile([line('a')]), logFile([line('a'), event('irq')])];
    expect(showDifference(diffEventLogs(shorter, longer), 'a', 'b', PLAIN)).toContain(
      'at event 2: the first log ends here',
    );
    expect(showDifference(diffEventLogs(logFile([event('irq')]), logFile([line('a')])), 'a', 'b', PLAIN)).toContain(
      'serial instead of irq',
    );
  });

  it('is looked for among kinds that both kept, and that the filter accepts', () => {
    const [a, b] = [logFile([event('irq'), line('a')], { trace: ['irq'] }), logFile([line('a')], { trace: [] })];
    expect(diffEventLogs(a, b)).toMatchObject({ divergence: null, notCompared: ['irq'] });
    const [c, d] = [logFile([line('a'), event('stage')]), logFile([line('b'), event('stage')])];
    expect(diffEventLogs(c, d, { kinds: ['stage'] })).toMatchObject({ divergence: null, same: 1 });
  });

  it('does not exist in a log compared with itself', () => {
    const path = logFile([line('a', 1), event('stage', { number: 1, name: 'x' }, 5)]);
    const difference = diffEventLogs(path, path);
    expect(difference.identical).toBe(true);
    expect(showDifference(difference, 'a', 'b', PLAIN)).toBe(
      'no difference: both logs have the same 2 events at the same times\n',
    );
  });
});
