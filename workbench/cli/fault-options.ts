// SPDX-License-Identifier: GPL-2.0-only
/**
 * The options that make something go wrong on purpose, for every command that boots a machine.
 * fault-settings.ts explains them and their values.
 */

import type { AllocationFault } from '#kernel-ts/kernel/mm/faults/memory-faults.ts';
import type { BitFlip, FaultSettings } from '#workbench/machine/fault-settings.ts';
import { InputError } from '#workbench/input-error.ts';
import { flag, type OptionValues, repeated, titled, value } from './option-table.ts';
import { parseInstant } from './quantities.ts';

export const FAULT_OPTIONS = titled('Faults on purpose', {
  failAlloc: repeated(
    '<which>',
    'refuse buddy allocations: order=9,nth=3 the third of order 9; order=0,every=100; nth=1 of any order; all',
    parseFailAlloc,
  ),
  oomAt: value('<share>', 'refuse buddy allocations that would bring frames in use above this: 97%', parseShare),
  poisonFreed: flag('fill freed frames and heap blocks, and panic when one was written to before its next use'),
  flipBit: repeated(
    '<addr.bit@time>',
    'flip bit 0 to 7 of the byte at a physical address at a simulated time: 0x9f000000.3@5ms',
    parseBitFlip,
  ),
});

/** The faults that the options ask for; undefined when they ask for none. */
export function faultSettings(options: OptionValues<typeof FAULT_OPTIONS>): FaultSettings | undefined {
  const { failAlloc, oomAt, poisonFreed, flipBit: flipBits } = options;
  const faults = { failAlloc, oomAt, poisonFreed: poisonFreed ? true : undefined, flipBits };
  return Object.values(faults).every((fault) => fault === undefined) ? undefined : faults;
}

/** "order=9,nth=3", "every=100", "all". @throws InputError */
export function parseFailAlloc(option: string, text: string): AllocationFault {
  if (text.trim() === 'all') return {};
  const fault: { order?: number; nth?: number; every?: number } = {};
  for (const part of text.split(',')) {
    const match = /^\s*(order|nth|every)\s*=\s*(\d+)\s*$/.exec(part);
    if (match === null) {
      throw new InputError(`${option} ${text}: write order=9,nth=3 (order, nth and every, each optional), or all`);
    }
    const name = match[1] as 'order' | 'nth' | 'every';
    if (fault[name] !== undefined) throw new InputError(`${option} ${text}: ${name} stands there twice`);
    fault[name] = Number(match[2]);
  }
  return fault;
}

/** "97%", as a number from 0 to 1. @throws InputError */
export function parseShare(option: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*%$/.exec(text.trim());
  if (match === null) throw new InputError(`${option} ${text}: write a share of the frames, such as 97%`);
  return Number(match[1]) / 100;
}

/** "0x9f000000.3@5ms". @throws InputError */
export function parseBitFlip(option: string, text: string): BitFlip {
  const match = /^(0x[0-9a-f_]+|[\d_]+)\.(\d+)@(.+)$/i.exec(text.trim());
  const address = Number((match?.[1] ?? '').replaceAll('_', ''));
  if (match === null || !Number.isSafeInteger(address)) {
    throw new InputError(`${option} ${text}: write ADDRESS.BIT@TIME, such as 0x9f000000.3@5ms`);
  }
  return { address, bit: Number(match[2]), atNs: parseInstant(option, match[3] ?? '') };
}
