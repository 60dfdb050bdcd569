// SPDX-License-Identifier: GPL-2.0-only
/** Ends of runs and their names: limits, slices, expected texts. */

import { describe, expect, it } from 'vitest';
import { bootBoard, createMachine } from '#workbench/index.ts';
import '#workbench/testing.ts';
import { ENDLESS_LOOP, plantInstruction } from './support/planted-code.ts';
import { treeBlob } from './support/test-tree.ts';

const NO_RAM = 'PANIC: No RAM regions found in DTB';

describe('a guest that never stops', () => {
  it('ends at the limit of simulated time, and not long after it', () => {
    const { machine } = plantInstruction({ board: 'qemu-virt' }, ENDLESS_LOOP);
    const outcome = machine.run({ timeoutNs: 50e6 });
    expect(outcome).toEqual({ outcome: 'limit', exitStatus: 3, panic: null, reason: 'hit the limit of time' });
    expect(machine.machine.clock.nowNs).toBeGreaterThanOrEqual(50e6);
    expect(machine.machine.clock.nowNs).toBeLessThan(51e6);
    machine.close();
  });

  it('ends at exactly the limit of instructions', () => {
    const { machine } = plantInstruction({ board: 'qemu-virt' }, ENDLESS_LOOP);
    expect(machine.run({ maxInstructions: 1_234_567 }).reason).toBe('hit the limit of instructions');
    expect(machine.machine.clock.instructions).toBe(1_234_567);
    machine.close();
  });

  it('lets its caller in between slices, so that Ctrl-C and the keyboard are heard', () => {
    const { machine } = plantInstruction({ board: 'qemu-virt' }, ENDLESS_LOOP);
    for (let slice = 1; slice <= 3; slice++) expect(machine.runSlice(2_000_000)).toBeNull();
    expect(machine.machine.clock.instructions).toBe(6_000_000);
    expect(machine).toMatchObject({ kernel: { memory: expect.anything() as unknown } });
    machine.close();
  });

  it('goes on where it stopped when it is run again', () => {
    const whole = plantInstruction({ board: 'qemu-virt' }, ENDLESS_LOOP).machine;
    const pieces = plantInstruction({ board: 'qemu-virt' }, ENDLESS_LOOP).machine;
    whole.run({ maxInstructions: 500_000 });
    for (let limit = 7; limit < 500_000; limit = limit * 3 + 1) pieces.run({ maxInstructions: limit });
    pieces.run({ maxInstructions: 500_000 });
    expect(pieces.serial.text).toBe(whole.serial.text);
    expect(pieces.machine.clock.ticks).toBe(whole.machine.clock.ticks);
    expect(pieces.cpu.engine.getPc()).toBe(whole.cpu.engine.getPc());
    whole.close();
    pieces.close();
  });
});

describe('limits below what a boot needs', () => {
  it.each([1, 2, 19, 100, 5000, 38_000])('of %i instructions', (maxInstructions) => {
    const { outcome, machine } = bootBoard('pixel6', {}, { maxInstructions });
    expect(outcome).toMatchObject({ outcome: 'limit', exitStatus: 3, reason: 'hit the limit of instructions' });
    expect(machine.machine.clock.instructions).toBe(maxInstructions);
    machine.close();
  });

  it('of simulated time', () => {
    const { outcome, machine } = bootBoard('pixel6', {}, { timeoutNs: 5000 });
    expect(outcome).toMatchObject({ outcome: 'limit', exitStatus: 3, reason: 'hit the limit of time' });
    expect(machine.serial.text).not.toContain('Stage 1');
    machine.close();
  });
});

describe('texts that are waited for', () => {
  const noRam = treeBlob({});
  it.each([
    ['an expected text', {}, { expectText: 'Stage 3: ' }, 'expected', 0],
    ['a text that is a failure', {}, { failText: 'Stage 3: ' }, 'error', 1],
    ['an expected text that never comes', {}, { expectText: 'Stage 6: ' }, 'steady', 0],
    ['both, the expected one first', {}, { expectText: 'Stage 2: ', failText: 'Stage 4: ' }, 'expected', 0],
    ['both, the failure first', {}, { expectText: 'Stage 4: ', failText: 'Stage 2: ' }, 'error', 1],
    ['a panic that was expected', { dtb: noRam }, { expectText: NO_RAM }, 'expected', 0],
    ['a panic whose text is a failure', { dtb: noRam }, { failText: 'PANIC: ' }, 'error', 1],
    ['a panic while something else was expected', { dtb: noRam }, { expectText: 'Stage 3: ' }, 'panic', 1],
    [
      'a text with an em dash',
      { dtb: treeBlob({ ram: [{ start: 0x8008_0000, end: 0x800b_3000 }] }) },
      { expectText: 'reserved — no free' },
      'expected',
      0,
    ],
  ] as const)('%s', (_what, tree, texts, outcome, exitStatus) => {
    const result = bootBoard('pixel6', { ...tree, ...texts });
    expect(result.outcome, result.machine.serial.text).toMatchObject({ outcome, exitStatus });
    result.machine.close();
  });
});

describe('a machine that was closed', () => {
  it('can still be read', () => {
    const machine = createMachine({ board: 'qemu-virt' });
    machine.run();
    machine.close();
    expect(machine.serial.text).toContain('[BOOT] steady state');
    expect(machine.memory.read32(0x4008_0038)).toBe(0x644d_5241);
  });
});
