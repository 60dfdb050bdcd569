// SPDX-License-Identifier: GPL-2.0-only
/**
 * The cost of an operation at 64 GiB of RAM over that at 1 GiB, on two booted machines, with the
 * same amount of memory in use. The allocator must not do more work on a larger machine.
 *
 * Freeing all of RAM in random order touches 384 MiB of descriptors at 64 GiB, which no host's
 * cache holds. That ratio is the host's in the main: plain arrays grow dearer too. It is measured
 * once, varies from run to run, and has no bar.
 */

import { boot } from './booted.ts';
import { drainAndRefill, type FrameAllocator, mixedNs, PlainBuddy, steadyPairNs } from './buddy-scenarios.ts';
import type { Section } from './section.ts';
import { inTurns } from './statistics.ts';

const BAR = 1.2;
const GIB_FRAMES = 2 ** 18;
const LARGE_GIB = 64;
const SEED = 0x6c65_7669;

export const scale: Section = {
  name: 'scale',
  run: ({ short, report }) => {
    const section = scale.name;
    const small = boot('qemu-virt', { memoryBytes: 2 ** 30 });
    const large = boot('qemu-virt', { memoryBytes: LARGE_GIB * 2 ** 30 });
    const kernel = { small: small.memory.buddy, large: large.memory.buddy };
    const plain = { small: new PlainBuddy(GIB_FRAMES), large: new PlainBuddy(LARGE_GIB * GIB_FRAMES) };
    const count = short ? 200_000 : 500_000;
    for (const { what, cost } of [
      { what: 'order 0, alloc + free', cost: (it: FrameAllocator) => steadyPairNs(it, 0, count) },
      { what: 'order 9, alloc + free', cost: (it: FrameAllocator) => steadyPairNs(it, 9, count) },
      { what: 'random orders and lifetimes', cost: (it: FrameAllocator) => mixedNs(it, SEED, count) },
    ]) {
      const rounds = short ? 7 : 21;
      report({
        section,
        what: `${what}, 64 GiB over 1 GiB`,
        unit: 'x',
        samples: ratios(rounds, kernel, cost),
        bar: BAR,
        limit: ratios(rounds, plain, cost),
      });
    }
    if (!short) {
      const cost = (it: FrameAllocator) => drainAndRefill(it, SEED).freeNs;
      const what = 'all of RAM freed in random order, 64 GiB over 1 GiB';
      const samples = [cost(kernel.large) / cost(kernel.small)];
      report({ section, what, unit: 'x', samples, bar: null, limit: [cost(plain.large) / cost(plain.small)] });
    }
    small.machine.close();
    large.machine.close();
  },
};

interface Pair {
  readonly small: FrameAllocator;
  readonly large: FrameAllocator;
}

/** Cost on `large` over that on `small`, measured in turns. */
function ratios(rounds: number, { small, large }: Pair, cost: (allocator: FrameAllocator) => number): number[] {
  const [ofSmall = [], ofLarge = []] = inTurns(rounds, 2, [() => cost(small), () => cost(large)]);
  return ofLarge.map((value, round) => value / (ofSmall[round] ?? Number.NaN));
}
