// SPDX-License-Identifier: GPL-2.0-only
/**
 * A machine looked at from outside: physical memory that is read without being touched, and the
 * registers that decide translations.
 *
 * Looking changes nothing: RAM that has no host memory behind it reads as zero and gets none, and
 * no simulated time passes.
 */

import type { TranslationRegisters } from '#emulator/cpu/translate.ts';
import { type ReadTable, type TranslationTree, translationTree } from '#emulator/cpu/translation-tree.ts';
import { SYSTEM_REGISTERS } from '#emulator/engine/system-registers.ts';
import type { Machine } from '#emulator/machine/machine.ts';
import type { Range as Interval } from '#common/range.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';

/** ID_AA64MMFR0_EL1.PARange to bits of a physical address (Arm ARM DDI 0487 K.a, D24.2.88). */
const PHYSICAL_BITS = [32, 36, 40, 42, 44, 48] as const;

/** The boot core and memory at this moment. */
export interface MachineView {
  readonly registers: TranslationRegisters;
  /** MAIR_EL1. */
  readonly mair: bigint;
  /** Bits of a physical address of the core. */
  readonly physicalBits: number;
  /** 64 bits of memory, or null where none answers. */
  readonly readWord: (pa: number) => bigint | null;
  /** A copy of memory, or null where part of it is not memory. */
  readonly read: ReadTable;
  /** Mappings of the live TTBR0 and TTBR1. Read once. */
  readonly trees: () => readonly TranslationTree[];
}

/** The view of a machine as it is now: make a new one after it has run. */
export function viewOf({ machine, cpu }: Pick<LevitateMachine, 'machine' | 'cpu'>): MachineView {
  const registers = cpu.translationRegisters();
  const range = Number((cpu.readSystemRegister(SYSTEM_REGISTERS.ID_AA64MMFR0_EL1) ?? 4n) & 0xfn);
  const physicalBits = PHYSICAL_BITS[range] ?? 48;
  const read = untouchedReader(machine);
  let trees: readonly TranslationTree[] | null = null;
  return {
    registers,
    mair: cpu.readSystemRegister(SYSTEM_REGISTERS.MAIR_EL1) ?? 0n,
    physicalBits,
    read,
    readWord: (pa) => {
      const bytes = read(pa, 8);
      return bytes === null ? null : new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
    },
    trees: () => {
      trees ??= (['TTBR0_EL1', 'TTBR1_EL1'] as const).map((register) =>
        translationTree(register, registers, read, physicalBits),
      );
      return trees;
    },
  };
}

function untouchedReader({ memory, fixedMemory }: Machine): ReadTable {
  const touched = memory.touchedRanges();
  return (pa, bytes) => {
    if (memory.contains(pa, bytes)) {
      const backed = touched.some(({ start, end }) => start < pa + bytes && pa < end);
      return backed ? memory.readBytes(pa, bytes) : new Uint8Array(bytes);
    }
    const fixed = fixedMemory.find(({ base, size }) => pa >= base && pa + bytes <= base + size);
    return fixed === undefined ? null : fixed.bytes.slice(pa - fixed.base, pa - fixed.base + bytes);
  };
}

/**
 * Parts of RAM with host memory behind them, [start, end), ascending; neighbours that touch are
 * one.
 */
export function touchedSpans({ memory }: Pick<LevitateMachine, 'memory'>): Interval[] {
  const spans: Interval[] = [];
  for (const { start, end } of memory.touchedRanges()) {
    const last = spans.at(-1);
    if (last?.end === start) spans[spans.length - 1] = { start: last.start, end };
    else spans.push({ start, end });
  }
  return spans;
}
