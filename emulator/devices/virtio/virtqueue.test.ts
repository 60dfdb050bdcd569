// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PhysicalMemory } from '#emulator/memory/physical-memory.ts';
import {
  INDIRECT,
  NEXT,
  TEST_BUFFERS,
  TEST_RAM,
  TEST_RAM_BYTES,
  type TestDescriptor,
  TestQueue,
  WRITE,
  writeTable,
} from './testing/test-driver.ts';
import { MAX_INDIRECT, Virtqueue, VirtqueueError } from './virtqueue.ts';

const INDIRECT_TABLE = TEST_RAM + 0x8_0000;
const SIZE = 8;

/** No two words of it are alike. */
const CONTENT = new Uint8Array(Uint32Array.from({ length: 0x440 }, (_, i) => Math.imul(4 * i + 1, 0x9e37_79b1)).buffer);

const make = (size = SIZE) => {
  const memory = new PhysicalMemory([{ base: TEST_RAM, size: TEST_RAM_BYTES }]);
  const driver = new TestQueue(memory, 0, size);
  const layout = { size, descriptors: driver.descriptors, driverArea: driver.available, deviceArea: driver.used };
  return { memory, driver, layout, queue: new Virtqueue(memory, layout) };
};

type Pieces = [address: number, length: number][];

/**
 * The pieces of a chain by the rules of 2.7, step by step from descriptor `index`, or null when a
 * rule is broken.
 * @param inner what an indirect descriptor points at; null inside it
 */
function interpret(
  table: readonly TestDescriptor[],
  inner: readonly TestDescriptor[] | null,
  index: number,
  readable: Pieces = [],
  writable: Pieces = [],
  steps = 0,
): { readable: Pieces; writable: Pieces } | null {
  const descriptor = table[index];
  if (descriptor === undefined || steps === table.length) return null;
  const { address, length, flags = 0, next = 0 } = descriptor;
  if ((flags & INDIRECT) !== 0) {
    const isTable = inner !== null && (flags & NEXT) === 0 && length >= 16 && length % 16 === 0;
    return isTable ? interpret(inner.slice(0, length / 16), null, 0, readable, writable) : null;
  }
  const toDriver = (flags & WRITE) !== 0;
  if (!inRam(Number(address), length) || (!toDriver && writable.length > 0)) return null;
  (toDriver ? writable : readable).push([Number(address), length]);
  return (flags & NEXT) === 0 ? { readable, writable } : interpret(table, inner, next, readable, writable, steps + 1);
}

const inRam = (address: number, length: number) => address >= TEST_RAM && address + length <= TEST_RAM + TEST_RAM_BYTES;

/** Bytes of the pieces, one after the other. */
const gather = (memory: PhysicalMemory, pieces: readonly [number, number][]) =>
  pieces.flatMap(([address, length]) => [...memory.readBytes(address, length)]);

/** Mostly valid descriptors, so that long chains occur: the wrong ones are one in ten. */
const descriptor = (entries: number, allowIndirect: boolean): fc.Arbitrary<TestDescriptor> =>
  fc.record({
    address: fc.oneof(
      { weight: 30, arbitrary: fc.nat(0x1000).map((offset) => TEST_BUFFERS + offset) },
      {
        weight: 1,
        arbitrary: fc.constantFrom(0, TEST_RAM - 1, TEST_RAM + TEST_RAM_BYTES - 1, 2 ** 52, 2n ** 64n - 1n),
      },
    ),
    length: fc.oneof(
      { weight: 20, arbitrary: fc.nat(24) },
      { weight: 1, arbitrary: fc.constantFrom(2 ** 31, 0xffff_ffff) },
    ),
    flags: fc.oneof(
      { weight: 6, arbitrary: fc.constant(NEXT) },
      { weight: 2, arbitrary: fc.constant(NEXT | WRITE) },
      { weight: 2, arbitrary: fc.constantFrom(0, WRITE) },
      { weight: allowIndirect ? 1 : 0, arbitrary: fc.constantFrom(INDIRECT, INDIRECT | WRITE, INDIRECT | NEXT) },
    ),
    next: fc.oneof({ weight: 12, arbitrary: fc.nat(entries - 1) }, { weight: 1, arbitrary: fc.nat(0xffff) }),
  });

/** An indirect descriptor points at the indirect table, of a length that mostly makes sense. */
const pointed = (entry: TestDescriptor, entries: number): TestDescriptor =>
  ((entry.flags ?? 0) & INDIRECT) === 0
    ? entry
    : { ...entry, address: INDIRECT_TABLE, length: entry.length === 0 ? 0 : entry.length % 3 === 0 ? 5 : 16 * entries };

describe('Virtqueue', () => {
  it('agrees with an interpreter of the rules on any tables, and never fails otherwise than by VirtqueueError', () => {
    const INNER = 4;
    let popped = 0;
    let refused = 0;
    fc.assert(
      fc.property(
        fc.array(descriptor(SIZE, true), { minLength: SIZE, maxLength: SIZE }),
        fc.array(descriptor(INNER, false), { minLength: INNER, maxLength: INNER }),
        fc.oneof({ weight: 20, arbitrary: fc.nat(SIZE - 1) }, { weight: 1, arbitrary: fc.nat(0xffff) }),
        (rawTable, inner, head) => {
          const table = rawTable.map((entry) => pointed(entry, INNER));
          const { memory, driver, queue } = make();
          memory.writeBytes(TEST_BUFFERS, CONTENT);
          driver.table(table);
          writeTable(memory, INDIRECT_TABLE, inner);
          driver.offer(head);
          const expected = interpret(table, inner, head);
          if (expected === null) {
            refused++;
            expect(() => queue.popAvailable()).toThrow(VirtqueueError);
            return;
          }
          popped++;
          const chain = queue.popAvailable();
          expect(chain?.head).toBe(head);
          const readable = gather(memory, expected.readable);
          expect(chain?.readable.length).toBe(readable.length);
          expect([...(chain?.readable.read(0, readable.length) ?? [])]).toEqual(readable);
          const total = expected.writable.reduce((sum, [, length]) => sum + length, 0);
          expect(chain?.writable.length).toBe(total);
          chain?.writable.write(0, new Uint8Array(total).fill(0x5a));
          expect(gather(memory, expected.writable)).toEqual(Array.from({ length: total }, () => 0x5a));
          expect(queue.popAvailable()).toBeNull();
        },
      ),
      { numRuns: 200 },
    );
    // Both branches were tried.
    expect(Math.min(popped, refused)).toBeGreaterThan(50);
  });

  it('takes chains in the order of offering and gives them back in any, across the end of the ring and of the index', () => {
    const { memory, driver, queue } = make(4);
    driver.table([0, 1, 2, 3].map((i) => ({ address: TEST_BUFFERS + 16 * i, length: 16, flags: WRITE })));
    for (let round = 0; round < 30_000; round++) {
      for (const head of [3, 1, 2]) driver.offer(head);
      const heads = [queue.popAvailable(), queue.popAvailable(), queue.popAvailable()].map((chain) => chain?.head);
      if (heads.join() !== '3,1,2' || queue.popAvailable() !== null) throw new Error(`round ${round}: ${heads.join()}`);
      for (const head of [2, 3, 1]) queue.pushUsed(head, head);
      const back = driver.collect().map(({ head, written }) => `${head}:${written}`);
      if (back.join() !== '2:2,3:3,1:1') throw new Error(`round ${round}: ${back.join()}`);
    }
    expect(memory.read16(driver.used + 2)).toBe((3 * 30_000) % 2 ** 16);
  });

  it('has no chain before one is offered', () => {
    expect(make().queue.popAvailable()).toBeNull();
  });

  it('refuses an available index that moved further than the queue is long', () => {
    const { memory, driver, queue } = make();
    memory.write16(driver.available + 2, SIZE + 1);
    expect(() => queue.popAvailable()).toThrow('moved by 9, the queue has 8');
  });

  it.each([
    ['itself', [{ address: TEST_BUFFERS, length: 1, flags: NEXT, next: 0 }]],
    [
      'its start',
      [
        { address: TEST_BUFFERS, length: 1, flags: NEXT, next: 1 },
        { address: TEST_BUFFERS, length: 0, flags: NEXT, next: 0 },
      ],
    ],
  ])('refuses a chain that leads to %s', (_name, table) => {
    const { driver, queue } = make();
    driver.table(table);
    driver.offer(0);
    expect(() => queue.popAvailable()).toThrow('a loop');
  });

  it('takes an indirect table of the bound, and refuses one entry more', () => {
    for (const entries of [MAX_INDIRECT, MAX_INDIRECT + 1]) {
      const { memory, driver, queue } = make();
      writeTable(
        memory,
        INDIRECT_TABLE,
        Array.from({ length: entries }, (_, i) => ({
          address: TEST_BUFFERS,
          length: 1,
          flags: i === entries - 1 ? 0 : NEXT,
          next: i + 1,
        })),
      );
      driver.table([{ address: INDIRECT_TABLE, length: 16 * entries, flags: INDIRECT }]);
      driver.offer(0);
      if (entries === MAX_INDIRECT) expect(queue.popAvailable()?.readable.length).toBe(entries);
      else expect(() => queue.popAvailable()).toThrow('an indirect table of 16400 bytes');
    }
  });

  it('refuses a chain of 2^32 bytes, each part of which is RAM', () => {
    const { memory, driver, queue } = make();
    const entries = 512;
    writeTable(
      memory,
      INDIRECT_TABLE,
      Array.from({ length: entries }, (_, i) => ({
        address: TEST_RAM,
        length: 2 ** 23,
        flags: i === entries - 1 ? WRITE : NEXT | WRITE,
        next: i + 1,
      })),
    );
    driver.table([{ address: INDIRECT_TABLE, length: 16 * entries, flags: INDIRECT }]);
    driver.offer(0);
    expect(() => queue.popAvailable()).toThrow('a chain of 4294967296 bytes');
  });

  it.each([
    ['a size that is no power of two', { size: 6 }],
    ['no entries', { size: 0 }],
    ['too many entries', { size: 65_536 }],
    ['an unaligned table', { descriptors: TEST_RAM + 8 }],
    ['an unaligned driver area', { driverArea: TEST_RAM + 1 }],
    ['an unaligned device area', { deviceArea: TEST_RAM + 2 }],
    ['a table outside RAM', { descriptors: 0x1000 }],
    ['a driver area across the end of RAM', { driverArea: TEST_RAM + TEST_RAM_BYTES - 6 }],
    ['a device area far away', { deviceArea: 2 ** 60 }],
  ])('cannot be enabled with %s', (_name, change) => {
    const { memory, layout } = make();
    expect(() => new Virtqueue(memory, { ...layout, ...change })).toThrow(VirtqueueError);
  });

  it('asks the driver whether it wants an interrupt', () => {
    const { memory, driver, queue } = make();
    expect(queue.wantsInterrupt).toBe(true);
    memory.write16(driver.available, 1);
    expect(queue.wantsInterrupt).toBe(false);
  });
});

describe('BufferList', () => {
  it('reads and writes any part as one run of bytes', () => {
    const piece = fc.record({ gap: fc.nat(9), length: fc.nat(12) });
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: SIZE }), fc.nat(), fc.nat(), (pieces, a, b) => {
        const { memory, driver, queue } = make();
        let at = TEST_BUFFERS;
        const table = pieces.map(({ gap, length }, i) => {
          const address = at + gap;
          at = address + length;
          return { address, length, flags: WRITE | (i === pieces.length - 1 ? 0 : NEXT), next: i + 1 };
        });
        driver.table(table);
        driver.offer(0);
        const list = queue.popAvailable()?.writable;
        const total = list?.length ?? 0;
        const start = total === 0 ? 0 : a % total;
        const length = b % (total - start + 1);
        const bytes = Uint8Array.from({ length: total }, (_, i) => i + 1);
        list?.write(0, bytes);
        expect(list?.read(start, length)).toEqual(bytes.slice(start, start + length));
        list?.write(start, new Uint8Array(length));
        const after = bytes.fill(0, start, start + length);
        expect(
          gather(
            memory,
            table.map((entry) => [entry.address, entry.length]),
          ),
        ).toEqual([...after]);
        expect(() => list?.read(start, total - start + 1)).toThrow(RangeError);
        expect(() => list?.write(total, Uint8Array.of(1))).toThrow(RangeError);
      }),
      { numRuns: 100 },
    );
  });
});
