// SPDX-License-Identifier: GPL-2.0-only
/**
 * A second mem_map and buddy in the emulated RAM of a booted machine, for a machine on which
 * nothing is reserved: every frame of the banks is theirs to hand out. They go through the same
 * translation as the kernel's own; only the frames behind the descriptors are never touched.
 *
 *     booted machine's RAM:  … | static data | mem_map of the banks | …        both from the booted kernel's buddy
 */

import { PAGE_SIZE, physAddr } from '#common/address.ts';
import { rangeOf } from '#common/range.ts';
import type { MemoryBank } from '#emulator/memory/physical-memory.ts';
import { BssArena } from '#kernel-ts/kernel/mm/bss.ts';
import { Buddy } from '#kernel-ts/kernel/mm/buddy.ts';
import { physToVirt } from '#kernel-ts/kernel/mm/direct-map.ts';
import { MemMap, planMemMap } from '#kernel-ts/kernel/mm/mem-map.ts';
import type { Booted } from './booted.ts';

const STATIC_BYTES = 8 * PAGE_SIZE;

/** @throws Error when the machine has no room for it */
export function buddyOfWholeRam({ machine, memory }: Booted, banks: readonly MemoryBank[]): Buddy {
  const plan = planMemMap(banks.map(rangeOf));
  const base = memory.buddy.allocExact(plan.bytes);
  const statics = memory.buddy.allocExact(STATIC_BYTES);
  if (base === null || statics === null) throw new Error(`no room for a mem_map of ${plan.bytes} bytes`);
  const port = machine.cpu.virtualMemory;
  port.fill(physToVirt(statics), STATIC_BYTES, 0);
  const map = new MemMap(port, { ...plan, base, holes: [] });
  map.initialise();
  const buddy = new Buddy(port, new BssArena(physToVirt(statics), STATIC_BYTES), map);
  for (const { base, size } of banks) buddy.addRange(physAddr(base), physAddr(base + size));
  return buddy;
}
