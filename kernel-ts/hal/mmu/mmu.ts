// SPDX-License-Identifier: GPL-2.0-only
/**
 * The MMU of the running core as the kernel uses it: which trees are live, TLB maintenance, and
 * translation through the live registers.
 *
 * Turning the MMU on is the boot assembly's; the trees themselves are address-space.ts.
 *
 * Specification: Arm ARM DDI 0487 K.a, D8.2 (TTBRs, EPD), D8 "TLB maintenance".
 */

import type { PhysAddr, VirtAddr } from '#common/address.ts';
import { physAddr, virtAddr } from '#common/address.ts';
import type { Ports, TracePort } from '#kernel-ts/hal/ports.ts';
import { AddressSpace } from './address-space.ts';
import type { MmuContext } from './address-space.ts';
import { MapError } from './map-error.ts';
import { MappingTrace } from './mapping-trace.ts';
import type { PageAllocator } from './page-allocator.ts';
import { PtPool } from './pt-pool.ts';
import { tableRanges } from './ptdump.ts';
import type { TableReport } from './ptdump.ts';
import { TableAllocator } from './table-allocator.ts';
import { TableMemory } from './table-memory.ts';
import {
  MAIR_NON_CACHEABLE,
  outputAddressBits,
  SCTLR_WXN,
  TCR_EPD0,
  TCR_EPD1,
  TTBR_BASE_MASK,
} from './translation-control.ts';
import type { Half } from './virtual-range.ts';
import { addressAt } from './virtual-range.ts';
import { KERNEL_READ, walk } from './walk.ts';
import type { Access, Translation, TranslationRegime } from './walk.ts';

/** The last page of the high half: see {@link AddressSpace} for what it is used for. */
export const DEFAULT_ALIAS_WINDOW = addressAt('high', 2 ** 48 - 4096);

/** The parts of an {@link Mmu}. */
export interface MmuOptions {
  readonly ports: Pick<Ports, 'memory' | 'tlb' | 'registers'>;
  /** Bytes from a physical address to its direct-map address: 0xFFFF_8000_0000_0000n. */
  readonly physicalOffset: bigint;
  /** First table of PT_POOL, and its 16 bytes of state. */
  readonly poolBase: PhysAddr;
  readonly poolState: PhysAddr;
  /** Bits in an output address; from TCR_EL1.IPS and ID_AA64MMFR0_EL1 when not given. */
  readonly outputAddressBits?: number;
  /** A page of the high half that nothing else maps; the last page when not given. */
  readonly aliasWindow?: VirtAddr;
  /** Gets an event of kind `mmu` for every change, when it wants that kind now. */
  readonly trace?: TracePort;
}

/** The MMU of the running core. */
export class Mmu {
  readonly pool: PtPool;
  private readonly context: MmuContext;

  constructor(options: MmuOptions) {
    const { memory: port, tlb, registers } = options.ports;
    const memory = new TableMemory(port, options.physicalOffset);
    this.pool = new PtPool(memory, options.poolBase, options.poolState);
    this.context = {
      memory,
      tables: new TableAllocator(memory, this.pool),
      tlb,
      registers,
      outputAddressBits:
        options.outputAddressBits ?? outputAddressBits(registers.read('TCR_EL1'), registers.read('ID_AA64MMFR0_EL1')),
      aliasWindow: options.aliasWindow ?? DEFAULT_ALIAS_WINDOW,
      trace: options.trace?.enabled('mmu') === true ? new MappingTrace(options.trace) : null,
    };
  }

  /**
   * Fills attribute 2 of MAIR_EL1, which the boot assembly leaves empty, with Normal non-cacheable.
   * No entry may use it before, so no TLB entry depends on it and an ISB is all the maintenance it
   * needs (Arm ARM DDI 0487 K.a, D8.6).
   */
  enableNonCacheable(): void {
    const { registers, tlb } = this.context;
    registers.write('MAIR_EL1', registers.read('MAIR_EL1') | MAIR_NON_CACHEABLE);
    tlb.isb();
  }

  /** Bits in an output address. */
  get outputAddressBits(): number {
    return this.context.outputAddressBits;
  }

  /** Tables and pages come from `allocator` now; tables from PT_POOL where it has none. */
  setPageAllocator(allocator: PageAllocator): void {
    this.context.tables.setPageAllocator(allocator);
  }

  /** An empty tree. @throws MapError AllocationFailed when there is no frame for the root */
  createSpace(half: Half): AddressSpace {
    const reserved = this.context.tables.reserve(1);
    const root = reserved?.[0];
    if (root === undefined) throw new MapError('AllocationFailed', addressAt(half, 0), 'no frame for a root table');
    return new AddressSpace(this.context, root, half);
  }

  /** The tree whose root is at `root`, for one that boot assembly made. */
  space(root: PhysAddr, half: Half): AddressSpace {
    return new AddressSpace(this.context, root, half);
  }

  /** The tree that TTBR0_EL1 or TTBR1_EL1 points to now, whether or not walks are on. */
  liveSpace(half: Half): AddressSpace {
    const ttbr = this.context.registers.read(half === 'low' ? 'TTBR0_EL1' : 'TTBR1_EL1');
    return this.space(physAddr(Number(ttbr & TTBR_BASE_MASK)), half);
  }

  /**
   * Makes `space` the high half. It must map the running code, stack and vectors where the old tree
   * does, with the same output addresses and memory types: for a moment the TLB holds entries of
   * both.
   * @throws MapError InvalidVirtualAddress when it is a low tree
   */
  switchTtbr1(space: AddressSpace): void {
    const { registers, tlb } = this.context;
    requireHalf(space, 'high');
    tlb.dsb(); // the stores into the new tables, before a walk can start from them
    registers.write('TTBR1_EL1', BigInt(space.root));
    tlb.isb();
    this.tlbFlushAll();
    this.context.trace?.switched('high', space.root);
  }

  /**
   * Makes `space` the low half, or with null makes every low address a translation fault of level
   * 0.
   *
   * Null sets TCR_EL1.EPD0 rather than pointing TTBR0 at an empty table. Both fault at level 0;
   * EPD0 needs no frame that must never be written or freed, stops speculative walks too, and shows
   * in the register that the half is off.
   * @throws MapError InvalidVirtualAddress when it is a high tree
   */
  setTtbr0(space: AddressSpace | null): void {
    const { registers, tlb } = this.context;
    const tcr = registers.read('TCR_EL1');
    if (space === null) {
      // EPD0 is in force before TTBR0 is cleared, so that no walk ever starts from address 0.
      registers.write('TCR_EL1', tcr | TCR_EPD0);
      tlb.isb();
      registers.write('TTBR0_EL1', 0n);
    } else {
      requireHalf(space, 'low');
      tlb.dsb();
      registers.write('TTBR0_EL1', BigInt(space.root));
      tlb.isb();
      registers.write('TCR_EL1', tcr & ~TCR_EPD0);
    }
    tlb.isb();
    // No ASIDs are used, and a TLB entry outlives both registers.
    this.tlbFlushAll();
    this.context.trace?.switched('low', space?.root ?? null);
  }

  /** Drops TLB entries for the page or block around `va`: DSB, TLBI VAAE1IS, DSB, ISB. */
  tlbFlushPage(va: VirtAddr): void {
    const { tlb } = this.context;
    tlb.dsb();
    tlb.invalidatePage(va);
    tlb.dsb();
    tlb.isb();
  }

  /** Drops all TLB entries: DSB, TLBI VMALLE1IS, DSB, ISB. */
  tlbFlushAll(): void {
    const { tlb } = this.context;
    tlb.dsb();
    tlb.invalidateAll();
    tlb.dsb();
    tlb.isb();
  }

  /**
   * The CPU's translation of `va` now, by the live registers. O(1).
   * @throws DataAbort as `walk`
   */
  translate(va: VirtAddr, access: Access = KERNEL_READ): Translation {
    return walk(this.context.memory, this.regime(), va, access);
  }

  /**
   * The registers that a walk starts from now. For many translations in a row take it once and call
   * `walk`.
   */
  regime(): TranslationRegime {
    const { registers } = this.context;
    const tcr = registers.read('TCR_EL1');
    return {
      low: (tcr & TCR_EPD0) === 0n ? this.liveSpace('low').root : null,
      high: (tcr & TCR_EPD1) === 0n ? this.liveSpace('high').root : null,
      outputAddressBits: this.context.outputAddressBits,
      writeExecuteNever: (registers.read('SCTLR_EL1') & SCTLR_WXN) !== 0n,
    };
  }

  /** Everything that `space` maps, see ranges.ts. O(tables). */
  report(space: AddressSpace): TableReport {
    return tableRanges(this.context.memory, space.root, space.half);
  }

  /** The direct-map address of `pa`. */
  directMapAddress(pa: PhysAddr): VirtAddr {
    return virtAddr(this.context.memory.physicalOffset + BigInt(pa));
  }
}

function requireHalf(space: AddressSpace, half: Half): void {
  if (space.half === half) return;
  throw new MapError(
    'InvalidVirtualAddress',
    addressAt(space.half, 0),
    `a tree of the ${space.half} half, not ${half}`,
  );
}
