// SPDX-License-Identifier: GPL-2.0-only
/**
 * Fragmentation on a booted pixel6: 4 GiB taken as 8 KiB blocks, freed in two interleaved groups,
 * then all of it taken as 64 KiB blocks.
 */

import { boot } from './booted.ts';
import { fragment, PlainBuddy } from './buddy-scenarios.ts';
import type { Section } from './section.ts';

const BAR_MS = 300;
const BYTES = 4 * 2 ** 30;
const LARGE_BLOCKS = BYTES / (64 * 1024);
const FRAMES = 2_097_152;

export const fragmentation: Section = {
  name: 'fragmentation',
  run: ({ short, report }) => {
    const { machine, memory } = boot('pixel6');
    const plain = new PlainBuddy(FRAMES);
    const before = memory.buddy.buddyinfo().join();
    const rounds = Array.from({ length: short ? 3 : 7 }, () => ({
      kernel: fragment(memory.buddy, BYTES),
      limit: fragment(plain, BYTES),
    }));
    const section = fragmentation.name;
    report({
      section,
      what: '4 GiB by 8 KiB, freed interleaved, 64 KiB requests',
      unit: 'ms',
      samples: rounds.map(({ kernel }) => kernel.totalMs),
      bar: BAR_MS,
      limit: rounds.map(({ limit }) => limit.totalMs),
    });
    const merged = rounds.every(({ kernel }) => kernel.largeBlocks === LARGE_BLOCKS);
    const restored = memory.buddy.buddyinfo().join() === before && memory.buddy.validate().length === 0;
    report({ section, what: 'every 64 KiB request served, everything merged again', holds: merged && restored });
    machine.close();
  },
};
