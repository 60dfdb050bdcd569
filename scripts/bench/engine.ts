// SPDX-License-Identifier: GPL-2.0-only
/**
 * Costs of the engine around the guest's instructions, on a booted qemu-virt. Small programs
 * replace the kernel's idle loop and a vector, at EL1 with the kernel's own tables. There are no
 * bars: these are the numbers that a design decision needs.
 */

import { performance } from 'node:perf_hooks';
import type { Machine } from '#emulator/machine/machine.ts';
import { boot } from './booted.ts';
import type { Section } from './section.ts';
import { inTurns } from './statistics.ts';

/** A gate of no kernel. */
const BENCH_GATE = 0x0be1;
/** Offset in the kernel's text, after its code and before its vectors at 0x800. */
const FREE_TEXT = 0x400;
/** The vector of a synchronous exception taken at EL1 from EL1 (Arm ARM DDI 0487 K.a, D1.3.1.5). */
const SYNCHRONOUS_EL1_OFFSET = 0x200;

// Instructions (Arm ARM DDI 0487 K.a, C6.2).
const NOP = 0xd503_201f;
const SVC_0 = 0xd400_0001;
const ERET = 0xd69f_03e0;
const HLT = (immediate: number): number => 0xd440_0000 + (immediate << 5);
/** B to `words` instructions before this one. */
const B_BACK = (words: number): number => 0x1400_0000 + ((2 ** 26 - words) % 2 ** 26);

export const engine: Section = {
  name: 'engine',
  run: ({ short, report }) => {
    const booted = boot('qemu-virt');
    const { machine } = booted.machine;
    const core = machine.bootCore;
    const { image } = booted.machine.kernel;
    machine.setGates({ owns: (immediate) => immediate === BENCH_GATE, enter: () => {} });
    // Space between the kernel's code and its vectors: no core has executed it yet, so the engine
    // has no translation of it.
    const write = (offset: number, words: readonly number[]): void => {
      for (const [index, word] of words.entries()) {
        machine.memory.write32(image.physicalBase + offset + 4 * index, word);
      }
    };
    const start = (offset: number, words: readonly number[]): void => {
      write(offset, words);
      core.engine.setPc(image.virtual('vectors') - BigInt(image.symbols.vectors - offset));
    };
    write(image.symbols.vectors + SYNCHRONOUS_EL1_OFFSET, [ERET]);

    const section = engine.name;
    const rounds = short ? 5 : 11;
    const effort = short ? 1 : 5;
    const measure = (what: string, unit: 'us' | 'ns' | 'MIPS', sample: () => number): void => {
      const [samples = []] = inTurns(rounds, 1, [sample]);
      report({ section, what, unit, samples, bar: null, limit: null });
    };

    start(FREE_TEXT, [NOP, NOP, NOP, NOP, NOP, NOP, NOP, B_BACK(7)]);
    measure('straight code', 'MIPS', () => {
      const count = 4_000_000 * effort;
      return (count / execute(machine, count).elapsedNs) * 1e3;
    });
    const slices = 2_000 * effort;
    measure('one slice of 1,000 instructions', 'us', () => {
      const begin = performance.now();
      for (let i = 0; i < slices; i++) core.run(1000);
      return ((performance.now() - begin) * 1e3) / slices;
    });
    start(FREE_TEXT + 0x100, [HLT(BENCH_GATE), B_BACK(1)]);
    measure('gate: out of the core, into TypeScript and back', 'us', () => {
      const { elapsedNs, gates } = execute(machine, 4_000 * effort);
      return elapsedNs / 1e3 / gates;
    });
    start(FREE_TEXT + 0x200, [SVC_0, B_BACK(1)]);
    measure('exception: SVC to the vector, ERET', 'us', () => {
      const instructions = 6_000 * effort;
      return execute(machine, instructions).elapsedNs / 1e3 / (instructions / 3);
    });
    booted.machine.close();
  },
};

/**
 * Executes `count` instructions on the boot core alone, through gates. Host time.
 * @throws Error when the core does something else
 */
function execute({ bootCore: core, clock }: Machine, count: number): { elapsedNs: number; gates: number } {
  const end = clock.instructions + count;
  let gates = 0;
  const begin = performance.now();
  while (clock.instructions < end) {
    const stop = core.run(end - clock.instructions);
    if (stop.kind === 'gate') gates++;
    // The measured code executes SVC again and again.
    const goesOn = ['gate', 'count', 'recurring'].includes(stop.kind);
    if (!goesOn) throw new Error(`the core stopped: ${JSON.stringify(stop)}`);
  }
  return { elapsedNs: (performance.now() - begin) * 1e6, gates };
}
