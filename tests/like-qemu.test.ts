// SPDX-License-Identifier: GPL-2.0-only
/**
 * Details on which code relies that was tried on QEMU 7.2's virt machine. The values in comments
 * were read there by the same instructions.
 */

import { afterEach, describe, expect, it } from 'vitest';
import { type Ran, runSmallCode } from './support/small-code.ts';

let ran: Ran | null = null;
afterEach(() => {
  ran?.guest.machine.close();
  ran = null;
});

const GICD_BASE = 0x800_0000n;
const SGI_FRAME = 0x80b_0000n;

describe('GICv3', () => {
  it('delivers interrupts to a guest that has never written GICR_WAKER', () => {
    const words = [
      // GICD_CTLR = EnableGrp1; GICR_IGROUPR0 = all; GICR_ISENABLER0 = SGI 0
      0x5280_0041, 0xb900_0121, 0x1280_0001, 0xb900_8141, 0x5280_0021, 0xb901_0141,
      // ICC_PMR_EL1 = 0xf8; ICC_IGRPEN1_EL1 = 1; ICC_SGI1R_EL1 = 1: SGI 0 to itself
      0xd280_1f00, 0xd518_4600, 0xd280_0020, 0xd518_cce0, 0xd518_cba0, 0xd503_3fdf,
      // DAIFClr I; NOP
      0xd503_42ff, 0xd503_201f,
    ];
    ran = runSmallCode(words, { level: 1, x: { 9: GICD_BASE, 10: SGI_FRAME } }, { gicVersion: 3 });
    expect([ran.stop.kind, ran.vector]).toEqual(['stopped', 0x280]);
    expect(ran.guest.machine.bus.read(0x80a_0014, 4)).toBe(0);
  });

  it.each([
    // QEMU: 0x037a0007, with LPIS for an ITS that is not here.
    [3, 0x0378_0007n],
    [2, 0x28n],
  ] as const)('GICD_TYPER of GICv%i', (gicVersion, value) => {
    // ldr w2, [x9, #4]
    ran = runSmallCode([0xb940_0522], { level: 1, x: { 9: GICD_BASE } }, { gicVersion, cpus: 2 });
    expect(ran.engine.getX(2)).toBe(value);
  });
});

describe('SCTLR_EL1 after reset', () => {
  it.each([
    ['WFI', 0xd503_207f],
    ['WFE', 0xd503_205f],
  ])('lets %s run at EL0', (_name, hint) => {
    // The physical timer's line wakes: CNTP_TVAL_EL0 is 0 at reset; then the gate after the code.
    ran = runSmallCode([hint], { level: 0 });
    expect(ran.vector).toBe(null);
    expect(ran.esr).toBe(0);
  });

  it.each(['qemu-virt', 'pixel6'] as const)('checks stack pointers, on %s', (board) => {
    // mrs x0, sctlr_el1. QEMU: 0x00c50838, without RES1 bits.
    ran = runSmallCode([0xd538_1000], { level: 1 }, { board });
    expect(ran.engine.getX(0) & 0xc5_0838n).toBe(0xc5_0838n);
  });
});
