// SPDX-License-Identifier: GPL-2.0-only
/**
 * An idle guest is in its steady state only when it takes interrupts. Otherwise it has given up,
 * and the run says where and after which exception.
 */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EngineName } from '#workbench/host/engine-name.ts';
import { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import { ENGINES_HERE } from './support/engines.ts';

let machine: LevitateMachine | null = null;
let engine: EngineName = 'auto';
afterEach(() => {
  machine?.close();
  machine = null;
  engine = 'auto';
});

const WFI = 0xd503_207f;
const BACK = 0x17ff_ffff;
const NOP = 0xd503_201f;
/** Synchronous exceptions from the level itself with SP_ELx, and from EL0: offsets in the image. */
const SAME_LEVEL = 0xa00;
const FROM_EL0 = 0xc00;
/** adr x0, vectors; msr vbar_el1, x0 */
const SET_VECTORS = [0x1000_4000, 0xd518_c000];
/** mov x9, GICD; mov w1, #1; str w1, [x9]; mov x9, GICC; str w1, [x9] */
const ENABLE_GICV2 = [0xd2a1_0009, 0x5280_0021, 0xb900_0121, 0xd2a1_0029, 0xb900_0121];

/** Words at offsets in bytes, with WFI for ever in every vector 0x800 bytes after the first. */
function load(...pieces: readonly (readonly [offset: number, words: readonly number[]])[]): LevitateMachine {
  const image = new Uint32Array(0x1000 / 4);
  for (let at = 0; at < image.length; at += 2) image.set([WFI, BACK], at);
  for (const [offset, words] of pieces) image.set(words, offset / 4);
  machine = new LevitateMachine({ board: 'qemu-virt', engine, kernel: new Uint8Array(image.buffer) });
  return machine;
}

/** Runs words, with such vectors. */
function run(words: readonly number[], timeoutNs = 1e6, step = Infinity) {
  const machine = load([0, words]);
  for (;;) {
    const outcome = machine.runSlice(step, { timeoutNs });
    if (outcome !== null) return outcome;
  }
}

describe('a guest that sleeps with no interrupt enabled', () => {
  it('has given up: exit status 1, with the place and the first exception', () => {
    // An undefined instruction.
    const outcome = run([...SET_VECTORS, 0]);
    expect(outcome).toMatchObject({ outcome: 'error', exitStatus: 1 });
    const { base } = machine?.findImage('kernel') ?? { base: 0 };
    expect(outcome.reason).toMatch(/^stands still at PC 0x[0-9a-f]+a0[0-9a-f], .*no interrupt/);
    expect(outcome.reason).toContain(`its first exception: ESR 0x2000000, ELR 0x${(base + 8).toString(16)}`);
  });

  it('names the address of a fault', () => {
    // ldr x0, [x1] with x1 = 0xf000000
    const outcome = run([...SET_VECTORS, 0xd2a1_e001, 0xf940_0020]);
    expect(outcome.reason).toMatch(/ESR 0x96000010, ELR 0x[0-9a-f]+, FAR 0xf000000, at ldr x0, \[x1\] \(f9400020\)$/);
  });

  it('need not have taken an exception', () => {
    expect(run([NOP, NOP]).reason).toMatch(/no interrupt that could wake it$/);
  });
});

/**
 * movz x9, GICD; movz w3, bit 30; str w3, [x9, #0x100]; movz x9, GICC; movz w4, #0xf0; str w4, [x9,
 * #4]: PPI 30.
 */
const ENABLE_TIMER = [0xd2a1_0009, 0x52a8_0003, 0xb901_0123, 0xd2a1_0029, 0x5280_1e04, 0xb900_0524];
/**
 * movz x2, #0xffff; msr cntp_tval_el0, x2; msr cntp_ctl_el0, x1: a millisecond from now, with x1 =
 * 1.
 */
const ARM_TIMER = [0xd29f_ffe2, 0xd51b_e202, 0xd51b_e221];
const UNMASK = 0xd503_43ff;
const WFE = 0xd503_205f;
const HERE = 0x1400_0000;
const ISB = 0xd503_3fdf;
const back = (words: number): number => 0x1800_0000 - words;
/** B at one offset in the image to another. */
const branchTo = (at: number, to: number): number => (0x1400_0000 | (((to - at) / 4) & 0x03ff_ffff)) >>> 0;

describe.each(ENGINES_HERE)('on %s, a guest that goes round and changes nothing', (name) => {
  beforeEach(() => {
    engine = name;
  });

  it.each([
    ['b .', [HERE]],
    ['a loop of hints and barriers', [WFE, ISB, NOP, back(3)]],
    ['as Linux parks a core: wfe; wfi; b', [WFE, WFI, back(2)]],
    ['masking what is masked: msr daifset, #15; wfi; b', [0xd503_4fdf, WFI, back(2)]],
    ['with an interrupt pending that is masked', [...ENABLE_TIMER, ...ARM_TIMER, HERE]],
    ['asleep, with one that is masked', [...ENABLE_TIMER, ...ARM_TIMER, WFI, back(1)]],
  ])('has given up with its interrupts masked: %s', (_what, words) => {
    const outcome = run([...SET_VECTORS, ...ENABLE_GICV2, ...words], 20e6);
    expect(outcome).toMatchObject({ outcome: 'error', exitStatus: 1 });
    expect(outcome.reason).toMatch(/^stands still at PC 0x[0-9a-f]+, where it .* with its interrupts masked$/);
  });

  it('has given up with none enabled', () => {
    expect(run([UNMASK, HERE], 20e6)).toMatchObject({
      exitStatus: 1,
      reason: expect.stringMatching(/goes round in a loop and has enabled no interrupt that could wake it$/) as string,
    });
  });

  it('has given up where its vector leads to the instruction that faults, and says which was the first exception', () => {
    // ldr x0, [x1] again, after a branch.
    const guest = load(
      [0, [...SET_VECTORS, 0xd2a1_e001, 0xf940_0020]],
      [SAME_LEVEL, [NOP, 0x1400_0002, NOP, 0xf940_0020]],
    );
    const outcome = guest.run({ timeoutNs: 20e6 });
    expect(outcome).toMatchObject({ outcome: 'error', exitStatus: 1 });
    expect(outcome.reason).toMatch(
      /first exception: ESR 0x96000010, ELR 0x[0-9a-f]+00c, FAR 0xf000000, at ldr x0, \[x1\] \(f9400020\)$/,
    );
  });

  it('ends at the same instruction however it was stopped on its way', () => {
    const counts = [Infinity, 100_001, 1_000_000].map((step) => {
      const words = [...SET_VECTORS, ...Array.from({ length: 20 }, () => NOP), WFE, HERE];
      const outcome = run(words, 20e6, step);
      const { instructions } = machine?.machine.clock ?? { instructions: 0 };
      machine?.close();
      return [outcome.exitStatus, instructions];
    });
    expect(counts).toEqual([counts[0], counts[0], counts[0]]);
    expect(counts[0]?.[0]).toBe(1);
  });
});

describe.each(ENGINES_HERE)('on %s, a guest that may go on runs on to its limit', (name) => {
  beforeEach(() => {
    engine = name;
  });

  it.each([
    ['it polls the UART', [0xd2a1_2009, 0xb940_1921, back(1)]],
    ['it polls a counter', [0xd53b_e041, back(1)]],
    ['it polls memory', [0x1000_0000, 0xf940_0001, back(1)]],
    [
      'its timer will interrupt it',
      [...SET_VECTORS, ...ENABLE_GICV2, ...ENABLE_TIMER, 0xd2af_ffe2, ...ARM_TIMER.slice(1), UNMASK, HERE],
    ],
    ['it stores', [0x1000_4000, 0xf900_0001, back(1)]],
  ])('%s', (_what, words) => {
    expect(run(words, 2.1e6)).toMatchObject({ outcome: 'limit', exitStatus: 3 });
  });

  it('the same call comes again and again, and its vector leads to what follows it', () => {
    // movz x1, #5000; svc #0; subs x1, x1, #1; b.ne
    // SYSTEM_OFF: movz w0, #8; movk w0, #0x8400, lsl #16; hvc #0
    const calls = [0xd282_7101, 0xd400_0001, 0xf100_0421, 0x54ff_ffc1, 0x5280_0100, 0x72b0_8000, 0xd400_0002];
    const guest = load([0, [...SET_VECTORS, ...calls]], [SAME_LEVEL, [branchTo(SAME_LEVEL, 0x10)]]);
    expect(guest.run({ timeoutNs: 20e6 })).toMatchObject({ outcome: 'poweroff', exitStatus: 0 });
  });

  it('what it faulted at again and again has come right', () => {
    const words = [...SET_VECTORS, ...ENABLE_GICV2, ...ENABLE_TIMER, ...ARM_TIMER];
    const at = 4 * words.length;
    // An undefined instruction; its vector leads there. While the timer is armed, the guest may
    // continue.
    const guest = load([0, [...words, 0, BACK]], [SAME_LEVEL, [NOP, branchTo(SAME_LEVEL + 4, at)]]);
    guest.run({ maxInstructions: 8000 });
    expect(guest.cpu.firstException?.esr).toBe(0x200_0000);
    // add x5, x5, #1
    guest.memory.write32((guest.findImage('kernel')?.base ?? 0) + at, 0x9100_04a5);
    guest.cpu.engine.discardAllCode();
    expect(guest.run({ timeoutNs: 5.1e6 })).toMatchObject({ outcome: 'limit', exitStatus: 3 });
    expect(guest.cpu.engine.getX(5)).toBeGreaterThan(2_000_000n);
  });

  it.each([
    ['WFI', WFI],
    ['WFE', WFE],
    ['MSR DAIFSet', 0xd503_4fdf],
  ])('what it goes round in at EL0 is trapped: %s', (_what, word) => {
    // SCTLR_EL1 as at reset without nTWI and nTWE; EL0 with all masked
    const drop = [0xd281_0701, 0xf2a6_1a01, 0xd518_1001, ISB, 0x1000_0102, 0xd518_4022, 0xd280_7803, 0xd518_4003];
    const loop = [word, ...Array.from({ length: 40 }, () => NOP), back(41)];
    // mrs x4, elr_el1; add x4, x4, #4; msr elr_el1, x4; add x5, x5, #1; eret
    const skip = [0xd538_4024, 0x9100_1084, 0xd518_4024, 0x9100_04a5, 0xd69f_03e0];
    const words = [...SET_VECTORS, ...drop, 0xd69f_03e0, ...Array.from({ length: 3 }, () => NOP), ...loop];
    const guest = load([0, words], [FROM_EL0, skip]);
    expect(guest.run({ timeoutNs: 2.1e6 })).toMatchObject({ outcome: 'limit', exitStatus: 3 });
    expect(guest.cpu.engine.getX(5)).toBeGreaterThan(10_000n);
  });
});

describe('a guest that waits for input with its interrupts on is in its steady state', () => {
  it.each([
    ['asleep', []],
    ['in b .', [HERE]],
  ])('%s', (_what, words) => {
    const outcome = run([...SET_VECTORS, ...ENABLE_GICV2, UNMASK, ...words], 20e6);
    expect(outcome).toMatchObject({ outcome: 'steady', exitStatus: 0 });
  });
});
