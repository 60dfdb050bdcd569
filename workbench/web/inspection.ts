// SPDX-License-Identifier: GPL-2.0-only
/**
 * Questions to a live machine that stands still: its registers, the code at PC, and every question
 * of `npm run explain`. Looking changes nothing.
 */

import { readCoreRegister } from '#emulator/debug/core-registers.ts';
import { DebugMemory } from '#emulator/debug/debug-memory.ts';
import { parseQuestion } from '#workbench/explain/questions.ts';
import { instructionAt } from '#workbench/machine/instruction-at.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';

/** Characters of a line in a panel. */
const STYLE = { colour: false, width: 76 } as const;
/** Instructions shown before and after the one at PC. */
const BEFORE = 6;
const AFTER = 12;

const SYSTEM = [
  ['SCTLR_EL1', 'TCR_EL1'],
  ['TTBR0_EL1', 'TTBR1_EL1'],
  ['MAIR_EL1', 'VBAR_EL1'],
  ['ESR_EL1', 'FAR_EL1'],
  ['ELR_EL1', 'SPSR_EL1'],
  ['SP_EL0', 'SP_EL1'],
] as const;

/** The answer to `question` in lines. @throws InputError for what is no question */
export function inspect(machine: LevitateMachine, question: string): string[] {
  const words = question.trim().split(/\s+/);
  if (words.length === 1 && words[0] === 'registers') return registers(machine);
  if (words.length === 1 && words[0] === 'code') return code(machine);
  return machine.machine.clock.withoutCharge(() => parseQuestion(words).ask(machine).lines(STYLE));
}

function registers({ cpu }: LevitateMachine): string[] {
  const value = (name: string): string => {
    const found = readCoreRegister(cpu, name);
    return `${name.padStart(9)} ${found === null ? '-'.padStart(16) : found.toString(16).padStart(16, '0')}`;
  };
  const rows = Array.from({ length: 15 }, (_, row) => `${value(`x${row}`)} ${value(`x${row + 15}`)}`);
  const pstate = cpu.engine.getPstate();
  const letters = (names: string, high: number): string =>
    names.replace(/./g, (name, index: number) => ((pstate >>> (high - index)) & 1 ? name : name.toLowerCase()));
  return [
    ...rows,
    `${value('x30')} ${value('sp')}`,
    `${value('pc')}   EL${cpu.level} ${letters('NZCV', 31)} ${letters('DAIF', 9)}`,
    '',
    ...SYSTEM.map(([left, right]) => `${value(left)} ${value(right)}`),
  ];
}

function code({ machine, cpu }: LevitateMachine): string[] {
  const memory = new DebugMemory(machine);
  const pc = cpu.engine.getPc();
  return Array.from({ length: BEFORE + 1 + AFTER }, (_, index) => {
    const address = BigInt.asUintN(64, pc + BigInt(4 * (index - BEFORE)));
    const mark = address === pc ? '▶' : ' ';
    const found = instructionAt(memory, cpu, address);
    const what = found === null ? 'not mapped' : `${found.word}  ${found.text}`;
    return `${mark} ${address.toString(16).padStart(16, '0')}  ${what}`;
  });
}
