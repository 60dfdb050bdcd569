// SPDX-License-Identifier: GPL-2.0-only
/**
 * The buddy allocator of a booted pixel6, over emulated RAM through the live translation, beside
 * the same algorithm on plain arrays. All times are host nanoseconds; a pair is one alloc and its
 * free.
 */

import { PAGE_SIZE, physAddr } from '#common/address.ts';
import { showCount } from '#common/quantities.ts';
import { rangeOf } from '#common/range.ts';
import type { MemoryBank } from '#emulator/memory/physical-memory.ts';
import { BssArena } from '#kernel-ts/kernel/mm/bss.ts';
import { Buddy } from '#kernel-ts/kernel/mm/buddy.ts';
import { physToVirt } from '#kernel-ts/kernel/direct-map.ts';
import { MemMap, planMemMap } from '#kernel-ts/kernel/mm/mem-map.ts';
import { boot, type Booted } from './booted.ts';
import { drainAndRefill, mixedNs, PlainBuddy, steadyPairNs, worstPairNs } from './buddy-scenarios.ts';
import type { BenchRun, Section } from './section.ts';
import { inTurns } from './statistics.ts';

const PAIR_BAR_NS = 60;
const FRAMES = 2_097_152;
const SEED = 0x6c65_7669;

export const buddy: Section = {
  name: 'buddy',
  run: (run) => {
    const booted = boot('pixel6');
    pairs(run, booted.memory.buddy);
    drain(run, buddyOfWholeRam(booted, booted.machine.memory.banks));
    booted.machine.close();
  },
};

function pairs({ short, report }: BenchRun, kernel: Parameters<typeof steadyPairNs>[0]): void {
  const plain = new PlainBuddy(FRAMES);
  const count = short ? 200_000 : 1_000_000;
  const before = kernel.buddyinfo().join();
  const rows = [
    { what: 'order 0, alloc + free', bar: PAIR_BAR_NS, scenario: steadyPairNs, argument: 0, count },
    { what: 'order 9, alloc + free', bar: PAIR_BAR_NS, scenario: steadyPairNs, argument: 9, count },
    {
      what: 'order 0, alloc + free, 20 splits and merges',
      bar: null,
      scenario: worstPairNs,
      argument: 0,
      count: count / 10,
    },
    { what: 'random orders and lifetimes, one operation', bar: null, scenario: mixedNs, argument: SEED, count },
  ];
  for (const { what, bar, scenario, argument, count } of rows) {
    const [samples = [], limit = []] = inTurns(short ? 5 : 15, 2, [
      () => scenario(kernel, argument, count),
      () => scenario(plain, argument, count),
    ]);
    report({ section: buddy.name, what, unit: 'ns', samples, bar, limit });
  }
  report({ section: buddy.name, what: 'as the boot left it afterwards', holds: kernel.buddyinfo().join() === before });
}

function drain({ short, report }: BenchRun, whole: Buddy): void {
  const section = buddy.name;
  const plain = new PlainBuddy(FRAMES);
  const rounds = Array.from({ length: short ? 1 : 3 }, () => ({
    kernel: drainAndRefill(whole, SEED),
    limit: drainAndRefill(plain, SEED),
  }));
  const frames = showCount(FRAMES);
  const row = (what: string, pick: 'allocNs' | 'freeNs') =>
    report({
      section,
      what,
      unit: 'ns',
      samples: rounds.map(({ kernel }) => kernel[pick]),
      bar: null,
      limit: rounds.map(({ limit }) => limit[pick]),
    });
  row(`${frames} frames out, each`, 'allocNs');
  row('back in random order, each', 'freeNs');
  const restored = rounds.every(({ kernel }) => kernel.restored && kernel.frames === FRAMES);
  report({
    section,
    what: 'the same top-order blocks as before, and valid',
    holds: restored && whole.validate().length === 0,
  });
}

const STATIC_BYTES = 8 * PAGE_SIZE;

/**
 * A second mem_map and buddy in the emulated RAM of a booted machine, both from the booted kernel's
 * buddy: every frame of the banks is theirs to hand out. They go through the same translation as
 * the kernel's own; only the frames that the descriptors stand for are never touched.
 * @throws Error when the machine has no room for it
 */
function buddyOfWholeRam({ machine, memory }: Booted, banks: readonly MemoryBank[]): Buddy {
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
