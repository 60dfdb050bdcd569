// SPDX-License-Identifier: GPL-2.0-only
/**
 * Current address translation of a core, for TypeScript code: its translation registers, walks of
 * its tables, and the code at PC. The engine has an MMU of its own.
 *
 * Specification: Arm ARM DDI 0487 K.a, D8.2 (translation).
 */

import { PAGE_SIZE } from '#common/address.ts';
import type { CoreRegisters } from '#emulator/engine/engine.ts';
import { SYSTEM_REGISTERS } from '#emulator/engine/system-registers.ts';
import { physicalOfCode } from './code-scan.ts';
import { levelOf } from './exception-entry.ts';
import { isBranchOrSystem } from './instruction.ts';
import { type TranslationRegisters, walk } from './translate.ts';
import type { CoreContext } from './machine-core.ts';

/**
 * Physical address size of the engine's cores in bits: ID_AA64MMFR0_EL1.PARange of a Cortex-A72.
 */
export const PHYSICAL_BITS = 44;

export class CoreTranslation {
  private readonly engine: CoreRegisters;
  private readonly environment: Pick<CoreContext, 'memory' | 'readCode'>;

  private readonly physicalBits: number;

  constructor(
    engine: CoreRegisters,
    environment: Pick<CoreContext, 'memory' | 'readCode'>,
    physicalBits: number = PHYSICAL_BITS,
  ) {
    this.engine = engine;
    this.environment = environment;
    this.physicalBits = physicalBits;
  }

  /** Translation registers of the EL1&0 regime. */
  registers(): TranslationRegisters {
    const get = (name: 'SCTLR_EL1' | 'TCR_EL1' | 'TTBR0_EL1' | 'TTBR1_EL1') =>
      this.engine.getSystemRegister(SYSTEM_REGISTERS[name]) ?? 0n;
    return { sctlr: get('SCTLR_EL1'), tcr: get('TCR_EL1'), ttbr0: get('TTBR0_EL1'), ttbr1: get('TTBR1_EL1') };
  }

  /**
   * Walks the tables of the EL1&0 regime for `va`. `reading` gets the address of each descriptor
   * before it is read.
   */
  walk(va: bigint, reading: (address: number) => void = () => {}): ReturnType<typeof walk> {
    const read = (address: number): bigint | null => {
      reading(address);
      return this.readDescriptor(address);
    };
    return walk(va, this.registers(), read, this.physicalBits);
  }

  /**
   * Physical address of the instruction at virtual `high`:`low`, or -1 when it cannot be
   * determined.
   */
  physicalOfCode(high: number, low: number): number {
    return physicalOfCode(this.engine, this.environment.memory, high, low, levelOf(this.engine.getPstate()), () => ({
      registers: this.registers(),
      physicalBits: this.physicalBits,
    }));
  }

  /** Physical address of the instruction at PC, or -1. */
  physicalOfPc(): number {
    const pc = this.engine.getPc();
    return this.physicalOfCode(Number(pc >> 32n), Number(BigInt.asUintN(32, pc)));
  }

  /**
   * Number of instructions from PC to the end of straight-line code: a branch, a system
   * instruction, or the end of the page.
   */
  straightLine(): number {
    const start = this.physicalOfPc();
    if (start < 0) return 1;
    const most = (PAGE_SIZE - (start % PAGE_SIZE)) / 4;
    for (let i = 0; i < most; i++) {
      const instruction = this.environment.readCode(start + 4 * i);
      if (instruction === null || isBranchOrSystem(instruction)) return i + 1;
    }
    return Math.max(1, Math.floor(most));
  }

  /** Word at `pc` through the current translation, or null when it cannot be read. */
  instructionAt(pc: bigint): number | null {
    if (levelOf(this.engine.getPstate()) > 1) return this.environment.readCode(Number(pc));
    const found = this.walk(pc);
    return found.ok ? this.environment.readCode(found.pa) : null;
  }

  /** Reads eight bytes of RAM, ROM or SRAM; null elsewhere. */
  readDescriptor(address: number): bigint | null {
    const { environment } = this;
    if (environment.memory.contains(address, 8)) return environment.memory.read64(address);
    const low = environment.readCode(address);
    const high = environment.readCode(address + 4);
    return low === null || high === null ? null : (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  }
}
