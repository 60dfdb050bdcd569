// SPDX-License-Identifier: GPL-2.0-only
/**
 * Every way in which code can reach a device, or unmapped space. Each ends in a completed
 * instruction or in an exception of the guest, never in a fault of the emulator.
 */

import { afterEach, describe, expect, it } from 'vitest';
import { ENGINES_HERE } from './support/engines.ts';
import type { GuestBoard } from './support/guest-machine.ts';
import { type Ran, runSmallCode, type SmallCode } from './support/small-code.ts';

let ran: Ran | null = null;
afterEach(() => {
  ran?.guest.machine.close();
  ran = null;
});

const PLACES: readonly [string, GuestBoard, bigint][] = [
  ['PL011', 'qemu-virt', 0x900_0000n],
  ['inside the PL011', 'qemu-virt', 0x900_0018n],
  ['flash bank 1', 'qemu-virt', 0x400_0000n],
  ['GIC distributor', 'qemu-virt', 0x800_0000n],
  ['virtio slot', 'qemu-virt', 0xa00_0000n],
  ['PCIe window, absent', 'qemu-virt', 0x1000_0000n],
  ['nothing', 'qemu-virt', 0xf00_0000n],
  ['gs101 UART', 'pixel6', 0x10a0_0000n],
  ['nothing on pixel6', 'pixel6', 0x6000_0000n],
];
const STATES: readonly [string, SmallCode][] = [
  ['EL0', { level: 0 }],
  ['EL1', { level: 1 }],
  ['EL3', { level: 3 }],
  ['EL0, MMU on', { level: 0, mmu: true }],
  ['EL1, MMU on', { level: 1, mmu: true }],
];
const everywhere = PLACES.flatMap(([place, board, address]) =>
  STATES.map(([state, code]) => [`${place} at ${state}`, board, address, code] as const),
);

/** Class of an instruction abort from the same or a lower level, IL, external abort. */
const FETCH_ABORT = { same: 0x8600_0010, lower: 0x8200_0010 };
const PC_ALIGNMENT = 0x8a00_0000;

describe('a branch to a place that has no code', () => {
  it.each(everywhere)('%s is an instruction abort', (_name, board, address, code) => {
    // br x1
    ran = runSmallCode([0xd61f_0020], { ...code, x: { 1: address } }, { board });
    expect(ran.stop).toEqual({ kind: 'stopped' });
    expect(ran.vector).toBe(code.level === 0 ? 0x400 : 0x200);
    expect(ran.esr).toBe(code.level === 0 ? FETCH_ABORT.lower : FETCH_ABORT.same);
    expect(ran.elr).toBe(address);
    expect(ran.far).toBe(address);
    expect(ran.guest.machine.clock.instructions).toBeLessThanOrEqual(3);
  });

  it.each(everywhere)('%s is a PC alignment fault at an odd address', (_name, board, address, code) => {
    ran = runSmallCode([0xd61f_0020], { ...code, x: { 1: address + 2n } }, { board });
    expect([ran.stop.kind, ran.esr, ran.far]).toEqual(['stopped', PC_ALIGNMENT, address + 2n]);
  });

  it('is reported with the name of the device', () => {
    ran = runSmallCode([0xd61f_0020], { level: 1, x: { 1: 0x900_0000n } });
    expect(ran.guest.machine.events.get('unmapped').map(({ fields }) => fields)).toMatchObject([
      { device: 'uart0+0x0', reason: 'no memory', access: 'fetch', address: '0x9000000' },
    ]);
  });

  it('is an abort at flash that shows its status', () => {
    // str w2, [x1]; br x1: read status, in bank 0
    ran = runSmallCode([0xb900_0022, 0xd61f_0020], { level: 1, x: { 1: 0x1000n, 2: 0x70_0070n } });
    expect([ran.stop.kind, ran.esr, ran.elr]).toEqual(['stopped', FETCH_ABORT.same, 0x1000n]);
  });
});

/** CPACR_EL1: no trap of FP and SIMD. */
const FPEN = 3n << 20n;

const INSTRUCTIONS: readonly [string, readonly number[]][] = [
  ['ldr x', [0xf940_0022]],
  ['ldrb', [0x3940_0022]],
  ['strh', [0x7900_0022]],
  ['ldp', [0xa940_0c22]],
  ['stp', [0xa900_0c22]],
  ['ldr q', [0x3dc0_0022]],
  ['str q', [0x3d80_0022]],
  ['ldp q', [0xad40_0c22]],
  ['stp q', [0xad00_0c22]],
  ['ld4', [0x4c40_0020]],
  ['st4', [0x4c00_0020]],
  ['ldxr, stxr', [0x885f_7c22, 0x8804_7c22]],
  ['ldaxp, stxp', [0xc87f_8c22, 0xc824_0c22]],
  ['ldadd', [0xf822_0023]],
  ['swp', [0xb822_8023]],
  ['casal', [0xc8e2_fc23]],
  ['casp', [0x4822_7c24]],
  ['ldar', [0xc8df_fc22]],
  ['stlr', [0xc89f_fc22]],
  ['ldtr', [0xf840_0822]],
  ['ldur, unaligned', [0xf840_1022]],
  ['dc zva', [0xd50b_7421]],
  ['dc civac', [0xd50b_7e21]],
  ['dc ivac', [0xd508_7621]],
  ['dc cvau', [0xd50b_7b21]],
  ['ic ivau', [0xd50b_7521]],
  ['at s1e1r', [0xd508_7801]],
  ['prfm', [0xf980_0020]],
];

describe('every access', () => {
  it.each(everywhere)('%s is done or is an exception', (_name, board, address, code) => {
    for (const [instruction, words] of INSTRUCTIONS) {
      const system = { ...code.system, CPACR_EL1: FPEN };
      ran = runSmallCode(words, { ...code, system, x: { 1: address } }, { board }, ran?.guest);
      expect(ran.stop, instruction).toEqual({ kind: 'stopped' });
      // Data abort, undefined instruction, or a system instruction that the level does not have.
      if (ran.vector !== null) expect([0x00, 0x18, 0x24, 0x25], instruction).toContain(ran.esr >>> 26);
    }
  });
});

describe('translation tables in a device', () => {
  /** RES1 bits, M. */
  const SCTLR_MMU_ON = 0x30d0_0801n;
  /** T0SZ and T1SZ 25: 39 bits each, tables from level 1. */
  const TCR = 25n | (25n << 16n) | (2n << 30n) | (2n << 32n);
  const EXTERNAL_ABORT_ON_WALK_LEVEL_1 = 0x15n;
  const tables = [
    ['PL011', 'qemu-virt', 0x900_0000n],
    ['GIC distributor', 'qemu-virt', 0x800_0000n],
    ['gs101 UART', 'pixel6', 0x10a0_0000n],
    // It refuses accesses to offsets without a register.
    ['watchdog', 'pixel6', 0x1006_0000n],
  ] as const;
  /** Translated by entry 214 of a table of level 1. */
  const HIGH = 0xffff_ff80_0000_0000n + (214n << 30n);
  const cases = tables.flatMap((table) => ENGINES_HERE.map((engine) => [...table, engine] as const));

  it.each(cases)('a load through %s on %s is an external abort on the walk', (_name, board, table, engine) => {
    // ldr w3, [x2] of the device first, then ldr x0, [x1]
    ran = runSmallCode(
      [0xb940_0043, 0xf940_0020],
      {
        level: 1,
        mmu: true,
        x: { 1: HIGH, 2: table },
        system: { TCR_EL1: TCR, TTBR1_EL1: table, SCTLR_EL1: SCTLR_MMU_ON },
      },
      { board, engine },
    );
    expect(ran.vector).toBe(0x200);
    expect(BigInt(ran.esr)).toBe(0x9600_0000n | EXTERNAL_ABORT_ON_WALK_LEVEL_1);
    expect(ran.far).toBe(HIGH);
    expect(ran.elr).toBe(BigInt(ran.base + 4));
  });

  it.each(cases)('a vector that is looked up in %s on %s locks the core up', (_name, board, table, engine) => {
    // ldr w3, [x2]; svc #0: the vector is at a high address.
    ran = runSmallCode(
      [0xb940_0043, 0xd400_0001],
      {
        level: 1,
        mmu: true,
        x: { 2: table },
        system: { TCR_EL1: TCR, TTBR1_EL1: table, VBAR_EL1: HIGH, SCTLR_EL1: SCTLR_MMU_ON },
      },
      { board, engine },
    );
    expect(ran.stop.kind).toBe('lockup');
  });
});
