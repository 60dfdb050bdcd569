/**
 * Linux is stopped again and again on its way, saved and restored, and ends with the same memory,
 * registers and clock as in one piece.
 */

import { describe, expect, it } from 'vitest';
import { guestInitramfs } from '#scripts/guests/initramfs-file.ts';
import { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import { machineDigest } from '#workbench/snapshot/digest.ts';
import { restoreMachine } from '#workbench/snapshot/restore.ts';
import { bytesOf, foreignGuests } from '#tests/support/foreign-guest.ts';

const guests = foreignGuests('linux-6.1', 'busybox');
const isMissing = typeof guests === 'string';
const [kernel = '', busybox = ''] = isMissing ? [] : guests;

/** Past the start of all cores and of timer interrupts on each. */
const INSTRUCTIONS = 250_000_000;

const open = (cpus: number): LevitateMachine =>
  new LevitateMachine({
    board: 'qemu-virt',
    cpus,
    append: 'console=ttyAMA0 earlycon',
    kernel: bytesOf(kernel),
    initrd: guestInitramfs(busybox),
  });

/** Runs `machine` to the end in steps of so many instructions. */
function ending(machine: LevitateMachine, step: number) {
  const { clock } = machine.machine;
  try {
    while (clock.instructions < INSTRUCTIONS) {
      machine.run({ maxInstructions: Math.min(INSTRUCTIONS, clock.instructions + step) });
    }
    return {
      instructions: clock.instructions,
      ticks: clock.ticks,
      serial: machine.serial.text,
      digest: machineDigest(machine.machine, machine.serial.bytes),
    };
  } finally {
    machine.close();
  }
}

describe.skipIf(isMissing).each([1, 4])(`Linux 6.1, cores: %i${isMissing ? ` (${guests})` : ''}`, (cpus) => {
  let whole: ReturnType<typeof ending> | null = null;
  const straight = () => (whole ??= ending(open(cpus), Infinity));

  it.each(cpus === 1 ? [10_000_000, 50_021] : [777_777])(
    'does the same when it is stopped every %i instructions',
    (step) => {
      expect(ending(open(cpus), step)).toEqual(straight());
    },
  );

  it.each([cpus === 1 ? 123_456_789 : 200_000_001])(
    'does the same when it was saved after %i instructions and goes on elsewhere',
    (at) => {
      const machine = open(cpus);
      machine.run({ maxInstructions: at });
      const snapshot = machine.save();
      machine.close();
      expect(ending(restoreMachine(snapshot), Infinity)).toEqual(straight());
    },
  );
});
