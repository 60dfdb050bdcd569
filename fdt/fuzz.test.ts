// SPDX-License-Identifier: GPL-2.0-only
/**
 * Hostile blobs: whatever the bytes, opening and reading end soon, with a tree or an FdtError, and
 * never touch a byte outside the blob. A reader that loops fails by vitest's limit; one whose time
 * is quadratic, by its cost beside that of a harmless blob as large.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cpuReg } from './addresses.ts';
import { begin, blob, EMPTY, END, END_NODE, node, NOP, prop } from './testing/blob-builder.ts';
import { chosen } from './chosen.ts';
import { cpus, psci } from './cpus.ts';
import { FdtError } from './errors.ts';
import { Fdt } from './fdt.ts';
import { HEADER_SIZE } from './header.ts';
import { memoryRanges } from './memory.ts';
import { reservedMemory } from './reserved-memory.ts';
import { cells, readTree, stringListValue, stringValue, u64Cells } from './tree.ts';
import { writeFdt } from './writer.ts';

/** Runs `read`; an FdtError is an answer, anything else a failure of the test. */
function answerOf<T>(read: () => T): T | FdtError {
  try {
    return read();
  } catch (error) {
    if (error instanceof FdtError) return error;
    throw error;
  }
}

/** Everything the boot asks of a tree. Returns what `Fdt.open` answered. */
function exercise(bytes: Uint8Array): string {
  const fdt = answerOf(() => Fdt.open(bytes));
  if (fdt instanceof FdtError) {
    expect(fdt.offset).toBeLessThanOrEqual(Math.max(bytes.length, HEADER_SIZE));
    return fdt.code;
  }
  const readers: readonly ((open: Fdt) => unknown)[] = [
    memoryRanges,
    reservedMemory,
    chosen,
    cpus,
    psci,
    (open) => open.findPhandle(1),
    (open) => open.findPath('/soc/uart'),
    (open) => open.findCompatible('arm,pl011'),
    (open) => [...open.nodes()].map((found) => answerOf(() => cpuReg(found))),
  ];
  for (const reader of readers) answerOf(() => reader(fdt));
  const tree = answerOf(() => readTree(fdt));
  if (!(tree instanceof FdtError)) expect(readTree(Fdt.open(writeFdt(tree)))).toEqual(tree);
  return 'opened';
}

/** A quadratic reader takes tens of times as long as for the harmless blob, this less than 2. */
const MOST_TIMES = 8;

/** Processor time of this process in microseconds, the least of three. */
function cost(work: () => void): number {
  const times = [1, 2, 3].map(() => {
    const before = process.cpuUsage();
    work();
    return process.cpuUsage(before).user;
  });
  return Math.max(1, Math.min(...times));
}

const VALID = writeFdt({
  reservations: [{ address: 0x1000n, size: 0x1000n }],
  bootCpuid: 0,
  root: node('', { '#address-cells': cells(2), '#size-cells': cells(1) }, [
    node('chosen', {
      bootargs: stringValue('quiet'),
      'linux,initrd-start': cells(1),
      'linux,initrd-end': u64Cells(2n),
      'stdout-path': stringValue('s0:1'),
    }),
    node('aliases', { s0: stringValue('/soc/uart@0') }),
    node('memory@0', { device_type: stringValue('memory'), reg: cells(0, 0, 4096, 8, 0, 1) }),
    node('cpus', { '#address-cells': cells(1), '#size-cells': cells(0) }, [node('cpu@0', { reg: cells(0) })]),
    node('psci', { compatible: stringListValue('arm,psci-1.0', 'arm,psci'), method: stringValue('smc') }),
    node('reserved-memory', { '#address-cells': cells(2), '#size-cells': cells(1), ranges: EMPTY }, [
      node('a', { reg: cells(0, 0, 1), 'no-map': EMPTY }),
      node('b', { size: cells(1), alignment: cells(0, 2), 'alloc-ranges': cells(0, 0, 1) }),
    ]),
    node(
      'soc',
      { '#address-cells': cells(1), '#size-cells': cells(1), ranges: cells(0, 8, 0, 0x1000), phandle: cells(1) },
      [node('uart@0', { reg: cells(0, 4), compatible: stringValue('arm,pl011') })],
    ),
  ]),
});

/** A change: a word at a multiple of 4, or any byte, to a value with a meaning somewhere. */
const WORD = fc.constantFrom(
  0,
  1,
  2,
  3,
  4,
  5,
  9,
  16,
  17,
  0x28,
  0x7fff_ffff,
  0xffff_ffff,
  0xffff_fffc,
  VALID.length,
  VALID.length - 1,
);
const CHANGE = fc.oneof(
  fc.record({ at: fc.nat(Math.floor(VALID.length / 4) - 1).map((i) => 4 * i), word: WORD }),
  fc.record({ at: fc.nat(VALID.length - 1), byte: fc.nat(255) }),
);

describe('hostile blobs', () => {
  it('random bytes, with and without a good magic', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, magic) => {
        if (magic) bytes.set([0xd0, 0x0d, 0xfe, 0xed].slice(0, bytes.length));
        expect(exercise(bytes)).toMatch(/^(opened|FDT_ERR_)/);
      }),
      { numRuns: 2_000 },
    );
  });

  it('a valid blob changed in a few places and cut anywhere', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.array(CHANGE, { maxLength: 4 }), fc.option(fc.nat(VALID.length)), (changes, cut) => {
        const bytes = VALID.slice();
        const view = new DataView(bytes.buffer);
        for (const change of changes) {
          if ('word' in change) view.setUint32(change.at, change.word);
          else bytes[change.at] = change.byte;
        }
        seen.add(exercise(cut === null ? bytes : bytes.slice(0, cut)));
      }),
      { numRuns: 6_000 },
    );
    // The changes reach past the header, in both directions.
    expect([...seen]).toEqual(
      expect.arrayContaining(['opened', 'FDT_ERR_TRUNCATED', 'FDT_ERR_BADSTRUCTURE', 'FDT_ERR_BADMAGIC']),
    );
  });

  it('random tokens: any order of whole tokens is a tree or an error', () => {
    const token = fc.constantFrom(
      begin(''),
      begin('n'),
      END_NODE,
      END,
      NOP,
      prop(0, [1, 2, 3]),
      prop(2),
      prop(9),
      [0, 0, 0, 7],
    );
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.array(token, { maxLength: 24 }), (struct) => {
        seen.add(exercise(blob({ struct: [begin(''), ...struct, END_NODE, END] })));
      }),
      { numRuns: 4_000 },
    );
    expect(seen).toContain('opened');
  });

  it('every single truncation of a valid blob is FDT_ERR_TRUNCATED', () => {
    for (let length = 0; length < VALID.length; length++) {
      expect(exercise(VALID.slice(0, length))).toBe('FDT_ERR_TRUNCATED');
    }
    expect(exercise(VALID)).toBe('opened');
  });

  it('thousands of names that are tails of one of a megabyte do not cost their product', () => {
    const long = 2 ** 20;
    const count = 20_000;
    const names = (first: number, step: number): Uint8Array => {
      const struct = new Uint8Array(8 + 12 * count + 8);
      const view = new DataView(struct.buffer);
      view.setUint32(0, 1);
      for (let i = 0; i < count; i++) {
        [3, 0, first + i * step].forEach((word, k) => view.setUint32(8 + 12 * i + 4 * k, word));
      }
      view.setUint32(struct.length - 8, 2);
      view.setUint32(struct.length - 4, 9);
      const header = blob({ struct: [], strings: '' });
      const bytes = new Uint8Array(header.length + struct.length + long).fill(0x61);
      bytes.set(header);
      bytes.set(struct, header.length);
      bytes[bytes.length - 1] = 0;
      const fields = new DataView(bytes.buffer);
      fields.setUint32(4, bytes.length);
      fields.setUint32(12, header.length + struct.length);
      fields.setUint32(32, long);
      fields.setUint32(36, struct.length);
      return bytes;
    };
    const search = (bytes: Uint8Array): void => {
      const fdt = Fdt.open(bytes);
      expect(fdt.root.properties.length).toBe(count);
      expect(fdt.root.findProperty('absent')).toBeNull();
    };
    const [longest, shortest] = [names(0, 1), names(long - 2, 0)];
    expect(Fdt.open(longest).root.properties.at(-1)?.name).toHaveLength(long - count);
    expect(cost(() => search(longest))).toBeLessThan(MOST_TIMES * cost(() => search(shortest)));
  });

  it('a megabyte of nodes inside nodes, or of FDT_NOP, opens, at about the cost of nodes side by side', () => {
    const word = (token: number, count: number) => Array.from({ length: count }, () => [0, 0, 0, token]).flat();
    const count = 65_000;
    const within = blob({ struct: [Array.from({ length: count }, () => begin('')).flat(), word(2, count), END] });
    const inRow = Array.from({ length: count - 1 }, () => [...begin(''), ...END_NODE]).flat();
    const beside = blob({ struct: [begin(''), inRow, END_NODE, END] });
    const walk = (bytes: Uint8Array): void => expect([...Fdt.open(bytes).nodes()].length).toBe(count);
    expect(cost(() => walk(within))).toBeLessThan(MOST_TIMES * cost(() => walk(beside)));
    expect(Fdt.open(blob({ struct: [begin(''), word(4, 250_000), END_NODE, END] })).root.properties).toEqual([]);
  });
});
