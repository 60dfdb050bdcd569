// SPDX-License-Identifier: GPL-2.0-only
/**
 * Time and state are exact: a guest that does a bit of everything (firmware/guests/mixed.S) ends in
 * the same registers, memory, clock, serial bytes and events however its run is cut into slices,
 * and in every run.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hex } from '#common/address.ts';
import { a64Cores } from '#emulator/a64/cores.ts';
import type { CoreFactory, MachineCore } from '#emulator/cpu/machine-core.ts';
import { SYSTEM_REGISTERS } from '#emulator/engine/system-registers.ts';
import { bootGuest, type Guest } from './support/guest-machine.ts';

const GATE = 0x123;
const MEMORY = 0x4200_0000;
const MEMORY_BYTES = 0x4000;

/** Boots the guest, with a gate that mixes time and its own accesses into x23. */
function boot(rounds: bigint, cores?: CoreFactory): Guest {
  const trace = ['exception', 'gate', 'psci'] as const;
  const guest = bootGuest('mixed', { parameter: rounds, trace, ...(cores === undefined ? {} : { cores }) });
  const { machine } = guest;
  let entered = 0;
  machine.setGates({
    owns: (immediate) => immediate === GATE,
    enter: (_immediate, core: MachineCore) => {
      entered++;
      machine.clock.portAccesses += entered % 3;
      const x23 = core.engine.getX(23) * 31n + BigInt(machine.clock.ticks);
      core.engine.setX(23, BigInt.asUintN(64, x23));
      machine.events.emit('gate', { immediate: entered, pc: hex(core.engine.getPc()) });
    },
  });
  return guest;
}

/** Runs to the idle end in steps of `next()` instructions. */
function runInSteps(guest: Guest, next: () => number): void {
  const { machine } = guest;
  for (;;) {
    const stop = machine.run({ maxInstructions: machine.clock.instructions + next() });
    if (stop.kind === 'idle') return;
    expect(stop).toEqual({ kind: 'limit', limit: 'instructions' });
  }
}

/** Everything that could differ. */
function fingerprint({ machine, serial }: Guest): unknown {
  const { engine } = machine.bootCore;
  const system = (['ESR_EL1', 'FAR_EL1', 'ELR_EL1', 'SPSR_EL1'] as const).map((name) =>
    engine.getSystemRegister(SYSTEM_REGISTERS[name]),
  );
  return {
    x: Array.from({ length: 31 }, (_, index) => engine.getX(index)),
    pc: engine.getPc(),
    sp: engine.getSp(),
    pstate: engine.getPstate(),
    system,
    memory: Buffer.from(machine.memory.readBytes(MEMORY, MEMORY_BYTES)).toString('base64'),
    instructions: machine.clock.instructions,
    ticks: machine.clock.ticks,
    serial: serial.text,
    events: machine.events.events,
  };
}

function runWith(rounds: bigint, next: () => number, cores?: CoreFactory): unknown {
  const guest = boot(rounds, cores);
  try {
    runInSteps(guest, next);
    return fingerprint(guest);
  } finally {
    guest.machine.close();
  }
}

const ROUNDS = 500n;

describe('a run in slices', () => {
  const reference = runWith(ROUNDS, () => 10_000_000);

  it('does all that it is meant to do', () => {
    const { x, serial, events, memory } = reference as {
      x: bigint[];
      serial: string;
      events: { kind: string }[];
      memory: string;
    };
    const kinds = new Map<string, number>();
    for (const { kind } of events) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    expect(x[20]).toBe(0n);
    expect(kinds.get('exception')).toBe(Number(x[21]));
    expect(Number(x[21])).toBeGreaterThan(150);
    for (const kind of ['unmapped', 'gate', 'psci']) expect(kinds.get(kind), kind).toBeGreaterThan(10);
    expect(serial).toMatch(/^\.{10,}$/);
    expect(Buffer.from(memory, 'base64').some((byte) => byte !== 0)).toBe(true);
  });

  it.each([1, 2, 7, 1000, 1_000_000])('of %i is the run in one piece', (slice) => {
    expect(runWith(ROUNDS, () => slice)).toEqual(reference);
  });

  it('of any sizes is the run in one piece', () => {
    const whole = runWith(60n, () => 10_000_000);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 40 }), (sizes) => {
        let step = 0;
        expect(runWith(60n, () => sizes[step++ % sizes.length] as number)).toEqual(whole);
      }),
      { numRuns: 25 },
    );
  });

  it('is the same in every run', () => {
    expect(runWith(ROUNDS, () => 10_000_000)).toEqual(reference);
  });
});

describe('a run on the own core', () => {
  const interpreted = runWith(ROUNDS, () => 10_000_000, a64Cores({ hotAfter: Infinity }));

  it.each([0, 1, 6, 32])('is the interpreted one when code is translated after %i times', (hotAfter) => {
    expect(runWith(ROUNDS, () => 10_000_000, a64Cores({ hotAfter }))).toEqual(interpreted);
    expect(runWith(ROUNDS, () => 97, a64Cores({ hotAfter }))).toEqual(interpreted);
  });
});

describe('the count of instructions', () => {
  const words = (...code: number[]): Uint8Array => new Uint8Array(Uint32Array.from(code).buffer);
  const NOP = 0xd503_201f;
  const WFI = 0xd503_207f;

  it.each([1, 2, 3, 5, 8])('ends a run of nops after exactly %i', (count) => {
    const guest = bootGuest(words(...Array.from({ length: 16 }, () => NOP)));
    expect(guest.run({ maxInstructions: count })).toEqual({ kind: 'limit', limit: 'instructions' });
    expect(guest.machine.clock.instructions).toBe(count);
    expect(guest.machine.bootCore.engine.getPc()).toBe(BigInt(guest.base + 4 * count));
    guest.machine.close();
  });

  it.each([1, 3, 4])('counts WFI, also as the last instruction of slices of %i', (slice) => {
    const guest = bootGuest(words(NOP, NOP, WFI, NOP));
    runInSteps(guest, () => slice);
    expect(guest.machine.clock.instructions).toBe(3);
    expect(guest.machine.bootCore.engine.getPc()).toBe(BigInt(guest.base + 12));
    guest.machine.close();
  });

  it('is live inside a device, and in time', () => {
    // movz x1, #0x900, lsl 16; nop; ldr w0, [x1, #24]; wfi
    const guest = bootGuest(words(0xd2a1_2001, NOP, 0xb940_1820, WFI));
    const uart = guest.machine.bus.find(0x0900_0000)?.device;
    if (uart === undefined) throw new Error('no UART');
    const seen: number[] = [];
    const read = uart.read.bind(uart);
    uart.read = (offset, width) => {
      seen.push(guest.machine.clock.ticks);
      return read(offset, width);
    };
    guest.run();
    expect(seen).toEqual([3]);
    expect(guest.machine.clock.ticks).toBe(4);
    guest.machine.close();
  });
});
