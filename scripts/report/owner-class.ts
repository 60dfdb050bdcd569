/** Which group, and so which colour, an owner's name belongs to. Names are the kernel's: its boot log and its allocator's trace use them. */

import type { OwnerClass } from './page-data.ts';

/** First match decides. */
const CLASS_OF_NAME: readonly (readonly [RegExp, OwnerClass])[] = [
  [/^mem_?map|zone|memblock/i, 'mem_map'],
  [/heap/i, 'heap'],
  [/page table|^tables?$|PT_POOL/i, 'tables'],
  [/slab/i, 'slab'],
  [/user|process|pid|stack/i, 'user'],
  [/device tree|initr/i, 'boot data'],
  [/^kernel/, 'kernel'],
];

/** @param reservedBy what a reservation was made for: firmware keeps what is no-map */
export function classOfOwner(name: string, reservedBy: 'firmware' | 'kernel'): OwnerClass {
  if (reservedBy === 'firmware') return 'firmware';
  return CLASS_OF_NAME.find(([pattern]) => pattern.test(name))?.[1] ?? 'other';
}
