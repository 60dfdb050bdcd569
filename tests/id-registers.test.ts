// SPDX-License-Identifier: GPL-2.0-only
/**
 * The ID registers are true: an instruction of each claimed feature executes, and one of each
 * unclaimed feature is undefined.
 *
 * Specification: Arm ARM DDI 0487 K.a, D24.2 (ID_AA64*_EL1) and the instructions' own pages in C6.2
 * and C7.2.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';
import { bootGuest, type Guest } from './support/guest-machine.ts';
import { runSmallCode } from './support/small-code.ts';

const ISAR0: SystemRegisterEncoding = [3, 0, 0, 6, 0];
const ISAR1: SystemRegisterEncoding = [3, 0, 0, 6, 1];
const PFR0: SystemRegisterEncoding = [3, 0, 0, 4, 0];
const PFR1: SystemRegisterEncoding = [3, 0, 0, 4, 1];
const MMFR1: SystemRegisterEncoding = [3, 0, 0, 7, 1];
const MMFR2: SystemRegisterEncoding = [3, 0, 0, 7, 2];
const DFR0: SystemRegisterEncoding = [3, 0, 0, 5, 0];

const UNDEFINED = 0x0200_0000;
/** Fields in which 0xf means that the feature is absent. */
const SIGNED = -1;

/**
 * Feature, register, lowest bit of its field, the least value that has the instruction, and the
 * instruction.
 */
const FEATURES: readonly (readonly [string, SystemRegisterEncoding, number, number, number])[] = [
  ['AES: aese', ISAR0, 4, 1, 0x4e28_4820],
  ['AES: pmull of 64 bits', ISAR0, 4, 2, 0x0ee2_e020],
  ['SHA1: sha1h', ISAR0, 8, 1, 0x5e28_0820],
  ['SHA2: sha256h', ISAR0, 12, 1, 0x5e02_4020],
  ['SHA2: sha512h', ISAR0, 12, 2, 0xce62_8020],
  ['CRC32: crc32x', ISAR0, 16, 1, 0x9ac2_4c20],
  ['Atomic: ldadd', ISAR0, 20, 2, 0xf820_0041],
  ['RDM: sqrdmlah', ISAR0, 28, 1, 0x2e42_8420],
  ['SHA3: eor3', ISAR0, 32, 1, 0xce02_0c20],
  ['SM3: sm3ss1', ISAR0, 36, 1, 0xce42_0c20],
  ['SM4: sm4e', ISAR0, 40, 1, 0xcec0_8420],
  ['DP: sdot', ISAR0, 44, 1, 0x0e82_9420],
  ['FHM: fmlal', ISAR0, 48, 1, 0x0e22_ec20],
  ['TS: cfinv', ISAR0, 52, 1, 0xd500_401f],
  ['TS: axflag', ISAR0, 52, 2, 0xd500_405f],
  ['RNDR: mrs rndr', ISAR0, 60, 1, 0xd53b_2400],
  ['DPB: dc cvap', ISAR1, 0, 1, 0xd50b_7c22],
  ['APA: pacia', ISAR1, 4, 1, 0xdac1_0020],
  ['JSCVT: fjcvtzs', ISAR1, 12, 1, 0x1e7e_0020],
  ['FCMA: fcadd', ISAR1, 16, 1, 0x6e82_e420],
  ['LRCPC: ldapr', ISAR1, 20, 1, 0xf8bf_c040],
  ['LRCPC: ldapur', ISAR1, 20, 2, 0xd940_8040],
  ['FRINTTS: frint32z', ISAR1, 32, 1, 0x1e28_4020],
  ['SB: sb', ISAR1, 36, 1, 0xd503_30ff],
  ['SPECRES: cfp', ISAR1, 40, 1, 0xd50b_7380],
  ['BF16: bfdot', ISAR1, 44, 1, 0x2e42_fc20],
  ['I8MM: smmla', ISAR1, 52, 1, 0x4e82_a420],
  ['FP: fadd', PFR0, 16, SIGNED, 0x1e22_2820],
  ['FP: fadd of halves', PFR0, 16, 1, 0x1ee2_2820],
  ['AdvSIMD: add', PFR0, 20, SIGNED, 0x4e22_8420],
  ['AdvSIMD: fadd of halves', PFR0, 20, 1, 0x0e42_1420],
  ['GIC: mrs icc_sre_el1', PFR0, 24, 1, 0xd538_cca0],
  ['RAS: mrs erridr_el1', PFR0, 28, 1, 0xd538_5300],
  ['SVE: ptrue', PFR0, 32, 1, 0x2518_e3e0],
  ['DIT: msr dit', PFR0, 48, 1, 0xd503_415f],
  ['SSBS: msr ssbs', PFR1, 4, 2, 0xd503_413f],
  ['MTE: irg', PFR1, 8, 1, 0x9adf_1020],
  ['LO: mrs lorid_el1', MMFR1, 16, 1, 0xd538_a4e0],
  ['PAN: msr pan', MMFR1, 20, 1, 0xd500_419f],
  ['UAO: msr uao', MMFR2, 4, 1, 0xd500_417f],
  ['TraceVer: mrs trcidr1', DFR0, 4, 1, 0xd531_09e0],
  ['PMUVer: mrs pmcr_el0', DFR0, 8, 1, 0xd53b_9c00],
  ['BRPs: mrs dbgbvr5_el1', DFR0, 12, 5, 0xd530_0580],
  ['BRPs: mrs dbgbvr6_el1', DFR0, 12, 6, 0xd530_0680],
  ['WRPs: mrs dbgwvr3_el1', DFR0, 20, 3, 0xd530_03c0],
  ['WRPs: mrs dbgwvr4_el1', DFR0, 20, 4, 0xd530_04c0],
  ['PMSVer: mrs pmsidr_el1', DFR0, 32, 1, 0xd538_99e0],
];

describe.each([
  { board: 'qemu-virt', gicVersion: 2 },
  { board: 'qemu-virt', gicVersion: 3 },
  { board: 'pixel6', gicVersion: 3 },
  { board: 'pixel6', gicVersion: 3, engine: 'wasm' },
] as const)('$board, GICv$gicVersion, engine $engine', (options) => {
  let guest: Guest;
  beforeAll(() => {
    guest = bootGuest(new Uint8Array(4), options);
  });
  afterAll(() => {
    guest.machine.close();
  });

  const field = (register: SystemRegisterEncoding, shift: number): number =>
    Number(((guest.machine.bootCore.readSystemRegister(register) ?? 0n) >> BigInt(shift)) & 15n);

  it.each(FEATURES)('%s', (_feature, register, shift, least, word) => {
    const value = field(register, shift);
    const claimed = least === SIGNED ? value !== 15 : value >= least && value !== 15;
    const address = BigInt(guest.base + 0x2000);
    const code = { level: 1, x: { 2: address }, system: { CPACR_EL1: 3n << 20n } } as const;
    const { vector, esr } = runSmallCode([word], code, options, guest);
    // ESR is from an earlier case where nothing was taken.
    const taken = vector === null ? null : { vector, esr };
    expect({ claimed, taken }).toEqual({ claimed, taken: claimed ? null : { vector: 0x200, esr: UNDEFINED } });
  });

  it('claims the features of an Armv8.0 core with CRC32, AES and SHA, and on the own core those of its type', () => {
    const claims = FEATURES.filter(
      ([, register, shift, least]) =>
        least !== SIGNED && field(register, shift) >= least && field(register, shift) !== 15,
    );
    expect(claims.map(([name]) => name.split(':')[0])).toEqual(
      expect.arrayContaining(['AES', 'SHA1', 'SHA2', 'CRC32', 'PMUVer', 'BRPs', 'WRPs']),
    );
    if (!('engine' in options)) return;
    expect(claims.map(([name]) => name)).toEqual(
      expect.arrayContaining([
        'Atomic: ldadd',
        'RDM: sqrdmlah',
        'DP: sdot',
        'DPB: dc cvap',
        'LRCPC: ldapr',
        'FP: fadd of halves',
        'AdvSIMD: fadd of halves',
        'RAS: mrs erridr_el1',
        'LO: mrs lorid_el1',
        'PAN: msr pan',
        'UAO: msr uao',
      ]),
    );
  });
});
