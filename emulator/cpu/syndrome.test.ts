// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import {
  dataAbortSyndrome,
  EXCEPTION_CLASS,
  exceptionClass,
  EXTERNAL_ABORT_STATUS,
  instructionAbortSyndrome,
  interruptMaskTrapSyndrome,
  isTranslationFault,
  pcAlignmentSyndrome,
  undefinedSyndrome,
  waitTrapSyndrome,
  withFaultStatus,
} from './syndrome.ts';

describe('syndromes', () => {
  it.each([
    ['undefined', undefinedSyndrome(), 0x0200_0000],
    ['WFE trapped', waitTrapSyndrome(), 0x07e0_0001],
    ['PC alignment', pcAlignmentSyndrome(), 0x8a00_0000],
    ['external abort, read', dataAbortSyndrome({ status: EXTERNAL_ABORT_STATUS, write: false }), 0x9600_0010],
    ['external abort, write', dataAbortSyndrome({ status: EXTERNAL_ABORT_STATUS, write: true }), 0x9600_0050],
    ['from a lower level', dataAbortSyndrome({ status: 7, write: false, lower: true }), 0x9200_0007],
    [
      'without address',
      dataAbortSyndrome({ status: EXTERNAL_ABORT_STATUS, write: false, farNotValid: true }),
      0x9600_0410,
    ],
    ['instruction abort', instructionAbortSyndrome({ status: EXTERNAL_ABORT_STATUS, lower: false }), 0x8600_0010],
    ['instruction abort from below', instructionAbortSyndrome({ status: 6, lower: true }), 0x8200_0006],
    // msr daifset, #2: op0 0, op1 3, CRn 4, CRm 2, op2 6, Rt 31
    ['MSR DAIFSet trapped', interruptMaskTrapSyndrome(0xd503_42df), 0x620c_d3e4],
  ])('%s', (_name, esr, expected) => {
    expect(esr.toString(16)).toBe(expected.toString(16));
  });

  it('has the class in its top bits', () => {
    expect(exceptionClass(0x9600_0010)).toBe(EXCEPTION_CLASS.dataAbortSame);
    expect(exceptionClass(0x5600_0000)).toBe(EXCEPTION_CLASS.svc64);
  });

  it('replaces a fault status and nothing else', () => {
    expect(withFaultStatus(0x9600_0047, 0x17)).toBe(0x9600_0057);
  });

  it('knows translation faults of every level, and no other faults', () => {
    const statuses = Array.from({ length: 64 }, (_, status) => status);
    expect(statuses.filter((status) => isTranslationFault(0x9600_0000 + status))).toEqual([4, 5, 6, 7]);
  });
});
