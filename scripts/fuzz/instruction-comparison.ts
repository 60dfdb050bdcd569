// SPDX-License-Identifier: GPL-2.0-only
/**
 * Executes one random instruction after the other on Unicorn and on the own core, each a whole core
 * of a machine with its MMU on. The results must be the same, and so must the exceptions taken
 * instead.
 *
 *     row of the decode tables ─► random operands ─► a word ─┬─ Unicorn   ─┐
 *                                                            └─ own core  ─┴─► registers, memory, exception
 *
 * The own core interprets each word, or translates it at once. A branch to itself follows the
 * word and in each vector: a translated block ends there, and is entered where all of it may be
 * executed.
 *
 * At EL1 and EL0, on pages with all rights, with some, and with none (comparison-pages.ts). System
 * instructions are left out: what they do is the core's, not the instruction's.
 */

import { findBoard } from '#boards/registry.ts';
import { a64Cores } from '#emulator/a64/cores.ts';
import { CORTEX_A72 } from '#emulator/a64/core-types.ts';
import type { Instruction } from '#emulator/a64/decode/instruction.ts';
import { INSTRUCTIONS } from '#emulator/a64/instructions/all.ts';
import { SYSTEM } from '#emulator/a64/instructions/system.ts';
import { engineCores } from '#emulator/cpu/core.ts';
import type { CoreFactory, MachineCore } from '#emulator/cpu/machine-core.ts';
import { SYSTEM_REGISTERS, type SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';
import { createUnicornEngine } from '#emulator/engine/unicorn.ts';
import type { Machine } from '#emulator/machine/machine.ts';
import { buildBoardMachine } from '#workbench/machine/board-machine.ts';
import { PAGES, writePages } from './comparison-pages.ts';
import { isMemory, type Operands, operandsFor, wordOf, wordsBefore } from './comparison-words.ts';
import { type RandomSource, randomSource } from './random.ts';

/** EL1h with interrupts masked; EL0. */
const PSTATE = { 1: 0x3c5, 0: 0x3c0 } as const;
const FPCR: SystemRegisterEncoding = [3, 3, 4, 4, 0];
const FPSR: SystemRegisterEncoding = [3, 3, 4, 4, 1];
const { ESR_EL1, FAR_EL1, ELR_EL1, SPSR_EL1 } = SYSTEM_REGISTERS;
/** Exception classes that have a fault address. */
const HAS_FAR: readonly number[] = [0x20, 0x21, 0x22, 0x24, 0x25];
const FETCH_ABORTS: readonly number[] = [0x20, 0x21];
/** Bytes of memory that a difference shows. */
const SHOWN_BYTES = 16;
const X_REGISTERS = 31;
const V_REGISTERS = 32;
const SPSR_COMPARED = 0xf000_03dfn;
const VECTORS = 0x800;
const B_ITSELF = 0x1400_0000;
const CBZ_X0 = 0xb400_0000;

interface Comparison {
  readonly row: Instruction;
  readonly word: number;
  /** The difference, or null. */
  readonly difference: string | null;
}

/** Rows that are compared. */
export const COMPARED: readonly Instruction[] = INSTRUCTIONS.filter(
  (row) => !SYSTEM.includes(row) && (typeof row.feature !== 'string' || CORTEX_A72.has(row.feature)),
);

/** A machine of which one core executes single instructions. */
class Side {
  readonly core: MachineCore;
  /** Memory from PAGES.data on, which code and data may change. */
  readonly data: Uint8Array;
  private readonly machine: Machine;

  constructor(cores: CoreFactory) {
    this.machine = buildBoardMachine({
      board: findBoard('qemu-virt').create({}),
      firmware: new Uint8Array(4),
      cores,
    }).machine;
    this.core = this.machine.bootCore;
    this.data = writePages(this.machine);
    for (let at = PAGES.vectors; at < PAGES.vectors + VECTORS; at += 4) this.machine.memory.write32(at, B_ITSELF);
    this.forgetCode();
  }

  get engine() {
    return this.core.engine;
  }

  place(address: number, word: number): void {
    this.machine.memory.write32(address, word);
  }

  forgetCode(): void {
    for (let at = PAGES.code; at < PAGES.codeEnd; at += 4) this.machine.memory.write32(at, B_ITSELF);
    this.core.engine.discardAllCode();
  }

  run(pc: number, count: number): void {
    this.engine.setPc(BigInt(pc));
    this.core.run(count, count);
  }

  get(encoding: SystemRegisterEncoding): bigint {
    return this.engine.getSystemRegister(encoding) ?? 0n;
  }

  close(): void {
    this.machine.close();
  }
}

/** The exception that an instruction took. */
interface Taken {
  readonly esr: number;
  readonly far: bigint;
  readonly elr: bigint;
  readonly spsr: bigint;
}

const shown = ({ esr, far, elr, spsr }: Taken): string =>
  `ESR 0x${esr.toString(16)}, FAR 0x${far.toString(16)}, ELR 0x${elr.toString(16)}, SPSR 0x${spsr.toString(16)}`;

export class InstructionComparison {
  private readonly own: Side;
  private readonly theirs: Side;
  private readonly sides: readonly [Side, Side];
  private codeAt: number = PAGES.code;

  /**
   * @param library Unicorn's file
   * @param translated the own core translates each word; else it interprets
   */
  constructor(library: string, translated: boolean) {
    this.own = new Side(a64Cores({ hotAfter: translated ? 0 : Infinity, type: CORTEX_A72 }));
    this.theirs = new Side(
      // Its "max" ends the process while FP is trapped.
      engineCores((callbacks) => createUnicornEngine({ library, model: 'cortex-a72', callbacks })),
    );
    this.sides = [this.own, this.theirs];
    this.align();
  }

  close(): void {
    for (const side of this.sides) side.close();
  }

  /**
   * Compares one word of a row with random operands; no word of a row that Unicorn does not have.
   */
  try(rows: readonly Instruction[], random: RandomSource): Comparison[] {
    const words = rows.flatMap((row) => {
      const word = wordOf(row, random, CORTEX_A72.has);
      return word === null ? [] : [{ row, word, before: wordsBefore(word, random) }];
    });
    const first = this.place(words.flatMap(({ word, before }) => [...before, word]));
    let pc = first;
    return words.map(({ row, word, before }) => {
      const level = random.oneIn(3) ? 0 : 1;
      const operands = operandsFor(row, word, usesFp(row, word), random);
      const differences = [...before, word].map((each) => {
        const difference = this.compare(row, each, pc, level, operands, random);
        pc += 8;
        return difference;
      });
      return { row, word, difference: differences.find((difference) => difference !== null) ?? null };
    });
  }

  private compare(
    row: Instruction,
    word: number,
    pc: number,
    level: 0 | 1,
    operands: Operands,
    random: RandomSource,
  ): string | null {
    const nzcv = random.below(16);
    const stack = BigInt(PAGES.data + 16 * random.below(PAGES.page));
    for (const { engine } of this.sides) {
      engine.setPstate((PSTATE[level] | (nzcv << 28)) >>> 0);
      // Written after PSTATE: the engine then notices the level.
      engine.setSystemRegister(FPCR, BigInt(operands.fpcr));
      engine.setSystemRegister(FPSR, 0n);
      engine.setSp(stack);
      for (const [n, value] of operands.x) {
        if (n === 31) engine.setSp(value);
        else engine.setX(n, value);
      }
      for (const [n, value] of operands.v) engine.setV(n, value);
    }
    // A branch may lead to other words.
    for (const side of this.sides) side.run(pc, row.flow === 'next' ? 2 : 1);
    const difference = this.difference(row, word, pc);
    return difference === null ? null : `${difference} (EL${level})`;
  }

  /**
   * Words go where none were yet, so that nothing of them was translated. Branches to all of them
   * stand in front and are executed first: they are translated together. Returns where the first
   * one is.
   *
   *     cbz x0, first; cbz x0, second … b .     first; b .     second; b . …
   */
  private place(words: readonly number[]): number {
    const bytes = 4 * (3 * words.length + 1);
    if (this.codeAt + bytes > PAGES.codeEnd || (this.codeAt % PAGES.page) + bytes > PAGES.page) {
      this.codeAt = Math.ceil(this.codeAt / PAGES.page) * PAGES.page;
    }
    if (this.codeAt >= PAGES.codeEnd) {
      this.codeAt = PAGES.code;
      for (const side of this.sides) side.forgetCode();
    }
    const begin = this.codeAt;
    const first = begin + 4 * (words.length + 1);
    this.codeAt += bytes;
    words.forEach((word, index) => {
      const branch = begin + 4 * index;
      const at = first + 8 * index;
      for (const side of this.sides) {
        side.place(branch, (CBZ_X0 | (((at - branch) / 4) << 5)) >>> 0);
        side.place(at, word);
      }
    });
    // An earlier branch may have led here.
    for (const { engine } of this.sides) engine.discardCode(BigInt(begin), BigInt(begin + bytes));
    this.own.run(begin, 1);
    this.align();
    return first;
  }

  private difference(row: Instruction, word: number, pc: number): string | null {
    const taken = this.sides.map((side) => exceptionOf(side, pc)) as [Taken | null, Taken | null];
    const isTaken = taken[0] !== null || taken[1] !== null;
    const difference = this.exceptionsDiffer(...taken) ?? this.registersDiffer(row, word, isTaken);
    if (difference !== null || isTaken) this.align();
    return difference;
  }

  private exceptionsDiffer(ours: Taken | null, theirs: Taken | null): string | null {
    if (ours === null && theirs === null) return null;
    if (ours === null || theirs === null) {
      return ours === null ? `no exception, not ${shown(theirs as Taken)}` : `${shown(ours)}, not none`;
    }
    const isSame =
      ours.esr === theirs.esr && ours.far === theirs.far && ours.elr === theirs.elr && ours.spsr === theirs.spsr;
    return isSame ? null : `${shown(ours)}, not ${shown(theirs)}`;
  }

  private registersDiffer(row: Instruction, word: number, isTaken: boolean): string | null {
    const [own, theirs] = [this.own.engine, this.theirs.engine];
    const differ = (what: string, ours: bigint, others: bigint): string | null =>
      ours === others ? null : `${what} 0x${ours.toString(16)}, not 0x${others.toString(16)}`;
    const pc = differ('pc', own.getPc(), theirs.getPc());
    if (pc !== null) return pc;
    for (let n = 0; n < X_REGISTERS; n++) {
      // Unicorn has loaded the first of a pair when the second faults.
      if (isTaken && isOperand(row, word, n)) continue;
      const x = differ(`x${n}`, own.getX(n), theirs.getX(n));
      if (x !== null) return x;
    }
    if (isTaken) return null;
    const flags = differ('nzcv', BigInt(own.getPstate() >>> 28), BigInt(theirs.getPstate() >>> 28));
    const rest = flags ?? differ('sp', own.getSp(), theirs.getSp());
    if (rest !== null) return rest;
    // The architecture leaves open how much an instruction stores before a fault in its middle.
    if (isMemory(word) && Buffer.compare(this.own.data, this.theirs.data) !== 0) return this.memoryDiffers();
    if (!usesFp(row, word)) return null;
    for (const { name, low } of row.pattern.fields) {
      if (!name.startsWith('R')) continue;
      const n = (word >>> low) & 31;
      const v = differ(`v${n}`, own.getV(n), theirs.getV(n));
      if (v !== null) return v;
    }
    return differ('fpsr', this.own.get(FPSR), this.theirs.get(FPSR));
  }

  private memoryDiffers(): string {
    const [ours, theirs] = [this.own.data, this.theirs.data];
    const at = ours.findIndex((byte, index) => byte !== theirs[index]);
    const bytes = (of: Uint8Array): string => Buffer.from(of.subarray(at, at + SHOWN_BYTES)).toString('hex');
    return `at 0x${(PAGES.data + at).toString(16)} bytes ${bytes(ours)}, not ${bytes(theirs)}`;
  }

  /** Both go on from the same state. */
  private align(): void {
    const { own, theirs } = this;
    for (let n = 0; n < X_REGISTERS; n++) own.engine.setX(n, theirs.engine.getX(n));
    for (let n = 0; n < V_REGISTERS; n++) own.engine.setV(n, theirs.engine.getV(n));
    own.engine.setSp(theirs.engine.getSp());
    own.data.set(theirs.data);
  }
}

/**
 * The exception that was taken instead of the instruction at `pc`. A target of a branch that cannot
 * be fetched is not the branch's exception.
 */
function exceptionOf(side: Side, pc: number): Taken | null {
  const { engine } = side;
  const at = engine.getPc();
  if (at < BigInt(PAGES.vectors) || at >= BigInt(PAGES.vectors + VECTORS)) return null;
  const esr = Number(side.get(ESR_EL1));
  const elr = side.get(ELR_EL1);
  const spsr = side.get(SPSR_EL1) & SPSR_COMPARED;
  const reason = esr >>> 26;
  if (FETCH_ABORTS.includes(reason) && elr !== BigInt(pc)) {
    engine.setPstate(Number(spsr));
    engine.setPc(elr);
    if ((spsr & 0xcn) === 0n) engine.setSp(engine.getBankedSp(0));
    return null;
  }
  return { esr, elr, spsr, far: HAS_FAR.includes(reason) ? side.get(FAR_EL1) : 0n };
}

const usesFp = (row: Instruction, word: number): boolean => row.fp || (word & 0x0400_0000) !== 0;

const isOperand = (row: Instruction, word: number, n: number): boolean =>
  row.pattern.fields.some(({ name, low }) => name.startsWith('R') && ((word >>> low) & 31) === n);

export interface ComparisonResult {
  readonly words: number;
  readonly differences: readonly string[];
  /** Words that were compared, by row; none where Unicorn has no word of it. */
  readonly counts: ReadonlyMap<Instruction, number>;
}

/** Differences of a row after which it is not tried any more. */
const MOST_DIFFERENCES = 3;
/** Words that are placed together. */
const TOGETHER = 16;

/** About `words` words from `seed` on, as many of each row, one row after the other. */
export function compareRows(comparison: InstructionComparison, seed: number, words: number): ComparisonResult {
  const random = randomSource(seed);
  const differences: string[] = [];
  const counts = new Map<Instruction, number>(COMPARED.map((row) => [row, 0]));
  let tried = 0;
  const wrong = new Map<Instruction, number>();
  let rows = [...COMPARED];
  for (let round = 0; round < words / COMPARED.length; round++) {
    const found = new Set<Instruction>();
    for (let at = 0; at < rows.length; at += TOGETHER) {
      for (const { row, word, difference } of comparison.try(rows.slice(at, at + TOGETHER), random)) {
        tried++;
        found.add(row);
        counts.set(row, (counts.get(row) ?? 0) + 1);
        if (difference === null) continue;
        differences.push(`${row.name} 0x${(word >>> 0).toString(16).padStart(8, '0')}: ${difference}`);
        wrong.set(row, (wrong.get(row) ?? 0) + 1);
      }
    }
    rows = rows.filter((row) => found.has(row) && (wrong.get(row) ?? 0) < MOST_DIFFERENCES);
  }
  return { words: tried, differences, counts };
}
