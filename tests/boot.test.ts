// SPDX-License-Identifier: GPL-2.0-only
/**
 * Boards from the reset vector to the kernel's steady state: their output, their memory afterwards,
 * and a second run that is the same to the last byte.
 */

import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { physAddr, virtAddr } from '#common/address.ts';
import { SYSTEM_REGISTERS } from '#emulator/engine/system-registers.ts';
import { type BootResult, bootBoard, eventLines, makeReport } from '#workbench/index.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import '#workbench/testing.ts';
import { ENGINE_VERSION } from './support/engines.ts';
import { expectedMemory, findFaults } from './support/sound-machine.ts';

const STAGES = [
  '[BOOT] Stage 1: Early HAL (SEC)',
  '[BOOT] Stage 2: Memory & MMU (PEI)',
  '[BOOT] Stage 3: Boot Console (DXE)',
  '[BOOT] Stage 4: Discovery & FS (DXE/BDS)',
  '[BOOT] Stage 5: Steady State (BDS)',
];

/** SHA-256 of every byte of RAM that was ever touched, with its address. */
function ramDigest({ memory }: LevitateMachine): string {
  const hash = createHash('sha256');
  for (const { start, end } of memory.touchedRanges()) {
    hash.update(`${start} ${end} `).update(memory.readBytes(start, end - start));
  }
  return hash.digest('hex');
}

describe.each([
  {
    board: 'pixel6',
    entries: 2_097_152,
    mapBytes: 50_331_648,
    heapMiB: 64,
    banks: ['RAM      0x0080000000..0x0100000000  2 GiB', 'RAM      0x0880000000..0x0a00000000  6 GiB'],
    firmware: '[FW] pixel6: reset at EL3, PSCI by SMC, entering the kernel at EL1',
    cores: '8 cores: 4 x arm,cortex-a55, 2 x arm,cortex-a76, 2 x arm,cortex-x1',
  },
  {
    board: 'qemu-virt',
    entries: 262_144,
    mapBytes: 6_291_456,
    heapMiB: 16,
    banks: ['RAM      0x0040000000..0x0080000000  1 GiB'],
    firmware: '[FW] qemu-virt: reset at EL3, PSCI by HVC, entering the kernel at EL1',
    cores: '1 core: 1 x arm,cortex-a53',
  },
])('$board', ({ board, entries, mapBytes, heapMiB, banks, firmware, cores }) => {
  let result: BootResult;
  let lines: readonly string[];
  let bootTicks = 0;
  let bootDigest = '';
  beforeAll(() => {
    result = bootBoard(board);
    // Reading the kernel afterwards is charged like its own accesses, and may change its state.
    bootTicks = result.machine.machine.clock.ticks;
    bootDigest = ramDigest(result.machine);
    lines = result.machine.serial.lines;
  });
  afterAll(() => {
    result.machine.close();
  });

  it('reaches its steady state with exit status 0', () => {
    expect(result.outcome).toEqual({
      outcome: 'steady',
      exitStatus: 0,
      panic: null,
      reason: 'reached its steady state',
    });
    expect(result).toReachStage('Steady State (BDS)');
    expect(result).not.toPanicWith('PANIC: No RAM regions found in DTB');
  });

  it('prints the firmware’s line, then the five stages, each once and in order', () => {
    expect(lines[0]).toBe(firmware);
    expect(lines.filter((line) => line.startsWith('[BOOT] Stage '))).toEqual(STAGES);
    expect(lines[1]).toBe(STAGES[0]);
  });

  it('says what it found and did, with the numbers', () => {
    for (const bank of banks) expect(lines).toContain(`[MEM] ${bank}`);
    expect(lines).toContain(`[DTB] ${cores}`);
    expect(lines.join('\n')).toContain(`: ${entries} entries of 24 bytes, ${mapBytes} bytes (`);
    expect(lines.filter((line) => line.startsWith(`[HEAP] ${heapMiB} MiB at 0xffff8`))).toHaveLength(1);
    for (const { name, base } of result.machine.board.reserved) {
      const line = lines.find((candidate) => candidate.includes(`  ${name}  (`));
      expect(line, name).toContain(`[MEM] reserved 0x${base.toString(16).padStart(10, '0')}..`);
      expect(line).toContain('(no-map)');
    }
  });

  it('says at its steady state what is free, and once its first processes have ended that is true again', () => {
    const { memory } = result.machine.kernel;
    memory?.slab.shrink();
    const { totalFrames, freeFrames } = memory?.buddy.counts() ?? { totalFrames: 0, freeFrames: 0 };
    expect(lines).toContain(
      `[BOOT] steady state: ${freeFrames} of ${totalFrames} frames free (${freeFrames * 4} KiB), waiting for interrupts`,
    );
    expect(result.machine.serial.text.endsWith('\nlevitate> ')).toBe(true);
  });

  it('accounts for every frame in its log: free = total - reserved - heap - tables', () => {
    const line = lines.find((candidate) => candidate.startsWith('[MEM] frames: '));
    const [total, reserved, managed, heap, tables, free] = [...(line ?? '').matchAll(/\d+/g)].map(Number);
    expect(total).toBe(entries);
    expect(managed).toBe(total! - reserved!);
    expect(heap).toBe(heapMiB * 256);
    expect(free).toBe(total! - reserved! - heap! - tables!);
    const blocks = lines[lines.indexOf('[BUDDY] free blocks by order 0 to 20:') + 1]?.match(/\d+/g)?.map(Number) ?? [];
    expect(blocks).toHaveLength(21);
    expect(blocks.reduce((sum, count, order) => sum + count * 2 ** order, 0)).toBe(free);
  });

  it('keeps every promise of the memory system: frames, mem_map, lists, heap, page tables', () => {
    expect(findFaults(result.machine, expectedMemory(result.machine.board))).toEqual([]);
  });

  it('leaves the CPU in the high half with the low half off', () => {
    const { cpu } = result.machine;
    const register = (name: 'TCR_EL1' | 'SCTLR_EL1' | 'MAIR_EL1' | 'TTBR0_EL1') =>
      cpu.readSystemRegister(SYSTEM_REGISTERS[name]) ?? 0n;
    expect(cpu.level).toBe(1);
    expect(register('TCR_EL1') & (1n << 7n), 'EPD0').toBe(1n << 7n);
    expect(register('TTBR0_EL1')).toBe(0n);
    expect(register('SCTLR_EL1') & 0x1005n, 'I, C and M').toBe(0x1005n);
    expect(register('MAIR_EL1') & 0xffffn, 'attributes 0 and 1').toBe(0x04ffn);
    expect(cpu.engine.getPc() >> 47n).toBe(0x1ffffn);
  });

  it('logs an event for each stage, in simulated time that only goes forward', () => {
    const stages = result.machine.events.get('stage');
    expect(stages.map(({ fields }) => `[BOOT] Stage ${fields.number}: ${fields.name}`)).toEqual(STAGES);
    const times = result.machine.events.events.map(({ t }) => t);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    const serial = result.machine.events.get('serial').map(({ fields }) => fields.text);
    expect(serial).toEqual(lines);
  });

  it('gives a report with the contract’s keys and this machine’s numbers', () => {
    const { machine, outcome } = result;
    const { nowNs, instructions } = machine.machine.clock;
    const report = makeReport(machine, outcome, 0, 123.4);
    expect(machine.machine.clock.nowNs, 'the report costs no simulated time').toBe(nowNs);
    const system = machine.kernel.memory!;
    expect(report).toEqual({
      board,
      outcome: 'steady',
      exitStatus: 0,
      panic: null,
      ram: {
        totalBytes: entries * 4096,
        banks: machine.board.ramBanks.map(({ base, size }) => ({ base: `0x${base.toString(16)}`, size })),
        touchedBytes: machine.memory.touchedBytes,
      },
      memMap: { base: `0x${system.memMap.base.toString(16)}`, bytes: mapBytes, entries, entryBytes: 24 },
      buddy: { ...system.buddy.counts(), freeBlocks: system.buddy.buddyinfo() },
      heap: { base: `0x${system.heap.stats().base.toString(16)}`, bytes: heapMiB * 2 ** 20 },
      pageTables: { poolUsed: system.mmu.pool.used, poolSize: 16, fromAllocator: system.mmu.pool.fromAllocator },
      stages: STAGES.map((line) => ({
        name: line.slice('[BOOT] Stage 1: '.length),
        atNs: expect.any(Number) as number,
      })),
      time: { simulatedNs: nowNs, instructions, wallMs: 123 },
      host: {
        maxRssBytes: expect.any(Number) as number,
        node: process.version,
        engine: expect.stringContaining(ENGINE_VERSION) as string,
      },
    });
    expect(report.ram.touchedBytes).toBeLessThan(256 * 2 ** 20);
    expect(report.time.instructions).toBeGreaterThan(10_000);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  it('does the same again: serial bytes, events, RAM, registers', () => {
    const again = bootBoard(board).machine;
    const { machine } = result;
    expect(Buffer.from(again.serial.bytes)).toEqual(Buffer.from(machine.serial.bytes));
    expect(eventLines(again.events.events)).toBe(eventLines(machine.events.events));
    expect(ramDigest(again)).toBe(bootDigest);
    expect(again.machine.clock.ticks).toBe(bootTicks);
    expect(again.cpu.engine.getPc()).toBe(machine.cpu.engine.getPc());
    again.close();
  });

  it('stays where it is when it is run further', () => {
    const before = result.machine.serial.bytes.length;
    expect(result.machine.run({ timeoutNs: 1e9 }).outcome).toBe('steady');
    expect(result.machine.serial.bytes).toHaveLength(before);
  });
});

describe('a seed', () => {
  it('changes what is random in the tree and nothing else, and the same one gives the same bytes', () => {
    const boot = (seed: number) => bootBoard('pixel6', { seed }).machine;
    const [one, two, other] = [boot(7), boot(7), boot(8)];
    expect(ramDigest(one)).toBe(ramDigest(two));
    expect(Buffer.from(one.deviceTree)).not.toEqual(Buffer.from(other.deviceTree));
    expect(one.serial.text).toBe(other.serial.text);
    for (const machine of [one, two, other]) machine.close();
  });
});

describe('the check of promises', () => {
  it.each<[string, RegExp, (machine: LevitateMachine) => void]>([
    [
      'a frame that lost its flag',
      /struct Page of frame 0x80000000: state 0x700, expected 0x709/,
      (machine) => machine.memory.write8(machine.kernel.memory!.memMap.base, 0),
    ],
    [
      'a frame that is taken and on a list',
      /struct Page|free blocks/,
      (machine) => {
        const frame = machine.kernel.memory!.buddy.allocFrame()!;
        machine.kernel.memory!.buddy.freeFrame(frame);
        const { memMap } = machine.kernel.memory!;
        const page = Number(memMap.pfnToPage(frame / 4096)! - memMap.va) + memMap.base;
        machine.memory.write8(page, 0x0a);
      },
    ],
    ['a frame that nobody gave back', /frames free/, (machine) => void machine.kernel.memory!.buddy.allocFrame()],
    [
      'a mapping of memory that must not be mapped',
      /mapped as data, but must not be: 0x90200000\.\.0x90201000/,
      (machine) =>
        machine.kernel.memory!.kernelSpace.mapPage(
          virtAddr(0xffff_8000_9020_0000n),
          physAddr(0x9020_0000),
          0x0060_0000_0000_0701n as never,
        ),
    ],
    [
      'a page of RAM that is not mapped',
      /not mapped as data, but must be/,
      (machine) => void machine.kernel.memory!.kernelSpace.unmapPage(virtAddr(0xffff_8009_0000_0000n)),
    ],
    [
      'text that can be written',
      /other attributes|mapped read-only and executable/,
      (machine) => {
        const { text } = machine.kernel.image;
        const { kernelSpace } = machine.kernel.memory!;
        const va = virtAddr(0xffff_8000_0000_0000n + BigInt(text.start));
        kernelSpace.unmapPage(va);
        kernelSpace.mapPage(va, text.start, 0x0040_0000_0000_0701n as never);
      },
    ],
  ])('notices %s', (_what, wanted, harm) => {
    const { machine } = bootBoard('pixel6');
    harm(machine);
    machine.cpu.virtualMemory.invalidate();
    expect(findFaults(machine, expectedMemory(machine.board)).join('\n')).toMatch(wanted);
    machine.close();
  });
});
