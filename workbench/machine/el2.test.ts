// SPDX-License-Identifier: GPL-2.0-only
/** Guests that are entered at EL2, and the settings that allow it. */

import { describe, expect, it } from 'vitest';
import { findBoard } from '#boards/registry.ts';
import { LevitateMachine } from './levitate-machine.ts';
import type { MachineSettings } from './machine-settings.ts';

/** MRS x0, CurrentEL; B . */
const CODE = new Uint8Array(new Uint32Array([0xd538_4240, 0x1400_0000]).buffer);

const settings = (more: Partial<MachineSettings>): MachineSettings => ({
  board: 'qemu-virt',
  bios: CODE,
  engine: 'wasm',
  ...more,
});

describe('a guest in flash', () => {
  it.each([
    [undefined, 1],
    [1, 1],
    [2, 2],
  ])('with el %s is entered at EL%i', (el, level) => {
    const machine = new LevitateMachine(settings({ el }));
    machine.run({ maxInstructions: 10 });
    expect(Number(machine.cpu.engine.getX(0)) >>> 2).toBe(level);
    machine.close();
  });
});

it('is entered at EL2 by the own core where no engine is named', () => {
  const machine = new LevitateMachine(settings({ el: 2, engine: 'auto' }));
  expect(machine.parts.engineLibrary).toBeNull();
  machine.close();
});

describe('el', () => {
  it.each<[string, Partial<MachineSettings>, RegExp]>([
    ['of the modelled kernel', { bios: undefined, el: 2 }, /--el 2 goes with --kernel or --bios/],
    ['that guests cannot have', { el: 3 }, /cannot be entered at EL3: 1 or 2/],
  ])('%s is refused', (_text, more, message) => {
    expect(() => new LevitateMachine(settings(more))).toThrow(message);
  });

  it('2 is refused with Unicorn, and the engine named that has it', () => {
    const wanted = () => new LevitateMachine(settings({ el: 2, engine: 'unicorn' }));
    expect(wanted).toThrow('--el 2: Unicorn has no EL2 for guests; use --engine wasm');
  });
});

it('takes PSCI by the instruction that the tree names', () => {
  expect(findBoard('qemu-virt').create({ el: 2 }).psci?.method).toBe('smc');
  expect(findBoard('qemu-virt').create({}).psci?.method).toBe('hvc');
});
