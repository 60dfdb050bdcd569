/** `pt VA`: the walk that the CPU does for an address, level by level. */

import { virtAddr } from '#common/address.ts';
import { describeAttributes } from '#kernel-ts/hal/mmu/descriptor.ts';
import { formatTranslation } from '#kernel-ts/hal/mmu/walk.ts';
import { type Command, parseAddress } from '#kernel-ts/kernel/shell/command.ts';

export const pt: Command = {
  name: 'pt',
  parameters: 'VA',
  summary: 'the walk of a virtual address through the live page tables',
  run: ({ memory, print }, text) => {
    const va = virtAddr(parseAddress(text, 'VA', 1n << 64n));
    const translation = memory.mmu.translate(va);
    for (const line of formatTranslation(translation)) print(line);
    if (translation.ok) print(`attributes: ${describeAttributes(translation.attrs)}`);
  },
};
