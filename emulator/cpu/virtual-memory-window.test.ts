// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import {
  at,
  CHUNK,
  EXTERNAL,
  faultOf,
  Fixture,
  HIGH,
  LOW,
  MIB,
  READ_ONLY,
  WRITE,
} from './testing/virtual-memory-fixture.ts';

describe('windows', () => {
  const WINDOW = 2 * MIB * 4; // in virtual memory, at a level 2 entry
  /** 2 MiB blocks from `pa` on. */
  function mapBlocks(fixture: Fixture, pa: number, blocks: number, attributes = 0n): void {
    for (let i = 0; i < blocks; i++) fixture.map(WINDOW + i * 2 * MIB, pa + i * 2 * MIB, attributes, 2);
  }

  it('show words as the formula of the port says, across chunks', () => {
    const fixture = new Fixture();
    mapBlocks(fixture, HIGH.base + CHUNK - 2 * MIB, 2);
    const window = fixture.virtual.window(at(WINDOW), 4 * MIB);
    const pieces = window.sync();
    expect(pieces).toHaveLength(2);
    expect([window.words, 2 ** window.shift]).toEqual([MIB, CHUNK / 4]);
    for (const index of [0, 1, MIB / 2 - 1, MIB / 2, MIB - 1]) {
      window.set32(index, index + 1);
      const i = window.first + index;
      expect(pieces[i >>> window.shift]?.[i & (2 ** window.shift - 1)]).toBe(index + 1);
      expect(fixture.memory.read32(HIGH.base + CHUNK - 2 * MIB + index * 4)).toBe(index + 1);
      expect(window.get32(index)).toBe(index + 1);
    }
  });

  it('touch the chunks that they cover and no others', () => {
    const fixture = new Fixture();
    mapBlocks(fixture, HIGH.base + CHUNK, 1);
    const before = fixture.memory.touchedBytes;
    fixture.virtual.window(at(WINDOW), 2 * MIB);
    expect(fixture.memory.touchedBytes - before).toBe(CHUNK);
  });

  it('give the same pieces until something is invalidated, and after that when nothing has moved', () => {
    const fixture = new Fixture();
    mapBlocks(fixture, HIGH.base, 1);
    const window = fixture.virtual.window(at(WINDOW), 64);
    const pieces = window.sync();
    expect(window.sync()).toBe(pieces);
    fixture.virtual.invalidate();
    expect(window.sync()).toBe(pieces);
  });

  it('follow the mapping when it has moved to another place in another chunk', () => {
    const fixture = new Fixture();
    mapBlocks(fixture, HIGH.base + 2 * MIB, 1);
    const window = fixture.virtual.window(at(WINDOW), 64);
    window.set32(0, 1);
    fixture.map(WINDOW, HIGH.base + CHUNK + 4 * MIB, 0n, 2);
    expect(window.get32(0)).toBe(1); // no maintenance yet
    fixture.virtual.invalidate();
    expect(window.get32(0)).toBe(0);
    window.set32(0, 2);
    expect(fixture.memory.read32(HIGH.base + CHUNK + 4 * MIB)).toBe(2);
    expect(fixture.memory.read32(HIGH.base + 2 * MIB)).toBe(1);
    const pieces = window.sync();
    expect(pieces[window.first >>> window.shift]?.[window.first & (2 ** window.shift - 1)]).toBe(2);
  });

  it('follow a table above the leaf that leads elsewhere', () => {
    const fixture = new Fixture();
    fixture.map(WINDOW, HIGH.base);
    const window = fixture.virtual.window(at(WINDOW), 64);
    window.set32(0, 1);
    // Another table of level 3, at the same entry of level 2.
    const table = LOW.base + 64 * 4096;
    fixture.memory.write64(table, BigInt(HIGH.base + 4096) | 0x403n);
    fixture.map(WINDOW, table + 2, 0n, 2);
    fixture.virtual.invalidate();
    expect(window.get32(0)).toBe(0);
    expect(fixture.virtual.read32(at(WINDOW))).toBe(0);
    fixture.memory.write32(HIGH.base + 4096, 7);
    fixture.virtual.invalidate();
    expect([window.get32(0), fixture.virtual.read32(at(WINDOW))]).toEqual([7, 7]);
  });

  it('fault, after invalidation, at the first byte that is no longer mapped writable', () => {
    const fixture = new Fixture();
    mapBlocks(fixture, HIGH.base, 2);
    const window = fixture.virtual.window(at(WINDOW), 4 * MIB);
    const second = BigInt(WINDOW + 2 * MIB);
    fixture.map(WINDOW + 2 * MIB, HIGH.base + 2 * MIB, READ_ONLY, 2);
    fixture.virtual.invalidate();
    expect(faultOf(() => window.sync())).toEqual({ esr: WRITE + 0x0e, far: second });
    fixture.unmap(WINDOW + 2 * MIB, 2);
    fixture.virtual.invalidate();
    expect(faultOf(() => window.get32(0))).toEqual({ esr: WRITE + 0x06, far: second });
    mapBlocks(fixture, HIGH.base, 2);
    expect(window.get32(0)).toBe(0);
  });

  it('fault with the translation, not an external abort, where the next page is unmapped at the end of RAM', () => {
    const fixture = new Fixture();
    mapBlocks(fixture, HIGH.base + HIGH.size - 2 * MIB, 1);
    expect(faultOf(() => fixture.virtual.window(at(WINDOW), 4 * MIB))).toEqual({
      esr: WRITE + 0x06,
      far: BigInt(WINDOW + 2 * MIB),
    });
  });

  it('are refused where they leave RAM, at the byte where they do', () => {
    const fixture = new Fixture();
    mapBlocks(fixture, HIGH.base + HIGH.size - 2 * MIB, 2);
    expect(faultOf(() => fixture.virtual.window(at(WINDOW), 4 * MIB))).toEqual({
      esr: WRITE + EXTERNAL,
      far: BigInt(WINDOW + 2 * MIB),
    });
  });

  it('are refused where frames are not neighbours, or where words do not fit', () => {
    const fixture = new Fixture();
    fixture.map(WINDOW, HIGH.base, 0n, 2);
    fixture.map(WINDOW + 2 * MIB, HIGH.base + 4 * MIB, 0n, 2);
    expect(() => fixture.virtual.window(at(WINDOW), 4 * MIB)).toThrow('not contiguous at +0x200000');
    expect(() => fixture.virtual.window(at(WINDOW + 2), 64)).toThrow(RangeError);
    expect(() => fixture.virtual.window(at(WINDOW), 62)).toThrow(RangeError);
  });

  it('have no words outside', () => {
    const fixture = new Fixture();
    mapBlocks(fixture, HIGH.base, 1);
    const window = fixture.virtual.window(at(WINDOW + 64), 64);
    for (const index of [-1, 16, NaN]) {
      expect(() => window.get32(index)).toThrow(RangeError);
      expect(() => window.set32(index, 1)).toThrow(RangeError);
    }
  });
});
