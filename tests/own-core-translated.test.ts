// SPDX-License-Identifier: GPL-2.0-only
/** Translated code of the own core gives the same results as its interpreter. */

import { expect, it } from 'vitest';
import { virtAddr } from '#common/address.ts';
import { a64Cores } from '#emulator/a64/cores.ts';
import type { A64Core } from '#emulator/a64/core.ts';
import { CORTEX_A72 } from '#emulator/a64/core-types.ts';
import { DebugMemory } from '#emulator/debug/debug-memory.ts';
import type { Machine } from '#emulator/machine/machine.ts';
import { ProgramComparison } from './support/program-comparison.ts';
import { randomSource } from '#scripts/fuzz/random.ts';
import { noUnicorn } from './support/engines.ts';
import { bootGuest, type Guest, type GuestOptions } from './support/guest-machine.ts';

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

/** mov x0, #20; loop: add x3, x3, #1; subs x0, x0, #1; b.ne loop; wfi */
const SHORT_LOOP = [0xd2800280, 0x91000463, 0xf1000400, 0x54ffffc1, 0xd503207f];

it('ends a loop of one block after any number of instructions', () => {
  const image = new Uint8Array(Uint32Array.from(SHORT_LOOP).buffer);
  for (let count = 2; count < 15; count++) {
    const guest = bootGuest(image, { cores: a64Cores({ hotAfter: 0 }) });
    guest.run({ maxInstructions: count });
    const { engine } = guest.machine.bootCore;
    const inLoop = count - 1;
    expect([engine.getX(3), engine.getX(0), engine.getPc()]).toEqual([
      BigInt(Math.floor((inLoop + 2) / 3)),
      BigInt(20 - Math.floor((inLoop + 1) / 3)),
      BigInt(guest.base + 4 + 4 * (inLoop % 3)),
    ]);
    guest.machine.close();
  }
});

/** loop: add x3, x3, #1; b loop */
const COUNTING = [0x91000463, 0x17ffffff];
/** add x3, x3, #2 */
const BY_TWO = 0x91000863;
const TURNS = 20;

/** Writers of code that the core does not see, with the place of the code. */
const WRITERS = {
  'TypeScript code': ({ machine }, at) => machine.memory.write32(at, BY_TWO),
  'a debugger, in RAM': ({ machine }, at) => debugWrite(machine, at),
  'a debugger, in flash': ({ machine }, at) => debugWrite(machine, at),
  'a window of the modelled kernel': ({ machine }, at) =>
    machine.bootCore.virtualMemory.window(virtAddr(BigInt(at)), 4).set32(0, BY_TWO),
  'a restored state': ({ machine }, at) => {
    const core = machine.bootCore as A64Core;
    const state = core.saveState();
    machine.memory.touch(at)?.view.setUint32(at % machine.memory.chunkBytes, BY_TWO, true);
    core.restoreState(state);
  },
} as const satisfies Readonly<Record<string, (guest: Guest, at: number) => void>>;
const debugWrite = (machine: Machine, at: number) =>
  new DebugMemory(machine).writePhysical(at, new Uint8Array(Uint32Array.of(BY_TWO).buffer));

it.each(Object.entries(WRITERS))('runs code that %s changes between slices', (name, write) => {
  const image = new Uint8Array(Uint32Array.from(COUNTING).buffer);
  for (const hotAfter of [0, 5, Infinity]) {
    const guest = bootGuest(image, { cores: a64Cores({ hotAfter }) });
    const { machine } = guest;
    const { engine } = machine.bootCore;
    const place = name.endsWith('flash') ? 0x1000 : guest.base;
    new DebugMemory(machine).writePhysical(place, image);
    engine.setPc(BigInt(place));
    guest.run({ maxInstructions: 2 * TURNS });
    write(guest, place);
    guest.run({ maxInstructions: 4 * TURNS });
    expect(engine.getX(3)).toBe(BigInt(TURNS + 2 * TURNS));
    machine.close();
  }
});

/** loop: blr x5; b loop; function: add x3, x3, #1; ret */
const CALLING = [0xd63f00a0, 0x17ffffff, 0x91000463, 0xd65f03c0];

it('runs code beside changed code of the same page', () => {
  const image = new Uint8Array(Uint32Array.from(CALLING).buffer);
  for (const hotAfter of [0, 5, Infinity]) {
    const guest = bootGuest(image, { cores: a64Cores({ hotAfter }) });
    const { machine, base } = guest;
    const { engine } = machine.bootCore;
    engine.setX(5, BigInt(base + 8));
    guest.run({ maxInstructions: 4 * TURNS });
    // The loop is compared first and found unchanged. The function then loses all translations.
    machine.memory.write32(base + 8, BY_TWO);
    guest.run({ maxInstructions: 8 * TURNS });
    expect(engine.getX(3)).toBe(BigInt(TURNS + 2 * TURNS));
    machine.close();
  }
});

/**
 * A loop that stores to the UART, which changes the instruction that is branched to then:
 *
 *     mov x1, #0x9000000; mov x0, #100
 *     loop: strb w0, [x1]; b next; next: add x3, x3, #1; subs x0, x0, #1; b.ne loop; wfi
 */
const CHANGED_BY_A_DEVICE = [
  0xd2a12001, 0xd2800c80, 0x39000020, 0x14000001, 0x91000463, 0xf1000400, 0x54ffff81, 0xd503207f,
];

it.each([0, 1, 5, Infinity])(
  'runs code that a device changes during an access, translated after %d times',
  (hotAfter) => {
    const image = new Uint8Array(Uint32Array.from(CHANGED_BY_A_DEVICE).buffer);
    const guest = bootGuest(image, { cores: a64Cores({ hotAfter }) });
    const { machine, base } = guest;
    const { bus } = machine;
    const write = bus.write.bind(bus);
    bus.write = (address, width, value) => {
      write(address, width, value);
      // add x3, x3, #value
      if (address === 0x900_0000) machine.memory.write32(base + 16, 0x9100_0063 | (value << 10));
    };
    expect(guest.run()).toEqual({ kind: 'idle' });
    expect(machine.bootCore.engine.getX(3)).toBe(5050n);
    machine.close();
  },
);

/**
 * A kernel's system instructions, fifty times, at EL1 and at EL0, where some are trapped; the
 * vector goes on after the instruction that was:
 *
 *     msr and mrs of SP_EL0, TPIDR_EL0, TPIDRRO_EL0, TPIDR_EL1, ESR_EL1, FAR_EL1, DAIF, SPSR_EL1, ELR_EL1;
 *     msr daifclr, daifset; isb; mrs CTR_EL0; eret
 *     EL0: mrs, msr TPIDR_EL0; mrs DAIF; msr TPIDRRO_EL0; mrs SP_EL0, ELR_EL1, TPIDRRO_EL0; msr daifset; svc
 */
const SYSTEM_PROGRAM = [
  0xd2808020, 0xd51e1100, 0xd2800020, 0xd3618000, 0xd51c1100, 0xd28078a0, 0xd51e4000, 0x10000060, 0xd51e4020,
  0xd69f03e0, 0x10003ec0, 0xd518c000, 0xd2800654, 0xd503201f, 0xd5184114, 0xd5384101, 0x8b010042, 0xd51bd042,
  0xd53bd043, 0xd51bd063, 0xd53bd063, 0x8b030042, 0xd518d082, 0xd538d083, 0xcac21c62, 0xd5185214, 0xd5385203,
  0xd5186002, 0xd5386004, 0xcac42462, 0xd5034fff, 0xd53b4223, 0xd50345df, 0xd53b4224, 0xd51b4222, 0xd53b4225,
  0xd5033fdf, 0x8b030042, 0x8b040042, 0xcac22ca2, 0xd53b0023, 0x8b030042, 0xd2803806, 0xd5184006, 0xd5384007,
  0x100000a8, 0xd5184028, 0xd5384029, 0x8b070042, 0xd69f03e0, 0xd53bd043, 0xd51bd054, 0xd53bd044, 0x8b040042,
  0xd53b4223, 0xd51bd063, 0xd5384103, 0xd5384023, 0xd53bd064, 0xd50341df, 0xd4000001, 0xf1000694, 0x54fffa01,
  0xd503207f,
];
/** At VBAR_EL1 + 0x400. */
const VECTOR = [
  0xd538520a, 0xd35afd4b, 0xcac23542, 0xf100557f, 0x540000a0, 0xd538402b, 0x9100116b, 0xd518402b, 0xd69f03e0,
  0x10ffa68b, 0xd61f0160,
];

it.skipIf(noUnicorn !== null)('does system instructions as Unicorn does, interpreted and translated', () => {
  const image = new Uint8Array(0x1000);
  image.set(new Uint8Array(Uint32Array.from(SYSTEM_PROGRAM).buffer));
  image.set(new Uint8Array(Uint32Array.from(VECTOR).buffer), 0xc00);
  const outcome = (options: GuestOptions) => {
    const guest = bootGuest(image, options);
    const stop = guest.run();
    const { engine } = guest.machine.bootCore;
    const registers = Array.from({ length: 31 }, (_, index) => engine.getX(index));
    const { instructions } = guest.machine.clock;
    guest.machine.close();
    return { stop, registers, instructions };
  };
  const expected = outcome({ engine: 'unicorn' });
  expect(expected.stop).toEqual({ kind: 'idle' });
  for (const hotAfter of [0, 3, Infinity]) {
    expect(outcome({ cores: a64Cores({ hotAfter, type: CORTEX_A72 }) })).toEqual(expected);
  }
});
