// SPDX-License-Identifier: GPL-2.0-only
/**
 * The code that a core executes before a block has ended. The engine does not announce its first
 * block, and a block that raises an exception does not end. The machine must still see the
 * instructions there.
 */

import { afterEach, describe, expect, it, vi } from 'vitest';
import { SYSTEM_REGISTERS } from '#emulator/engine/system-registers.ts';
import { bootGuest, type Guest } from './support/guest-machine.ts';

const GATE = 0x200;
const HLT_GATE = 0xd440_4000;
const UNDEFINED = 0;
const NOP = 0xd503_201f;
/** mrs x1, midr_el1: must be the board's; the engine has its own. */
const READ_MIDR = 0xd538_0001;
/** mrs x2, s3_3_c11_c15_7: there is no such register. */
const READ_NOTHING = 0xd53b_bfe2;
/** mrs x2, icc_bpr1_el1: a register of the machine only, served at "undefined". */
const READ_ICC = 0xd538_cc62;
const CORTEX_A55 = 0x412f_d050n;
/**
 * From the image, in bytes: the vectors, on a page of their own, and that of the current level with
 * SP_ELx in them.
 */
const VECTORS = 0x1000;
const SYNCHRONOUS = 0x200;

const guests: Guest[] = [];
afterEach(() => {
  for (const guest of guests.splice(0)) guest.machine.close();
});

/** A guest at EL1 on pixel6; gates stop it. */
function boot(code: readonly number[], vector: readonly number[] = [HLT_GATE]): Guest {
  const image = new Uint32Array(0x2000 / 4).fill(NOP);
  image.set(code);
  image.set(vector, (VECTORS + SYNCHRONOUS) / 4);
  const guest = bootGuest(new Uint8Array(image.buffer), { board: 'pixel6' });
  guests.push(guest);
  start(guest);
  guest.machine.setGates({ owns: (immediate) => immediate === GATE, enter: () => guest.machine.stop() });
  return guest;
}

function start({ machine, base }: Guest): void {
  machine.reset(base, 1);
  machine.bootCore.engine.setSystemRegister(SYSTEM_REGISTERS.VBAR_EL1, BigInt(base + VECTORS));
}

const midr = ({ machine }: Guest): bigint => machine.bootCore.engine.getX(1);

describe('a register of the machine is read', () => {
  it.each([
    ['by the first instruction', [READ_MIDR, HLT_GATE], [HLT_GATE]],
    ['after another one that the machine serves', [READ_ICC, READ_MIDR, HLT_GATE], [HLT_GATE]],
    ['in the vector of an exception', [UNDEFINED], [READ_MIDR, HLT_GATE]],
    ['in the vector of an access to a register that there is not', [READ_NOTHING], [NOP, READ_MIDR, HLT_GATE]],
    ['after a firmware call', [0xd400_0003, READ_MIDR, HLT_GATE], [HLT_GATE]],
  ] as const)('%s', (_where, code, vector) => {
    const guest = boot(code, vector);
    guest.run();
    expect(midr(guest)).toBe(CORTEX_A55);
  });

  it('after a reset, after an exception that was the first thing to happen', () => {
    const guest = boot([UNDEFINED]);
    guest.run();
    guest.machine.memory.write32(guest.base + 0x2000, READ_MIDR);
    guest.machine.memory.write32(guest.base + 0x2004, HLT_GATE);
    start(guest);
    guest.machine.bootCore.engine.setPc(BigInt(guest.base + 0x2000));
    guest.run();
    expect(midr(guest)).toBe(CORTEX_A55);
  });
});

it('a gate costs the few words up to the next branch, not a page', () => {
  const gates = 100;
  const guest = boot([...Array.from({ length: gates }, () => [0x1400_0001, HLT_GATE]).flat(), 0x1400_0000]);
  const read = vi.spyOn(guest.machine.memory, 'read32');
  for (let gate = 0; gate < gates; gate++) guest.run();
  expect(guest.machine.bootCore.engine.getPc()).toBe(BigInt(guest.base + 8 * gates));
  expect(read.mock.calls.length).toBeLessThan(8 * gates);
});
