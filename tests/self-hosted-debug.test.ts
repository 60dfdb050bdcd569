/**
 * Hardware breakpoints, watchpoints and software step as guest code sees them
 * (firmware/guests/debug.S), against what QEMU 7.2 prints for the same guest.
 *
 * Specification: Arm ARM DDI 0487 K.a, D2 (self-hosted debug).
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { restoreMachine, saveMachine } from '#emulator/machine/machine-state.ts';
import { packageRoot } from '#workbench/package-root.ts';
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
    ['by the count in translated code', {}],
    ["by the engine's own count", { counting: 'engine' }],
    ['with GICv3', { gicVersion: 3 }],
  ] as const)('sees what it sees on QEMU: %s', (_how, options) => {
    const guest = boot(options);
    expect(guest.run({ maxInstructions: MOST_INSTRUCTIONS })).toEqual({ kind: 'power off' });
    expect(guest.serial.text.replaceAll('\r', '')).toBe(kept);
  });

  it('sees it in slices of any length', () => {
    const guest = boot();
    const { clock } = guest.machine;
    let length = 1;
    while (guest.run({ maxInstructions: clock.instructions + length }).kind === 'limit') length = (length % 97) + 3;
    expect(guest.serial.text.replaceAll('\r', '')).toBe(kept);
    const whole = boot();
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
