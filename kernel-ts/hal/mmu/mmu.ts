// SPDX-License-Identifier: GPL-2.0-only
/**
 * MMU of the running core: the live trees, TLB maintenance, and translation through the live
 * registers.
 *
 * Not here: enabling the MMU (boot assembly), and the trees themselves (address-space.ts).
 *
 * Specification: Arm ARM DDI 0487 K.a, D8.2 (TTBRs, EPD), D8 "TLB maintenance".
 */

import { type PhysAddr, type VirtAddr, physAddr } from '#common/address.ts';
import type { Ports, TracePort } from '#kernel-ts/hal/ports.ts';
import { AddressSpace, type MmuContext } from './address-space.ts';
import { MapError } from './map-error.ts';
import { MappingTrace } from './mapping-trace.ts';
import type { PageAllocator } from './page-allocator.ts';
import { PtPool } from './pt-pool.ts';
import { type TableReport, tableRanges } from './ptdump.ts';
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
import { type Half, addressAt } from './virtual-range.ts';
import { type Access, KERNEL_READ, type Translation, type TranslationRegime, walk } from './walk.ts';

/** Last page of the high half; see {@link AddressSpace} for its use. */
export const DEFAULT_ALIAS_WINDOW = addressAt('high', 2 ** 48 - 4096);

/** Parts of an {@link Mmu}. */
export interface MmuOptions {
  readonly ports: Pick<Ports, 'memory' | 'tlb' | 'registers'>;
  /** Offset from a physical address to its direct-map address: 0xFFFF_8000_0000_0000n. */
  readonly physicalOffset: bigint;
  /** First table of PT_POOL, and its 16 bytes of state. */
  readonly poolBase: PhysAddr;
  readonly poolState: PhysAddr;
  /** Width of an output address; by default from TCR_EL1.IPS and ID_AA64MMFR0_EL1. */
  readonly outputAddressBits?: number;
  /** Unused page of the high half; by default its last page. */
  readonly aliasWindow?: VirtAddr;
  /** Receives an event of kind `mmu` for every change, while that kind is enabled. */
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
   * Sets attribute 2 of MAIR_EL1, which the boot assembly leaves empty, to Normal non-cacheable. No
   * entry uses it before, so no TLB entry depends on it, and an ISB is enough (Arm ARM DDI 0487
   * K.a, D8.6).
   */
  enableNonCacheable(): void {
    const { registers, tlb } = this.context;
    registers.write('MAIR_EL1', registers.read('MAIR_EL1') | MAIR_NON_CACHEABLE);
    tlb.isb();
  }

  /** Width of an output address in bits. */
  get outputAddressBits(): number {
    return this.context.outputAddressBits;
  }

  /** Sets the source of tables and pages; while it has no frame, tables come from PT_POOL. */
  setPageAllocator(allocator: PageAllocator): void {
    this.context.tables.setPageAllocator(allocator);
  }

  /**
   * Creates an empty tree. @throws MapError AllocationFailed when there is no frame for the root
   */
  createSpace(half: Half): AddressSpace {
    const reserved = this.context.tables.reserve(1);
    const root = reserved?.[0];
    if (root === undefined) throw new MapError('AllocationFailed', addressAt(half, 0), 'no frame for a root table');
    return new AddressSpace(this.context, root, half);
  }

  /** Tree with the given root, for one that boot assembly made. */
  space(root: PhysAddr, half: Half): AddressSpace {
    return new AddressSpace(this.context, root, half);
  }

  /** Tree that TTBR0_EL1 or TTBR1_EL1 points to now, whether or not walks are enabled. */
  liveSpace(half: Half): AddressSpace {
    const ttbr = this.context.registers.read(half === 'low' ? 'TTBR0_EL1' : 'TTBR1_EL1');
    return this.space(physAddr(Number(ttbr & TTBR_BASE_MASK)), half);
  }

  /**
   * Makes `space` the high half. It must map the running code, stack and vectors where the old tree
   * does, with the same output addresses and memory types: for a moment, the TLB holds entries of
   * both trees.
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
   * EPD0 needs no frame that must never be written or freed, also stops speculative walks, and
   * shows in the register that the half is disabled.
   * @throws MapError InvalidVirtualAddress when it is a high tree
   */
  setTtbr0(space: AddressSpace | null): void {
    const { registers, tlb } = this.context;
    const tcr = registers.read('TCR_EL1');
    if (space === null) {
      // EPD0 takes effect before TTBR0 is cleared, so that no walk ever starts from address 0.
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
    // ASIDs are not used, and TLB entries outlive changes of both registers.
    this.tlbFlushAll();
    this.context.trace?.switched('low', space?.root ?? null);
  }

  /** Invalidates all TLB entries: DSB, TLBI VMALLE1IS, DSB, ISB. */
  tlbFlushAll(): void {
    const { tlb } = this.context;
    tlb.dsb();
    tlb.invalidateAll();
    tlb.dsb();
    tlb.isb();
  }

  /**
   * Translates `va` as the CPU does now, by the live registers. O(1). @throws DataAbort as `walk`
   */
  translate(va: VirtAddr, access: Access = KERNEL_READ): Translation {
    return walk(this.context.memory, this.regime(), va, access);
  }

  /**
   * Live registers from which a walk starts. For many translations in a row, read them once and
   * call `walk`.
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

  /** Report of everything that `space` maps, see ptdump.ts. O(tables). */
  report(space: AddressSpace): TableReport {
    return tableRanges(this.context.memory, space.root, space.half);
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
