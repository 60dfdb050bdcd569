// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answerPsci, PSCI, PSCI_NOT_SUPPORTED, PSCI_SUCCESS, psciName } from './psci.ts';

const KNOWN: readonly number[] = Object.values(PSCI);

describe('answerPsci', () => {
  it.each([
    ['VERSION is 1.1', PSCI.VERSION, 0x1_0001n],
    ['SMCCC_VERSION is 1.1', PSCI.SMCCC_VERSION, 0x1_0001n],
    ['MIGRATE_INFO_TYPE: no migration needed', PSCI.MIGRATE_INFO_TYPE, 2n],
  ])('%s', (_name, functionId, result) => {
    expect(answerPsci(functionId, 0n)).toEqual({ result });
  });

  it('asks for power off and reset, and for nothing else', () => {
    expect(answerPsci(PSCI.SYSTEM_OFF, 0n).power).toBe('off');
    expect(answerPsci(PSCI.SYSTEM_RESET, 0n).power).toBe('reset');
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffff_ffff }),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        (id, argument) => {
          fc.pre(id !== PSCI.SYSTEM_OFF && id !== PSCI.SYSTEM_RESET);
          return answerPsci(id, argument).power === undefined;
        },
      ),
    );
  });

  it('says NOT_SUPPORTED to any function it does not have', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (id) => {
        fc.pre(!KNOWN.includes(id));
        expect(answerPsci(id, 0n)).toEqual({ result: PSCI_NOT_SUPPORTED });
      }),
    );
  });

  it('lists in FEATURES what it has, by the low 32 bits of the argument', () => {
    for (const id of KNOWN) {
      expect(answerPsci(PSCI.FEATURES, BigInt(id) | (0xdead_beefn << 32n)).result).toBe(PSCI_SUCCESS);
    }
    for (const id of [0, 0x8400_0077, 0x8400_00ff, 0x8600_0000]) {
      expect(answerPsci(PSCI.FEATURES, BigInt(id)).result).toBe(PSCI_NOT_SUPPORTED);
    }
  });

  it('has a 64-bit form of what takes an address or names a core, and of nothing else', () => {
    const forms = KNOWN.filter((id) => id !== PSCI.SMCCC_VERSION).map((id) => (id | 0x4000_0000) >>> 0);
    const supported = forms.filter((id) => answerPsci(PSCI.FEATURES, BigInt(id)).result === PSCI_SUCCESS);
    expect(supported).toEqual([0xc400_0001, 0xc400_0003, 0xc400_0004]);
  });

  it('names functions, and numbers the others', () => {
    expect(psciName(PSCI.SYSTEM_OFF)).toBe('SYSTEM_OFF');
    expect(psciName(0x8400_0077)).toBe('0x84000077');
  });
});
