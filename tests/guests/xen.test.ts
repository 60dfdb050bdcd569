// SPDX-License-Identifier: GPL-2.0-only
/**
 * Debian 12's Xen on qemu-virt, entered at EL2, up to the first lines of its Dom0: Debian's Linux
 * 6.1, behind stage 2 translation, on a virtual interrupt controller and timer.
 */

import { describe, expect, it } from 'vitest';
import { xenTree } from '#scripts/guests/xen-tree.ts';
import { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import { bytesOf, foreignGuests } from '#tests/support/foreign-guest.ts';

const guests = foreignGuests('xen', 'linux-6.1');
const [xen = '', linux = ''] = typeof guests === 'string' ? [] : guests;
const why = typeof guests === 'string' ? ` (${guests})` : '';

describe.skipIf(xen === '')(`Xen at EL2${why}`, () => {
  it('starts Dom0, which finds itself on Xen and calls its PSCI', () => {
    const dom0 = bytesOf(linux);
    const machine = new LevitateMachine({
      board: 'qemu-virt',
      engine: 'wasm',
      el: 2,
      gicVersion: 3,
      fixups: 'none',
      dtb: xenTree(dom0.length),
      kernel: bytesOf(xen),
      initrd: dom0,
      expectText: 'psci: PSCIv1.1 detected in firmware.',
      failText: 'Panic on CPU',
    });
    try {
      expect(machine.run({ timeoutNs: 10e9 })).toMatchObject({ outcome: 'expected' });
      const { text } = machine.serial;
      expect(text).toContain('(XEN) Brought up 1 CPUs');
      expect(text).toContain('(XEN) *** Serial input to DOM0');
      expect(text).toMatch(/^\[ *0\.000000\] Xen 4\.\d+ support found/m);
    } finally {
      machine.close();
    }
  });
});
