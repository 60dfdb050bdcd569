// SPDX-License-Identifier: GPL-2.0-only
/**
 * The engine's translated code more than 2 GiB away from its library, as happens when other memory
 * is mapped in between. Calls between them are other instructions, and a fault is still reported at
 * its instruction.
 */

import { afterEach, expect } from 'vitest';
import { bootGuest, engineLibrary, type Guest } from './support/guest-machine.ts';
import { it } from './support/on-unicorn.ts';

/** Node's types do not have it. */
const { WebAssembly: wasm } = globalThis as unknown as {
  WebAssembly: { Memory: new (descriptor: { initial: number }) => object };
};
/** Each reserves some GiB of addresses, whatever its size. */
const RESERVATIONS = 3;
const guests: Guest[] = [];
afterEach(() => {
  for (const guest of guests.splice(0)) guest.machine.close();
});

function transcript(): string {
  const guest = bootGuest('exceptions-el1');
  guests.push(guest);
  expect(guest.run()).toEqual({ kind: 'idle' });
  return guest.serial.text;
}

it('shows the same faults as near by', () => {
  expect(engineLibrary()).not.toBe('');
  const near = transcript();
  const reserved = Array.from({ length: RESERVATIONS }, () => new wasm.Memory({ initial: 1 }));
  expect(transcript()).toBe(near);
  expect(reserved).toHaveLength(RESERVATIONS);
});
