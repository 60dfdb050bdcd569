// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { RecordingContext } from './testing/test-context.ts';
import { gs101ResetValues } from './gs101-reset-values.ts';
import { RegisterStorage } from './register-storage.ts';

const block = (placement: string, size = 0x1_0000) =>
  new RegisterStorage({
    name: placement,
    size,
    context: new RecordingContext(),
    resetValues: gs101ResetValues(placement),
  });

describe('gs101ResetValues', () => {
  it('identify the chip to the driver of Linux', () => {
    const otp = block('otp', 0xf084);
    const [product, revision] = [otp.read(0, 4), otp.read(0x10, 4)];
    expect([(product & 0xffff_f000) >>> 0, product & 0xf, (revision >>> 16) & 0xf]).toEqual([0x0984_5000, 1, 0]);
  });

  it('show every PLL of CMU_TOP enabled and locked', () => {
    const cmu = block('cmu-top');
    for (const con3 of [0x10c, 0x14c, 0x18c, 0x1cc]) expect(cmu.read(con3, 4)).toBe(2 ** 31 + 2 ** 29);
  });

  it('leave the three keys up', () => {
    expect(block('pinctrl-gpio-alive', 0x1000).read(0xe4, 4) & 2).toBe(2);
    const far = block('pinctrl-far-alive', 0x1000);
    expect([far.read(0x24, 4) & 8, far.read(0x44, 4) & 2]).toEqual([8, 2]);
  });

  it('are empty for every other block', () => {
    expect(gs101ResetValues('cmu-misc').size).toBe(0);
  });
});
