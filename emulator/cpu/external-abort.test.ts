// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { abortAddress, abortSyndrome, externalAbortTarget, synchronousTarget } from './external-abort.ts';
import { FakeEngine } from './testing/fake-engine.ts';

const TGE = 1n << 27n;
const TEA = 1n << 37n;
const EA = 1n << 3n;

describe('where an external abort is taken', () => {
  it.each([
    // level, HCR_EL2, SCR_EL3, target
    [0, 0n, 0n, 1],
    [1, 0n, 0n, 1],
    [2, 0n, 0n, 2],
    [3, 0n, 0n, 3],
    [0, TGE, 0n, 2],
    [1, TGE, 0n, 1],
    [0, TEA, 0n, 2],
    [1, TEA, 0n, 2],
    [3, TEA, 0n, 3],
    [0, TEA, EA, 3],
    [2, 0n, EA, 3],
  ] as const)('from EL%i with HCR_EL2 %i, SCR_EL3 %i: EL%i', (level, hcr, scr, target) => {
    const engine = new FakeEngine();
    engine.set('HCR_EL2', hcr);
    engine.set('SCR_EL3', scr);
    expect(externalAbortTarget(engine, level)).toBe(target);
  });

  it('differs from other synchronous exceptions by EA and TEA only', () => {
    const engine = new FakeEngine();
    engine.set('HCR_EL2', TEA);
    engine.set('SCR_EL3', EA);
    expect([0, 1, 2, 3].map((level) => synchronousTarget(engine, level))).toEqual([1, 1, 2, 3]);
  });
});

describe('the address of an aborted access', () => {
  const LDP_X2_X3_X1 = 0xa940_0c22;

  it('is that of the first part, or of a later part in the next page', () => {
    const engine = new FakeEngine();
    engine.setX(1, 0xffff_8000_0000_0ff8n);
    expect(abortAddress(engine, 'read', 0x4000_0ff8, LDP_X2_X3_X1, 0n)).toBe(0xffff_8000_0000_0ff8n);
    expect(abortAddress(engine, 'read', 0x4000_7000, LDP_X2_X3_X1, 0n)).toBe(0xffff_8000_0000_1000n);
  });

  it('is PC for a fetch, and unknown with the instruction', () => {
    expect(abortAddress(new FakeEngine(), 'fetch', 0x400, null, 0x8400n)).toBe(0x8400n);
    expect(abortAddress(new FakeEngine(), 'read', 0x400, null, 0x8400n)).toBeNull();
  });

  it('is marked as not valid in the syndrome when it is not known', () => {
    expect(abortSyndrome('write', 0x10, true, null)).toBe(0x9200_0450);
    expect(abortSyndrome('write', 0x10, true, 0n)).toBe(0x9200_0050);
    expect(abortSyndrome('fetch', 0x10, false, 0n)).toBe(0x8600_0010);
  });
});
