// SPDX-License-Identifier: GPL-2.0-only
/**
 * Random programs on the own core, interpreted and translated: registers, flags, memory and the
 * number of instructions must be the same wherever a run is stopped.
 *
 *     page of random instructions, branches among them ─┬─ interpreted ─┐
 *                                                       └─ translated  ─┴─► state after each of many short runs
 */

import { BareCore } from '#emulator/a64/testing/bare-core.ts';
import type { Instruction } from '#emulator/a64/decode/instruction.ts';
import { INSTRUCTIONS } from '#emulator/a64/instructions/all.ts';
import { SYSTEM } from '#emulator/a64/instructions/system.ts';
import { LAYOUT, STACK_POINTER } from '#emulator/a64/layout.ts';
import { instructionDecoder } from '#emulator/a64/runtime.ts';
import type { RandomSource } from '#scripts/fuzz/random.ts';

const START = 0x10000;
const SIZE = 0x20000;
const PAGE = 0x1000;
/** Pages of code in turn, so that none is thought to change all the time. */
const CODE_PAGES = 16;
const DATA = START + CODE_PAGES * PAGE + 0x4000;
const DATA_SPREAD = 0x4000;
const PROGRAM = 160;
/** Short runs of a program. */
const RUNS = 24;
const MOST_IN_RUN = 120;
const MOST_TRIES = 200;
/** Registers that hold addresses, and how many others there are: few, so that they meet. */
const BASES = [24, 25, 26, 31];
const OTHERS = 7;
const LINK = 30;

const ROWS: readonly Instruction[] = INSTRUCTIONS.filter((row) => !SYSTEM.includes(row));
const BRANCHES = ROWS.filter(({ flow }) => flow === 'conditional');
const isMemory = (word: number): boolean => (word & 0x0a00_0000) === 0x0800_0000;

export class ProgramComparison {
  private readonly cores = [new BareCore(START, SIZE, false), new BareCore(START, SIZE, true)] as const;
  private page = 0;

  /** Instructions that were translated so far. */
  get translated(): number {
    return this.cores[1].translated;
  }

  /** One program; what differs, or null. */
  try(random: RandomSource): string | null {
    const start = START + PAGE * this.page;
    this.page = (this.page + 1) % CODE_PAGES;
    const words = Array.from({ length: PROGRAM }, (_, i) => instructionFor(random, i));
    const registers = Array.from({ length: 31 }, () => (random.oneIn(2) ? random.wide() : BigInt(random.below(64))));
    for (const n of BASES) if (n < 31) registers[n] = BigInt(DATA + 16 * random.below(DATA_SPREAD / 16));
    registers[LINK] = BigInt(start + 4 * random.below(PROGRAM));
    const vectors = Array.from({ length: 64 }, () => random.wide());
    const nzcv = random.below(16);
    for (const { state, bytes } of this.cores) {
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      words.forEach((word, i) => view.setUint32(start - START + 4 * i, word, true));
      registers.forEach((value, n) => (state.x[n] = value));
      state.x[STACK_POINTER] = BigInt(DATA + 0x2000);
      vectors.forEach((value, n) => (state.v[n] = value));
      state.nzcv = nzcv;
      state.fpcr = 0;
      state.fpsr = 0;
      state.pc = BigInt(start);
    }
    for (let run = 0; run < RUNS; run++) {
      const count = 1 + random.below(MOST_IN_RUN);
      const pc = this.cores[0].state.pc;
      const begun = this.cores.map((core) => core.run(count));
      const difference = begun[0] === begun[1] ? this.difference() : `${begun[1]} instructions, not ${begun[0]}`;
      if (difference !== null) {
        return `${count} from 0x${pc.toString(16)}: ${difference}\n${this.listing(words, start)}`;
      }
      // Returns to the program, after the instruction that faulted.
      for (const { state } of this.cores) {
        const offset = Number(state.pc + 4n) - start;
        const isInside = offset > 0 && offset < 4 * PROGRAM;
        state.pc = BigInt(start + (isInside ? offset - (offset % 4) : 0));
        for (const n of BASES) if (n < 31) state.x[n] = registers[n] as bigint;
        state.x[STACK_POINTER] = BigInt(DATA + 0x2000);
      }
    }
    return null;
  }

  private difference(): string | null {
    const [one, other] = this.cores;
    const differ = (what: string, a: bigint | number, b: bigint | number): string =>
      `${what} 0x${b.toString(16)}, not 0x${a.toString(16)}`;
    if (one.state.pc !== other.state.pc) return differ('pc', one.state.pc, other.state.pc);
    for (let n = 0; n <= STACK_POINTER; n++) {
      const [a, b] = [one.state.x[n] as bigint, other.state.x[n] as bigint];
      if (a !== b) return differ(n === STACK_POINTER ? 'sp' : `x${n}`, a, b);
    }
    for (let n = 0; n < 64; n++) {
      const [a, b] = [one.state.v[n] as bigint, other.state.v[n] as bigint];
      if (a !== b) return differ(`v${n >> 1}.d[${n & 1}]`, a, b);
    }
    for (const flag of ['nzcv', 'fpsr', 'fpcr'] as const) {
      if (one.state[flag] !== other.state[flag]) return differ(flag, one.state[flag], other.state[flag]);
    }
    for (const offset of [LAYOUT.exclusiveAddress, LAYOUT.exclusiveLow, LAYOUT.exclusiveHigh]) {
      const [a, b] = [one.state.wide[offset / 8] as bigint, other.state.wide[offset / 8] as bigint];
      if (a !== b) return differ('monitor', a, b);
    }
    return Buffer.compare(one.bytes, other.bytes) === 0 ? null : 'memory';
  }

  private listing(words: readonly number[], start: number): string {
    const name = (word: number) => instructionDecoder().decode(word, () => true)?.name ?? 'undefined';
    const at = (i: number) => (start + 4 * i).toString(16);
    return words.map((word, i) => `${at(i)}: ${(word >>> 0).toString(16).padStart(8, '0')} ${name(word)}`).join('\n');
  }
}

/** A random word, with operands that meet those of others. */
function instructionFor(random: RandomSource, place: number): number {
  const row = random.oneIn(6) ? random.of(BRANCHES) : random.of(ROWS);
  const { mask, value, fields } = row.pattern;
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    let word = (random.word() & ~mask) | value;
    for (const { name, low, bits } of fields) {
      const set = (to: number) => (word = (word & ~((2 ** bits - 1) << low)) | ((to & (2 ** bits - 1)) << low));
      if (name.startsWith('R') && bits === 5) {
        if (isMemory(word) && name === 'Rn') set(random.of(BASES));
        else if (name === 'Rn' && row.flow !== 'next' && row.flow !== 'conditional') set(LINK);
        else set(random.oneIn(8) ? 31 : random.below(OTHERS));
      }
      // Targets in the program.
      if (row.flow !== 'next' && name.startsWith('imm')) set(random.below(PROGRAM) - place);
    }
    if (instructionDecoder().decode(word, () => true) === row) return word;
  }
  return 0xd503_201f;
}
