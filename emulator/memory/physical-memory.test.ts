// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chunkBytesFor, MemoryConfigurationError, NotRamError, PhysicalMemory } from './physical-memory.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const CHUNK = 16 * MIB;

/** Two banks; the first begins inside a chunk and ends inside one, the second lies above 4 GiB. */
const BANKS = [
  { base: 0x4000_0000 + 8 * MIB, size: 3 * CHUNK },
  { base: 0x8_8000_0000, size: 2 * CHUNK },
];

const [FIRST, SECOND] = BANKS as [(typeof BANKS)[number], (typeof BANKS)[number]];
const FIRST_END = FIRST.base + FIRST.size;

describe('banks', () => {
  it('are sorted, and neighbours are joined', () => {
    const memory = new PhysicalMemory([
      { base: 0x8000_0000, size: 8192 },
      { base: 0x4000_1000, size: 4096 },
      { base: 0x4000_0000, size: 4096 },
    ]);
    expect(memory.banks).toEqual([
      { base: 0x4000_0000, size: 8192 },
      { base: 0x8000_0000, size: 8192 },
    ]);
    expect(memory.totalBytes).toBe(16384);
  });

  it.each([
    ['empty', [{ base: 0x1000, size: 0 }]],
    ['negative in size', [{ base: 0x1000, size: -4096 }]],
    ['not at a page', [{ base: 0x1800, size: 4096 }]],
    ['not whole pages long', [{ base: 0x1000, size: 6144 }]],
    ['above 2^48', [{ base: 2 ** 48 - 4096, size: 8192 }]],
    ['below zero', [{ base: -4096, size: 8192 }]],
  ])('that are %s are refused with the range', (_, banks) => {
    expect(() => new PhysicalMemory(banks)).toThrow(MemoryConfigurationError);
    expect(() => new PhysicalMemory(banks)).toThrow(/RAM bank 0x.*whole 4 KiB pages|RAM bank 0x-/);
  });

  it('that overlap are refused with both ranges', () => {
    const overlapping = [
      { base: 0x4000_0000, size: 8192 },
      { base: 0x4000_1000, size: 8192 },
    ];
    expect(() => new PhysicalMemory(overlapping)).toThrow(
      'RAM bank 0x40001000 + 0x2000 overlaps the bank at 0x40000000 + 0x2000',
    );
  });

  it('hold an access only when one bank holds all of it', () => {
    const memory = new PhysicalMemory(BANKS);
    expect(memory.contains(FIRST_END - 8, 8)).toBe(true);
    expect(memory.contains(FIRST_END - 7, 8)).toBe(false);
    expect(memory.contains(FIRST.base - 1)).toBe(false);
    expect(memory.findBank(SECOND.base)).toEqual(SECOND);
    expect(memory.findBank(FIRST_END)).toBeNull();
  });
});

describe('chunkBytesFor', () => {
  it.each([
    [4096, 16],
    [8 * GIB, 16],
    [32 * GIB, 16],
    [32 * GIB + 4096, 32],
    [64 * GIB, 32],
    [2 ** 40, 512],
  ])('%i bytes of RAM: chunks of %i MiB', (total, mib) => {
    expect(chunkBytesFor(total)).toBe(mib * MIB);
  });

  it('never asks for more than 2048 chunks', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 36 }), (pages) => {
        const bytes = chunkBytesFor(pages * 4096);
        expect((pages * 4096) / bytes).toBeLessThanOrEqual(2048);
        expect(bytes === CHUNK || (pages * 4096) / (bytes / 2) > 2048).toBe(true);
      }),
    );
  });
});

describe('untouched memory', () => {
  it.each([8, 64])('%i GiB cost nothing until they are touched, then a chunk', (gib) => {
    const memory = new PhysicalMemory([
      { base: 0x8000_0000, size: 2 * GIB },
      { base: 0x8_8000_0000, size: (gib - 2) * GIB },
    ]);
    expect(memory.touchedBytes).toBe(0);
    expect(memory.contains(0x8_8000_0000 + (gib - 2) * GIB - 1)).toBe(true);
    expect(memory.touchedBytes).toBe(0);
    memory.write8(0x8_8000_0000 + (gib - 2) * GIB - 1, 7);
    expect(memory.touchedBytes).toBe(memory.chunkBytes);
  });

  it('counts what banks cover of a chunk, not the chunk', () => {
    const memory = new PhysicalMemory(BANKS);
    memory.read8(FIRST.base);
    expect(memory.touchedBytes).toBe(CHUNK - 8 * MIB);
    memory.read8(FIRST_END - 1);
    expect(memory.touchedRanges()).toEqual([
      { start: FIRST.base, end: FIRST.base + 8 * MIB },
      { start: FIRST_END - 8 * MIB, end: FIRST_END },
    ]);
  });

  it('reads zero', () => {
    expect(new PhysicalMemory(BANKS).read64(SECOND.base + 8)).toBe(0n);
  });
});

describe('chunks', () => {
  it('are announced once for each part that a bank covers, those made before included', () => {
    const memory = new PhysicalMemory([
      { base: 0x4000_0000, size: 4 * MIB },
      { base: 0x4080_0000, size: 4 * MIB },
    ]);
    memory.touch(0x4000_0000);
    const early: [number, number][] = [];
    memory.onChunk((chunk, start, end) => {
      expect(chunk.base).toBe(0x4000_0000);
      early.push([start, end]);
    });
    memory.touch(0x4080_0000);
    expect(early).toEqual([
      [0x4000_0000, 0x4040_0000],
      [0x4080_0000, 0x40c0_0000],
    ]);
  });

  it('share their bytes: what is written into a chunk is read as memory', () => {
    const memory = new PhysicalMemory(BANKS);
    const chunk = memory.touch(SECOND.base + CHUNK + 4);
    expect(chunk?.base).toBe(SECOND.base + CHUNK);
    if (chunk !== null) chunk.words[1] = 0x1234_5678;
    expect(memory.read32(SECOND.base + CHUNK + 4)).toBe(0x1234_5678);
    expect(memory.touch(SECOND.base + CHUNK)).toBe(chunk);
  });

  it('are not made where there is no RAM, also in a chunk that has some', () => {
    const memory = new PhysicalMemory(BANKS);
    memory.touch(FIRST.base);
    expect(memory.touch(FIRST.base - 1)).toBeNull();
    expect(memory.touch(0)).toBeNull();
    expect(memory.touchedBytes).toBe(8 * MIB);
  });
});

describe('accesses', () => {
  const edge = FIRST.base + 8 * MIB; // the end of the first chunk

  it.each([1, 2, 3, 4, 5, 6, 7])('cross the end of a chunk, %i bytes before it', (before) => {
    const memory = new PhysicalMemory(BANKS);
    memory.write64(edge - before, 0x8877_6655_4433_2211n);
    expect(memory.read64(edge - before)).toBe(0x8877_6655_4433_2211n);
    expect(memory.read32(edge - before)).toBe(0x4433_2211);
    expect(memory.read16(edge - before + 6)).toBe(0x8877);
    memory.write32(edge - before, 0xdead_beef);
    memory.write16(edge - before + 4, 0xcafe);
    expect(memory.read64(edge - before)).toBe(0x8877_cafe_dead_beefn);
  });

  it('take values of any sign, as the view of a buffer does', () => {
    const memory = new PhysicalMemory(BANKS);
    for (const at of [edge - 2, edge - 100]) {
      memory.write32(at, -1);
      memory.write16(at, -2);
      memory.write64(at + 8, -3n);
      expect(memory.read32(at)).toBe(0xffff_fffe);
      expect(memory.read64(at + 8)).toBe(2n ** 64n - 3n);
    }
  });

  it.each<[string, (memory: PhysicalMemory, pa: number) => unknown]>([
    ['read8', (m, pa) => m.read8(pa + 7)],
    ['read16', (m, pa) => m.read16(pa + 6)],
    ['read32', (m, pa) => m.read32(pa + 4)],
    ['read64', (m, pa) => m.read64(pa)],
    ['readBytes', (m, pa) => m.readBytes(pa, 8)],
    ['write8', (m, pa) => m.write8(pa + 7, 1)],
    ['write16', (m, pa) => m.write16(pa + 6, 1)],
    ['write32', (m, pa) => m.write32(pa + 4, 1)],
    ['write64', (m, pa) => m.write64(pa, 1n)],
    ['writeBytes', (m, pa) => m.writeBytes(pa, new Uint8Array(8).fill(1))],
    ['fill', (m, pa) => m.fill(pa, 8, 1)],
  ])('%s beyond the end of a bank is refused, and writes nothing', (_, access) => {
    const memory = new PhysicalMemory(BANKS);
    for (const end of [FIRST_END, SECOND.base + SECOND.size]) {
      memory.read8(end - 1);
      expect(() => access(memory, end - 7)).toThrow(NotRamError);
      expect(() => access(memory, end - 7)).toThrow(/bytes at 0x[0-9a-f]+ are not RAM/);
      expect(memory.readBytes(end - 8, 8)).toEqual(new Uint8Array(8));
      access(memory, end - 8);
    }
  });

  it('of no bytes touch nothing, wherever they are', () => {
    const memory = new PhysicalMemory(BANKS);
    expect(memory.readBytes(0, 0)).toEqual(new Uint8Array(0));
    memory.writeBytes(0, new Uint8Array(0));
    memory.fill(0, 0, 1);
    expect(memory.touchedBytes).toBe(0);
  });

  it('are those of a plain array of bytes, in any order', () => {
    // A window over the end of a chunk, one over the start of a bank, one over the end of one.
    const windows = [edge, FIRST.base + 32, FIRST_END - 32, SECOND.base + CHUNK].map((middle) => middle - 32);
    const operation = fc.record({
      window: fc.integer({ min: 0, max: windows.length - 1 }),
      at: fc.integer({ min: 0, max: 56 }),
      kind: fc.constantFrom('8', '16', '32', '64', 'bytes', 'fill'),
      value: fc.bigInt(0n, 2n ** 64n - 1n),
      length: fc.integer({ min: 0, max: 8 }),
    });
    const memory = new PhysicalMemory(BANKS);
    const model = windows.map(() => new DataView(new ArrayBuffer(64)));
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
        for (const { window, at, kind, value, length } of operations) {
          const pa = (windows[window] as number) + at;
          const view = model[window] as DataView;
          const bytes = new Uint8Array(view.buffer);
          switch (kind) {
            case '8':
              memory.write8(pa, Number(value & 0xffn));
              view.setUint8(at, Number(value & 0xffn));
              break;
            case '16':
              memory.write16(pa, Number(value & 0xffffn));
              view.setUint16(at, Number(value & 0xffffn), true);
              break;
            case '32':
              memory.write32(pa, Number(value & 0xffff_ffffn));
              view.setUint32(at, Number(value & 0xffff_ffffn), true);
              break;
            case '64':
              memory.write64(pa, value);
              view.setBigUint64(at, value, true);
              break;
            case 'bytes': {
              const source = new Uint8Array(length).fill(Number(value & 0xffn));
              memory.writeBytes(pa, source);
              bytes.set(source, at);
              break;
            }
            default:
              memory.fill(pa, length, Number(value & 0xffn));
              bytes.fill(Number(value & 0xffn), at, at + length);
          }
          expect(memory.read8(pa)).toBe(view.getUint8(at));
          expect(memory.read16(pa)).toBe(view.getUint16(at, true));
          expect(memory.read32(pa)).toBe(view.getUint32(at, true));
          expect(memory.read64(pa)).toBe(view.getBigUint64(at, true));
          expect(memory.readBytes(pa, length)).toEqual(bytes.slice(at, at + length));
        }
        windows.forEach((pa, index) => {
          expect(memory.readBytes(pa, 64)).toEqual(new Uint8Array((model[index] as DataView).buffer));
        });
      }),
      { numRuns: 200 },
    );
  });
});
