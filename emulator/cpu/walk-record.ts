// SPDX-License-Identifier: GPL-2.0-only
/**
 * Record of the registers and descriptors of a translation. Comparing them later shows whether the
 * translation still holds, which is much cheaper than another walk. Every word is compared with
 * memory as it is now.
 *
 *     walk ─► steps (address, descriptor) ─► record ─► isCurrent(registers)? all words the same ─► the same leaf
 */

import { hex } from '#common/address.ts';
import type { PhysicalMemory } from '#emulator/memory/physical-memory.ts';
import type { TranslationRegisters, WalkStep } from './translate.ts';

/** TCR_EL1.EPD0 affects only TTBR0's half. */
const TCR_EPD0 = 1n << 7n;

/** Word of RAM, with its recorded value. */
interface Word {
  readonly words: Uint32Array;
  readonly index: number;
  readonly value: number;
}

/** Record of one or more translations of addresses in the same half. */
export class WalkRecord {
  private readonly registers: TranslationRegisters;
  private readonly upper: boolean;
  private readonly seen: Word[] = [];

  /**
   * @param memory holds every descriptor of `steps`, which may name one more than once
   * @param va any of the translated addresses; it gives the half
   */
  constructor(memory: PhysicalMemory, registers: TranslationRegisters, va: bigint, steps: readonly WalkStep[]) {
    this.registers = registers;
    this.upper = ((va >> 55n) & 1n) === 1n;
    const known = new Set<number>();
    for (const { address, descriptor } of steps) {
      if (known.has(address)) continue;
      known.add(address);
      this.see(memory, address, Number(descriptor & 0xffff_ffffn));
      this.see(memory, address + 4, Number(descriptor >> 32n));
    }
  }

  /** True when a walk with `registers` would read the same descriptors. O(descriptors). */
  isCurrent(registers: TranslationRegisters): boolean {
    if (!this.sameRegisters(registers)) return false;
    const { seen } = this;
    for (let i = 0; i < seen.length; i++) {
      const { words, index, value } = seen[i] as Word;
      if (words[index] !== value) return false;
    }
    return true;
  }

  private sameRegisters({ sctlr, tcr, ttbr0, ttbr1 }: TranslationRegisters): boolean {
    const before = this.registers;
    if (sctlr !== before.sctlr) return false;
    return this.upper
      ? ttbr1 === before.ttbr1 && ((tcr ^ before.tcr) & ~TCR_EPD0) === 0n
      : ttbr0 === before.ttbr0 && tcr === before.tcr;
  }

  private see(memory: PhysicalMemory, address: number, value: number): void {
    const chunk = memory.touch(address);
    if (chunk === null) throw new RangeError(`no RAM at ${hex(address)}`);
    this.seen.push({ words: chunk.words, index: (address - chunk.base) / 4, value });
  }
}
