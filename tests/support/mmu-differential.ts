// SPDX-License-Identifier: GPL-2.0-only
/**
 * A bench on which one page table is read by everybody who reads page tables: the kernel's walker,
 * the emulator's walker, the engine's AT instructions, and real loads, stores and branches by guest
 * code. Not a test: it runs the parts and returns their results.
 *
 *     0x4000_0000  stub code | addresses and PARs for AT | PT_POOL | frames for tables | wild tables   (bank 0)
 *     0x4100_0000  pattern: every word is BRK #hash(its physical address)
 *     0x8_8000_0000 pattern                                                                            (bank 1)
 *     elsewhere    nothing: an access there ends the slice, and the engine names the physical address it came out at
 *
 * The stub is reached by physical address from EL3, whose MMU is off, so that it runs whatever the
 * EL1 tables say; and through the kernel's tables at EL1 and EL0. TLB maintenance of the kernel's
 * code is real TLBI instructions: one that is forgotten leaves the engine with a stale translation.
 *
 * Specification: Arm ARM DDI 0487 K.a, C5.3 (AT), D24.2.141 (PAR_EL1).
 */

import { PAGE_SIZE, type PhysAddr, physAddr, virtAddr } from '#common/address.ts';
import { Bus } from '#emulator/bus/bus.ts';
import { Clock } from '#emulator/timer/clock.ts';
import type { ReadDescriptor, TranslationRegisters } from '#emulator/cpu/translate.ts';
import { VirtualMemory } from '#emulator/cpu/virtual-memory.ts';
import type { CpuEngine, UnmappedAccess } from '#emulator/engine/engine.ts';
import { SYSTEM_REGISTERS, type SystemRegisterName } from '#emulator/engine/system-registers.ts';
import { createUnicornEngine, probeEngineVersion } from '#emulator/engine/unicorn.ts';
import { PhysicalMemory } from '#emulator/memory/physical-memory.ts';
import type { AddressSpace } from '#kernel-ts/hal/mmu/address-space.ts';
import { leafDescriptor, MemoryAttributes, tableDescriptor } from '#kernel-ts/hal/mmu/descriptor.ts';
import { Mmu } from '#kernel-ts/hal/mmu/mmu.ts';
import type { PageAllocator } from '#kernel-ts/hal/mmu/page-allocator.ts';
import { TableMemory } from '#kernel-ts/hal/mmu/table-memory.ts';
import type { VirtualRange } from '#kernel-ts/hal/mmu/testing/random-mappings.ts';
import { MAIR_VALUE, TCR_VALUE } from '#kernel-ts/hal/mmu/translation-control.ts';
import type { Half } from '#kernel-ts/hal/mmu/virtual-range.ts';
import type { Access } from '#kernel-ts/hal/mmu/walk.ts';
import { locateEngine } from '#workbench/engine-library/engine-library.ts';

const MIB = 2 ** 20;
const BANKS = [
  { base: 0x4000_0000, size: 32 * MIB },
  { base: 0x8_8000_0000, size: 16 * MIB },
];
/** Frames for random mappings: RAM of both banks, and addresses far beyond RAM. */
export const MAPPED_FRAMES = [
  { start: 0x4100_0000, end: 0x4200_0000 },
  { start: 0x8_8000_0000, end: 0x8_8100_0000 },
  { start: 0x8_8000_0000, end: 0xa_0000_0000 },
];

const STUB = 0x4000_0000;
const STUB_TABLES = 0x4000_1000; // L1, L2 and L3 of the kernel's own mapping of the stub, one frame each, after the root
const ADDRESSES = 0x4010_0000;
const RESULTS = 0x4020_0000;
const POOL = 0x4040_0000;
const POOL_STATE = 0x4042_0000;
const FRAMES = { start: 0x4050_0000, end: 0x40c0_0000 };
/** RAM for tables that a test writes by hand, outside what the kernel's code may take. */
export const WILD_TABLES = { start: 0x40c0_0000, end: 0x4100_0000 } as const;
/** Most addresses in one call of AT. */
const AT_BATCH = 8192;

/**
 * Bytes from a physical address to its address in the direct map, which covers the GiB of bank 0.
 */
export const PHYSICAL_OFFSET = 0xffff_8000_0000_0000n;
/** The stub for EL1, in either half; the page after it is the stub for EL0. */
const STUB_VA = { high: 0xffff_9600_0000_0000n, low: 0x9600_0000_0000n } as const;
const USER_STUB_OFFSET = BigInt(PAGE_SIZE);
/** Ranges without random mappings: the direct map and the stubs. */
export const KEPT_RANGES: readonly VirtualRange[] = [PHYSICAL_OFFSET, STUB_VA.high, STUB_VA.low].map((start) => ({
  start,
  end: start + 2n ** 39n,
}));

/** AT takes x0 = addresses, x1 = results, x2 = how many. Each address gives four PARs. */
const AT_CODE = [
  0xb4000242, // cbz x2, done
  0xf8408403, // ldr x3, [x0], #8
  0xd5087803, // at s1e1r, x3
  0xd5033fdf, // isb
  0xd5387404, // mrs x4, par_el1
  0xd5087823, // at s1e1w, x3
  0xd5033fdf, // isb
  0xd5387405, // mrs x5, par_el1
  0xa8811424, // stp x4, x5, [x1], #16
  0xd5087843, // at s1e0r, x3
  0xd5033fdf, // isb
  0xd5387404, // mrs x4, par_el1
  0xd5087863, // at s1e0w, x3
  0xd5033fdf, // isb
  0xd5387405, // mrs x5, par_el1
  0xa8811424, // stp x4, x5, [x1], #16
  0xd1000442, // sub x2, x2, #1
  0xb5fffe02, // cbnz x2, ldr
  0xd4400000, // hlt #0, reported as undefined: the end
] as const;
const AT_INSTRUCTIONS_EACH = 17;
/** The four accesses that AT_CODE asks for, in its order. */
export const AT_ACCESSES: readonly Access[] = [
  { kind: 'read', el: 1 },
  { kind: 'write', el: 1 },
  { kind: 'read', el: 0 },
  { kind: 'write', el: 0 },
];

/** One instruction each: ldr w1, [x0]; str w1, [x0]; br x0. */
const ACCESS_CODE: Readonly<Record<Access['kind'], { readonly offset: number; readonly word: number }>> = {
  read: { offset: 0x100, word: 0xb9400001 },
  write: { offset: 0x104, word: 0xb9000001 },
  execute: { offset: 0x108, word: 0xd61f0000 },
};

/** tlbi vaae1is, x0; tlbi vmalle1is */
const TLBI_CODE = { page: { offset: 0x110, word: 0xd5088360 }, all: { offset: 0x114, word: 0xd508831f } } as const;

/** PSTATE with interrupts masked: EL0t, EL1h, EL3h. */
const PSTATE = { 0: 0x3c0, 1: 0x3c5, 3: 0x3cd } as const;
/** SCTLR_EL1 with M, C, I and the bits that are RES1 in Armv8.0. */
const SCTLR_MMU_ON = 0x30d0_1805n;

/** The end of one instruction of guest code. */
export type AccessOutcome =
  | { readonly kind: 'completed'; readonly x1: number }
  | { readonly kind: 'exception'; readonly number: number; readonly esr: number; readonly far: bigint }
  | { readonly kind: 'unmapped'; readonly access: UnmappedAccess };

/**
 * The word that the pattern holds at `pa`: BRK #imm16, so that executing it shows its address.
 */
export function patternAt(pa: number): number {
  const index = pa / 4;
  const mixed = Math.imul((index % 2 ** 20) + Math.floor(index / 2 ** 20) * 0x1_2345, 0x9e37_79b1) >>> 16;
  return (0xd420_0000 | (mixed << 5)) >>> 0;
}

/** An engine with the MMU on, the kernel's MMU code above it. */
export class MmuBench {
  readonly memory = new PhysicalMemory(BANKS);
  readonly engine: CpuEngine;
  readonly virtualMemory: VirtualMemory;
  readonly mmu: Mmu;
  /**
   * The tables as the kernel's walker reads them: through the live direct map, and by physical
   * address for when that is gone.
   */
  readonly tables: TableMemory;
  readonly physicalTables: TableMemory;
  /** The half whose mapping of the stub is executed at EL1 and EL0. */
  stubHalf: Half = 'high';
  /** Frames for tables, which the kernel's code may have. */
  readonly frames: PageAllocator & { readonly inUse: number };
  readonly physicalBits = 44;
  /** For the emulator's walker: a read of physical memory, as VirtualMemory does it. */
  readonly readDescriptor: ReadDescriptor = (address) =>
    this.memory.contains(address, 8) ? this.memory.read64(address) : null;
  private outcome: AccessOutcome | null = null;

  constructor() {
    this.engine = createUnicornEngine({
      library: locateEngine(probeEngineVersion).path,
      callbacks: {
        exception: (number) => {
          const { esr, far } = this.engine.syndrome();
          this.outcome = { kind: 'exception', number, esr, far };
          this.engine.stop();
        },
        unmapped: () => false,
      },
    });
    this.memory.onChunk((chunk, start, end) => {
      this.engine.mapMemory(start, chunk.bytes.subarray(start - chunk.base, end - chunk.base), 'rwx');
    });
    this.writeRam();
    this.enableTranslation();

    this.virtualMemory = this.virtualView(() => this.registers());
    this.tables = new TableMemory(this.virtualMemory, PHYSICAL_OFFSET);
    this.physicalTables = new TableMemory(
      this.virtualView(() => ({ sctlr: 0n, tcr: 0n, ttbr0: 0n, ttbr1: 0n })),
      0n,
    );
    this.frames = frameStack(FRAMES.start, FRAMES.end);
    this.mmu = new Mmu({
      ports: {
        memory: this.virtualMemory,
        registers: {
          read: (register) => this.get(register as SystemRegisterName),
          write: (register, value) => this.set(register as SystemRegisterName, value),
        },
        tlb: {
          invalidateAll: () => this.tlbi('all'),
          invalidatePage: (va) => this.tlbi('page', va),
          dsb: () => {},
          isb: () => {},
        },
      },
      physicalOffset: PHYSICAL_OFFSET,
      poolBase: physAddr(POOL),
      poolState: physAddr(POOL_STATE),
    });
    this.mmu.setPageAllocator(this.frames);
  }

  /** The translation registers as the engine holds them. */
  registers(): TranslationRegisters {
    return {
      sctlr: this.get('SCTLR_EL1'),
      tcr: this.get('TCR_EL1'),
      ttbr0: this.get('TTBR0_EL1'),
      ttbr1: this.get('TTBR1_EL1'),
    };
  }

  get(register: SystemRegisterName): bigint {
    return this.engine.getSystemRegister(SYSTEM_REGISTERS[register]) ?? 0n;
  }

  /**
   * Writes a register. TLBs keep what they hold; the emulator's cached leaves go, as its users drop
   * them.
   */
  set(register: SystemRegisterName, value: bigint): void {
    this.engine.setSystemRegister(SYSTEM_REGISTERS[register], value);
    this.virtualMemory?.invalidate();
  }

  /** TLBI VAAE1IS for the page of `va`, or TLBI VMALLE1IS, by guest code at EL3. */
  tlbi(what: 'page' | 'all', va = 0n): void {
    const { engine } = this;
    engine.setX(0, BigInt.asUintN(44, va >> 12n));
    const outcome = this.execute(3, BigInt(STUB + TLBI_CODE[what].offset), 1);
    if (outcome.kind !== 'completed') throw new Error(`TLBI: ${describeOutcome(outcome)}`);
    this.virtualMemory.invalidate();
  }

  /** Maps the stub in a low tree too, for `stubHalf`. */
  mapLowStub(space: AddressSpace): void {
    space.mapPage(virtAddr(STUB_VA.low), physAddr(STUB), MemoryAttributes.kernelCode);
    space.mapPage(virtAddr(STUB_VA.low + USER_STUB_OFFSET), physAddr(STUB), MemoryAttributes.userCode);
  }

  /**
   * PAR_EL1 after AT S1E1R, S1E1W, S1E0R and S1E0W (in this order, 4 for each address), by guest
   * code at `level`.
   * @throws Error when the stub does not reach its end, with the exception that it took
   */
  addressTranslate(addresses: readonly bigint[], level: 1 | 3): BigUint64Array {
    const pars = new BigUint64Array(addresses.length * AT_ACCESSES.length);
    for (let done = 0; done < addresses.length; done += AT_BATCH) {
      const batch = addresses.slice(done, done + AT_BATCH);
      this.memory.writeBytes(ADDRESSES, new Uint8Array(BigUint64Array.from(batch).buffer));
      const { engine } = this;
      const base = level === 3 ? 0n : PHYSICAL_OFFSET;
      engine.setX(0, base + BigInt(ADDRESSES));
      engine.setX(1, base + BigInt(RESULTS));
      engine.setX(2, BigInt(batch.length));
      const count = batch.length * AT_INSTRUCTIONS_EACH + 2;
      const outcome = this.execute(level, level === 3 ? BigInt(STUB) : STUB_VA[this.stubHalf], count);
      if (outcome.kind !== 'exception' || outcome.number !== 1) {
        throw new Error(`AT stub: ${describeOutcome(outcome)} at address ${engine.getX(3).toString(16)}`);
      }
      const bytes = this.memory.readBytes(RESULTS, batch.length * AT_ACCESSES.length * 8);
      pars.set(new BigUint64Array(bytes.buffer), done * AT_ACCESSES.length);
    }
    return pars;
  }

  /**
   * One load, store (of `value`) or branch by guest code, 4 bytes at `va`, through the kernel's
   * mapping of the stub.
   */
  access({ kind, el }: Access, va: bigint, value = 0): AccessOutcome {
    const { engine } = this;
    const { offset } = ACCESS_CODE[kind];
    engine.setX(0, va);
    engine.setX(1, BigInt(value));
    // A branch faults, or reports its target, at the instruction after it.
    const stub = STUB_VA[this.stubHalf] + (el === 0 ? USER_STUB_OFFSET : 0n);
    return this.execute(el, stub + BigInt(offset), kind === 'execute' ? 2 : 1);
  }

  close(): void {
    this.engine.close();
  }

  private execute(level: 0 | 1 | 3, pc: bigint, count: number): AccessOutcome {
    const { engine } = this;
    if (engine.getPstate() !== PSTATE[level]) {
      engine.setPstate(PSTATE[level]);
      // Any system register write makes the engine notice the level.
      engine.setSystemRegister(SYSTEM_REGISTERS.MAIR_EL1, this.get('MAIR_EL1'));
    }
    engine.setPc(pc);
    this.outcome = null;
    // By blocks for a branch: an exact run looks branch targets up anew, which hides what the
    // engine remembers of them.
    const end = count === 1 ? engine.run(count) : engine.runBlocks(count);
    if (this.outcome !== null) return this.outcome;
    if (end.kind === 'unmapped') return { kind: 'unmapped', access: end.access };
    return { kind: 'completed', x1: Number(BigInt.asUintN(32, engine.getX(1))) };
  }

  private virtualView(registers: () => TranslationRegisters): VirtualMemory {
    const { memory, physicalBits } = this;
    return new VirtualMemory({
      memory,
      bus: new Bus(),
      clock: new Clock(1e9),
      physicalBits,
      registers,
      refused: () => {},
    });
  }

  /** Pattern, code, and the tables that boot assembly would leave: the direct map and the stub. */
  private writeRam(): void {
    const { memory } = this;
    for (const start of [0x4100_0000, 0x8_8000_0000]) {
      const words = Uint32Array.from({ length: (16 * MIB) / 4 }, (_, i) => patternAt(start + i * 4));
      memory.writeBytes(start, new Uint8Array(words.buffer));
    }
    AT_CODE.forEach((word, i) => memory.write32(STUB + i * 4, word));
    for (const { offset, word } of [...Object.values(ACCESS_CODE), ...Object.values(TLBI_CODE)]) {
      memory.write32(STUB + offset, word);
    }

    const [root, direct, level1, level2, level3] = [0, 1, 2, 3, 4].map((i) => STUB_TABLES + i * PAGE_SIZE) as [
      number,
      number,
      number,
      number,
      number,
    ];
    const link = (table: number, index: number, descriptor: bigint) => memory.write64(table + index * 8, descriptor);
    link(root, 256, tableDescriptor(direct));
    link(direct, 1, leafDescriptor(0x4000_0000, 1, MemoryAttributes.kernelData));
    link(root, 300, tableDescriptor(level1));
    link(level1, 0, tableDescriptor(level2));
    link(level2, 0, tableDescriptor(level3));
    link(level3, 0, leafDescriptor(STUB, 3, MemoryAttributes.kernelCode));
    link(level3, 1, leafDescriptor(STUB, 3, MemoryAttributes.userCode));
  }

  private enableTranslation(): void {
    this.set('SCR_EL3', 0x531n);
    this.set('HCR_EL2', 1n << 31n);
    this.engine.setPstate(PSTATE[1]);
    this.set('MAIR_EL1', MAIR_VALUE);
    this.set('TCR_EL1', TCR_VALUE);
    this.set('TTBR1_EL1', BigInt(STUB_TABLES));
    this.set('SCTLR_EL1', SCTLR_MMU_ON);
  }
}

/** An outcome in words, for messages. */
export function describeOutcome(outcome: AccessOutcome): string {
  switch (outcome.kind) {
    case 'completed':
      return `completed, x1 = 0x${outcome.x1.toString(16)}`;
    case 'exception':
      return `exception ${outcome.number}, ESR 0x${outcome.esr.toString(16)}, FAR 0x${outcome.far.toString(16)}`;
    case 'unmapped':
      return `${outcome.access.type} of nothing at 0x${outcome.access.address.toString(16)}`;
  }
}

/** Frames of [start, end), last given back first. */
function frameStack(start: number, end: number): PageAllocator & { readonly inUse: number } {
  const free: PhysAddr[] = [];
  for (let pa = end - PAGE_SIZE; pa >= start; pa -= PAGE_SIZE) free.push(physAddr(pa));
  const total = free.length;
  return {
    allocPage: () => free.pop() ?? null,
    freePage: (pa) => {
      free.push(pa);
    },
    get inUse() {
      return total - free.length;
    },
  };
}
