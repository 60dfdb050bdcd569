// SPDX-License-Identifier: GPL-2.0-only
/**
 * Routing of interrupts: the one that is taken, its target level, and the masks that keep it
 * pending.
 */

import { describe, expect, it } from 'vitest';
import { CoreState, PSTATE } from '#emulator/a64/core-state.ts';
import { CORE_BYTES, MOST_SYSTEM_REGISTERS } from '#emulator/a64/layout.ts';
import { CoreInterrupts, type SignalledLines } from './core-interrupts.ts';
import { HCR } from './hypervisor.ts';
import { RegisterFile } from './register-file.ts';

const NS = 1n;
const SCR_IRQ = 2n;
const MASKED = PSTATE.i | PSTATE.f | PSTATE.a;

function core(level: number, masks: number, hcr: bigint, scr = NS) {
  const noPorts = {} as ConstructorParameters<typeof CoreState>[2];
  const state = new CoreState(new ArrayBuffer(CORE_BYTES), 0, noPorts, () => true);
  state.pstate = (level << 2) | (level > 0 ? PSTATE.sp : 0) | masks;
  const file = new RegisterFile(new BigUint64Array(MOST_SYSTEM_REGISTERS));
  file.set('HCR_EL2', hcr);
  file.set('SCR_EL3', scr);
  const interrupts = new CoreInterrupts(state, file);
  const signal = (lines: Partial<SignalledLines>) =>
    interrupts.set({ irq: false, fiq: false, virtualIrq: false, virtualFiq: false, ...lines });
  return { interrupts, file, signal };
}

const summary = ({ due }: CoreInterrupts): string =>
  due === null ? 'none' : `${due.isVirtual ? 'virtual ' : ''}${due.kind} to EL${due.target}`;

describe('a physical interrupt', () => {
  it.each([
    ['goes to EL1', 1, 0, 0n, NS, 'irq to EL1'],
    ['waits while EL1 masks it', 1, MASKED, 0n, NS, 'none'],
    ['waits while EL0 masks it', 0, MASKED, 0n, NS, 'none'],
    ['for EL1 waits while EL2 runs', 2, 0, 0n, NS, 'none'],
    ['goes to EL2 with IMO, whatever EL1 masks', 1, MASKED, HCR.imo, NS, 'irq to EL2'],
    ['goes to EL2 with TGE', 0, MASKED, HCR.tge, NS, 'irq to EL2'],
    ['waits while EL2 masks it', 2, MASKED, HCR.imo, NS, 'none'],
    ['is taken by EL2 from EL2', 2, 0, HCR.imo, NS, 'irq to EL2'],
    ['goes to EL3 with SCR_EL3.IRQ', 2, MASKED, HCR.imo, NS | SCR_IRQ, 'irq to EL3'],
    ['knows no EL2 in Secure state', 1, 0, HCR.imo, 0n, 'irq to EL1'],
  ])('%s', (_text, level, masks, hcr, scr, expected) => {
    const { interrupts, signal } = core(level, masks, hcr, scr);
    signal({ irq: true });
    expect(summary(interrupts)).toBe(expected);
    expect(interrupts.pending).toBe(true);
  });
});

describe('a virtual interrupt', () => {
  it.each([
    ['goes to EL1 with IMO', 1, 0, HCR.imo, 'virtual irq to EL1'],
    ['is taken from EL0', 0, 0, HCR.imo, 'virtual irq to EL1'],
    ['waits while EL1 masks it', 1, MASKED, HCR.imo, 'none'],
    ['waits while EL2 runs', 2, 0, HCR.imo, 'none'],
    ['is none without IMO', 1, 0, HCR.fmo, 'none'],
    ['is none with TGE', 0, 0, HCR.imo | HCR.tge, 'none'],
  ])('%s, signalled by a line or by HCR_EL2', (_text, level, masks, hcr, expected) => {
    const byLine = core(level, masks, hcr);
    byLine.signal({ virtualIrq: true });
    expect(summary(byLine.interrupts)).toBe(expected);
    expect(summary(core(level, masks, hcr | HCR.vi).interrupts)).toBe(expected);
  });

  it('comes after a physical one', () => {
    const { interrupts, signal } = core(1, 0, HCR.imo);
    signal({ irq: true, virtualIrq: true });
    expect(summary(interrupts)).toBe('irq to EL2');
  });

  it('that is an SError is signalled once', () => {
    const { interrupts, file } = core(1, 0, HCR.amo | HCR.vse);
    const { due } = interrupts;
    expect(summary(interrupts)).toBe('virtual serror to EL1');
    if (due !== null) interrupts.taken(due);
    expect([summary(interrupts), file.get('HCR_EL2')]).toEqual(['none', HCR.amo]);
  });
});
