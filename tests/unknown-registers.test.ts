// SPDX-License-Identifier: GPL-2.0-only
/**
 * The log's line for a device register without a model: the device, the offset, the access, and the
 * instruction.
 */

import { expect, it } from 'vitest';
import { hex } from '#common/address.ts';
import { bootGuest } from './support/guest-machine.ts';

const CODE = [
  0xd2a1_2000, // movz x0, #0x900, lsl #16
  0xb940_8001, // ldr w1, [x0, #0x80]
  0xb940_8001, // ldr w1, [x0, #0x80]
  0x7901_2002, // strh w2, [x0, #0x90]
  0xd503_207f, // wfi
];

it('is there once for each register, with the PC of the first access', () => {
  const guest = bootGuest(new Uint8Array(Uint32Array.from(CODE).buffer));
  const { machine, base } = guest;
  try {
    expect(guest.run()).toEqual({ kind: 'idle' });
    expect(machine.events.get('mmio-unknown').map(({ fields }) => fields)).toEqual([
      { device: 'uart0', offset: '0x80', access: 'read', width: 4, value: '0x0', pc: hex(base + 4) },
      { device: 'uart0', offset: '0x90', access: 'write', width: 2, value: '0x0', pc: hex(base + 12) },
    ]);
  } finally {
    machine.close();
  }
});
