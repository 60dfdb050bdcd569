// SPDX-License-Identifier: GPL-2.0-only
/**
 * A test's own instruction, which the CPU executes where the kernel would begin to idle. It causes
 * faults and endless loops that no part of the kernel causes. It stands in for the WFI
 * after the gate of kmain, which has never been executed when it is replaced.
 */

import { createMachine } from '#workbench/index.ts';
import type { LevitateMachine, MachineSettings } from '#workbench/machine/levitate-machine.ts';

const DIRECT_MAP = 0xffff_8000_0000_0000n;

/** `b .`: an endless loop that the machine detects. */
export const BRANCH_TO_SELF = 0x1400_0000;

/** `cbz xzr, .`: an endless loop that only limits and signals end. */
export const ENDLESS_LOOP = 0xb400_001f;

/** A machine that will boot and then execute `instruction`. */
export interface PlantedMachine {
  readonly machine: LevitateMachine;
  /** Virtual address of the instruction; 0 until it is planted. */
  readonly address: () => bigint;
}

/** @param x1 gives the value of X1 once the kernel is up: an address for the instruction to use */
export function plantInstruction(
  settings: MachineSettings,
  instruction: number,
  x1: (machine: LevitateMachine) => bigint = () => 0n,
): PlantedMachine {
  const machine = createMachine(settings);
  let address = 0n;
  machine.events.subscribe(({ fields }) => {
    if (!fields.text.startsWith('[BOOT] steady state')) return;
    const { engine } = machine.cpu;
    address = engine.getPc();
    machine.memory.write32(Number(address - DIRECT_MAP), instruction);
    engine.setX(1, x1(machine));
  }, 'serial');
  return { machine, address: () => address };
}
