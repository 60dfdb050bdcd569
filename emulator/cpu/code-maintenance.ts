// SPDX-License-Identifier: GPL-2.0-only
/**
 * TLBI and IC of a core. Its own engine drops cached translations and code at once; the other cores
 * follow before they run again (stale-caches.ts).
 *
 * The engine's own TLBI by address keeps its cached branch targets. Its IC does nothing: the engine
 * drops code that is written to, but it misses a store through another virtual address that was in
 * its TLB before the code was translated. A kernel that writes a page of code through its linear
 * map and maps it into a process depends on the IC.
 *
 * Specification: Arm ARM DDI 0487 K.a, D8.14 (TLB maintenance), D7.5.9 (instruction cache
 * maintenance).
 */

import { alignDown, PAGE_SIZE } from '#common/address.ts';
import type { CpuEngine, Maintenance } from '#emulator/engine/engine.ts';
import type { CoreTranslation } from './core-translation.ts';
import { levelOf } from './exception-entry.ts';
import { CODE_LINE, type SharedChange, StaleCaches } from './stale-caches.ts';

/** CRn of TLB maintenance; cache maintenance has CRn 7. */
const CRN_TLBI = 8;

/**
 * Page whose lines IC IVAU invalidates: virtual and physical start, and whether `level` may execute
 * code there.
 */
interface MaintainedPage {
  readonly va: bigint;
  readonly pa: number;
  readonly level: number;
  readonly executable: boolean;
}

export class CodeMaintenance {
  private readonly engine: CpuEngine;
  private readonly translation: CoreTranslation;
  private readonly tellOthers: (change: SharedChange) => void;
  private readonly stale = new StaleCaches();
  private page: MaintainedPage | null = null;
  /** Physical [start, end) of memory mapped into the engine. */
  private readonly memory: [start: number, end: number][] = [];

  constructor(engine: CpuEngine, translation: CoreTranslation, tellOthers: (change: SharedChange) => void) {
    this.engine = engine;
    this.translation = translation;
    this.tellOthers = tellOthers;
  }

  /** Notes that physical [start, end) was mapped into the engine. */
  addMemory(start: number, end: number): void {
    this.memory.push([start, end]);
  }

  /**
   * Notes that another core changed translations or code. This core drops its cached copies before
   * it runs again.
   */
  forget(change: SharedChange): void {
    this.stale.note(change);
  }

  /** Applies pending maintenance of other cores before a slice. */
  beginSlice(): void {
    this.page = null;
    this.stale.drop(this.engine, this.memory);
  }

  /** Executes a TLBI or IC of this core. */
  execute({ encoding: [, op1, crn], rt }: Maintenance): void {
    const { engine } = this;
    if (crn === CRN_TLBI) {
      this.page = null;
      engine.forgetBranchTargets();
      this.tellOthers({ kind: 'tlb' });
      return;
    }
    // IC IVAU has op1 = 3 and gives an address; all other ICs invalidate everything.
    const va = op1 === 3 && rt !== 31 ? engine.getX(rt) : null;
    const page = va === null ? null : this.codePage(va);
    if (va === null || page === null) {
      this.tellOthers({ kind: 'code', line: null });
      engine.discardPhysicalCode(this.memory);
      return;
    }
    const line = alignDown(Number(va & 0xfffn), CODE_LINE);
    this.tellOthers({ kind: 'code', line: page.pa + line });
    if (page.executable) engine.discardCode(page.va + BigInt(line), page.va + BigInt(line + CODE_LINE));
    else engine.discardPhysicalCode([[page.pa, page.pa + PAGE_SIZE]]);
  }

  /**
   * Page of `va`; null when it is not mapped. Kernels maintain code line by line, so the last page
   * is cached if it lies in the upper half.
   */
  private codePage(va: bigint): MaintainedPage | null {
    const start = va - (va & 0xfffn);
    const level = levelOf(this.engine.getPstate());
    // Only the EL1&0 regime is walked here.
    if (level > 1) return null;
    const last = this.page;
    if (last !== null && last.va === start && last.level === level) return last;
    const found = this.translation.walk(start);
    if (!found.ok) return null;
    const executable = found.mapping.permissions[`el${level as 0 | 1}`].execute;
    const page = { va: start, level, pa: found.pa, executable };
    // Pages of the lower half are not cached: TTBR0 may change without any TLB maintenance.
    this.page = start >> 63n === 1n ? page : null;
    return page;
  }
}
