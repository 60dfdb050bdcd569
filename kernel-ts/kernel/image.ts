// SPDX-License-Identifier: GPL-2.0-only
/**
 * The kernel image in memory: its load address, and the sections of its linker script. Offsets come
 * from the symbol table that the firmware build writes beside the image, so that they always match
 * the linker script.
 *
 *     physicalBase                                                        + imageBytes
 *     | text (RX) | rodata (RO) | data: kernel_bss, pt_pool | guard | boot stack, fault stack |
 */

import { type PhysAddr, physAddr, type VirtAddr } from '#common/address.ts';
import type { Range } from '#common/range.ts';
import { physToVirt } from './direct-map.ts';

/** Symbols that the kernel needs, as byte offsets from the start of the image. */
export interface KernelSymbols {
  readonly _etext: number;
  readonly _data: number;
  readonly _end: number;
  readonly early_console: number;
  readonly vectors: number;
  readonly idle: number;
  readonly cpu_park: number;
  readonly boot_args: number;
  readonly kernel_bss: number;
  readonly kernel_bss_end: number;
  readonly pt_pool: number;
  readonly boot_stack_guard: number;
  readonly boot_stack: number;
  readonly boot_stack_top: number;
}

/**
 * Tables of pt_pool that `_start` uses for the bootstrap mapping: levels 0 and 1 for TTBR0, then
 * for TTBR1, and level 2 of the console's GiB.
 */
export const BOOTSTRAP_TABLES = 5;

export class KernelImage {
  readonly physicalBase: PhysAddr;
  readonly symbols: KernelSymbols;

  /** @param physicalBase load address of the image's first byte */
  constructor(physicalBase: PhysAddr, symbols: KernelSymbols) {
    this.physicalBase = physicalBase;
    this.symbols = symbols;
  }

  /** Size with BSS, stack and page-table pool: image_size of its header. */
  get bytes(): number {
    return this.symbols._end;
  }

  get whole(): Range<PhysAddr> {
    return this.range(0, this.symbols._end);
  }

  get text(): Range<PhysAddr> {
    return this.range(0, this.symbols._etext);
  }

  get rodata(): Range<PhysAddr> {
    return this.range(this.symbols._etext, this.symbols._data);
  }

  /** Data, up to the guard page below the stack. */
  get data(): Range<PhysAddr> {
    return this.range(this.symbols._data, this.symbols.boot_stack_guard);
  }

  /** Page below the stack, which stays unmapped. */
  get guard(): Range<PhysAddr> {
    return this.range(this.symbols.boot_stack_guard, this.symbols.boot_stack);
  }

  /** The boot stack, and above it the stack for exceptions in the kernel itself. */
  get stack(): Range<PhysAddr> {
    return this.range(this.symbols.boot_stack, this.symbols._end);
  }

  /** Physical address of a symbol. */
  physical(symbol: keyof KernelSymbols): PhysAddr {
    return physAddr(this.physicalBase + this.symbols[symbol]);
  }

  /** Direct-map address of a symbol. */
  virtual(symbol: keyof KernelSymbols): VirtAddr {
    return physToVirt(this.physical(symbol));
  }

  private range(start: number, end: number): Range<PhysAddr> {
    return { start: physAddr(this.physicalBase + start), end: physAddr(this.physicalBase + end) };
  }
}
