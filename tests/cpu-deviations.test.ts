// SPDX-License-Identifier: GPL-2.0-only
/**
 * The differences between the CPU engine and the Arm ARM in translating addresses, one case each,
 * with both answers. The walkers of this project follow the Arm ARM. Nothing that the kernel writes
 * is affected. When a later engine is correct, its case here fails: then the case moves to
 * cpu-agrees.test.ts.
 *
 * Specification: Arm ARM DDI 0487 K.a, D8.2.8 (address size faults), D8.3.1 (descriptors), D24.2.40
 * (fault status codes), D24.2.141 (PAR_EL1).
 */

import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { PAGE_SIZE, physAddr, virtAddr } from '#common/address.ts';
import type { AddressSpace } from '#kernel-ts/hal/mmu/address-space.ts';
import { leafDescriptor, MemoryAttributes, tableDescriptor } from '#kernel-ts/hal/mmu/descriptor.ts';
import { KERNEL_READ } from '#kernel-ts/hal/mmu/walk.ts';
import { emulatorAnswer, kernelAnswer, meaningOfPar } from './support/mmu-answers.ts';
import { describeOutcome, MmuBench, WILD_TABLES } from './support/mmu-differential.ts';
import { describe, it } from './support/on-unicorn.ts';

/** Four tables that map virtual 0 to one page; a case replaces entry 0 of one of them. */
const TABLES = [0, 1, 2, 3].map((level) => WILD_TABLES.start + level * PAGE_SIZE);
const PAGE = 0x4100_0000;
const VA = 0x234n;
const NORMAL = MemoryAttributes.kernelData;
/** Nothing answers here. */
const NO_RAM = 0x2000_0000;
const TOO_FAR = 2 ** 44;
const TCR_TG0_16K = 2n << 14n;
const TCR_IPS = 7n << 32n;

let bench: MmuBench;
let low: AddressSpace;
let tcr: bigint;
let sctlr: bigint;

beforeAll(() => {
  bench = new MmuBench();
  low = bench.mmu.createSpace('low');
  bench.mmu.setTtbr0(low);
  tcr = bench.get('TCR_EL1');
  sctlr = bench.get('SCTLR_EL1');
});

afterAll(() => {
  bench.close();
});

afterEach(() => {
  bench.set('SCTLR_EL1', sctlr);
  bench.set('TCR_EL1', tcr);
  bench.set('TTBR0_EL1', BigInt(low.root));
  bench.engine.flushTlb();
});

interface Case {
  /** Entry 0 of the table of a level. */
  readonly entry?: readonly [level: number, descriptor: bigint];
  readonly root?: number;
  readonly tcr?: (before: bigint) => bigint;
}

/** Writes the tables and switches the low half to them. */
function plant({ entry, root = TABLES[0], tcr: change }: Case): void {
  TABLES.forEach((table, level) => {
    const next = TABLES[level + 1];
    bench.memory.fill(table, PAGE_SIZE, 0);
    bench.memory.write64(table, next === undefined ? leafDescriptor(PAGE, 3, NORMAL) : tableDescriptor(next));
  });
  if (entry !== undefined) bench.memory.write64(TABLES[entry[0]] as number, entry[1]);
  bench.set('TTBR0_EL1', BigInt(root as number));
  if (change !== undefined) bench.set('TCR_EL1', change(tcr));
  bench.engine.flushTlb();
}

const text = (pa: number | bigint) => `PA 0x${pa.toString(16)}`;
const status = (code: number) => `status 0x${code.toString(16)}`;

/** The engine's answer for an EL1 load at VA. */
function engineAnswer(): string {
  const par = bench.addressTranslate([VA], 3)[0] as bigint;
  if ((par & 1n) === 1n) return status(Number((par >> 1n) & 0x3fn));
  return text((par & 0x0000_ffff_ffff_f000n) | (VA & 0xfffn));
}

function emulator(): string {
  const answer = emulatorAnswer(bench, bench.registers(), VA, KERNEL_READ);
  return answer.ok ? text(answer.pa) : status(answer.status);
}

function kernel(): string {
  const answer = kernelAnswer(bench.physicalTables, bench.mmu.regime(), virtAddr(VA), KERNEL_READ);
  return answer.ok ? text(answer.pa) : status(answer.status);
}

const leaf = (pa: number, level: 1 | 2 | 3): readonly [number, bigint] => [level, leafDescriptor(pa, level, NORMAL)];

describe('the tables of these cases', () => {
  it('are right but for the one entry: untouched, everybody translates', () => {
    plant({});
    expect([emulator(), kernel(), engineAnswer()]).toEqual(Array(3).fill(text(PAGE + 0x234)));
  });
});

describe('descriptors that the engine takes for something else', () => {
  it.each<[string, Case, string, string]>([
    ['A block at level 0 is reserved', { entry: [0, 0x4100_0701n] }, status(0b000100), text(PAGE + 0x234)],
    [
      'Address bits below the size of a block are RES0',
      { entry: [2, leafDescriptor(PAGE, 2, NORMAL) | 0x1f_f000n] },
      text(PAGE + 0x234),
      text(PAGE + 0x1f_f234),
    ],
    ['a page beyond the output size', { entry: leaf(TOO_FAR, 3) }, status(0b000011), text(TOO_FAR + 0x234)],
    ['a 2 MiB block beyond it', { entry: leaf(TOO_FAR, 2) }, status(0b000010), text(TOO_FAR + 0x234)],
    ['a 1 GiB block beyond it', { entry: leaf(TOO_FAR, 1) }, status(0b000001), text(TOO_FAR + 0x234)],
    ['a table beyond it', { entry: [1, tableDescriptor(TOO_FAR)] }, status(0b000001), status(0b000110)],
    ['a root table beyond it', { root: TOO_FAR }, status(0b000000), status(0b000100)],
  ])('%s', (_, planted, ours, engine) => {
    plant(planted);
    expect(emulator()).toBe(ours);
    expect(kernel()).toBe(ours);
    expect(engineAnswer()).toBe(engine);
  });

  it('An output address beyond the size of the CPU is an address size fault', () => {
    plant({ entry: leaf(0x8_8000_0000, 3), tcr: (before) => before & ~TCR_IPS });
    expect(emulator()).toBe(status(0b000011));
    expect(engineAnswer()).toBe(text(0x8_8000_0234));
  });

  it('the 16 KiB granule has no blocks at level 1', () => {
    // T0SZ = 17: 47 bits, the walk starts at level 1.
    plant({ entry: [0, 0x40_0000_0701n], tcr: (before) => (before & ~0x3fn) | 17n | TCR_TG0_16K });
    expect(emulator()).toBe(status(0b000101));
    expect(engineAnswer()).toBe(text(0x40_0000_0234));
  });
});

describe('A table in RAM that does not exist is an external abort on the walk', () => {
  it.each<[string, Case, number, number]>([
    ['the root', { root: NO_RAM }, 0b010100, 0b000100],
    ['level 1', { entry: [0, tableDescriptor(NO_RAM)] }, 0b010101, 0b000101],
    ['level 2', { entry: [1, tableDescriptor(NO_RAM)] }, 0b010110, 0b000110],
    ['level 3', { entry: [2, tableDescriptor(NO_RAM)] }, 0b010111, 0b000111],
  ])(
    '%s: an external abort on the walk; the engine reads zero there, an invalid descriptor',
    (_, planted, ours, engine) => {
      plant(planted);
      expect(emulator()).toBe(status(ours));
      expect(engineAnswer()).toBe(status(engine));
      expect(describeOutcome(bench.access(KERNEL_READ, VA))).toBe(
        `exception 4, ESR 0x${(0x9600_0000 + engine).toString(16)}, FAR 0x234`,
      );
      // The kernel's walker is kernel code: its own load of the descriptor aborts.
      expect(kernel).toThrow(`FAR 0x${NO_RAM.toString(16)}`);
    },
  );
});

describe('PAR_EL1.SH is outer shareable for device memory', () => {
  it('is outer shareable for device memory whatever the descriptor says; the engine gives the descriptor bits', () => {
    plant({ entry: [3, leafDescriptor(PAGE, 3, MemoryAttributes.device)] });
    const par = bench.addressTranslate([VA], 3)[0] as bigint;
    expect(meaningOfPar(par)).toBe((0x04n << 56n) | BigInt(PAGE));
  });

  it('is outer shareable with the MMU off too; the engine gives non-shareable, and the address and type are right', () => {
    plant({});
    bench.set('SCTLR_EL1', sctlr & ~1n);
    expect(meaningOfPar(bench.addressTranslate([0x4100_1234n], 3)[0] as bigint)).toBe(0x4100_1000n);
    expect(emulatorAnswer(bench, bench.registers(), 0x4100_1234n, KERNEL_READ)).toMatchObject({ pa: 0x4100_1234 });
  });
});

describe('accesses', () => {
  it('TLBI by address must drop the whole page for branches too (the machine does that itself); the engine goes on executing beyond its first KiB', () => {
    const page = 0x10_0000n;
    const branch = (offset: bigint) => bench.access({ kind: 'execute', el: 1 }, page + offset);
    // The pattern's BRK, and the instruction abort that it should be once the page is gone.
    const [executes, faults] = [/^exception 7, ESR 0xf200/, /^exception 3, ESR 0x8600000/];
    for (const [offset, after] of [
      [0x3fcn, faults],
      [0x400n, executes],
      [0xffcn, executes],
    ] as const) {
      low.mapPage(virtAddr(page), physAddr(PAGE), MemoryAttributes.kernelCode);
      expect(describeOutcome(branch(offset))).toMatch(executes);
      // Unmapping executes TLBI VAAE1IS. Loads fault from then on.
      low.unmapPage(virtAddr(page));
      expect(describeOutcome(bench.access(KERNEL_READ, page + offset))).toMatch(/^exception 4, ESR 0x9600000/);
      expect(describeOutcome(branch(offset))).toMatch(after);
      // The machine does the same after TLB maintenance of the modelled kernel.
      bench.engine.flushTlb();
      expect(describeOutcome(branch(offset))).toMatch(faults);
    }
  });

  it('a branch to an address that is no multiple of 4 is a PC alignment fault (EC 0x22, which the core raises); the engine executes what lies there', () => {
    low.mapPage(virtAddr(0x10_0000n), physAddr(PAGE), MemoryAttributes.kernelCode);
    const outcome = bench.access({ kind: 'execute', el: 1 }, 0x10_0002n);
    low.unmapPage(virtAddr(0x10_0000n));
    expect(describeOutcome(outcome)).not.toContain('ESR 0x8a000000');
  });

  it('an unaligned access to device memory is an alignment fault (DFSC 0x21); the engine makes it', () => {
    low.mapPage(virtAddr(0x10_0000n), physAddr(PAGE), MemoryAttributes.device);
    const outcome = bench.access(KERNEL_READ, 0x10_0001n);
    low.unmapPage(virtAddr(0x10_0000n));
    expect(outcome.kind).toBe('completed');
  });
});
