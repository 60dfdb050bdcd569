// SPDX-License-Identifier: GPL-2.0-only
/**
 * Debian 12's Linux 6.1 entered at EL2, up to the line in which KVM says how it uses EL2: as the
 * kernel's own level with FEAT_VHE, else as a separate level.
 */

import { describe, expect, it } from 'vitest';
import { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import { bytesOf, foreignGuests } from '#tests/support/foreign-guest.ts';

const guests = foreignGuests('linux-6.1');
const [kernel = ''] = typeof guests === 'string' ? [] : guests;
const why = typeof guests === 'string' ? ` (${guests})` : '';

describe.skipIf(kernel === '').each([
  { cpuType: 'cortex-a76', gicVersion: 3, says: 'VHE mode initialized successfully' },
  { cpuType: 'cortex-a53', gicVersion: 2, says: 'Hyp mode initialized successfully' },
])(`Linux at EL2, $cpuType, GICv$gicVersion${why}`, ({ cpuType, gicVersion, says }) => {
  it(`has KVM: ${says}`, () => {
    const machine = new LevitateMachine({
      board: 'qemu-virt',
      engine: 'wasm',
      el: 2,
      cpuType,
      gicVersion,
      append: 'console=ttyAMA0 earlycon=pl011,0x9000000 cryptomgr.notests',
      kernel: bytesOf(kernel),
      expectText: says,
      failText: 'Kernel panic',
    });
    try {
      const outcome = machine.run({ timeoutNs: 2e9 });
      expect(outcome).toMatchObject({ outcome: 'expected' });
      expect(machine.serial.text).toContain(`kvm [1]: ${says}`);
      expect(machine.serial.text).toContain('CPU: All CPU(s) started at EL2');
    } finally {
      machine.close();
    }
  });
});
