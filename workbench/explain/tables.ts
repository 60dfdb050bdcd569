// SPDX-License-Identifier: GPL-2.0-only
/**
 * `explain tables`: what the live page tables map, in ranges; what is both writable and executable;
 * which frames are mapped twice.
 */

import type { MappedRun, TranslationTree } from '#emulator/cpu/translation-tree.ts';
import type { Permissions } from '#emulator/cpu/translate.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import { memoryType } from './descriptor-bits.ts';
import { viewOf } from './machine-view.ts';
import { answers } from './virtual-address.ts';

/** A run with its memory type in words and what it maps. */
export interface TableRangeExplained extends MappedRun {
  readonly memory: string;
  /** "RAM", a device's name, or null for nothing: of the first byte. */
  readonly target: string | null;
}

/** One TTBR. */
export interface TreeExplanation {
  readonly register: TranslationTree['register'];
  readonly root: number;
  readonly walked: boolean;
  readonly granuleBytes: number;
  readonly inputBits: number;
  /** Tables of level 0, 1, 2 and 3. */
  readonly tables: readonly [number, number, number, number];
  readonly ranges: readonly TableRangeExplained[];
  /** Tables where no memory answers: addresses. */
  readonly unreadable: readonly number[];
  readonly truncated: boolean;
}

/** Physical memory that two virtual ranges lead to. */
export interface MappedTwice {
  readonly start: number;
  readonly end: number;
  readonly virtual: readonly [bigint, bigint];
  /** True when one of the two may write what the other, or the same, may execute. */
  readonly writableAndExecutable: boolean;
}

/** The live page tables explained. */
export interface TablesExplanation {
  readonly mmuOn: boolean;
  readonly trees: readonly TreeExplanation[];
  /** Ranges that some exception level may write and some may execute. */
  readonly writableAndExecutable: readonly TableRangeExplained[];
  readonly mappedTwice: readonly MappedTwice[];
}

/** Reads the trees of TTBR0_EL1 and TTBR1_EL1 of the boot core. O(page tables). */
export function explainTables(machine: LevitateMachine): TablesExplanation {
  const view = viewOf(machine);
  const trees = view.trees().map((tree): TreeExplanation => {
    const tables: [number, number, number, number] = [0, 0, 0, 0];
    for (const { level } of tree.tables) tables[level as 0 | 1 | 2 | 3]++;
    const { register, root, walked, granuleBytes, inputBits, truncated } = tree;
    return {
      register,
      root,
      walked,
      granuleBytes,
      inputBits,
      tables,
      ranges: tree.runs.map((run) => ({
        ...run,
        memory: memoryType(view.mair, run.attributeIndex),
        target: answers(machine, run.paStart),
      })),
      unreadable: tree.unreadable.map(({ address }) => address),
      truncated,
    };
  });
  const ranges = trees.flatMap((tree) => tree.ranges);
  return {
    mmuOn: (view.registers.sctlr & 1n) !== 0n,
    trees,
    writableAndExecutable: ranges.filter(({ permissions }) => mayWrite(permissions) && mayExecute(permissions)),
    mappedTwice: mappedTwice(ranges),
  };
}

/**
 * Runs kept for comparison. A frame that more addresses map is reported with these only.
 */
const MOST_OPEN = 8;

/** Physical ranges that more than one run maps, by pairs, ascending. O(runs log runs). */
export function mappedTwice(runs: readonly MappedRun[]): MappedTwice[] {
  const found: MappedTwice[] = [];
  let open: MappedRun[] = [];
  for (const run of runs.toSorted((a, b) => a.paStart - b.paStart)) {
    open = open.filter(({ paStart, bytes }) => paStart + bytes > run.paStart);
    for (const other of open) {
      const end = Math.min(other.paStart + other.bytes, run.paStart + run.bytes);
      const [a, b] = [other.permissions, run.permissions];
      found.push({
        start: run.paStart,
        end,
        virtual: [other.vaStart + BigInt(run.paStart - other.paStart), run.vaStart],
        writableAndExecutable: (mayWrite(a) || mayWrite(b)) && (mayExecute(a) || mayExecute(b)),
      });
    }
    open.push(run);
    // The runs that reach furthest are kept.
    if (open.length > MOST_OPEN) {
      open = open.toSorted((a, b) => b.paStart + b.bytes - a.paStart - a.bytes).slice(0, MOST_OPEN);
    }
  }
  return found;
}

const mayWrite = ({ el1, el0 }: Permissions): boolean => el1.write || el0.write;
const mayExecute = ({ el1, el0 }: Permissions): boolean => el1.execute || el0.execute;

/** "EL1 rw- EL0 ---" */
export function showPermissions({ el1, el0 }: Permissions): string {
  const letters = ({ read, write, execute }: Permissions['el1']): string =>
    `${read ? 'r' : '-'}${write ? 'w' : '-'}${execute ? 'x' : '-'}`;
  return `EL1 ${letters(el1)} EL0 ${letters(el0)}`;
}
