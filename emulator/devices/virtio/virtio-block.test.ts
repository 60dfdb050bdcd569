// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BlockBackend, BlockBackendError, SECTOR_BYTES } from './block-backend.ts';
import { OverlayBackend } from './overlay-backend.ts';
import { BLOCK_FEATURE, VirtioBlock } from './virtio-block.ts';
import { MemoryBackend } from './testing/memory-backend.ts';
import { NEXT, TEST_BUFFERS, TestDriver, type TestDescriptor, WRITE } from './testing/test-driver.ts';

const NOTHING_TO_SAVE = { saveState: () => null, restoreState: () => {} };

const HEADER = TEST_BUFFERS;
const DATA = TEST_BUFFERS + 0x1000;
const STATUS = TEST_BUFFERS + 0x800;
const [IN, OUT, FLUSH, GET_ID] = [0, 1, 4, 8] as const;
const [OK, IO_ERROR, UNSUPPORTED] = [0, 1, 2] as const;

const pattern = (bytes: number) => Uint8Array.from({ length: bytes }, (_, i) => (i * 7 + (i >>> 9)) & 0xff);

const make = (backend: BlockBackend = new MemoryBackend(pattern(64 * SECTOR_BYTES)), serial = 'levitate0') => ({
  backend,
  driver: new TestDriver(new VirtioBlock(backend, { serial })).start(1, 16),
});

/**
 * One request as Linux makes it: header, data, status. Returns the status and what was reported as
 * written.
 */
const request = (driver: TestDriver, type: number, sector: number | bigint, dataBytes: number) => {
  const { memory } = driver;
  memory.write32(HEADER, type);
  memory.write32(HEADER + 4, 0);
  memory.write64(HEADER + 8, BigInt(sector));
  memory.write8(STATUS, 0xee);
  const toDriver = type === IN || type === GET_ID ? WRITE : 0;
  const table: TestDescriptor[] = [{ address: HEADER, length: 16, flags: NEXT, next: 1 }];
  if (dataBytes > 0) table.push({ address: DATA, length: dataBytes, flags: NEXT | toDriver, next: 2 });
  table.push({ address: STATUS, length: 1, flags: WRITE });
  const back = driver.submit(table);
  return { status: memory.read8(STATUS), written: back[0]?.written };
};

describe('VirtioBlock', () => {
  it('offers what it can do, and read-only only for a read-only disk', () => {
    const bits = (backend: BlockBackend) => {
      const features = new TestDriver(new VirtioBlock(backend)).offeredFeatures();
      return Object.values(BLOCK_FEATURE).filter((bit) => ((features >> BigInt(bit)) & 1n) === 1n);
    };
    const { SEG_MAX, RO, BLK_SIZE, FLUSH: FLUSH_BIT } = BLOCK_FEATURE;
    expect(bits(new MemoryBackend(pattern(512)))).toEqual([SEG_MAX, BLK_SIZE, FLUSH_BIT]);
    expect(bits(new MemoryBackend(pattern(512), { readOnly: true }))).toEqual([SEG_MAX, RO, BLK_SIZE, FLUSH_BIT]);
  });

  it('tells capacity, segments and block size', () => {
    const { driver } = make();
    expect([0x100, 0x104, 0x10c, 0x114].map((offset) => driver.read(offset))).toEqual([64, 0, 254, 512]);
  });

  it('reads and writes sectors', () => {
    const { driver } = make();
    expect(request(driver, IN, 3, 1024)).toEqual({ status: OK, written: 1025 });
    expect(driver.memory.readBytes(DATA, 1024)).toEqual(pattern(64 * 512).subarray(3 * 512, 5 * 512));
    driver.memory.fill(DATA, 512, 0xab);
    expect(request(driver, OUT, 4, 512)).toEqual({ status: OK, written: 1 });
    request(driver, IN, 3, 1536);
    expect([0, 512, 1024].map((at) => driver.memory.read8(DATA + at) === 0xab)).toEqual([false, true, false]);
  });

  it('moves a request larger than its own buffer', () => {
    const { driver } = make(new MemoryBackend(pattern(2048 * SECTOR_BYTES)));
    const bytes = 1024 * 1024 - 512;
    expect(request(driver, IN, 1, bytes).status).toBe(OK);
    expect(
      Buffer.from(driver.memory.readBytes(DATA, bytes)).equals(pattern(2048 * 512).subarray(512, 512 + bytes)),
    ).toBe(true);
    driver.memory.fill(DATA, bytes, 0x77);
    expect(request(driver, OUT, 0, bytes).status).toBe(OK);
    request(driver, IN, 2046, 1024);
    expect([driver.memory.read8(DATA), driver.memory.read8(DATA + 512)]).toEqual([
      0x77,
      pattern(2048 * 512)[2047 * 512],
    ]);
  });

  it.each([
    ['past the end of the disk', IN, 64, 512],
    ['across its end', IN, 63, 1024],
    ['far away', OUT, 2n ** 64n - 1n, 512],
    ['of half a sector', IN, 0, 256],
    ['written in half a sector', OUT, 0, 700],
  ])('answers a request %s with an I/O error', (_name, type, sector, bytes) => {
    const { driver, backend } = make();
    expect(request(driver, type, sector, bytes).status).toBe(IO_ERROR);
    const disk = new Uint8Array(64 * SECTOR_BYTES);
    backend.read(0, disk);
    expect(disk).toEqual(pattern(disk.length));
  });

  it('does not write to a read-only disk', () => {
    const { driver } = make(new MemoryBackend(pattern(1024), { readOnly: true }));
    expect(request(driver, OUT, 0, 512).status).toBe(IO_ERROR);
    expect(request(driver, IN, 0, 512).status).toBe(OK);
  });

  it('flushes, identifies itself, and does not support the rest', () => {
    let flushes = 0;
    const disk = new MemoryBackend(pattern(512));
    const { driver } = make({
      sectors: 1,
      readOnly: false,
      read: disk.read.bind(disk),
      write: disk.write.bind(disk),
      flush: () => flushes++,
      ...NOTHING_TO_SAVE,
    });
    expect([request(driver, FLUSH, 0, 0).status, flushes]).toEqual([OK, 1]);
    expect(request(driver, GET_ID, 0, 20).status).toBe(OK);
    expect(Buffer.from(driver.memory.readBytes(DATA, 20)).toString('latin1')).toBe('levitate0'.padEnd(20, '\0'));
    expect(request(driver, 11, 0, 0).status).toBe(UNSUPPORTED);
  });

  it('turns a failure of the disk into an I/O error and an event', () => {
    const fail = () => {
      throw new BlockBackendError('disk.img: short read at sector 5');
    };
    const { driver } = make({ sectors: 9, readOnly: false, read: fail, write: fail, flush: fail, ...NOTHING_TO_SAVE });
    for (const [type, bytes] of [
      [IN, 512],
      [OUT, 512],
      [FLUSH, 0],
    ] as const) {
      expect(request(driver, type, 5, bytes).status).toBe(IO_ERROR);
    }
    expect(driver.context.events).toHaveLength(3);
    expect(driver.context.events[0]).toEqual({
      kind: 'device',
      device: 'virtio0',
      problem: 'disk.img: short read at sector 5',
    });
  });

  it('needs a reset when a request has no room for header or status', () => {
    for (const table of [
      [
        { address: HEADER, length: 15, flags: NEXT, next: 1 },
        { address: STATUS, length: 1, flags: WRITE },
      ],
      [{ address: HEADER, length: 16 }],
    ]) {
      const { driver } = make();
      expect([driver.submit(table), driver.status & 64]).toEqual([[], 64]);
    }
  });

  it('serves all requests that were offered with one interrupt', () => {
    const { driver } = make();
    const requests = [0, 1, 2].map((i) => HEADER + 0x40 * i);
    for (const [i, header] of requests.entries()) {
      driver.memory.write64(header + 8, BigInt(i));
    }
    driver.queue().table(
      requests.flatMap((header, i) => [
        { address: header, length: 16, flags: NEXT, next: 3 * i + 1 },
        { address: DATA + 512 * i, length: 512, flags: NEXT | WRITE, next: 3 * i + 2 },
        { address: STATUS + i, length: 1, flags: WRITE },
      ]),
    );
    for (const head of [0, 3, 6]) driver.queue().offer(head);
    driver.notify();
    expect(
      driver
        .queue()
        .collect()
        .map(({ head }) => head),
    ).toEqual([0, 3, 6]);
    expect(driver.context.irqChanges).toEqual([true]);
    expect(driver.memory.readBytes(DATA, 1536)).toEqual(pattern(1536));
  });
});

describe('OverlayBackend', () => {
  it('agrees with a plain disk on any sequence of reads and writes, and leaves its base alone', () => {
    const SECTORS = 300; // two clusters and a part
    const step = fc.record({
      write: fc.boolean(),
      sector: fc.nat(SECTORS - 1),
      count: fc.integer({ min: 1, max: 200 }),
      byte: fc.nat(255),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const image = pattern(SECTORS * SECTOR_BYTES);
        const overlay = new OverlayBackend(new MemoryBackend(image, { readOnly: true }));
        const model = image.slice();
        for (const { write, sector, count, byte } of steps) {
          const sectors = Math.min(count, SECTORS - sector);
          const bytes = new Uint8Array(sectors * SECTOR_BYTES).fill(byte);
          if (write) {
            overlay.write(sector, bytes);
            model.set(bytes, sector * SECTOR_BYTES);
          } else {
            overlay.read(sector, bytes);
            expect(Buffer.from(bytes).equals(model.subarray(sector * 512, (sector + sectors) * 512))).toBe(true);
          }
        }
        expect(Buffer.from(image).equals(pattern(image.length))).toBe(true);
        const whole = new Uint8Array(model.length);
        overlay.read(0, whole);
        expect(Buffer.from(whole).equals(model)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it('asks the base once for a long read of what was not written, and not at all for a whole cluster that is', () => {
    const asked: [number, number][] = [];
    const base = new MemoryBackend(pattern(1024 * SECTOR_BYTES));
    const overlay = new OverlayBackend({
      sectors: 1024,
      readOnly: true,
      read: (sector, target) => {
        asked.push([sector, target.length / SECTOR_BYTES]);
        base.read(sector, target);
      },
      write: () => {},
      flush: () => {},
      ...NOTHING_TO_SAVE,
    });
    overlay.read(5, new Uint8Array(1000 * SECTOR_BYTES));
    overlay.write(128, new Uint8Array(128 * SECTOR_BYTES));
    overlay.read(100, new Uint8Array(300 * SECTOR_BYTES));
    expect(asked).toEqual([
      [5, 1000],
      [100, 28],
      [256, 144],
    ]);
    expect(overlay.saveState().clusters.map(({ index }) => index)).toEqual([1]);
  });
});

describe('MemoryBackend', () => {
  it('fills its last sector up with zeroes', () => {
    const disk = new MemoryBackend(pattern(700));
    const sector = new Uint8Array(512).fill(9);
    disk.read(1, sector);
    expect([disk.sectors, [...sector.subarray(186, 190)]]).toEqual([2, [...pattern(700).subarray(698), 0, 0]]);
    disk.write(1, new Uint8Array(512).fill(1));
    disk.read(1, sector);
    expect([sector[187], sector[188]]).toEqual([1, 0]);
  });
});
