// SPDX-License-Identifier: GPL-2.0-only
/**
 * Linux is stopped, saved and restored again and again. It ends with the same memory, registers and
 * clock as an uninterrupted run.
 */

import { describe, expect, it } from 'vitest';
import { guestInitramfs } from '#scripts/guests/initramfs-file.ts';
import { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import { machineDigest } from '#workbench/snapshot/digest.ts';
import { restoreMachine } from '#workbench/machine/restore-snapshot.ts';
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

/** Runs `machine` to an instruction in steps of so many. */
function runTo(machine: LevitateMachine, end: number, step: number): void {
  const { clock } = machine.machine;
  while (clock.instructions < end) machine.run({ maxInstructions: Math.min(end, clock.instructions + step) });
}

/** The final state of a machine that has run to its end. */
function ending(machine: LevitateMachine) {
  const { clock } = machine.machine;
  return {
    instructions: clock.instructions,
    ticks: clock.ticks,
    serial: machine.serial.text,
    digest: machineDigest(machine.machine, machine.serial.bytes),
  };
}

/** One run for each way to be interrupted, because a boot takes as long as many tests. */
describe.skipIf(isMissing).each([
  { cpus: 1, step: 50_021, saved: 123_456_789, stepAfter: 10_000_000 },
  { cpus: 4, step: 777_777, saved: 200_000_001, stepAfter: 10_000_000 },
])(`Linux 6.1, cores: $cpus${isMissing ? ` (${guests})` : ''}`, ({ cpus, step, saved, stepAfter }) => {
  it('does the same when it is stopped again and again, saved, and goes on elsewhere', () => {
    const straight = open(cpus);
    runTo(straight, INSTRUCTIONS, Infinity);
    const first = open(cpus);
    runTo(first, saved, step);
    const snapshot = first.save();
    first.close();
    const second = restoreMachine(snapshot);
    runTo(second, INSTRUCTIONS, stepAfter);
    expect(ending(second)).toEqual(ending(straight));
    second.close();
    straight.close();
  });
});
