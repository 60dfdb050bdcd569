// SPDX-License-Identifier: GPL-2.0-only
import { expect, it } from 'vitest';
import { Runtime } from '#emulator/a64/runtime.ts';

const ADD_RET = [0x91000463, 0xd65f03c0];
const hasNothing = () => false;

it('a translation that no core has entered yet is compared with memory first', () => {
  const runtime = new Runtime();
  const { translations } = runtime;
  const code = new Int32Array(runtime.memory.buffer, runtime.allocate(4096).byteOffset, 1024);
  code.set(ADD_RET);
  const place = code.byteOffset;
  translations.enqueue(place, hasNothing);
  expect(translations.translate(() => true)).toEqual([place]);
  const { epoch } = translations;
  // Nobody guards the page, so nobody reports this.
  code[0] = 0x91000863;
  expect(translations.find(place, hasNothing)).toBeNull();
  expect(translations.epoch).toBe(epoch + 1);
});
