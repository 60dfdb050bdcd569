/**
 * The options that make something go wrong on purpose, for every command that boots a machine. What
 * they mean and which values there are: fault-settings.ts.
 */

import type { Command } from 'commander';
import type { AllocationFault } from '#kernel-ts/kernel/mm/faults/memory-faults.ts';
import type { BitFlip, FaultSettings } from '#workbench/machine/fault-settings.ts';
import { InputError } from '#workbench/machine/input-error.ts';
import { parseTime } from './quantities.ts';

/** Values of {@link addFaultOptions} as commander collects them. */
export interface RawFaultOptions {
  readonly failAlloc?: AllocationFault[];
  readonly oomAt?: number;
  readonly poisonFreed?: true;
  readonly flipBit?: BitFlip[];
}

/** Declares them. The same command is returned. */
export function addFaultOptions(command: Command): Command {
  return command
    .option(
      '--fail-alloc <which>',
      'refuse buddy allocations: order=9,nth=3 the third of order 9; order=0,every=100; nth=1 of any order; all; may be repeated',
      (text: string, before: AllocationFault[] | undefined) => [...(before ?? []), parseFailAlloc(text)],
    )
    .option('--oom-at <share>', 'refuse buddy allocations that would bring frames in use above this: 97%', parseShare)
    .option(
      '--poison-freed',
      'fill freed frames and heap blocks, and panic when one was written to before its next use',
    )
    .option(
      '--flip-bit <addr.bit@time>',
      'flip bit 0 to 7 of the byte at a physical address at a simulated time: 0x9f000000.3@5ms; may be repeated',
      (text: string, before: BitFlip[] | undefined) => [...(before ?? []), parseBitFlip(text)],
    );
}

/** The faults that the options ask for; undefined when they ask for none. */
export function faultSettings({ failAlloc, oomAt, poisonFreed, flipBit }: RawFaultOptions): FaultSettings | undefined {
  const faults = { failAlloc, oomAt, poisonFreed, flipBits: flipBit };
  return Object.values(faults).every((value) => value === undefined) ? undefined : faults;
}

/** "order=9,nth=3", "every=100", "all". @throws InputError */
export function parseFailAlloc(text: string): AllocationFault {
  if (text.trim() === 'all') return {};
  const fault: { order?: number; nth?: number; every?: number } = {};
  for (const part of text.split(',')) {
    const match = /^\s*(order|nth|every)\s*=\s*(\d+)\s*$/.exec(part);
    if (match === null) {
      throw new InputError(`--fail-alloc ${text}: write order=9,nth=3 (order, nth and every, each optional), or all`);
    }
    const name = match[1] as 'order' | 'nth' | 'every';
    if (fault[name] !== undefined) throw new InputError(`--fail-alloc ${text}: ${name} stands there twice`);
    fault[name] = Number(match[2]);
  }
  return fault;
}

/** "97%", as a number from 0 to 1. @throws InputError */
export function parseShare(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*%$/.exec(text.trim());
  if (match === null) throw new InputError(`--oom-at ${text}: write a share of the frames, such as 97%`);
  return Number(match[1]) / 100;
}

/** "0x9f000000.3@5ms". @throws InputError */
export function parseBitFlip(text: string): BitFlip {
  const match = /^(0x[0-9a-f_]+|[\d_]+)\.(\d+)@(.+)$/i.exec(text.trim());
  const address = Number((match?.[1] ?? '').replaceAll('_', ''));
  if (match === null || !Number.isSafeInteger(address)) {
    throw new InputError(`--flip-bit ${text}: write ADDRESS.BIT@TIME, such as 0x9f000000.3@5ms`);
  }
  const time = match[3] ?? '';
  return { address, bit: Number(match[2]), atNs: /^0+[a-z]*$/i.test(time) ? 0 : parseTime('--flip-bit', time) };
}
