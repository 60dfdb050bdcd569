// SPDX-License-Identifier: GPL-2.0-only
/**
 * Hardware breakpoints, watchpoints and software step as guest code sees them
 * (firmware/guests/debug.S), compared with QEMU 7.2's text for the same guest.
 *
 * Specification: Arm ARM DDI 0487 K.a, D2 (self-hosted debug).
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { SYSTEM_REGISTERS, type SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';
import { restoreMachine, saveMachine } from '#emulator/machine/machine-state.ts';
import { packageRoot } from '#workbench/package-root.ts';
import { ENGINES_HERE, noUnicorn } from './support/engines.ts';
import { bootGuest, type Guest, type GuestOptions } from './support/guest-machine.ts';
import { qemuVersion, runInQemu } from './support/qemu-transcript.ts';

const kept = readFileSync(join(packageRoot(), 'tests', 'transcripts', 'debug.qemu-7.2.txt'), 'utf8');
const MOST_INSTRUCTIONS = 1_000_000;

const guests: Guest[] = [];
afterEach(() => {
  for (const guest of guests.splice(0)) guest.machine.close();
});

function boot(options: GuestOptions = {}): Guest {
  const guest = bootGuest('debug', options);
  guests.push(guest);
  return guest;
}

describe('a guest that debugs itself', () => {
  it.each([
    ...ENGINES_HERE.map((engine) => [`on ${engine}`, { engine }] as const),
    ...(noUnicorn === null ? [["by Unicorn's own count", { counting: 'engine' }] as const] : []),
    ['with GICv3', { gicVersion: 3 }],
  ] as const)('sees what it sees on QEMU: %s', (_how, options) => {
    const guest = boot(options);
    expect(guest.run({ maxInstructions: MOST_INSTRUCTIONS })).toEqual({ kind: 'power off' });
    expect(guest.serial.text.replaceAll('\r', '')).toBe(kept);
  });

  it.each(ENGINES_HERE)('sees it in slices of any length, on %s', (engine) => {
    const guest = boot({ engine });
    const { clock } = guest.machine;
    let length = 1;
    while (guest.run({ maxInstructions: clock.instructions + length }).kind === 'limit') length = (length % 97) + 3;
    expect(guest.serial.text.replaceAll('\r', '')).toBe(kept);
    const whole = boot({ engine });
    whole.run({ maxInstructions: MOST_INSTRUCTIONS });
    expect(clock.instructions).toBe(whole.machine.clock.instructions);
  });

  it.each([2_100, 13_000, 22_000, 31_000])('goes on with its breakpoints when it is saved after %i', (at) => {
    const first = boot();
    first.run({ maxInstructions: at });
    const { parts, memory } = first.machine;
    const state = saveMachine(parts);
    const begin = memory
      .touchedRanges()
      .map(({ start, end }) => ({ start, bytes: memory.readBytes(start, end - start).slice() }));
    const second = boot();
    for (const { start, bytes } of begin) second.machine.memory.writeBytes(start, bytes);
    restoreMachine(second.machine.parts, state);
    expect(second.run({ maxInstructions: MOST_INSTRUCTIONS })).toEqual({ kind: 'power off' });
    expect(first.serial.text.replaceAll('\r', '') + second.serial.text.replaceAll('\r', '')).toBe(kept);
  });

  it.skipIf(qemuVersion() !== '7.2')('is what QEMU prints today', async () => {
    expect(await runInQemu('debug', 'virt,secure=on,virtualization=on', 'done\n')).toBe(kept);
  });
});

/** A gate; ldr x0, [x1]; nop. */
const HLT_GATE = 0xd440_4000;
const LOAD = 0xf940_0020;
const NOP = 0xd503_201f;
const VECTORS = 0x1000;
const PSTATE_SS = 1 << 21;
/** EL1 with SP_EL1, PSTATE.SS; nothing masked but IRQ and FIQ. */
const STEPPING_AT_EL1 = 0x5 | (3 << 6) | PSTATE_SS;
/** MDSCR_EL1: MDE, KDE, SS. */
const MDSCR = 0xa001n;

/** The encoding of a debug register. */
const debugRegister = (crm: number, op2: number): SystemRegisterEncoding => [2, 0, 0, crm, op2];
const MDSCR_EL1 = debugRegister(2, 2);
const BREAKPOINT: [SystemRegisterEncoding, SystemRegisterEncoding] = [debugRegister(0, 4), debugRegister(0, 5)];
const WATCHPOINT: [SystemRegisterEncoding, SystemRegisterEncoding] = [debugRegister(0, 6), debugRegister(0, 7)];
const OSLAR_EL1: SystemRegisterEncoding = [2, 0, 1, 0, 4];

describe('software step of an instruction that does not happen is still to be done: SPSR_EL1.SS is kept', () => {
  // The class of the exception, the address in x1, and the values of the debug registers.
  const data = 0x4020_0000n;
  const causes = [
    ['a breakpoint', 0x31, data, BREAKPOINT, 0x4010_0000n, 0x1e7n, LOAD],
    ['a watchpoint', 0x35, data, WATCHPOINT, data, 0x1fffn, LOAD],
    ['an external abort', 0x25, 0x0f00_0000n, null, 0n, 0n, LOAD],
    ['an undefined instruction', 0, data, null, 0n, 0n, 0],
  ] as const;
  it.each(ENGINES_HERE.flatMap((engine) => causes.map((cause) => [...cause, engine] as const)))(
    '%s',
    (_what, cause, x1, registers, address, control, instruction, engine) => {
      const image = new Uint32Array(0x2000 / 4).fill(NOP);
      image[0] = instruction;
      image.fill(HLT_GATE, VECTORS / 4);
      const guest = bootGuest(new Uint8Array(image.buffer), { engine });
      guests.push(guest);
      const { machine, base } = guest;
      machine.setGates({ owns: () => true, enter: () => machine.stop() });
      machine.reset(base, 1);
      const core = machine.bootCore;
      core.engine.setX(1, x1);
      core.writeSystemRegister(SYSTEM_REGISTERS.VBAR_EL1, BigInt(base + VECTORS));
      core.writeSystemRegister(OSLAR_EL1, 0n);
      core.writeSystemRegister(MDSCR_EL1, MDSCR);
      if (registers !== null) {
        core.writeSystemRegister(registers[0], address);
        core.writeSystemRegister(registers[1], control);
      }
      core.engine.setPstate(STEPPING_AT_EL1);
      guest.run({ maxInstructions: 10 });
      const read = (name: 'ESR_EL1' | 'ELR_EL1' | 'SPSR_EL1') =>
        core.engine.getSystemRegister(SYSTEM_REGISTERS[name]) ?? 0n;
      expect(read('ESR_EL1') >> 26n).toBe(BigInt(cause));
      expect(read('ELR_EL1')).toBe(BigInt(base));
      expect(Number(read('SPSR_EL1')) & PSTATE_SS).toBe(PSTATE_SS);
    },
  );
});
