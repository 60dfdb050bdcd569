/**
 * Which group, and so which colour, an owner's name belongs to. Names are the kernel's: its boot
 * log and its allocator's trace use them.
 */

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

/** On whose behalf somebody has frames: a no-map reservation, another one, or an allocation. */
export type Claim = 'no-map' | 'reservation' | 'allocation';

/** The group of an owner called `name`. Firmware keeps what is no-map, whatever it is called. */
export function classOfOwner(name: string, claim: Claim): OwnerClass {
  if (claim === 'no-map') return 'firmware';
  const named = CLASS_OF_NAME.find(([pattern]) => pattern.test(name))?.[1];
  return named ?? (claim === 'reservation' ? 'reserved' : 'other');
}
