// SPDX-License-Identifier: GPL-2.0-only
/** The questions: a name, what follows it on the command line, and who answers. */

import { hex } from '#common/address.ts';
import { InputError } from '#workbench/input-error.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import { explainBuddy, showBuddy } from './buddy.ts';
import { explainFrame } from './frame.ts';
import { explainMemMap, showMemMap } from './mem-map.ts';
import { explainMemory } from './memory.ts';
import { renderAddress, renderFrame, renderMemory, renderTables } from './render.ts';
import type { TerminalStyle } from '#workbench/cli/terminal-style.ts';
import { explainTables } from './tables.ts';
import type { Unknown } from './kernel-memory.ts';
import { explainAddress } from './virtual-address.ts';

/** The answer of a machine to a question at one moment. */
export interface Answer {
  /** False when this machine cannot tell; the text says why. */
  readonly known: boolean;
  /** Plain data: addresses are numbers and bigints. */
  readonly data: unknown;
  /** For people. */
  lines(style: TerminalStyle): string[];
}

/** A question that is ready to be asked, as often as one likes. */
export interface Question {
  /** As on the command line: "frame 0x9f000000". */
  readonly text: string;
  /**
   * It is about what the modelled kernel keeps in memory: no other guest can be asked, however far
   * it is.
   */
  readonly ofKernel: boolean;
  ask(machine: LevitateMachine): Answer;
}

interface QuestionKind {
  readonly name: string;
  /** Placeholder of its argument; null when it takes none. */
  readonly argument: string | null;
  readonly meaning: string;
  readonly ofKernel?: true;
  readonly ask: (machine: LevitateMachine, argument: bigint) => Answer;
}

/** Physical addresses of the architecture without LPA: bits. */
const PHYSICAL_LIMIT = 2n ** 48n;
const VIRTUAL_LIMIT = 2n ** 64n;

/** Every question. */
export const QUESTION_KINDS: readonly QuestionKind[] = [
  {
    name: 'frame',
    argument: 'PA',
    meaning: 'a page of physical memory: bank, owner, struct Page, block, history, where it is mapped',
    ask: (machine, pa) => known(explainFrame(machine, Number(pa)), renderFrame),
  },
  {
    name: 'va',
    argument: 'ADDRESS',
    meaning: 'a virtual address: the walk level by level, the result or the fault, aliases',
    ask: (machine, va) => known(explainAddress(machine, va), renderAddress),
  },
  {
    name: 'mem_map',
    argument: null,
    meaning: 'where the array of struct Page could go: each hole, taken or why not',
    ofKernel: true,
    ask: (machine) => orUnknown(explainMemMap(machine), (data) => showMemMap(machine, data)),
  },
  {
    name: 'memory',
    argument: null,
    meaning: 'the physical map: banks, holes, who has what, what is touched',
    ask: (machine) => known(explainMemory(machine), renderMemory),
  },
  {
    name: 'buddy',
    argument: null,
    meaning: 'free blocks by order, the largest one, how broken up free memory is',
    ofKernel: true,
    ask: (machine) => orUnknown(explainBuddy(machine), showBuddy),
  },
  {
    name: 'tables',
    argument: null,
    meaning: 'what the page tables map, in ranges; writable and executable; mapped twice',
    ask: (machine) => known(explainTables(machine), renderTables),
  },
];

/**
 * The question that `words` ask.
 * @throws InputError when there is no such question, or its address is missing or none
 */
export function parseQuestion(words: readonly string[]): Question {
  const names = QUESTION_KINDS.map(({ name, argument }) => (argument === null ? name : `${name} ${argument}`));
  const choice = `questions: ${names.join(', ')} (--help explains)`;
  const [name, ...rest] = words;
  if (name === undefined) throw new InputError(`what is to be explained? ${choice}`);
  const kind = QUESTION_KINDS.find((candidate) => candidate.name === name);
  if (kind === undefined) throw new InputError(`${name}: there is no such question; ${choice}`);
  const { argument, ofKernel = false } = kind;
  if (argument === null) {
    if (rest.length > 0) throw new InputError(`${name}: nothing follows it, but here is "${rest.join(' ')}"`);
    return { text: name, ofKernel, ask: (machine) => kind.ask(machine, 0n) };
  }
  const [word, ...more] = rest;
  if (word === undefined) throw new InputError(`${name}: an address is missing: ${name} 0x9f000000`);
  if (more.length > 0) throw new InputError(`${name}: one address is wanted, but here is "${rest.join(' ')}"`);
  const address = parseAddress(name, word, argument === 'PA' ? PHYSICAL_LIMIT : VIRTUAL_LIMIT);
  return { text: `${name} ${hex(address)}`, ofKernel, ask: (machine) => kind.ask(machine, address) };
}

/**
 * An address as people write it: 0x, underscores between digits. Digits alone are refused: they are
 * hexadecimal to one reader and decimal to the next.
 * @throws InputError
 */
function parseAddress(name: string, word: string, limit: bigint): bigint {
  const digits = word.replaceAll('_', '');
  if (/^0*[1-9]\d*$/.test(digits)) {
    throw new InputError(`${name} ${word}: write 0x${digits}, or ${hex(BigInt(digits))} if it is decimal`);
  }
  if (!/^(0x[0-9a-f]+|0)$/i.test(digits)) {
    const hint = /^[0-9a-f]+$/i.test(digits) ? `; did you mean 0x${word}?` : '; write 0x9f000000';
    throw new InputError(`${name} ${word}: not an address${hint}`);
  }
  const address = BigInt(digits);
  if (address >= limit) {
    const bits = limit.toString(2).length - 1;
    const hint = bits === 48 && address < VIRTUAL_LIMIT ? `; "va ${word}" explains a virtual address` : '';
    throw new InputError(`${name} ${word}: the address has more than ${bits} bits${hint}`);
  }
  return address;
}

function known<T>(data: T, lines: (data: T, style: TerminalStyle) => string[]): Answer {
  return { known: true, data, lines: (style) => lines(data, style) };
}

function orUnknown<T extends { readonly known: true }>(
  data: T | Unknown,
  lines: (data: T, style: TerminalStyle) => string[],
): Answer {
  return data.known ? known(data, lines) : { known: false, data, lines: () => [`not known: ${data.reason}`] };
}
