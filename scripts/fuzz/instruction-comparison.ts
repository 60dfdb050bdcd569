// SPDX-License-Identifier: GPL-2.0-only
/**
 * One random instruction after the other on Unicorn and on the own core, with the same registers
 * and memory: what each leaves behind must be the same.
 *
 *     row of the decode tables ─► random operands ─► a word ─┬─ Unicorn   ─┐
 *                                                            └─ own core  ─┴─► registers, flags, memory
 *
 * Both run at EL1 with the MMU off, on one window of memory. System instructions are left out: what
 * they do is the core's, not the instruction's.
 */

import { BareCore, UNDEFINED } from '#emulator/a64/bare-core.ts';
import type { Instruction } from '#emulator/a64/decode/instruction.ts';
import { INSTRUCTIONS } from '#emulator/a64/instructions/all.ts';
import { instructionDecoder } from '#emulator/a64/runtime.ts';
import { SYSTEM } from '#emulator/a64/instructions/system.ts';
import { STACK_POINTER } from '#emulator/a64/layout.ts';
import { type CpuEngine, ENGINE_EXCEPTION, type SliceEnd } from '#emulator/engine/engine.ts';
import { SYSTEM_REGISTERS, type SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';
import { createUnicornEngine } from '#emulator/engine/unicorn.ts';
import { type RandomSource, randomSource } from './random.ts';

/** Random words that are tried before a row is thought to have none that Unicorn knows. */
const MOST_TRIES = 300;

/** The window: a page of code, and data. */
const START = 0x10000;
const SIZE = 0x20000;
const CODE_BYTES = 0x1000;
/** Data that base registers point to. */
const DATA = 0x18000;
const DATA_SPREAD = 0x4000;
/** EL1h with interrupts masked. */
const PSTATE_EL1H = 0x3c5;
const EL1_FP_ENABLED = 3n << 20n;
const FPCR: SystemRegisterEncoding = [3, 3, 4, 4, 0];
const FPSR: SystemRegisterEncoding = [3, 3, 4, 4, 1];
/** RMode, FZ, DN. */
const FPCR_CHOICES = [0, 0, 0x40_0000, 0x80_0000, 0xc0_0000, 0x100_0000, 0x200_0000, 0x300_0000];

/** Values that arithmetic is likely to get wrong. */
const CORNERS = [0n, 1n, 2n, 0x7fn, 0x80n, 0xffn, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn, 2n ** 63n - 1n, 2n ** 63n];

const isMemory = (word: number): boolean => (word & 0x0a00_0000) === 0x0800_0000;

/** Of Unicorn's Cortex-A72. Its "max" ends the process while FP is trapped. */
const THEIR_FEATURES: ReadonlySet<string> = new Set(['CRC32', 'AES', 'SHA1', 'SHA256', 'PMULL']);

export interface Comparison {
  readonly word: number;
  readonly name: string;
  /** What differs, or null. */
  readonly difference: string | null;
}

/** Rows that are compared. */
export const COMPARED: readonly Instruction[] = INSTRUCTIONS.filter(
  (row) => !SYSTEM.includes(row) && (typeof row.feature !== 'string' || THEIR_FEATURES.has(row.feature)),
);

export class InstructionComparison {
  private readonly own = new BareCore(START, SIZE);
  private readonly theirs: CpuEngine;
  private readonly bytes = new Uint8Array(SIZE);
  private exception: number | null = null;
  private codeAt = 0;

  /** @param library Unicorn's file */
  constructor(library: string) {
    this.theirs = createUnicornEngine({
      library,
      model: 'cortex-a72',
      callbacks: {
        exception: (number) => {
          this.exception = number;
          this.theirs.stop();
        },
        unmapped: () => false,
      },
    });
    this.theirs.mapMemory(START, this.bytes, 'rwx');
    this.theirs.setSystemRegister(SYSTEM_REGISTERS.CPACR_EL1, EL1_FP_ENABLED);
    this.theirs.setSystemRegister(SYSTEM_REGISTERS.SCR_EL3, 0x531n);
    this.theirs.setSystemRegister(SYSTEM_REGISTERS.HCR_EL2, 1n << 31n);
    for (let at = 0; at < SIZE; at++) this.bytes[at] = Math.imul(at, 0x9e37_79b1) >>> 24;
    this.bytes.fill(0, 0, CODE_BYTES);
    this.own.bytes.set(this.bytes);
  }

  close(): void {
    this.theirs.close();
  }

  /** A word of `row` with random operands, compared; null where Unicorn has no such instruction. */
  try(row: Instruction, random: RandomSource): Comparison | null {
    const word = wordOf(row, random);
    if (word === null) return null;
    this.setRegisters(row, word, random);
    const pc = this.place(word);
    const { own, theirs } = this;
    this.exception = null;
    theirs.setPc(BigInt(pc));
    const end = theirs.run(1);
    own.state.pc = BigInt(pc);
    own.run(1);
    const theirFault = faultOf(end, this.exception);
    const ownFault = own.exception === null ? null : own.exception.esr === UNDEFINED ? 'undefined' : 'abort';
    const difference =
      theirFault === ownFault
        ? this.difference(row, word, ownFault !== null)
        : `fault ${String(ownFault)}, not ${String(theirFault)}`;
    if (difference !== null || ownFault !== null) this.align();
    return { word, name: row.name, difference };
  }

  /** The word goes where none was yet, so that nothing of it was translated. */
  private place(word: number): number {
    if (this.codeAt >= CODE_BYTES) {
      this.codeAt = 0;
      for (const bytes of [this.bytes, this.own.bytes]) bytes.fill(0, 0, CODE_BYTES);
      this.theirs.discardCode(START, START + CODE_BYTES);
    }
    const at = this.codeAt;
    this.codeAt += 8;
    for (const bytes of [this.bytes, this.own.bytes]) {
      new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, word, true);
    }
    return START + at;
  }

  private setRegisters(row: Instruction, word: number, random: RandomSource): void {
    const { own, theirs } = this;
    const nzcv = random.below(16);
    own.state.nzcv = nzcv;
    theirs.setPstate((PSTATE_EL1H | (nzcv << 28)) >>> 0);
    const bytes = isMemory(word);
    for (const { name, low } of row.pattern.fields) {
      if (!name.startsWith('R')) continue;
      const n = (word >>> low) & 31;
      this.setX(
        n,
        bytes && name === 'Rn' ? addressFor(random) : bytes && name === 'Rm' ? indexFor(random) : valueFor(random),
      );
    }
    // The base last: it may be another operand as well.
    const base = row.pattern.fields.find(({ name }) => name === 'Rn');
    if (bytes && base !== undefined) this.setX((word >>> base.low) & 31, addressFor(random));
    if (!row.fp && (word & 0x0400_0000) === 0) return;
    for (const { name, low } of row.pattern.fields) {
      if (!name.startsWith('R')) continue;
      const n = (word >>> low) & 31;
      const value = (vectorFor(random) << 64n) | vectorFor(random);
      theirs.setV(n, value);
      own.state.v[2 * n] = BigInt.asUintN(64, value);
      own.state.v[2 * n + 1] = value >> 64n;
    }
    const control = random.of(FPCR_CHOICES);
    theirs.setSystemRegister(FPCR, BigInt(control));
    theirs.setSystemRegister(FPSR, 0n);
    own.state.fpcr = control;
    own.state.fpsr = 0;
  }

  private setX(n: number, value: bigint): void {
    if (n === 31) {
      this.own.state.x[STACK_POINTER] = value;
      this.theirs.setSp(value);
    } else {
      this.own.state.x[n] = value;
      this.theirs.setX(n, value);
    }
  }

  private difference(row: Instruction, word: number, faulted: boolean): string | null {
    const { own, theirs } = this;
    const differ = (what: string, ours: bigint | number, others: bigint | number): string =>
      `${what} 0x${ours.toString(16)}, not 0x${others.toString(16)}`;
    if (!faulted && own.state.pc !== theirs.getPc()) return differ('pc', own.state.pc, theirs.getPc());
    for (let n = 0; n < 31; n++) {
      // Unicorn has loaded the first of a pair when the second faults.
      if (faulted && isOperand(row, word, n)) continue;
      const [ours, others] = [own.state.x[n] as bigint, theirs.getX(n)];
      if (ours !== others) return differ(`x${n}`, ours, others);
    }
    const sp = own.state.x[STACK_POINTER] as bigint;
    if (sp !== theirs.getSp()) return differ('sp', sp, theirs.getSp());
    const nzcv = theirs.getPstate() >>> 28;
    if (own.state.nzcv !== nzcv) return differ('nzcv', own.state.nzcv, nzcv);
    // What a fault in the middle has stored already is left open.
    if (!faulted && Buffer.compare(own.bytes, this.bytes) !== 0) return 'memory';
    if (!row.fp && (word & 0x0400_0000) === 0) return null;
    for (const { name, low } of row.pattern.fields) {
      if (!name.startsWith('R')) continue;
      const n = (word >>> low) & 31;
      const ours = ((own.state.v[2 * n + 1] as bigint) << 64n) | (own.state.v[2 * n] as bigint);
      if (ours !== theirs.getV(n)) return differ(`v${n}`, ours, theirs.getV(n));
    }
    const status = Number(theirs.getSystemRegister(FPSR) ?? 0n);
    return own.state.fpsr === status ? null : differ('fpsr', own.state.fpsr, status);
  }

  /** Both go on from the same state. */
  private align(): void {
    const { own, theirs } = this;
    for (let n = 0; n < 31; n++) own.state.x[n] = theirs.getX(n);
    own.state.x[STACK_POINTER] = theirs.getSp();
    own.bytes.set(this.bytes);
  }
}

/** What ended the instruction. That code behind a branch cannot be fetched is not the branch's. */
function faultOf(end: SliceEnd, exception: number | null): string | null {
  if (end.kind === 'unmapped') return end.access.type === 'fetch' ? null : 'abort';
  if (exception === ENGINE_EXCEPTION.dataAbort) return 'abort';
  if (exception === null || exception === ENGINE_EXCEPTION.prefetchAbort) return null;
  return exception === ENGINE_EXCEPTION.undefined ? 'undefined' : `exception ${exception}`;
}

const isOperand = (row: Instruction, word: number, n: number): boolean =>
  row.pattern.fields.some(({ name, low }) => name.startsWith('R') && ((word >>> low) & 31) === n);

/** Random fields until the row is what the word means. */
function wordOf(row: Instruction, random: RandomSource): number | null {
  const { mask, value } = row.pattern;
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const word = (random.word() & ~mask) | value;
    if (instructionDecoder().decode(word, (feature) => THEIR_FEATURES.has(feature)) === row) return word;
  }
  return null;
}

function valueFor(random: RandomSource): bigint {
  switch (random.below(4)) {
    case 0:
      return random.of(CORNERS);
    case 1:
      return BigInt.asUintN(64, -random.of(CORNERS));
    case 2:
      return BigInt(random.word());
    default:
      return random.wide();
  }
}

/** Aligned to 16: exclusive and ordered accesses want it, and Unicorn does not check. */
const addressFor = (random: RandomSource): bigint =>
  BigInt(random.oneIn(40) ? SIZE * 16 : DATA + 16 * random.below(DATA_SPREAD / 16));

const indexFor = (random: RandomSource): bigint =>
  random.oneIn(2) ? BigInt(random.below(256)) : BigInt.asUintN(64, -BigInt(random.below(256)));

/** FP corner values, in any of the sizes. */
const FP_CORNERS = [
  0n,
  0x8000_0000_8000_0000n,
  0x3f80_0000_3f80_0000n,
  0x7f80_0000_ff80_0000n,
  0x7fc0_0000_7fa0_0001n,
  0x0000_0001_807f_ffffn,
  0x3ff0_0000_0000_0000n,
  0x7ff0_0000_0000_0000n,
  0x7ff8_0000_0000_0000n,
  0x7ff4_0000_0000_0001n,
  0x0000_0000_0000_0001n,
  0x8010_0000_0000_0000n,
  0x43e0_0000_0000_0000n,
  0x3c00_7c00_fc00_7e01n,
];

const vectorFor = (random: RandomSource): bigint => (random.oneIn(2) ? random.of(FP_CORNERS) : random.wide());

export interface ComparisonResult {
  readonly words: number;
  readonly differences: readonly string[];
  /** Rows of which Unicorn has no word. */
  readonly untried: readonly string[];
}

/** About `words` words from `seed` on, as many of each row. */
export function compareRows(comparison: InstructionComparison, seed: number, words: number): ComparisonResult {
  const random = randomSource(seed);
  const differences: string[] = [];
  const untried: string[] = [];
  let tried = 0;
  for (const row of COMPARED) {
    for (let i = 0; i < words / COMPARED.length; i++) {
      const result = comparison.try(row, random);
      if (result === null) {
        untried.push(row.name);
        break;
      }
      tried++;
      if (result.difference === null) continue;
      differences.push(`${result.name} 0x${(result.word >>> 0).toString(16).padStart(8, '0')}: ${result.difference}`);
      break;
    }
  }
  return { words: tried, differences, untried };
}
