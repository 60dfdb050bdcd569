// SPDX-License-Identifier: GPL-2.0-only
/**
 * Code in flash that stores into the same flash (`--bios`), as on QEMU's virt machine: a store that
 * is a command is answered, any other store changes nothing.
 */

import { afterEach, describe, expect, it } from 'vitest';
import { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import { type Ran, runSmallCode } from './support/small-code.ts';

let machine: LevitateMachine | null = null;
let ran: Ran | null = null;
afterEach(() => {
  machine?.close();
  ran?.guest.machine.close();
  machine = ran = null;
});

/** mov x1, #0x800; ldr w5, [x1]; mov w0, #0 */
const BEGIN = [0xd281_0001, 0xb940_0025, 0x5280_0000];
/**
 * ldr w4, [x1]; cmp w4, w5; b.ne over; mov x20, UART; mov w3, #'K'; str w3, [x20]; over: PSCI
 * SYSTEM_OFF
 */
const JUDGE = [
  0xb940_0024, 0x6b05_009f, 0x5400_0081, 0xd2a1_2014, 0x5280_0963, 0xb900_0283, 0xd2b0_8000, 0xf280_0100, 0xd400_0002,
];

describe('a store into the flash that the code lies in', () => {
  it.each([
    ['a word', [0xb900_0020]],
    ['a byte', [0x3900_0020]],
    ['a pair', [0xa900_0020]],
    // mov x7, #3 << 20; msr cpacr_el1, x7; isb; str q0, [x1]
    ['a vector', [0xd2a0_0607, 0xd518_1047, 0xd503_3fdf, 0x3d80_0020]],
    ['an exclusive', [0x885f_7c24, 0x8806_7c20]],
    ['DC ZVA', [0xd50b_7421]],
    ['with write-back', [0xb800_4420, 0xd281_0001]],
  ])('%s that is no command is ignored', (_what, store) => {
    const image = new Uint32Array(0x400).fill(0x1234_5678);
    image.set([...BEGIN, ...store, ...JUDGE]);
    machine = new LevitateMachine({ board: 'qemu-virt', bios: new Uint8Array(image.buffer) });
    expect(machine.run({ timeoutNs: 1e6 })).toMatchObject({ outcome: 'poweroff', exitStatus: 0 });
    expect(machine.serial.text).toBe('K');
    expect(machine.events.get('unmapped')).toEqual([]);
  });

  it('is ignored each time: the engine forgets that it has written there', () => {
    // mov w9, #200; again: str w0, [x1]; subs w9, w9, #1; b.ne again
    const image = new Uint32Array(0x400).fill(0x1234_5678);
    image.set([...BEGIN, 0x5280_1909, 0xb900_0020, 0x7100_0529, 0x54ff_ffc1, ...JUDGE]);
    machine = new LevitateMachine({ board: 'qemu-virt', bios: new Uint8Array(image.buffer) });
    expect(machine.run({ timeoutNs: 1e6 })).toMatchObject({ outcome: 'poweroff' });
    expect(machine.serial.text).toBe('K');
  });
});

describe('a command to flash', () => {
  it('is answered by the very next load, and the array is back after the last one', () => {
    // str w2, [x1]; ldr w3, [x1]; str w4, [x1]; ldr w5, [x1]
    const words = [0xb900_0022, 0xb940_0023, 0xb900_0024, 0xb940_0025];
    ran = runSmallCode(words, { level: 1, x: { 1: 0x1000n, 2: 0x70_0070n, 4: 0xff_00ffn } });
    expect([ran.stop.kind, ran.vector]).toEqual(['stopped', null]);
    expect([ran.engine.getX(3), ran.engine.getX(5)]).toEqual([0x80_0080n, 0n]);
  });
});
