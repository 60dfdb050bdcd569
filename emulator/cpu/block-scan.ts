// SPDX-License-Identifier: GPL-2.0-only
/**
 * Reads each block of code before it runs, and asks the engine to report the instructions in it
 * that the machine must see (code-scan.ts says which). The engine announces a block when it has
 * translated it; one that it does not announce is read here without being asked.
 */

import { PAGE_SIZE } from '#common/address.ts';
import type { CpuEngine } from '#emulator/engine/engine.ts';
import type { SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';
import { findMoves } from './code-scan.ts';
import type { CoreTranslation } from './core-translation.ts';
import { isBranch } from './instruction.ts';

export interface BlockScanContext {
  readonly engine: CpuEngine;
  readonly translation: CoreTranslation;
  /** The instruction word at a physical address in RAM or ROM, or null. */
  readonly readCode: (address: number) => number | null;
  /** Accesses to the register must be reported. */
  readonly wanted: (encoding: SystemRegisterEncoding) => boolean;
}

export class BlockScan {
  private readonly core: BlockScanContext;
  /** The engine announces no new block yet: none has ended. */
  private isFresh = true;
  /** Addresses of intercepted instructions, so that each is asked for once. */
  private readonly interceptedAt = new Set<string>();

  constructor(core: BlockScanContext) {
    this.core = core;
  }

  /** A block has ended: the engine announces the next ones. */
  blockEnded(): void {
    this.isFresh = false;
  }

  /**
   * Before a slice, and after an exception. The engine announces no block before the first one has
   * ended, and one that raises an exception does not end. Until then the code at PC is read here,
   * up to its first branch.
   */
  scanUnannounced(): void {
    if (!this.isFresh) return;
    const { engine, translation, readCode } = this.core;
    const pc = engine.getPc();
    const [high, low] = [Number(pc >> 32n), Number(BigInt.asUintN(32, pc))];
    const start = translation.physicalOfCode(high, low);
    if (start < 0 || low % 4 !== 0) return;
    const most = PAGE_SIZE - (low % PAGE_SIZE);
    let size = 0;
    for (let ended = false; !ended && size < most; size += 4) {
      const instruction = readCode(start + size);
      ended = instruction === null || isBranch(instruction);
    }
    this.interceptIn(high, low, size, start);
  }

  /**
   * The engine announces a block of `size` bytes at virtual `high`:`low`, 32 bits each. True when
   * instructions in it were newly asked for.
   */
  announced(high: number, low: number, size: number): boolean {
    this.isFresh = false;
    if (low % 4 !== 0) return false;
    const start = this.core.translation.physicalOfCode(high, low);
    return start >= 0 && this.interceptIn(high, low, size, start);
  }

  /**
   * Asks the engine for the instructions in a block at `high`:`low`, physical `start`, that the
   * machine must see. True when some are new.
   */
  private interceptIn(high: number, low: number, size: number, start: number): boolean {
    const { engine, readCode, wanted } = this.core;
    const moves = findMoves(size / 4, (index) => readCode(start + 4 * index), wanted);
    if (moves === null) return false;
    let added = false;
    for (const { offset, kind } of moves) {
      const key = `${kind} ${high} ${low + offset}`;
      if (this.interceptedAt.has(key)) continue;
      this.interceptedAt.add(key);
      engine.intercept((BigInt(high) << 32n) + BigInt(low + offset), kind);
      added = true;
    }
    return added;
  }
}
