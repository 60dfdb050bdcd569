/**
 * A guest that sleeps for good is at its goal only when it has enabled interrupts; else it has
 * given up, and the run says where and after what.
 */

import { afterEach, describe, expect, it } from 'vitest';
import { LevitateMachine } from '#workbench/machine/levitate-machine.ts';

let machine: LevitateMachine | null = null;
afterEach(() => {
  machine?.close();
  machine = null;
});

const WFI = 0xd503_207f;
const BACK = 0x17ff_ffff;
const NOP = 0xd503_201f;
/** adr x0, vectors; msr vbar_el1, x0 */
const SET_VECTORS = [0x1000_4000, 0xd518_c000];
/** mov x9, GICD; mov w1, #1; str w1, [x9]; mov x9, GICC; str w1, [x9] */
const ENABLE_GICV2 = [0xd2a1_0009, 0x5280_0021, 0xb900_0121, 0xd2a1_0029, 0xb900_0121];

/** Runs words, with WFI for ever in every vector 0x800 bytes behind them. */
function run(words: readonly number[]) {
  const image = new Uint32Array(0x1000 / 4);
  for (let at = 0; at < image.length; at += 2) image.set([WFI, BACK], at);
  image.set(words);
  machine = new LevitateMachine({ board: 'qemu-virt', kernel: new Uint8Array(image.buffer) });
  return machine.run({ timeoutNs: 1e6 });
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
    expect(outcome.reason).toMatch(/ESR 0x96000010, ELR 0x[0-9a-f]+, FAR 0xf000000$/);
  });

  it('need not have taken an exception', () => {
    expect(run([NOP, NOP]).reason).toMatch(/no interrupt that could wake it$/);
  });
});

it('a guest that sleeps with interrupts enabled is in its steady state', () => {
  expect(run([...SET_VECTORS, ...ENABLE_GICV2, NOP])).toMatchObject({ outcome: 'steady', exitStatus: 0 });
});
