// SPDX-License-Identifier: GPL-2.0-only
/**
 * Registers that are storage: reset values, bits that can be written, bits named by two registers.
 */

import { describe, expect, it } from 'vitest';
import { MOST_SYSTEM_REGISTERS } from '#emulator/a64/layout.ts';
import { type SystemRegisterEncoding, systemRegisterNumber } from '#emulator/engine/system-registers.ts';
import { RegisterFile } from './register-file.ts';
import { STORED_REGISTERS, type StoredRegister } from './registers.ts';

const ALL = 2n ** 64n - 1n;

function written(encoding: SystemRegisterEncoding, values: readonly bigint[]): bigint | null {
  const file = new RegisterFile(new BigUint64Array(MOST_SYSTEM_REGISTERS));
  const register = file.find(systemRegisterNumber(encoding));
  if (register === undefined) return null;
  for (const value of values) file.write(register, value);
  return file.read(register);
}

describe('a stored register', () => {
  it.each<[string, SystemRegisterEncoding, bigint[], bigint | null]>([
    ['TTBR0_EL1 takes all bits', [3, 0, 2, 0, 0], [ALL], ALL],
    ['VBAR_EL1 is aligned', [3, 0, 12, 0, 0], [ALL], ALL ^ 0x7ffn],
    ['CTR_EL0 is what it is', [3, 3, 0, 0, 1], [0n], 0x8444_c004n],
    ['PMCNTENSET_EL0 sets', [3, 3, 9, 12, 1], [1n, 4n], 5n],
    // Linux 6.1 writes it on every core that it starts.
    ['OSDLR_EL1 is there', [2, 0, 1, 3, 4], [ALL], 1n],
    ['nothing is at S3_7_C15', [3, 7, 15, 15, 7], [1n], null],
  ])('%s', (_text, encoding, values, expected) => {
    expect(written(encoding, values)).toBe(expected);
  });

  it('has its bits cleared through another name', () => {
    const file = new RegisterFile(new BigUint64Array(MOST_SYSTEM_REGISTERS));
    const [set, clear] = [1, 2].map((op2) => file.find(systemRegisterNumber([3, 3, 9, 12, op2]))) as [
      StoredRegister,
      StoredRegister,
    ];
    file.write(set, 7n);
    expect(file.write(clear, 2n)).toBe(true);
    expect([file.read(set), file.read(clear)]).toEqual([5n, 5n]);
  });

  it('has room', () => {
    expect(Math.max(...[...STORED_REGISTERS.values()].map(({ place }) => place))).toBeLessThan(MOST_SYSTEM_REGISTERS);
  });

  it('refuses the name of a register that is not storage', () => {
    const file = new RegisterFile(new BigUint64Array(MOST_SYSTEM_REGISTERS));
    expect(() => file.get('CNTFRQ_EL0')).toThrow('CNTFRQ_EL0 is not stored');
    expect(() => file.set('CNTFRQ_EL0', 1n)).toThrow('CNTFRQ_EL0 is not stored');
  });
});
