// SPDX-License-Identifier: GPL-2.0-only
/** Translated code of the own core does what its interpreter does. */

import { expect, it } from 'vitest';
import { a64Cores } from '#emulator/a64/core.ts';
import { ProgramComparison } from './support/program-comparison.ts';
import { randomSource } from '#scripts/fuzz/random.ts';
import { bootGuest } from './support/guest-machine.ts';

it('runs random programs as they are interpreted, wherever runs end', () => {
  const comparison = new ProgramComparison();
  const random = randomSource(1);
  for (let program = 0; program < 25; program++) expect(comparison.try(random)).toBeNull();
  expect(comparison.translated).toBeGreaterThan(1000);
});

/**
 * A loop that changes its own next instruction, and one that writes a function of two instructions,
 * with another constant each time, and calls it:
 *
 *     loop: adr x1, patch; ldr w2, [x1]; eor w2, w2, #0x400; str w2, [x1]
 *     patch: add x3, x3, #1; subs x0, x0, #1; b.ne loop
 *
 *     copy: ldr x7, [x5]; mov x8, x0; lsl w8, w8, #10; orr x7, x7, x8; str x7, [x6]
 *     blr x6; subs x0, x0, #1; b.ne copy; wfi
 *     body: add x4, x4, #0; ret
 *     place: on the next page
 */
const CHANGING = [
  0xd2801900, 0x10000081, 0xb9400022, 0x52160042, 0xb9000022, 0x91000463, 0xf1000400, 0x54ffff41, 0x10000185,
  0xd2800c80, 0x10007ec6, 0xf94000a7, 0x91000008, 0x53165508, 0xaa0800e7, 0xf90000c7, 0xd63f00c0, 0xf1000400,
  0x54ffff21, 0xd503207f, 0x91000084, 0xd65f03c0,
];

it.each([0, 1, 5, Infinity])(
  'runs code that changes as it is at each moment, translated after %d times',
  (hotAfter) => {
    const image = new Uint8Array(0x1008);
    image.set(new Uint8Array(Uint32Array.from(CHANGING).buffer));
    const guest = bootGuest(image, { cores: a64Cores({ hotAfter }) });
    expect(guest.run()).toEqual({ kind: 'idle' });
    const { machine } = guest;
    const { engine } = machine.bootCore;
    // The constant is 1 and 0 in turn, after the first change.
    expect([engine.getX(3), engine.getX(4)]).toEqual([100n, 5050n]);
    expect(machine.clock.instructions).toBe(1 + 200 * 7 + 3 + 100 * 10 + 1);
    machine.close();
  },
);
