// SPDX-License-Identifier: GPL-2.0-only
/**
 * Recent walks of the EL1&0 tables. A kernel that maps one page after another at the same address
 * (Linux's fixmap) walks the same tables each time, to a leaf that differs in its output address
 * only. Comparing the descriptors with memory as it is now costs a tenth of a walk, and a walk
 * that would read the same words has the same result.
 *
 *     walk ─► addresses and words of its descriptors ─► all the same? ─► the same page, at the leaf's address
 *
 * Only walks without stage 2 and hardware management, to pages of 4 KiB, by descriptors in RAM.
 * cpu/walk-record.ts says whether the same leaf still holds; here it may map another page.
 *
 * Specification: Arm ARM DDI 0487 K.a, D8.2 (translation process), D8.3 (descriptors).
 */

import type { WalkStep } from '#emulator/cpu/translate.ts';
import type { PhysicalMemory } from '#emulator/memory/physical-memory.ts';
import type { PageTranslation } from './regimes.ts';
import type { RegisterFile } from './system/register-file.ts';

const PAGE = 4096;
const WALKS = 64;
/** Bits of a leaf's low word that are no address. */
const ATTRIBUTES = PAGE - 1;

interface RecentWalk {
  /** Words of the page's virtual address. */
  readonly low: number;
  readonly high: number;
  readonly registers: Uint32Array;
  /** Word indices of the descriptors in the host memory of RAM, the leaf last. */
  readonly places: readonly number[];
  /** Low and high words of the descriptors. */
  readonly words: readonly number[];
  readonly page: PageTranslation;
}

export class RecentWalks {
  private readonly walks: (RecentWalk | undefined)[] = Array.from({ length: WALKS });
  private readonly words: Int32Array;
  private readonly registers: RegisterFile;
  private readonly memory: PhysicalMemory;

  /** @param buffer host memory of all RAM */
  constructor(buffer: ArrayBuffer, registers: RegisterFile, memory: PhysicalMemory) {
    this.words = new Int32Array(buffer);
    this.registers = registers;
    this.memory = memory;
  }

  /** Page that a walk for virtual `high`:`low` would find; null when that is not known. */
  find(low: number, high: number): PageTranslation | null {
    const walk = this.walks[indexOf(low)];
    if (walk === undefined || walk.low !== pageOf(low) || walk.high !== high) return null;
    if (!this.registers.hasStage1(walk.registers)) return null;
    const { places, words } = walk;
    const leaf = places.length - 1;
    for (let i = 0; i < leaf; i++) if (!this.holds(places[i] as number, words, i, -1)) return null;
    const place = places[leaf] as number;
    if (!this.holds(place, words, leaf, ATTRIBUTES)) return null;
    const moved = outputOf(this.words[place] as number) - outputOf(words[2 * leaf] as number);
    return moved === 0 ? walk.page : { ...walk.page, pa: walk.page.pa + moved };
  }

  private holds(place: number, words: readonly number[], index: number, mask: number): boolean {
    const low = (this.words[place] as number) ^ (words[2 * index] as number);
    return (low & mask) === 0 && this.words[place + 1] === words[2 * index + 1];
  }

  /** Records a walk of the EL1&0 tables, when it is one that can be compared. */
  note(low: number, high: number, page: PageTranslation, steps: readonly WalkStep[]): void {
    if (page.size !== PAGE || steps.length === 0 || page.clean.length > 0 || page.stage2 !== null) return;
    const places: number[] = [];
    const words: number[] = [];
    for (const { address } of steps) {
      const chunk = this.memory.touch(address);
      if (chunk === null) return;
      const place = (chunk.bytes.byteOffset + (address - chunk.base)) / 4;
      places.push(place);
      words.push(this.words[place] as number, this.words[place + 1] as number);
    }
    const registers = this.registers.stage1();
    this.walks[indexOf(low)] = { low: pageOf(low), high, registers, places, words, page };
  }
}

const outputOf = (leaf: number): number => (leaf & ~ATTRIBUTES) >>> 0;
const pageOf = (low: number): number => low & -PAGE;
const indexOf = (low: number): number => (low >>> 12) % WALKS;
