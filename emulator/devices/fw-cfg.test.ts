// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PhysicalMemory } from '#emulator/memory/physical-memory.ts';
import { bytesOf, RecordingContext } from './testing/test-context.ts';
import { FW_CFG_ITEM, FwCfg } from './fw-cfg.ts';

const RAM = 0x4000_0000;
const RAM_BYTES = 0x10_0000;
const DESCRIPTOR = RAM + 0x100;
const BUFFER = RAM + 0x1000;

const make = (ramBytes?: number) => {
  const memory = new PhysicalMemory([{ base: RAM, size: RAM_BYTES }]);
  const context = new RecordingContext();
  return { memory, context, device: new FwCfg({ name: 'fw-cfg@9020000', context, memory, cpus: 4, ramBytes }) };
};

/** Selects an item as a little-endian core does. */
const select = (device: FwCfg, item: number) => device.write(8, 2, ((item & 0xff) << 8) | (item >>> 8));
const readBytes = (device: FwCfg, count: number) => Array.from({ length: count }, () => device.read(0, 1));

const swap32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer).readUInt32BE(0);

/**
 * Starts a transfer as a driver does, high half first, and returns the control word that it finds
 * afterwards.
 */
const transfer = (
  { device, memory }: ReturnType<typeof make>,
  control: number,
  length: number,
  address = BUFFER,
  descriptor = DESCRIPTOR,
) => {
  const words = [control, length, Math.floor(address / 2 ** 32), address % 2 ** 32];
  if (memory.contains(descriptor, 16)) {
    for (const [i, word] of words.entries()) memory.write32(descriptor + 4 * i, swap32(word >>> 0));
  }
  device.write(0x10, 4, swap32(Math.floor(descriptor / 2 ** 32)));
  device.write(0x14, 4, swap32(descriptor % 2 ** 32));
  return memory.contains(descriptor, 4) ? swap32(memory.read32(descriptor)) : null;
};
const [ERROR, READ, SKIP, SELECT, WRITE] = [1, 2, 4, 8, 16] as const;

describe('FwCfg', () => {
  it('shows signature, features and DMA signature as QEMU 7.2 does', () => {
    const { device } = make();
    select(device, 0);
    expect(readBytes(device, 6)).toEqual([...bytesOf('QEMU'), 0, 0]);
    select(device, 0);
    expect([device.read(0, 4), device.read(4, 4)]).toEqual([0x554d_4551, 0]);
    select(device, 1);
    expect(readBytes(device, 5)).toEqual([3, 0, 0, 0, 0]);
    expect([device.read(0x10, 4), device.read(0x14, 4)]).toEqual([0x554d_4551, 0x4746_4320]);
    expect([device.read(8, 2), device.read(0xa, 2)]).toEqual([0, 0]);
  });

  it('offers no DMA without RAM to master', () => {
    const device = new FwCfg({ name: 'fw', context: new RecordingContext(), cpus: 1 });
    select(device, 1);
    expect([device.read(0, 4), device.read(0x10, 4)]).toEqual([1, 0]);
  });

  it('says the number of cores, and the amount of RAM when it was given one', () => {
    const { device } = make(0x2_4000_0000);
    select(device, FW_CFG_ITEM.NB_CPUS);
    expect(readBytes(device, 2)).toEqual([4, 0]);
    select(device, FW_CFG_ITEM.RAM_SIZE);
    expect([device.read(0, 4), device.read(4, 4)]).toEqual([0x4000_0000, 2]);
    const without = make().device;
    select(without, FW_CFG_ITEM.RAM_SIZE);
    expect(without.read(0, 4)).toBe(0);
  });

  it('reads zeroes for items that do not exist, and before any was selected', () => {
    const { device } = make();
    expect(device.read(0, 4)).toBe(0);
    for (const item of [2, 0x20, 0x8000, 0xffff]) {
      select(device, item);
      expect(device.read(0, 4)).toBe(0);
    }
  });

  it('lists the files by name, as big-endian entries of 64 bytes', () => {
    const { device } = make();
    device.addFile('opt/zeta', bytesOf('zz'));
    device.addFile('etc/alpha', bytesOf('alpha'));
    select(device, FW_CFG_ITEM.FILE_DIR);
    const directory = Buffer.from(readBytes(device, 4 + 2 * 64));
    expect(directory.readUInt32BE(0)).toBe(2);
    const entries = [4, 68].map((at) => ({
      size: directory.readUInt32BE(at),
      item: directory.readUInt16BE(at + 4),
      reserved: directory.readUInt16BE(at + 6),
      name: directory.toString('latin1', at + 8, directory.indexOf(0, at + 8)),
    }));
    expect(entries).toEqual([
      { size: 5, item: 0x20, reserved: 0, name: 'etc/alpha' },
      { size: 2, item: 0x21, reserved: 0, name: 'opt/zeta' },
    ]);
    select(device, 0x21);
    expect(readBytes(device, 3)).toEqual([...bytesOf('zz'), 0]);
  });

  it.each([[''], ['a'.repeat(56)], ['with space'], ['ümlaut']])('refuses a file called "%s"', (name) => {
    expect(() => make().device.addFile(name, new Uint8Array())).toThrow(RangeError);
  });

  it('refuses a second file of a name', () => {
    const { device } = make();
    device.addFile('a', new Uint8Array());
    expect(() => device.addFile('a', new Uint8Array())).toThrow('already');
  });

  it('selects and reads by DMA in one descriptor', () => {
    const machine = make();
    machine.device.addFile('etc/file', bytesOf('hello, machine'));
    machine.memory.fill(BUFFER, 32, 0xee);
    expect(transfer(machine, 0x20_0000 | SELECT | READ, 20)).toBe(0);
    const expected = [...bytesOf('hello, machine'), ...new Uint8Array(6), 0xee];
    expect([...machine.memory.readBytes(BUFFER, 21)]).toEqual(expected);
  });

  it('a DMA write is refused: the items are read-only', () => {
    const machine = make();
    expect(transfer(machine, SELECT | WRITE, 4)).toBe(ERROR);
    expect(transfer(machine, SELECT | READ, 4)).toBe(0);
    expect([...machine.memory.readBytes(BUFFER, 4)]).toEqual([...bytesOf('QEMU')]);
  });

  it.each([
    ['below RAM', RAM - 4, 8],
    ['across its end', RAM + RAM_BYTES - 4, 8],
    ['above 2^53', 2 ** 63, 8],
    ['of 4 GiB', BUFFER, 0xffff_ffff],
  ])('refuses a buffer %s, with an event, and moves nothing', (_name, address, length) => {
    const machine = make();
    expect(transfer(machine, SELECT | READ, length, address)).toBe(ERROR);
    expect(machine.context.events).toMatchObject([{ kind: 'device', problem: 'a DMA buffer outside RAM' }]);
    expect([...machine.memory.readBytes(BUFFER, 4)]).toEqual([0, 0, 0, 0]);
    expect(machine.device.read(0, 4)).toBe(0x554d_4551); // still at the item's start
  });

  it.each([
    ['outside RAM', 0x1000, null],
    ['that RAM cuts off', RAM + RAM_BYTES - 8, ERROR],
  ])('reports a descriptor %s', (_name, descriptor, control) => {
    const machine = make();
    expect(transfer(machine, SELECT | READ, 4, BUFFER, descriptor)).toBe(control);
    expect(machine.context.events).toMatchObject([{ problem: 'a DMA descriptor outside RAM' }]);
  });

  it('agrees with a plain interpreter on any sequence of transfers and data reads', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('dma'), item: fc.option(fc.integer({ min: 0, max: 0x22 })), length: fc.nat(40) }),
      fc.record({ kind: fc.constant('skip'), item: fc.option(fc.constantFrom(0, 0x20, 0x21)), length: fc.nat(40) }),
      fc.record({ kind: fc.constant('data'), item: fc.constant(null), length: fc.nat(9) }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.uint8Array({ maxLength: 9 }), fc.array(step), (a, b, steps) => {
        const machine = make();
        machine.device.addFile('a', a);
        machine.device.addFile('b', b);
        const items = new Map<number, Uint8Array>([
          [0x00, bytesOf('QEMU')],
          [0x01, Uint8Array.of(3, 0, 0, 0)],
          [0x05, Uint8Array.of(4, 0)],
          [0x20, a],
          [0x21, b],
        ]);
        select(machine.device, FW_CFG_ITEM.FILE_DIR);
        items.set(FW_CFG_ITEM.FILE_DIR, Uint8Array.from(readBytes(machine.device, 4 + 2 * 64)));
        let item = FW_CFG_ITEM.FILE_DIR as number;
        let position = 4 + 2 * 64;
        for (const { kind, item: selected, length } of steps) {
          if (selected !== null) [item, position] = [selected, 0];
          const bytes = items.get(item) ?? new Uint8Array();
          const expected = Array.from({ length }, (_, i) => bytes[position + i] ?? 0);
          position = Math.min(position + length, bytes.length);
          if (kind === 'data') {
            expect(readBytes(machine.device, length)).toEqual(expected);
            continue;
          }
          machine.memory.fill(BUFFER, length + 1, 0xee);
          const choose = selected === null ? 0 : selected * 0x1_0000 + SELECT;
          expect(transfer(machine, choose + (kind === 'skip' ? SKIP : READ), length)).toBe(0);
          const moved = kind === 'skip' ? expected.map(() => 0xee) : expected;
          expect([...machine.memory.readBytes(BUFFER, length + 1)]).toEqual([...moved, 0xee]);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('survives any descriptor', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        (at, raw) => {
          const machine = make();
          machine.memory.writeBytes(DESCRIPTOR, raw);
          machine.device.write(0x10, 4, Number(at >> 32n));
          machine.device.write(0x14, 4, Number(at & 0xffff_ffffn));
          machine.device.write(0x10, 4, 0);
          machine.device.write(0x14, 4, swap32(DESCRIPTOR));
          expect([0, ERROR]).toContain(swap32(machine.memory.read32(DESCRIPTOR)));
        },
      ),
    );
  });
});
