// SPDX-License-Identifier: GPL-2.0-only
/**
 * Every instruction of the own core against Unicorn: random operands at EL1 and EL0, registers,
 * flags, memory and exceptions, 100,000 words, of which a tenth is translated. `npm run fuzz --
 * --compare` tries more.
 */

import { expect } from 'vitest';
import { COMPARED, compareRows, InstructionComparison } from '#scripts/fuzz/instruction-comparison.ts';
import { engineLibrary } from './support/guest-machine.ts';
import { HANG_GUARD_MS } from './support/hang-guard.ts';
import { it } from './support/on-unicorn.ts';

it.each([
  ['interpreted', 90_000, false],
  ['translated', 10_000, true],
] as const)(
  'leaves the same registers, flags, memory and exceptions behind, in every row of the decode tables, %s',
  (_how, wanted, translated) => {
    const comparison = new InstructionComparison(engineLibrary(), translated);
    const { words, differences, counts } = compareRows(comparison, 1, wanted);
    comparison.close();
    expect(differences).toEqual([]);
    expect(words).toBeGreaterThan(0.9 * wanted);
    // Rows that Unicorn's Cortex-A72 does not have.
    const untried = [...counts.values()].filter((count) => count === 0);
    expect(untried.length).toBeLessThan(COMPARED.length / 4);
  },
  2 * HANG_GUARD_MS,
);
