// SPDX-License-Identifier: GPL-2.0-only
/**
 * Cores have AArch64 only. Their ID registers say so, and a return to AArch32 is illegal, like a
 * return to a level that is higher or does not exist (Arm ARM DDI 0487 K.a, D1.4.4). The return is
 * made, but the level stays, PSTATE.IL is set, and the Illegal Execution state exception is taken
 * at the target.
 */

import { afterEach, describe, expect, it } from 'vitest';
import { SYSTEM_REGISTERS } from '#emulator/engine/system-registers.ts';
import type { EngineName } from '#workbench/host/engine-name.ts';
import { ENGINES_HERE } from './support/engines.ts';
import { bootGuest, type Guest } from './support/guest-machine.ts';

const ERET = 0xd69f_03e0;
/** mrs x1, id_aa64pfr0_el1 */
const READ_IDENTIFICATION = 0xd538_0401;
const GATE = 0x200;
const HLT_GATE = 0xd440_0000 | (GATE << 5);
/**
 * Offset of the vectors from the image, and in them of the vector for synchronous exceptions of the
 * same level with its own stack pointer.
 */
const VECTORS = 0x800;
const SAME_LEVEL = 0x200;
/** Offset of the target of the returns. */
const TARGET = 0x400;
/** EC 0x0e, IL. */
const ILLEGAL_STATE = 0x3a00_0000n;
const SPSR_IL = 1n << 20n;

let open: Guest | null = null;
afterEach(() => open?.machine.close());

/** Executes words at EL1 up to the gate at the vector or after them. */
function execute(engineName: EngineName, words: readonly number[], spsr: bigint, gicVersion: 2 | 3 = 2) {
  const code = new Uint32Array(0x1000 / 4).fill(HLT_GATE);
  code.set(words);
  const guest = bootGuest(new Uint8Array(code.buffer), { gicVersion, engine: engineName });
  open = guest;
  const { machine, base } = guest;
  const { engine } = machine.bootCore;
  machine.reset(base, 1);
  machine.setGates({ owns: (immediate) => immediate === GATE, enter: () => machine.stop() });
  const set = (name: keyof typeof SYSTEM_REGISTERS, value: bigint) =>
    engine.setSystemRegister(SYSTEM_REGISTERS[name], value);
  set('VBAR_EL1', BigInt(base + VECTORS));
  set('SPSR_EL1', spsr);
  set('ELR_EL1', BigInt(base + TARGET));
  expect(machine.run({ maxInstructions: 100 })).toEqual({ kind: 'stopped' });
  return { engine, base, clock: machine.clock };
}

const get = (engine: Guest['machine']['bootCore']['engine'], name: keyof typeof SYSTEM_REGISTERS) =>
  engine.getSystemRegister(SYSTEM_REGISTERS[name]) ?? 0n;

describe.each(ENGINES_HERE)('an exception return on %s', (engineName) => {
  it.each([
    ['to AArch32 at EL0', 0x1d0n],
    ['to AArch32 at EL1', 0x1d3n],
    ['to EL2', 0x3c9n],
    ['to a mode that there is not', 0x3c2n],
  ])('%s is illegal', (_to, spsr) => {
    const { engine, base, clock } = execute(engineName, [ERET], spsr);
    expect(get(engine, 'ESR_EL1')).toBe(ILLEGAL_STATE);
    expect(get(engine, 'ELR_EL1')).toBe(BigInt(base + TARGET));
    expect(get(engine, 'SPSR_EL1') & (SPSR_IL | 0x1fn)).toBe(SPSR_IL | 5n);
    expect(engine.getPc()).toBe(BigInt(base + VECTORS + SAME_LEVEL + 4));
    expect(clock.instructions).toBe(2);
  });

  it('to AArch64 is not', () => {
    const { engine, base } = execute(engineName, [ERET], 0x3c5n);
    expect(engine.getPc()).toBe(BigInt(base + TARGET + 4));
    expect(engine.getPstate() & Number(SPSR_IL)).toBe(0);
  });
});

it.each(ENGINES_HERE.flatMap((engine) => ([2, 3] as const).map((version) => [engine, version] as const)))(
  'ID_AA64PFR0_EL1 has AArch64 only, on %s with GICv%i',
  (engineName, gicVersion) => {
    const { engine } = execute(engineName, [READ_IDENTIFICATION], 0n, gicVersion);
    expect(engine.getX(1) & 0xf00_ffffn).toBe(gicVersion === 3 ? 0x100_1111n : 0x1111n);
  },
);
