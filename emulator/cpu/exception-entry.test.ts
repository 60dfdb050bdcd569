// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { enterException, levelOf, VECTOR_KIND, type VectorKind } from './exception-entry.ts';
import { FakeEngine } from './testing/fake-engine.ts';

const VBAR = { 1: 0xffff_8000_0000_0800n, 2: 0x2000n, 3: 0x3000n } as const;
const NZCV = 0xa000_0000;

function engineAt(pstate: number): FakeEngine {
  const engine = new FakeEngine();
  engine.pstate = pstate | 0;
  engine.sp = 0x5555n;
  for (let level = 0; level < 4; level++) engine.banked[level] = 0x1000n * BigInt(level + 1);
  engine.set('VBAR_EL1', VBAR[1]);
  engine.set('VBAR_EL2', VBAR[2]);
  engine.set('VBAR_EL3', VBAR[3]);
  return engine;
}

const TAKEN = { kind: 'synchronous', targetLevel: 1, returnAddress: 0x1234n, esr: 0x5600_0000, far: null } as const;

describe('enterException', () => {
  it.each([
    // from, to, offset of the group
    ['EL0', 0x0, 1, 0x400],
    ['EL1t', 0x4, 1, 0x000],
    ['EL1h', 0x5, 1, 0x200],
    ['EL1h', 0x5, 2, 0x400],
    ['EL2t', 0x8, 2, 0x000],
    ['EL2h', 0x9, 2, 0x200],
    ['EL2h', 0x9, 3, 0x400],
    ['EL3t', 0xc, 3, 0x000],
    ['EL3h', 0xd, 3, 0x200],
  ] as const)('from %s (%i) to EL%i goes to +%i', (_from, mode, targetLevel, group) => {
    for (const [kind, offset] of Object.entries(VECTOR_KIND) as [VectorKind, number][]) {
      const engine = engineAt(mode);
      const vector = enterException(engine, { ...TAKEN, kind, targetLevel });
      expect(vector).toBe(VBAR[targetLevel] + BigInt(group + offset));
      expect(engine.pc).toBe(vector);
    }
  });

  it("keeps flags and masks in SPSR, and enters with all masked on the level's own stack", () => {
    const engine = engineAt(NZCV | 0x0c0 | 0x4);
    enterException(engine, TAKEN);
    expect(engine.get('SPSR_EL1')).toBe(BigInt((NZCV | 0x0c4) >>> 0));
    expect(engine.get('ELR_EL1')).toBe(0x1234n);
    expect(engine.get('ESR_EL1')).toBe(0x5600_0000n);
    expect(engine.pstate).toBe(0x3c5);
    // From EL1t the stack in use is SP_EL0.
    expect(engine.banked[0]).toBe(0x5555n);
    expect(engine.sp).toBe(0x2000n);
  });

  it('leaves ESR and FAR alone when there is none', () => {
    const engine = engineAt(0x5);
    engine.set('ESR_EL1', 1n);
    engine.set('FAR_EL1', 2n);
    enterException(engine, { ...TAKEN, kind: 'irq', esr: null });
    expect([engine.get('ESR_EL1'), engine.get('FAR_EL1')]).toEqual([1n, 2n]);
  });

  it('saves the stack pointer that was in use, whichever it was', () => {
    fc.assert(
      fc.property(fc.constantFrom(0x0, 0x4, 0x5, 0x8, 0x9, 0xc, 0xd), fc.constantFrom(1, 2, 3), (mode, target) => {
        const from = levelOf(mode);
        fc.pre(target >= Math.max(1, from));
        const engine = engineAt(mode);
        const own = (mode & 1) === 0 ? 0 : from;
        enterException(engine, { ...TAKEN, targetLevel: target });
        expect(engine.banked[own]).toBe(0x5555n);
        expect(engine.sp).toBe(own === target ? 0x5555n : 0x1000n * BigInt(target + 1));
        expect(levelOf(engine.pstate)).toBe(target);
      }),
    );
  });
});

describe('PSTATE bits of optional features', () => {
  const PAN = 1 << 22;
  const DIT = 1 << 24;
  const SSBS = 1 << 12;
  const SPAN = 1n << 23n;
  const DSSBS = 1n << 44n;

  function enter(options: {
    from: number;
    target?: 1 | 2 | 3;
    sctlr?: bigint;
    hcr?: bigint;
    features?: boolean;
  }): number {
    const engine = engineAt(options.from);
    const target = options.target ?? 1;
    if (options.features !== false) {
      engine.set('ID_AA64MMFR1_EL1', 1n << 20n);
      engine.set('ID_AA64PFR1_EL1', 1n << 4n);
    }
    engine.set(target === 1 ? 'SCTLR_EL1' : target === 2 ? 'SCTLR_EL2' : 'SCTLR_EL3', options.sctlr ?? 0n);
    engine.set('HCR_EL2', options.hcr ?? 0n);
    enterException(engine, { ...TAKEN, targetLevel: target });
    return engine.pstate & (PAN | DIT | SSBS);
  }

  it.each([
    ['PAN is set at EL1 with SPAN clear', { from: 0 }, PAN],
    ['PAN stays clear with SPAN set', { from: 0, sctlr: SPAN }, 0],
    ['PAN stays set with SPAN set', { from: 0x5 | PAN, sctlr: SPAN }, PAN],
    ['PAN is kept at EL2', { from: 0x5, target: 2 }, 0],
    ['PAN is set at EL2 when it is a host', { from: 0x0, target: 2, hcr: (1n << 34n) | (1n << 27n) }, PAN],
    ['PAN is kept at EL3', { from: 0x5 | PAN, target: 3 }, PAN],
    ['SSBS is SCTLR.DSSBS', { from: 0x5, sctlr: DSSBS | SPAN }, SSBS],
    ['SSBS is cleared without DSSBS', { from: 0x5 | SSBS, sctlr: SPAN }, 0],
    ['DIT is kept', { from: 0x5 | DIT, sctlr: SPAN }, DIT],
    ['nothing is set on a core without the features', { from: 0, features: false }, 0],
  ] as const)('%s', (_name, options, expected) => {
    expect(enter(options)).toBe(expected);
  });
});
