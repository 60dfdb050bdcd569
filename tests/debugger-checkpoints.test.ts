// SPDX-License-Identifier: GPL-2.0-only
/**
 * Going back from checkpoints: the machine has its earlier state, and few instructions are executed
 * again.
 */

import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { restoreCheckpoint, takeCheckpoint } from '#emulator/debug/checkpoint.ts';
import type { DebugPoint } from '#emulator/debug/gdb/target.ts';
import { type DriveableMachine, MachineTarget } from '#emulator/debug/machine-target.ts';
import { machineDigest } from '#workbench/snapshot/digest.ts';
import { bootGuest, type Guest } from './support/guest-machine.ts';
import { runJudged } from './support/run-judged.ts';

const HALT_GATE = 0x200;

const open: Guest[] = [];
afterEach(() => {
  for (const guest of open.splice(0)) guest.machine.close();
});

const breakpoint = (address: bigint): DebugPoint => ({ kind: 'breakpoint', hardware: false, address });
describe('going back from checkpoints', () => {
  const INTERVAL = 20_000;
  const SLICE = 5_000;
  /** Two cores with interrupts and timers; what they see is handed over by a gate. */
  const prepared = (): Guest => {
    const made = bootGuest('wakes', { cpus: 2, parameter: 2n });
    made.machine.setGates({ owns: (immediate) => immediate === HALT_GATE, enter: () => {} });
    open.push(made);
    return made;
  };
  const watched = () => {
    let guest = prepared();
    let executed = 0;
    const counts = { resets: 0, checkpoints: 0 };
    const drive = (): DriveableMachine => {
      const { machine, serial } = guest;
      return {
        machine,
        run: (instructions, ns) => {
          const before = machine.clock.instructions;
          const end = runJudged(guest, instructions, ns);
          executed += machine.clock.instructions - before;
          return end;
        },
        checkpoint: () => {
          const taken = takeCheckpoint(machine, serial, null);
          if (taken === null) return null;
          counts.checkpoints++;
          return () => {
            guest = prepared();
            restoreCheckpoint(taken, guest.machine, guest.serial);
            return drive();
          };
        },
      };
    };
    const first = drive();
    const target = new MachineTarget(
      first,
      () => {
        counts.resets++;
        guest = prepared();
        return drive();
      },
      INTERVAL,
    );
    return {
      target,
      guest: () => guest,
      counts,
      /** Instructions that were executed by `action`. */
      executedBy: (action: () => void): number => {
        const before = executed;
        action();
        return executed - before;
      },
      forward: (instructions: number) => {
        target.resume();
        const { clock } = guest.machine;
        const end = clock.instructions + instructions;
        while (clock.instructions < end) {
          if (target.stopAfter(runJudged(guest, Math.min(SLICE, end - clock.instructions), Infinity)) !== null) break;
        }
      },
    };
  };
  const seen = ({ machine, serial }: Guest) => ({
    instructions: machine.clock.instructions,
    ticks: machine.clock.ticks,
    text: serial.text,
    digest: machineDigest(machine, serial.bytes),
  });
  const straight = (instructions: number) => {
    const guest = prepared();
    guest.run({ maxInstructions: instructions });
    return seen(guest);
  };

  it('shows the machine as it was, without executing it from its reset, and it goes on alike', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2 * INTERVAL, max: 120_000 }), (instructions) => {
        const { target, guest, forward, counts, executedBy } = watched();
        forward(instructions);
        const end = guest().machine.clock.instructions;
        expect(counts.checkpoints).toBeGreaterThan(0);
        const executed = executedBy(() => expect(target.stepBack().kind).toBe('step'));
        expect(executed).toBeLessThanOrEqual(2 * INTERVAL);
        expect(seen(guest())).toEqual(straight(end - 1));
        // A second step back has its checkpoint close by.
        expect(executedBy(() => target.stepBack())).toBeLessThanOrEqual(INTERVAL / 10);
        expect(seen(guest())).toEqual(straight(end - 2));
        expect(counts.resets).toBe(0);
        forward(INTERVAL);
        expect(seen(guest())).toEqual(straight(guest().machine.clock.instructions));
      }),
      { numRuns: 3 },
    );
  });

  it('finds a point that lies before all checkpoints', () => {
    const { target, guest, forward, counts } = watched();
    const early = 4;
    forward(early);
    const there = seen(guest());
    const pc = target.readRegister(0, 'pc') ?? 0n;
    forward(4 * INTERVAL);
    expect(counts.checkpoints).toBeGreaterThan(2);
    target.addPoint(0, breakpoint(pc));
    expect(target.resumeBack()).toMatchObject({ kind: 'breakpoint' });
    expect(seen(guest())).toEqual(there);
  });

  it('finds a point at the very instruction of a checkpoint', () => {
    const { target, guest, forward, counts } = watched();
    forward(2 * INTERVAL);
    expect(counts.checkpoints).toBe(2);
    target.addPoint(0, breakpoint(target.readRegister(0, 'pc') ?? 0n));
    target.step(0);
    expect(target.resumeBack()).toMatchObject({ kind: 'breakpoint' });
    expect(guest().machine.clock.instructions).toBe(2 * INTERVAL);
    expect(counts.resets).toBe(0);
  });

  it('does again what the debugger changed after the checkpoint, and not what it changed before', () => {
    const { target, guest, forward, counts } = watched();
    const address = guest().base + 0x8000;
    forward(INTERVAL + SLICE);
    expect(counts.checkpoints).toBe(1);
    for (const value of [1, 2]) {
      const before = guest().machine.memory.read8(address);
      expect(before).toBe(value - 1);
      target.writePhysical(BigInt(address), Uint8Array.of(value));
      forward(1000);
    }
    target.stepBack();
    expect(guest().machine.memory.read8(address)).toBe(2);
    expect(counts.resets).toBe(0);
  });
});
