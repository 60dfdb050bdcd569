// SPDX-License-Identifier: GPL-2.0-only
/**
 * Reads each block of code before it runs, and asks the engine to report the instructions in it
 * that the machine must see (code-scan.ts says which). The engine announces each block that it has
 * translated. Blocks that it does not announce are read here as well.
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
  /** Reads the instruction word at a physical address in RAM or ROM; null where there is none. */
  readonly readCode: (address: number) => number | null;
  /** True when accesses to this register must be reported. */
  readonly wanted: (encoding: SystemRegisterEncoding) => boolean;
}

export class BlockScan {
  private readonly core: BlockScanContext;
  /** True until a first block has ended: the engine announces no new block before. */
  private isFresh = true;
  /** Intercepted instructions by kind and address, so that each is requested only once. */
  private readonly interceptedAt = new Set<string>();

  constructor(core: BlockScanContext) {
    this.core = core;
  }

  /** Notes the end of a block: from now on the engine announces new blocks. */
  blockEnded(): void {
    this.isFresh = false;
  }

  /**
   * Scans the code at PC up to its first branch, before a slice and after an exception. The engine
   * announces no block until the first one has ended, and a block that raises an exception does not
   * end.
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
   * Scans a block of `size` bytes at virtual `high`:`low` (32 bits each) that the engine announces.
   * Returns true when this requested more interceptions.
   */
  announced(high: number, low: number, size: number): boolean {
    this.isFresh = false;
    if (low % 4 !== 0) return false;
    const start = this.core.translation.physicalOfCode(high, low);
    return start >= 0 && this.interceptIn(high, low, size, start);
  }

  /**
   * Requests interception of the instructions in a block at `high`:`low`, physical `start`, that
   * the machine must see. Returns true when some of them are new.
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
