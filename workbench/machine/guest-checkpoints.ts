// SPDX-License-Identifier: GPL-2.0-only
/**
 * Checkpoints of a guest's run, for going back. The modelled kernel has none: it also keeps state
 * in TypeScript objects.
 */

import { restoreCheckpoint, takeCheckpoint } from '#emulator/debug/checkpoint.ts';
import { copyOfImages, type MemoryCopy } from '#emulator/debug/memory-copy.ts';
import { LevitateMachine } from './levitate-machine.ts';

export class GuestCheckpoints {
  /** Memory of the last checkpoint; the next one shares its unchanged pages. */
  private last: MemoryCopy | null = null;

  /**
   * Takes a checkpoint between two runs. Returns what makes a machine that continues from it; null
   * for the modelled kernel, after the end of the run, and while a core cannot be saved.
   */
  take(guest: LevitateMachine): (() => LevitateMachine) | null {
    const { settings, plan, machine, serial, ended } = guest.parts;
    if (guest.findKernel() !== null || ended !== null) return null;
    const checkpoint = takeCheckpoint(machine, serial, this.last ?? copyOfImages(plan.images));
    if (checkpoint === null) return null;
    this.last = checkpoint.memory;
    return () => {
      const made = new LevitateMachine(settings);
      restoreCheckpoint(checkpoint, made.parts.machine, made.parts.serial);
      made.parts.bitFlips.resume();
      return made;
    };
  }
}
