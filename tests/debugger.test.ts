// SPDX-License-Identifier: GPL-2.0-only
/**
 * Breakpoints, watchpoints, steps and ways back on a running machine, without a debugger's
 * protocol. They stop at the right places, and the guest cannot notice them.
 */

import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { DebugPoint, DebugStop } from '#emulator/debug/gdb/target.ts';
import { REGISTERS } from '#emulator/debug/gdb/register-layout.ts';
import { type DriveableMachine, MachineTarget } from '#emulator/debug/machine-target.ts';
import { ENGINES_HERE } from './support/engines.ts';
import { bootGuest, type Guest, type GuestOptions } from './support/guest-machine.ts';
import { runJudged } from './support/run-judged.ts';

/** Stores 1 to 5 into consecutive doublewords, reading each back with the one that follows it. */
const STORES = new Uint8Array(
  Uint32Array.of(
    0xd2800000, // +0x00        mov x0, #0
    0x100007e1, // +0x04        adr x1, +0x100
    0xd28000a2, // +0x08        mov x2, #5
    0x91000400, // +0x0c  loop: add x0, x0, #1
    0xf8008420, // +0x10        str x0, [x1], #8
    0xa97f9023, // +0x14        ldp x3, x4, [x1, #-8]
    0xf1000442, // +0x18        subs x2, x2, #1
    0x54ffff81, // +0x1c        b.ne loop
    0xd503207f, // +0x20        wfi
    0x14000000, // +0x24        b .
  ).buffer,
);
const AT = { loop: 0x0c, store: 0x10, load: 0x14, subtract: 0x18, wait: 0x20, data: 0x100 } as const;
const ROUNDS = 5;
const TOTAL = 29;
const UART = 0x0900_0000n;
const HALT_GATE = 0x200;

const open: Guest[] = [];
afterEach(() => {
  for (const guest of open.splice(0)) guest.machine.close();
});

interface Debugged {
  readonly target: MachineTarget;
  /** The present guest: going back makes another one. */
  readonly guest: () => Guest;
  readonly at: (offset: number) => bigint;
  /** Lets the machine run to the next stop. */
  readonly go: () => DebugStop;
  readonly register: (name: string) => bigint | null;
}

function debug(
  image: Uint8Array | string,
  options: GuestOptions = {},
  prepare: (guest: Guest) => void = () => {},
): Debugged {
  let guest: Guest;
  const make = (): DriveableMachine => {
    const made = bootGuest(image, options);
    prepare(made);
    open.push(made);
    guest = made;
    return { machine: made.machine, run: (instructions, ns) => runJudged(made, instructions, ns) };
  };
  const target = new MachineTarget(make(), make);
  return {
    target,
    guest: () => guest,
    at: (offset) => BigInt(guest.base + offset),
    go: () => {
      target.resume();
      for (;;) {
        const stop = target.stopAfter(runJudged(guest, 100_000, Infinity));
        if (stop !== null) return stop;
      }
    },
    register: (name) => target.readRegister(target.currentCore, name),
  };
}

const breakpoint = (address: bigint, hardware = false): DebugPoint => ({ kind: 'breakpoint', hardware, address });
const watchpoint = (watch: 'read' | 'write' | 'access', address: bigint, bytes = 8): DebugPoint => ({
  kind: 'watchpoint',
  watch,
  address,
  bytes,
});

describe.each(ENGINES_HERE)('a breakpoint on %s', (engine) => {
  it.each([false, true])('stops before its instruction each time it is reached (hardware: %s)', (hardware) => {
    const { target, go, at, register, guest } = debug(STORES, { engine });
    target.addPoint(0, breakpoint(at(AT.loop), hardware));
    for (let round = 0; round < ROUNDS; round++) {
      expect(go()).toEqual({ kind: 'breakpoint', core: 0, hardware });
      expect(register('pc')).toBe(at(AT.loop));
      expect(register('x0')).toBe(BigInt(round));
      expect(guest().machine.clock.instructions).toBe(3 + 5 * round);
    }
    expect(go()).toMatchObject({ kind: 'rest', failed: false });
    expect(guest().machine.clock.instructions).toBe(TOTAL);
  });

  it('is gone when it was taken away, and counts as often as it was set', () => {
    const { target, go, at } = debug(STORES, { engine });
    target.addPoint(0, breakpoint(at(AT.loop)));
    target.addPoint(0, breakpoint(at(AT.loop), true));
    target.removePoint(breakpoint(at(AT.loop)));
    expect(go()).toEqual({ kind: 'breakpoint', core: 0, hardware: true });
    target.removePoint(breakpoint(at(AT.loop), true));
    expect(go().kind).toBe('rest');
  });

  it('stops in front of a gate, before code in TypeScript runs', () => {
    const entered: bigint[] = [];
    const hlt = 0xd440_0000 | (HALT_GATE << 5);
    const image = new Uint8Array(Uint32Array.of(0xd280_00a0, hlt, 0xd503_207f).buffer);
    const { target, go, at } = debug(image, { engine }, ({ machine }) => {
      machine.setGates({ owns: () => true, enter: (_immediate, core) => entered.push(core.engine.getX(0)) });
    });
    target.addPoint(0, breakpoint(at(4)));
    expect(go().kind).toBe('breakpoint');
    expect(entered).toEqual([]);
    target.step(0);
    expect(entered).toEqual([5n]);
  });
});

describe.each(ENGINES_HERE)('a watchpoint on %s', (engine) => {
  it('on a write stops before the store: memory and registers are as they were', () => {
    const { target, go, at, register, guest } = debug(STORES, { engine });
    const slot = at(AT.data + 8);
    expect(target.addPoint(0, watchpoint('write', slot))).toBe(true);
    expect(go()).toEqual({ kind: 'watchpoint', core: 0, watch: 'write', address: slot });
    expect(register('pc')).toBe(at(AT.store));
    expect(register('x1')).toBe(slot);
    expect(guest().machine.memory.read64(Number(slot))).toBe(0n);
    expect(guest().machine.clock.instructions).toBe(3 + 5 + 1);
    expect(go().kind).toBe('rest');
    expect(guest().machine.memory.read64(Number(slot))).toBe(2n);
    expect(guest().machine.clock.instructions).toBe(TOTAL);
  });

  it.each([
    ['read', [AT.load, AT.load]],
    ['access', [AT.load, AT.store, AT.load]],
  ] as const)('on %s stops at each instruction that does so', (watch, places) => {
    const { target, go, at, register, guest } = debug(STORES, { engine });
    target.addPoint(0, watchpoint(watch, at(AT.data + 8)));
    for (const place of places) {
      expect(go()).toMatchObject({ kind: 'watchpoint', watch });
      expect(register('pc')).toBe(at(place));
    }
    expect(go().kind).toBe('rest');
    expect(guest().machine.clock.instructions).toBe(TOTAL);
  });

  it('sees what code in TypeScript stores behind a gate', () => {
    const hlt = 0xd440_0000 | (HALT_GATE << 5);
    const image = new Uint8Array(Uint32Array.of(0xd503_201f, hlt, 0xd503_207f).buffer);
    const { target, go, at, register } = debug(image, { engine }, ({ machine, base }) => {
      machine.setGates({ owns: () => true, enter: () => machine.memory.write32(base + AT.data, 7) });
    });
    target.addPoint(0, watchpoint('write', at(AT.data), 4));
    expect(go()).toMatchObject({ kind: 'watchpoint', watch: 'write' });
    expect(register('pc')).toBe(at(8));
  });

  it('is refused where no memory is', () => {
    const { target } = debug(STORES, { engine });
    expect(target.addPoint(0, watchpoint('write', UART))).toBe(false);
  });
});

describe('a step', () => {
  it('is one instruction, and many of them are a run', () => {
    const stepped = debug(STORES);
    for (let count = 1; count <= TOTAL; count++) {
      expect(stepped.target.step(0)).toEqual({ kind: 'step', core: 0 });
      expect(stepped.guest().machine.clock.instructions).toBe(count);
    }
    const ran = debug(STORES);
    ran.go();
    for (const { name } of REGISTERS) expect([name, stepped.register(name)]).toEqual([name, ran.register(name)]);
  });

  it('of a core that sleeps for good comes back', () => {
    const { target, go } = debug(STORES);
    expect(go().kind).toBe('rest');
    expect(target.step(0)).toEqual({ kind: 'step', core: 0 });
  });
});

describe('memory', () => {
  it('that is written takes effect in code that has run already', () => {
    const { target, go, at, register } = debug(STORES);
    target.addPoint(0, breakpoint(at(AT.subtract)));
    go();
    go();
    // subs x2, x2, #4 in the place of #1: the loop ends here.
    expect(target.writeMemory(0, at(AT.subtract), Uint8Array.of(0x42, 0x10, 0x00, 0xf1))).toBe(true);
    expect(go().kind).toBe('rest');
    expect(register('x0')).toBe(2n);
  });

  it('that nobody touched reads as zeros and stays untouched', () => {
    const { target, guest } = debug(STORES);
    const before = guest().machine.memory.touchedBytes;
    expect(target.readPhysical(0x7fff_f000n, 16)).toEqual(new Uint8Array(16));
    expect(guest().machine.memory.touchedBytes).toBe(before);
  });

  it('ends where a device begins: registers are not read', () => {
    const { target } = debug(STORES);
    expect(target.readPhysical(UART, 4)).toHaveLength(0);
    expect(target.writePhysical(UART, Uint8Array.of(1))).toBe(false);
    expect(target.readPhysical(0x7fff_fffcn, 8)).toHaveLength(4);
    expect(target.monitor(0, 'phys 0x9000000 4')).toMatch(/0x0009000000 {2}is .*not memory/);
  });
});

it('registers read as they were written, but for those that cannot be', () => {
  const { target } = debug(STORES);
  for (const { name, bits } of REGISTERS) {
    if (/EL[23]$|^(cpsr|fpcr|fpsr|SCTLR_EL1|SPSR_EL1|TCR_EL1|CPACR_EL1)$/.test(name)) continue;
    const value = BigInt.asUintN(bits, 0x1122_3344_5566_7788_99aa_bbcc_ddee_ff00n);
    const fixed = name === 'CurrentEL' || name === 'MPIDR_EL1';
    expect([name, target.writeRegister(0, name, value)]).toEqual([name, !fixed]);
    if (!fixed && !name.endsWith('EL1')) expect([name, target.readRegister(0, name)]).toEqual([name, value]);
  }
  expect(target.readRegister(0, 'x31')).toBeNull();
  expect(target.readRegister(0, 'v32')).toBeNull();
  expect(target.readRegister(5, 'x0')).toBeNull();
});

describe('going back', () => {
  it('by a step shows every register as it was', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: TOTAL - 1 }), (steps) => {
        const { target, register } = debug(STORES);
        let before: (bigint | null)[] = [];
        for (let i = 0; i < steps; i++) {
          before = REGISTERS.map(({ name }) => register(name));
          target.step(0);
        }
        expect(target.stepBack().kind).toBe('step');
        expect(REGISTERS.map(({ name }) => register(name))).toEqual(before);
      }),
      { numRuns: 6 },
    );
  });

  it('finds the points that were met, the last one first, then the beginning', () => {
    const { target, go, at, register, guest } = debug(STORES);
    expect(go().kind).toBe('rest');
    target.addPoint(0, breakpoint(at(AT.loop)));
    target.addPoint(0, watchpoint('write', at(AT.data + 32)));
    expect(target.resumeBack()).toMatchObject({ kind: 'watchpoint' });
    expect(register('pc')).toBe(at(AT.store));
    for (let round = ROUNDS - 1; round >= 0; round--) {
      expect(target.resumeBack()).toMatchObject({ kind: 'breakpoint' });
      expect(register('x0')).toBe(BigInt(round));
    }
    expect(target.resumeBack()).toEqual({ kind: 'beginning', core: 0 });
    expect(guest().machine.clock.instructions).toBe(0);
    expect(go()).toMatchObject({ kind: 'breakpoint' });
  });

  it('does again what the debugger changed on the way', () => {
    const { target, go, at, register } = debug(STORES);
    target.addPoint(0, breakpoint(at(AT.loop)));
    go();
    target.writeRegister(0, 'x0', 100n);
    target.step(0);
    target.step(0);
    expect(target.stepBack().kind).toBe('step');
    expect(register('x0')).toBe(101n);
  });
});

describe('several cores', () => {
  const CORES = 4;
  const options: GuestOptions = { cpus: CORES };
  /** The guest's values at each gate: core, tag and further registers. */
  const watched = (image = 'cores') => {
    const tags: string[] = [];
    const debugged = debug(image, options, ({ machine }) => {
      machine.setGates({
        owns: (immediate) => immediate === HALT_GATE,
        enter: (_immediate, { index, engine }) => tags.push([index, ...[0, 1, 2, 3].map((x) => engine.getX(x))].join()),
      });
    });
    return { ...debugged, tags };
  };

  it('are threads from when they are turned on, and a breakpoint stops each of them; the guest runs as without', () => {
    const undisturbed = watched();
    expect(undisturbed.go().kind).toBe('end');
    const { target, go, tags, guest } = watched();
    expect(target.threads()).toHaveLength(1);
    target.addPoint(0, breakpoint(BigInt(findCoreBegins(guest()))));
    const met = new Set<number>();
    let stop = go();
    for (; stop.kind === 'breakpoint'; stop = go()) met.add(stop.core);
    expect(stop.kind).toBe('end');
    expect(met).toEqual(new Set([1, 2, 3]));
    expect(target.threads()).toHaveLength(CORES);
    expect(tags).toEqual(undisturbed.tags);
    expect(guest().machine.clock.instructions).toBe(undisturbed.guest().machine.clock.instructions);
  });

  it('stand still while one of them steps', () => {
    const { target, guest } = watched();
    target.resume();
    while (guest().machine.cores.length < CORES) runJudged(guest(), 500, Infinity);
    const before = guest().machine.cores.map(({ engine }) => engine.getPc());
    const last = CORES - 1;
    expect(target.step(last)).toEqual({ kind: 'step', core: last });
    const after = guest().machine.cores.map(({ engine }) => engine.getPc());
    expect(after.slice(0, last)).toEqual(before.slice(0, last));
    expect(after[last]).not.toBe(before[last]);
  });
});

/** Address of "a core begins" in firmware/guests/cores.S: mov x0, #6 before the gate. */
function findCoreBegins({ machine, base }: Guest): number {
  for (let address = base; address < base + 0x1000; address += 4) {
    if (machine.memory.read32(address) === 0xd280_00c0) return address;
  }
  throw new Error('the image has no such place');
}
