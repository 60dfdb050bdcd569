// SPDX-License-Identifier: GPL-2.0-only
/** Finds the first different instruction in a range, and the instructions before it. */

import { describeInstruction } from '#emulator/a64/decode/describe.ts';
import type { MachineCore } from '#emulator/cpu/machine-core.ts';
import { readFixedWord } from '#emulator/machine/fixed-memory.ts';
import type { Machine } from '#emulator/machine/machine.ts';
import type { RunBounds } from '#workbench/machine/levitate-machine.ts';
import { EVERY } from './core-picture.ts';
import type { Difference, Lockstep } from './lockstep.ts';

/** Instructions that are shown before the one that differs. */
const SHOWN = 12;

/** The word that `core` executes next, or null where none can be fetched. */
function nextWord({ memory, fixedMemory }: Machine, core: MachineCore): number | null {
  const found = core.walk(core.engine.getPc());
  if (!found.ok) return null;
  return memory.contains(found.pa, 4) ? memory.read32(found.pa) : readFixedWord(fixedMemory, found.pa);
}

export interface Narrowed {
  /** The instructions before the difference and at it, the last one last. */
  readonly trace: readonly string[];
  readonly difference: Difference;
  /** Number of the instruction since reset. */
  readonly instruction: number;
}

/**
 * A new pair goes to `from` in the same steps, then by single instructions to the first difference,
 * at most to `to`. Null: by single instructions they do not differ.
 */
export function narrow(
  makePair: () => Lockstep,
  every: number,
  [from, to]: readonly [from: number, to: number],
  bounds: RunBounds,
): Narrowed | null {
  const pair = makePair();
  try {
    while (pair.instructions < from) {
      if (pair.advance(Math.min(every, from - pair.instructions), bounds, false) !== null) break;
    }
    const trace: string[] = [];
    while (pair.instructions < to + 1) {
      const { machine } = pair.leader;
      const core = machine.cores.find(({ index }) => index === machine.currentCore) ?? machine.bootCore;
      const word = nextWord(machine, core);
      const pc = core.engine.getPc();
      const what = word === null ? 'not mapped' : `${hexWord(word)}  ${describeInstruction(word, pc)}`;
      trace.push(`core ${core.index}  ${pc.toString(16).padStart(16, '0')}  ${what}`);
      if (trace.length > SHOWN) trace.shift();
      const end = pair.advance(1, bounds);
      if (end === null) continue;
      const { difference, instructions: instruction } = end;
      return difference === null ? null : { trace, difference, instruction };
    }
    return null;
  } finally {
    pair.close();
  }
}

const hexWord = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');

/** A difference as lines: what, then every register of both, those that differ marked. */
export function differenceLines({ what, names, leader, follower }: Difference): string[] {
  const shown = (value: bigint | undefined): string => (value ?? 0n).toString(16).padStart(16, '0');
  const lines = EVERY.slice(0, leader.length).map((name, index) => {
    const mark = names.includes(name) ? ' <<' : '';
    return `  ${name.padEnd(16)} Unicorn ${shown(leader[index])}  own core ${shown(follower[index])}${mark}`;
  });
  const isZero = (index: number): boolean => leader[index] === 0n && follower[index] === 0n;
  return [
    `the own core: ${what}${names.length > 0 ? ` (${names.join(', ')})` : ''}`,
    ...lines.filter((_, i) => !isZero(i)),
  ];
}
