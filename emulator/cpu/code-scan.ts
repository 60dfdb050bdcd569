// SPDX-License-Identifier: GPL-2.0-only
/**
 * Scan of a block for instructions that the machine must see before the engine executes them: MRS
 * and MSR of registers that the machine keeps itself (the generic timer, the core's identity). The
 * engine can report an instruction at a given address at no cost elsewhere, so each newly
 * translated block is read once, here.
 *
 * A block's address is virtual and page tables can change at any time, so the address of every
 * block is translated again. That must be cheap: hence two 32-bit halves instead of `bigint`, and a
 * fast path for the common configuration (4 KiB granule).
 *
 * Specification: Arm ARM DDI 0487 K.a, D8.2 (translation), C5.1.3 (System register access
 * encodings).
 */

import type { CoreRegisters, InterceptKind } from '#emulator/engine/engine.ts';
import { SYSTEM_REGISTERS } from '#emulator/engine/system-registers.ts';
import type { PhysicalMemory } from '#emulator/memory/physical-memory.ts';
import { isTranslationOrCodeMaintenance, systemRegisterMove, waitHint } from './instruction.ts';
import { walk, type TranslationRegisters } from './translate.ts';

const SCTLR_M = 1n;
const DESCRIPTOR_TYPE = 3;
const TABLE_OR_PAGE = 3;
const BLOCK = 1;

/**
 * Physical address of the instruction at virtual `high`:`low`, or -1 when it cannot be determined.
 * `level` is the exception level that executes it.
 */
export function physicalOfCode(
  engine: CoreRegisters,
  memory: PhysicalMemory,
  high: number,
  low: number,
  level: number,
  slow: () => { registers: TranslationRegisters; physicalBits: number },
): number {
  const flat = high * 2 ** 32 + low;
  if (level > 1) return flat;
  const sctlr = engine.getSystemRegister(SYSTEM_REGISTERS.SCTLR_EL1) ?? 0n;
  if ((sctlr & SCTLR_M) === 0n) return flat;
  const tcr = engine.getSystemRegister(SYSTEM_REGISTERS.TCR_EL1) ?? 0n;
  const upper = ((high >>> 23) & 1) === 1;
  const tcrLow = Number(BigInt.asUintN(32, tcr));
  const sizeOffset = upper ? (tcrLow >>> 16) & 63 : tcrLow & 63;
  const granule = upper ? tcrLow >>> 30 : (tcrLow >>> 14) & 3;
  if (granule !== (upper ? 2 : 0) || sizeOffset < 16 || sizeOffset > 33) return slowly(high, low, memory, slow());

  const ttbr = engine.getSystemRegister(upper ? SYSTEM_REGISTERS.TTBR1_EL1 : SYSTEM_REGISTERS.TTBR0_EL1) ?? 0n;
  const indexes = [(high >>> 7) & 511, ((high & 127) << 2) | (low >>> 30), (low >>> 21) & 511, (low >>> 12) & 511];
  let at = sizeOffset <= 24 ? 0 : 1;
  // The first table may have fewer than 512 entries and is aligned only to its size; address bits
  // above the input size are sign bits.
  const firstBits = 64 - sizeOffset - (at === 0 ? 39 : 30);
  const base = Number(BigInt.asUintN(48, ttbr));
  let table = base - (base % 2 ** (firstBits + 3));
  indexes[at] = (indexes[at] as number) & (2 ** firstBits - 1);
  for (; ; at++) {
    const address = table + (indexes[at] as number) * 8;
    if (!memory.contains(address, 8)) return -1;
    const descriptorLow = memory.read32(address);
    const output = (memory.read32(address + 4) & 0xffff) * 2 ** 32 + ((descriptorLow & 0xffff_f000) >>> 0);
    const type = descriptorLow & DESCRIPTOR_TYPE;
    if (at === 3) return type === TABLE_OR_PAGE ? output + (low & 0xfff) : -1;
    if (type === BLOCK && at > 0) {
      const span = at === 1 ? 2 ** 30 : 2 ** 21;
      return output - (output % span) + (low % span);
    }
    if (type !== TABLE_OR_PAGE) return -1;
    table = output;
  }
}

function slowly(
  high: number,
  low: number,
  memory: PhysicalMemory,
  { registers, physicalBits }: { registers: TranslationRegisters; physicalBits: number },
): number {
  const found = walk(
    (BigInt(high) << 32n) | BigInt(low),
    registers,
    (address) => (memory.contains(address, 8) ? memory.read64(address) : null),
    physicalBits,
  );
  return found.ok ? found.pa : -1;
}

/** Instruction to intercept, with its byte offset in the block. */
export interface FoundMove {
  readonly offset: number;
  readonly kind: InterceptKind;
}

/**
 * Instructions of a block to intercept: TLBI and IC, hints for waiting, and MRS and MSR of
 * registers that `wanted` accepts. `word(i)` is instruction i of the block, or null.
 */
export function findMoves(
  count: number,
  word: (index: number) => number | null,
  wanted: (encoding: readonly [number, number, number, number, number]) => boolean,
): FoundMove[] | null {
  let found: FoundMove[] | null = null;
  for (let i = 0; i < count; i++) {
    const instruction = word(i);
    // System instructions begin with 1101 0101 00; two operations skip all others.
    if (instruction === null || (instruction & 0xffc0_0000) >>> 0 !== 0xd500_0000) continue;
    if (isTranslationOrCodeMaintenance(instruction)) {
      (found ??= []).push({ offset: 4 * i, kind: 'sys' });
      continue;
    }
    if (waitHint(instruction) !== null) {
      (found ??= []).push({ offset: 4 * i, kind: 'hint' });
      continue;
    }
    const move = systemRegisterMove(instruction);
    if (move !== null && wanted(move.encoding)) (found ??= []).push({ offset: 4 * i, kind: move.read ? 'mrs' : 'msr' });
  }
  return found;
}
