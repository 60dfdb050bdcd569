// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { virtAddr } from '#common/address.ts';
import {
  at,
  bind,
  CHUNK,
  DEVICE,
  EXTERNAL,
  faultOf,
  Fixture,
  HIGH,
  LOW,
  PAGE,
  READ,
  READ_ONLY,
  REFUSED,
  WRITE,
} from './testing/virtual-memory-fixture.ts';
import type { VirtualMemory } from './virtual-memory.ts';

/**
 * Two neighbouring virtual pages whose frames lie far apart, the second one's in the other bank.
 */
function twoPages(): Fixture {
  const fixture = new Fixture();
  fixture.map(PAGE, LOW.base + CHUNK - 4096); // the last page of a chunk
  fixture.map(PAGE + 4096, HIGH.base + CHUNK);
  return fixture;
}

describe('accesses', () => {
  it('reach the frame, little-endian', () => {
    const { memory, virtual } = twoPages();
    virtual.write64(at(PAGE + 16), 0x8877_6655_4433_2211n);
    expect(memory.read64(LOW.base + CHUNK - 4096 + 16)).toBe(0x8877_6655_4433_2211n);
    expect(virtual.read8(at(PAGE + 17))).toBe(0x22);
    expect(virtual.read16(at(PAGE + 17))).toBe(0x3322);
    expect(virtual.read32(at(PAGE + 19))).toBe(0x7766_5544);
    virtual.write8(at(PAGE + 16), 1);
    virtual.write16(at(PAGE + 17), 0x0302);
    virtual.write32(at(PAGE + 19), 0x0706_0504);
    expect(virtual.read64(at(PAGE + 16))).toBe(0x8807_0605_0403_0201n);
  });

  it.each([1, 2, 3, 4, 5, 6, 7])('cross pages, chunks and banks, %i bytes before the end of the page', (before) => {
    const { memory, virtual } = twoPages();
    const va = at(PAGE + 4096 - before);
    virtual.write64(va, 0x8877_6655_4433_2211n);
    const expected = Uint8Array.of(0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88);
    expect(memory.readBytes(LOW.base + CHUNK - before, before)).toEqual(expected.slice(0, before));
    expect(memory.readBytes(HIGH.base + CHUNK, 8 - before)).toEqual(expected.slice(before));
    expect(virtual.read64(va)).toBe(0x8877_6655_4433_2211n);
    virtual.write32(va, 0xdead_beef);
    expect(virtual.read32(va)).toBe(0xdead_beef);
    virtual.write16(virtAddr(va + BigInt(before) - 1n), 0xcafe);
    expect(virtual.read16(virtAddr(va + BigInt(before) - 1n))).toBe(0xcafe);
  });

  it('copy and fill across pages and banks, as a plain array does', () => {
    const { virtual } = twoPages();
    const model = new Uint8Array(8192);
    const range = fc.record({
      start: fc.oneof(fc.integer({ min: 0, max: 8191 }), fc.integer({ min: 4080, max: 4110 })),
      length: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 8192 })),
      byte: fc.integer({ min: 0, max: 255 }),
      fill: fc.boolean(),
    });
    fc.assert(
      fc.property(range, ({ start, length: wanted, byte, fill }) => {
        const length = Math.min(wanted, 8192 - start);
        const bytes = Uint8Array.from({ length }, (_, i) => (fill ? byte : byte + i));
        if (fill) virtual.fill(at(PAGE + start), length, byte);
        else virtual.writeBytes(at(PAGE + start), bytes);
        model.set(bytes, start);
        expect(Buffer.compare(virtual.readBytes(at(PAGE), 8192), model)).toBe(0);
        expect(Buffer.compare(virtual.readBytes(at(PAGE + start), length), bytes)).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  it('end where RAM ends inside a block: all before is reached, the first byte after it faults', () => {
    const fixture = new Fixture();
    fixture.map(0x4000_0000, 0x4000_0000, 0n, 1); // 1 GiB, of which 32 MiB are RAM
    const end = LOW.base + LOW.size;
    fixture.virtual.fill(at(end - 100), 100, 7);
    expect(fixture.memory.read8(end - 1)).toBe(7);
    expect(faultOf(() => fixture.virtual.fill(at(end - 100), 101, 8))).toEqual({
      esr: WRITE + EXTERNAL,
      far: BigInt(end),
    });
    expect(fixture.memory.read8(end - 1)).toBe(7);
    expect(faultOf(() => fixture.virtual.readBytes(at(end - 100), 101))).toEqual({
      esr: READ + EXTERNAL,
      far: BigInt(end),
    });
  });

  it('in the upper half fault where its walks are off', () => {
    const { virtual } = twoPages();
    const va = virtAddr(0xffff_8000_0000_0008n);
    expect(faultOf(() => virtual.read8(va))).toEqual({ esr: READ + 0x04, far: va });
  });
});

describe('faults', () => {
  it.each([
    [0, 0x4],
    [1, 0x5],
    [2, 0x6],
    [3, 0x7],
  ])('translation, level %i: ESR and FAR of a load and of a store at EL1', (level, status) => {
    const { virtual, map } = bind(twoPages());
    // Neighbours that share the tables down to the level above.
    if (level > 0) map(0, LOW.base + CHUNK);
    const va = level === 0 ? 2 ** 39 + 5 : level === 1 ? 2 ** 30 + 5 : level === 2 ? 2 ** 21 + 5 : 0x5005;
    expect(faultOf(() => virtual.read32(at(va)))).toEqual({ esr: READ + status, far: BigInt(va) });
    expect(faultOf(() => virtual.write8(at(va), 1))).toEqual({ esr: WRITE + status, far: BigInt(va) });
  });

  it('permission: a store to a read-only page, also when a load has cached the leaf', () => {
    const { virtual, map } = bind(new Fixture());
    map(PAGE, LOW.base + CHUNK, READ_ONLY);
    virtual.read8(at(PAGE));
    expect(faultOf(() => virtual.write64(at(PAGE + 8), 1n))).toEqual({ esr: WRITE + 0x0f, far: BigInt(PAGE + 8) });
    expect(virtual.read64(at(PAGE + 8))).toBe(0n);
  });

  it('across pages name the first byte that faults, and write nothing', () => {
    const fixture = new Fixture();
    const { virtual, map } = bind(fixture);
    map(PAGE, LOW.base + CHUNK);
    const second = BigInt(PAGE + 4096);
    const va = at(PAGE + 4096 - 4);
    for (const write of [
      () => virtual.write64(va, 2n ** 64n - 1n),
      () => virtual.writeBytes(va, new Uint8Array(8).fill(255)),
      () => virtual.fill(va, 8, 255),
    ]) {
      expect(faultOf(write)).toEqual({ esr: WRITE + 0x07, far: second });
      expect(fixture.memory.read32(LOW.base + CHUNK + 4092)).toBe(0);
    }
    expect(faultOf(() => virtual.read64(va))).toEqual({ esr: READ + 0x07, far: second });
    expect(faultOf(() => virtual.read32(virtAddr(va + 2n)))).toEqual({ esr: READ + 0x07, far: second });
    expect(faultOf(() => virtual.readBytes(at(PAGE - 4), 8))).toEqual({ esr: READ + 0x07, far: BigInt(PAGE - 4) });
  });

  it('external abort where nothing answers: reported with the physical access, then thrown', () => {
    const fixture = new Fixture();
    const { virtual, map } = bind(fixture);
    map(PAGE, 0x2000_0000);
    expect(faultOf(() => virtual.read32(at(PAGE + 4)))).toEqual({ esr: READ + EXTERNAL, far: BigInt(PAGE + 4) });
    expect(faultOf(() => virtual.write16(at(PAGE + 6), 0xabcd))).toEqual({
      esr: WRITE + EXTERNAL,
      far: BigInt(PAGE + 6),
    });
    expect(faultOf(() => virtual.readBytes(at(PAGE + 8), 3))).toEqual({ esr: READ + EXTERNAL, far: BigInt(PAGE + 8) });
    expect(faultOf(() => virtual.fill(at(PAGE + 9), 3, 0x5a))).toEqual({
      esr: WRITE + EXTERNAL,
      far: BigInt(PAGE + 9),
    });
    expect(fixture.refused.map((abort) => abort.toEventFields())).toMatchObject([
      { access: 'read', address: '0x20000004', width: 4, reason: 'unmapped' },
      { access: 'write', address: '0x20000006', width: 2, value: '0xabcd' },
      { access: 'read', address: '0x20000008', width: 1, reason: 'unmapped' },
      { access: 'write', address: '0x20000009', width: 1, value: '0x5a' },
    ]);
  });

  it('external abort on the walk when a table is not in RAM', () => {
    const fixture = new Fixture();
    fixture.map(PAGE, LOW.base + CHUNK);
    fixture.memory.write64(LOW.base, 0x2000_0003n);
    expect(faultOf(() => fixture.virtual.read8(at(PAGE)))).toEqual({ esr: READ + 0x15, far: BigInt(PAGE) });
  });
});

describe('devices', () => {
  function withDevice(): Fixture {
    const fixture = new Fixture();
    fixture.map(PAGE, DEVICE);
    return fixture;
  }

  it('are accessed once, with the width asked for', () => {
    const { virtual, device } = withDevice();
    expect(virtual.read32(at(PAGE + 4))).toBe(0x0505);
    virtual.write8(at(PAGE + 1), 0xff);
    virtual.write16(at(PAGE + 2), 0xffff);
    virtual.write32(at(PAGE + 8), -1);
    expect(device.accesses).toEqual(['read32 4', 'write8 1 255', 'write16 2 65535', 'write32 8 4294967295']);
  });

  it('get 64 bits as two accesses of 32, lower address first', () => {
    const { virtual, device } = withDevice();
    expect(virtual.read64(at(PAGE + 8))).toBe(0x0d0d_0000_0909n);
    virtual.write64(at(PAGE + 8), 0x1_0000_0002n);
    expect(device.accesses).toEqual(['read32 8', 'read32 12', 'write32 8 2', 'write32 12 1']);
  });

  it('that refuse give an external abort and its report', () => {
    const fixture = withDevice();
    expect(faultOf(() => fixture.virtual.read32(at(PAGE + REFUSED)))).toEqual({
      esr: READ + EXTERNAL,
      far: BigInt(PAGE + REFUSED),
    });
    expect(faultOf(() => fixture.virtual.write32(at(PAGE + REFUSED), 3)).esr).toBe(WRITE + EXTERNAL);
    expect(fixture.refused.map(({ reason, place }) => `${reason} ${place}`)).toEqual([
      'device registers@9000000+0x10',
      'device registers@9000000+0x10',
    ]);
  });

  it('are not memory to copy from or to', () => {
    const fixture = withDevice();
    expect(faultOf(() => fixture.virtual.readBytes(at(PAGE), 4))).toEqual({ esr: READ + EXTERNAL, far: BigInt(PAGE) });
    expect(fixture.device.accesses).toEqual([]);
    expect(fixture.refused[0]?.message).toContain('registers@9000000+0x0');
  });

  it('end where they end: the rest of the page is nothing', () => {
    const fixture = withDevice();
    expect(faultOf(() => fixture.virtual.read32(at(PAGE + 0x100))).esr).toBe(READ + EXTERNAL);
    expect(fixture.refused[0]?.reason).toBe('unmapped');
  });
});

describe('cached leaves', () => {
  it('stay until invalidate(), as in a TLB', () => {
    const { virtual, map, fixture } = bind(twoPages());
    virtual.write32(at(PAGE), 1);
    map(PAGE, LOW.base + CHUNK);
    expect(virtual.read32(at(PAGE))).toBe(1);
    fixture.unmap(PAGE);
    expect(virtual.read32(at(PAGE))).toBe(1);
    virtual.invalidate();
    expect(faultOf(() => virtual.read32(at(PAGE))).esr).toBe(READ + 0x07);
    map(PAGE, LOW.base + CHUNK);
    expect(virtual.read32(at(PAGE))).toBe(0);
  });

  it('do not keep faults: what is mapped later is found without maintenance', () => {
    const { virtual, map } = bind(new Fixture());
    map(0, LOW.base + CHUNK);
    expect(faultOf(() => virtual.read32(at(PAGE))).esr).toBe(READ + 0x07);
    map(PAGE, LOW.base + CHUNK);
    expect(virtual.read32(at(PAGE))).toBe(0);
  });

  it('read the translation registers once for each invalidation', () => {
    const { virtual, fixture } = bind(twoPages());
    for (const va of [PAGE, PAGE + 4096, PAGE]) virtual.read8(at(va));
    expect(fixture.registerReads).toBe(1);
    virtual.invalidate();
    virtual.read8(at(PAGE));
    expect(fixture.registerReads).toBe(2);
  });

  it('are those of the right page, whatever was accessed before', () => {
    const { virtual, map, fixture } = bind(new Fixture());
    const pages = 20;
    for (let i = 0; i < pages; i++) {
      map(PAGE + i * 4096, LOW.base + CHUNK + i * 8192);
      fixture.memory.write32(LOW.base + CHUNK + i * 8192, i + 1);
    }
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: pages - 1 }), { maxLength: 60 }), (order) => {
        expect(order.map((i) => virtual.read32(at(PAGE + i * 4096)))).toEqual(order.map((i) => i + 1));
      }),
    );
  });

  it('a transfer uses the leaf that it was resolved by where a stale one overlaps it', () => {
    const { virtual, map, fixture } = bind(new Fixture());
    // Level 2 of its own, so that a block can take the place of a page's table.
    const va = 0x4000_0000;
    map(va, LOW.base + CHUNK, READ_ONLY, 2);
    map(PAGE, LOW.base + CHUNK);
    virtual.read8(at(va));
    virtual.read8(at(PAGE));
    // The block becomes writable pages, without maintenance; the second page is another frame.
    fixture.unmap(va, 2);
    map(va, LOW.base + CHUNK);
    map(va + 4096, HIGH.base);
    virtual.write8(at(va), 1);
    // A leaf that was third moves to the front when it is used: the stale block is now before
    // the page.
    virtual.read8(at(va + 2 * 4096));
    virtual.writeBytes(at(va), new Uint8Array(8192).fill(9));
    expect(fixture.memory.read8(HIGH.base)).toBe(9);
    expect(fixture.memory.read8(LOW.base + CHUNK + 4096)).toBe(0);
  });
});

describe('charges', () => {
  it.each<[string, (virtual: VirtualMemory) => unknown, number]>([
    ['read8', (v) => v.read8(at(PAGE)), 1],
    ['read64', (v) => v.read64(at(PAGE)), 1],
    ['write32', (v) => v.write32(at(PAGE), 1), 1],
    ['write64 across pages', (v) => v.write64(at(PAGE + 4092), 1n), 1],
    ['read32 across pages', (v) => v.read32(at(PAGE + 4094)), 1],
    ['readBytes of 0', (v) => v.readBytes(at(PAGE), 0), 0],
    ['readBytes of 8', (v) => v.readBytes(at(PAGE), 8), 1],
    ['readBytes of 9', (v) => v.readBytes(at(PAGE), 9), 2],
    ['writeBytes of 4096 across pages', (v) => v.writeBytes(at(PAGE + 100), new Uint8Array(4096)), 512],
    ['fill of 8192', (v) => v.fill(at(PAGE), 8192, 0), 1024],
    ['a window of 1 KiB, made', (v) => v.window(at(PAGE), 1024), 0],
    ['a word through a window', (v) => v.window(at(PAGE), 1024).get32(3), 1],
    ['a window that says what it touched', (v) => v.window(at(PAGE), 1024).charge(40), 40],
  ])('%s', (_, access, charge) => {
    const { virtual, clock } = twoPages();
    access(virtual);
    expect(clock.portAccesses).toBe(charge);
  });
});
