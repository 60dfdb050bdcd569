// SPDX-License-Identifier: GPL-2.0-only
/**
 * The kernel's memory services on whole machines: slab caches and DMA buffers in emulated RAM that
 * the CPU runs on, the accounts of a boot, and its events with `--trace buddy,heap,mmu,mmio,timer`.
 */

import { traceableKinds } from '#workbench/machine/event-kinds.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PAGE_SIZE, physAddr } from '#common/address.ts';
import { SYSTEM_REGISTERS } from '#emulator/engine/system-registers.ts';
import { MemoryAttributes } from '#kernel-ts/hal/mmu/descriptor.ts';
import { reserveFrames } from '#kernel-ts/kernel/mm/frame-accounts.ts';
import type { MemorySystem } from '#kernel-ts/kernel/mm/memory.ts';
import { PageOwner } from '#kernel-ts/kernel/mm/page-owner.ts';
import { BuddyReplay } from '#kernel-ts/kernel/mm/testing/buddy-replay.ts';
import { bootBoard } from '#workbench/index.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';

const GIB = 2 ** 30;

describe.each([
  { board: 'pixel6', ram: 8 * GIB },
  { board: 'qemu-virt', ram: GIB },
])('$board', ({ board, ram }) => {
  let machine: LevitateMachine;
  let memory: MemorySystem;
  beforeAll(() => {
    const booted = bootBoard(board);
    machine = booted.machine;
    memory = machine.kernel.memory!;
  });
  afterAll(() => machine.close());

  it('has an account for every frame that the boot took, and keeps its reserve', () => {
    const { totalFrames, freeFrames } = memory.buddy.counts();
    const held = memory.frames.holdings().reduce((sum, { frames }) => sum + frames, 0);
    expect(held).toBe(totalFrames - freeFrames);
    expect(memory.frames.held(PageOwner.HEAP) * PAGE_SIZE).toBe(memory.heap.stats().bytes);
    expect(memory.frames.held(PageOwner.PAGE_TABLES)).toBe(memory.mmu.pool.fromAllocator);
    expect(memory.frames.reserve).toBe(reserveFrames(ram));
  });

  it('hands out slab objects in RAM that the CPU sees, and takes them back to the frame', () => {
    memory.slab.shrink();
    const before = memory.buddy.buddyinfo();
    const objects = Array.from({ length: 500 }, () => memory.slab.alloc(100)!);
    const port = machine.cpu.virtualMemory;
    objects.forEach((object, index) => port.write32(object, index));
    expect(objects.map((object) => port.read32(object))).toEqual(objects.map((_, index) => index));
    expect(memory.slab.validate()).toEqual([]);
    for (const object of objects) memory.slab.free(object);
    memory.slab.shrink();
    expect(memory.buddy.buddyinfo()).toEqual(before);
  });

  it('makes a DMA buffer below 4 GiB that the live tables map uncached, at the same address', () => {
    const { dma, mmu, buddy } = memory;
    const port = machine.cpu.virtualMemory;
    const frames = buddy.counts().freeFrames;
    const tables = mmu.pool.fromAllocator;
    const buffer = dma.alloc(4, 4 * GIB)!;
    expect(buffer.pa + buffer.bytes).toBeLessThanOrEqual(4 * GIB);
    expect(buffer.pa % buffer.bytes).toBe(0);
    port.write64(buffer.va, 0x1122_3344_5566_7788n);
    expect(machine.memory.readBytes(buffer.pa, 16)).toEqual(
      Uint8Array.of(0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0, 0, 0, 0, 0, 0, 0, 0),
    );
    const found = mmu.translate(buffer.va);
    expect(found.ok && [found.pa, found.attrs]).toEqual([buffer.pa, MemoryAttributes.dma]);
    const mair = machine.cpu.engine.getSystemRegister(SYSTEM_REGISTERS.MAIR_EL1);
    expect(mair, 'attribute 2 is normal non-cacheable').toBe(0x44_04ffn);
    dma.free(buffer);
    expect(frames - buddy.counts().freeFrames, 'what remains are the tables of the split').toBe(
      mmu.pool.fromAllocator - tables,
    );
    expect(buddy.validate()).toEqual([]);
  });

  it('finds low frames for DMA when the allocator would rather give others', () => {
    const limit = machine.memory.banks[0]!.base + 64 * 2 ** 20;
    const buffers = Array.from({ length: 8 }, () => memory.dma.alloc(0, limit)!);
    expect(new Set(buffers.map(({ pa }) => pa)).size).toBe(8);
    for (const { pa } of buffers) expect(pa).toBeLessThan(limit);
    for (const buffer of buffers) memory.dma.free(buffer);
    expect(memory.dma.alloc(0, machine.memory.banks[0]!.base)).toBeNull();
  });
});

describe('the trace', () => {
  let machine: LevitateMachine;
  beforeAll(() => {
    machine = bootBoard('pixel6', { trace: ['buddy', 'heap', 'mmu', 'mmio', 'timer'] }).machine;
  });
  afterAll(() => machine.close());

  it('of the buddy allocator replays to its free lists, and names an owner for every block in use', () => {
    const replay = new BuddyReplay();
    replay.play(machine.events.get('buddy').map(({ fields }) => fields));
    const { buddy, frames } = machine.kernel.memory!;
    expect(replay.buddyinfo()).toEqual(buddy.buddyinfo());
    const owners = [...replay.allocated.values()];
    expect(owners.filter((owner) => owner === 'page tables')).toHaveLength(frames.held(PageOwner.PAGE_TABLES));
    expect(owners).toContain('heap');
    expect(owners, 'nobody takes frames without an account').not.toContain('kernel');
  });

  it('of the tables covers what the kernel maps', () => {
    const mapped = new Map<number, number>();
    for (const { fields } of machine.events.get('mmu')) {
      const { op, va, pa, bytes } = fields;
      if (op === 'map') mapped.set(Number(BigInt(va) & 0xffff_ffff_ffffn), Number(pa) + bytes);
    }
    const { mmu, kernelSpace, heap } = machine.kernel.memory!;
    expect(mapped.size).toBeGreaterThan(5);
    const switches = machine.events.get('mmu').filter(({ fields }) => fields.op === 'switch');
    expect(switches.slice(0, 2)).toMatchObject([
      { fields: { va: '0x0', pa: null } },
      { fields: { va: '0xffff000000000000', pa: `0x${kernelSpace.root.toString(16)}` } },
    ]);
    expect(mmu.report(kernelSpace).writableAndExecutable).toEqual([]);
    expect(machine.events.get('heap')[0]?.fields).toMatchObject({ op: 'grow', bytes: heap.stats().bytes });
  });

  it('of the devices has the bytes of the serial line', () => {
    const sent = machine.events
      .get('mmio')
      .map(({ fields }) => fields)
      .filter(({ device, offset, write }) => device === 'uart0' && offset === '0x20' && write)
      .map(({ value }) => Number(value));
    expect(new TextDecoder().decode(Uint8Array.from(sent))).toBe(machine.serial.text);
    expect(machine.events.get('mmio').every(({ fields }) => fields.pc.startsWith('0x'))).toBe(true);
  });

  it('changes neither the serial line nor the free lists', () => {
    const plain = bootBoard('pixel6').machine;
    expect(plain.serial.text).toBe(machine.serial.text);
    expect(plain.kernel.memory!.buddy.buddyinfo()).toEqual(machine.kernel.memory!.buddy.buddyinfo());
    expect(plain.kernel.memory!.buddy.frameState(physAddr(0x9000_0000))).toEqual(
      machine.kernel.memory!.buddy.frameState(physAddr(0x9000_0000)),
    );
    plain.close();
  });

  it('does not change the time either, with every kind traced', () => {
    const [plain, traced] = [
      bootBoard('qemu-virt').machine,
      bootBoard('qemu-virt', { trace: traceableKinds() }).machine,
    ];
    expect(traced.serial.text).toBe(plain.serial.text);
    expect(traced.machine.clock.saveState()).toEqual(plain.machine.clock.saveState());
    for (const each of [plain, traced]) each.close();
  });
});
