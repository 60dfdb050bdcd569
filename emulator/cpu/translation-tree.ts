// SPDX-License-Identifier: GPL-2.0-only
/**
 * Dump of a whole stage 1 translation tree: everything that one TTBR maps, merged into runs.
 * translate.ts answers for one address, this file for all of them.
 *
 *     table ─► 512 entries (4 KiB granule) ─► table ─► … ─► leaf
 *     neighbours whose outputs are contiguous and whose attributes are equal form one run
 *
 * Reads only tables, of any granule and start level. A tree that loops is cut off at a limit and
 * marked `truncated`.
 *
 * Specification: Arm ARM DDI 0487 K.a, D8.2 (translation process), D8.3 (descriptors).
 */

import { halfControl, leafPermissions, type Permissions, type TranslationRegisters } from './translate.ts';

/** Leaves that are contiguous in both address spaces and have equal attributes. */
export interface MappedRun {
  readonly vaStart: bigint;
  /** End of the range, not wrapped: that of the upper half is 2^64. */
  readonly vaEnd: bigint;
  readonly paStart: number;
  readonly bytes: number;
  /** Effective permissions, with the restrictions of the tables above. */
  readonly permissions: Permissions;
  /** MAIR_EL1 index. */
  readonly attributeIndex: number;
  /** SH[1:0]. */
  readonly shareability: number;
  /** True when nG is 0. */
  readonly global: boolean;
  /** True when the access flag is set, so that an access does not fault for lack of it. */
  readonly accessed: boolean;
  /** Number of leaves by level, 0 to 3. */
  readonly leaves: readonly [number, number, number, number];
}

/** A table of the tree. */
export interface TranslationTable {
  readonly address: number;
  readonly level: number;
  readonly bytes: number;
}

export interface TranslationTree {
  /** TTBR0 maps the lower half, TTBR1 the upper half. */
  readonly register: 'TTBR0_EL1' | 'TTBR1_EL1';
  readonly root: number;
  /**
   * False when the MMU is off or TCR_EL1.EPD disables walks of this half: nothing is mapped then.
   */
  readonly walked: boolean;
  readonly granuleBytes: number;
  readonly inputBits: number;
  /** Tables in walk order, the root first. A table that two entries point to appears twice. */
  readonly tables: readonly TranslationTable[];
  /** Runs in ascending order of virtual address. */
  readonly runs: readonly MappedRun[];
  /** Tables that lie outside of memory. */
  readonly unreadable: readonly TranslationTable[];
  /** True when the walk stopped at {@link MOST_TABLES} tables or {@link MOST_RUNS} runs. */
  readonly truncated: boolean;
}

/**
 * Limit above any real guest of these boards (8 GiB in 4 KiB pages need 4,096 tables): a larger
 * tree is a loop.
 */
export const MOST_TABLES = 16_384;
export const MOST_RUNS = 131_072;

/** Copies physical memory; null where nothing is mapped. */
export type ReadTable = (address: number, bytes: number) => Uint8Array | null;

/**
 * Attribute bits that must be equal within a run, in the two halves of a leaf: AttrIndx, NS, AP,
 * SH, AF, nG; PXN, UXN.
 */
const LOW_ATTRIBUTES = 0x0ffc;
const HIGH_ATTRIBUTES = 0x0060_0000;
/** NSTable, APTable, UXNTable, PXNTable in the upper half of a table descriptor. */
const HIGH_RESTRICTIONS = 0xf800_0000;
const SCTLR_M = 1n;
const DEEPEST = 3;

interface OpenRun {
  offset: number;
  pa: number;
  bytes: number;
  readonly low: number;
  readonly high: number;
  readonly restrictions: number;
  readonly leaves: [number, number, number, number];
}

/**
 * Translation tree of `register`.
 * @param outputBits width of an output address: leaves beyond it fault on the CPU and are left out
 */
export function translationTree(
  register: TranslationTree['register'],
  registers: TranslationRegisters,
  read: ReadTable,
  outputBits: number,
): TranslationTree {
  const upper = register === 'TTBR1_EL1';
  const control = halfControl(registers.tcr, upper);
  const { inputBits, granuleShift, strideBits, startLevel } = control;
  const rootBytes = 2 ** (inputBits - (granuleShift + (DEEPEST - startLevel) * strideBits) + 3);
  const base = Number(BigInt.asUintN(48, upper ? registers.ttbr1 : registers.ttbr0) & ~1n);
  const root = base - (base % rootBytes);
  const walked = (registers.sctlr & SCTLR_M) !== 0n && !control.disabled;

  const tables: TranslationTable[] = [];
  const unreadable: TranslationTable[] = [];
  const open: OpenRun[] = [];
  const outputLimit = 2 ** outputBits;
  let truncated = false;

  const addLeaf = (offset: number, pa: number, level: number, low: number, high: number, restrictions: number) => {
    const span = 2 ** (granuleShift + (DEEPEST - level) * strideBits);
    let run = open.at(-1);
    const continues =
      run !== undefined &&
      run.offset + run.bytes === offset &&
      run.pa + run.bytes === pa &&
      run.low === low &&
      run.high === high &&
      run.restrictions === restrictions;
    if (run === undefined || !continues) {
      run = { offset, pa, bytes: 0, low, high, restrictions, leaves: [0, 0, 0, 0] };
      open.push(run);
      truncated = open.length >= MOST_RUNS;
    }
    run.bytes += span;
    run.leaves[level as 0 | 1 | 2 | 3]++;
  };

  const visit = (table: TranslationTable, start: number, restrictions: number): void => {
    if (tables.length >= MOST_TABLES) {
      truncated = true;
      return;
    }
    const bytes = read(table.address, table.bytes);
    if (bytes === null) {
      unreadable.push(table);
      return;
    }
    tables.push(table);
    const { level } = table;
    const span = 2 ** (granuleShift + (DEEPEST - level) * strideBits);
    const blockAllowed = level === 2 || (level === 1 && granuleShift === 12);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < table.bytes; at += 8) {
      if (truncated) return;
      const low = view.getUint32(at, true);
      if ((low & 1) === 0) continue;
      const high = view.getUint32(at + 4, true);
      const isTableOrPage = (low & 2) !== 0;
      const output = (high & 0xffff) * 2 ** 32 + (low - (low % 2 ** granuleShift));
      if (output >= outputLimit) continue;
      const offset = start + (at / 8) * span;
      if (isTableOrPage && level < DEEPEST) {
        const more = control.hierarchyIgnored ? 0 : (high & HIGH_RESTRICTIONS) >>> 0;
        visit({ address: output, level: level + 1, bytes: 2 ** granuleShift }, offset, (restrictions | more) >>> 0);
      } else if (isTableOrPage || blockAllowed) {
        addLeaf(offset, output - (output % span), level, low & LOW_ATTRIBUTES, high & HIGH_ATTRIBUTES, restrictions);
      }
    }
  };
  if (walked) visit({ address: root, level: startLevel, bytes: rootBytes }, 0, 0);

  const bottom = upper ? 2n ** 64n - 2n ** BigInt(inputBits) : 0n;
  const runs = open.map((run): MappedRun => {
    const leaf = (BigInt(run.high) << 32n) | BigInt(run.low);
    const vaStart = bottom + BigInt(run.offset);
    return {
      vaStart,
      vaEnd: vaStart + BigInt(run.bytes),
      paStart: run.pa,
      bytes: run.bytes,
      permissions: leafPermissions(leaf, run.restrictions, registers.sctlr),
      attributeIndex: (run.low >>> 2) & 7,
      shareability: (run.low >>> 8) & 3,
      global: (run.low & 0x800) === 0,
      accessed: (run.low & 0x400) !== 0,
      leaves: run.leaves,
    };
  });
  return { register, root, walked, granuleBytes: 2 ** granuleShift, inputBits, tables, runs, unreadable, truncated };
}
