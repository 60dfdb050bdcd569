// SPDX-License-Identifier: GPL-2.0-only
/**
 * Code that changes itself, in the architecture's way: store, DC CVAU, DSB, IC, DSB, ISB. Then the
 * new code runs, whatever address it was stored through, whatever address the IC names, and
 * whatever the engine had in its TLB before it translated the old code. Everything happens in one
 * slice.
 */

import { describe, expect, it } from 'vitest';
import { bootGuest, IMAGE_OFFSET, RAM_BASE } from './support/guest-machine.ts';
import { translateLowHalf } from './support/translated-core.ts';

const RAM = RAM_BASE['qemu-virt'];
const CODE = RAM + IMAGE_OFFSET;
const ROUTINE = 0x1000;
const TABLE = 0x8000;
const GiB = 0x4000_0000;

const MOV_W0_1 = 0x5280_0020;
const MOV_W0_2 = 0x5280_0040;
const RET = 0xd65f_03c0;
const STR_BEHIND = 0xb900_0c41; // str w1, [x2, #12]
const bl = (from: number): number => 0x9400_0000 + (ROUTINE - from) / 4;

/** ic ivau, x3 · ic ivau, x2 · ic iallu · ic ialluis */
const IC = {
  itself: 0xd50b_7523,
  'the address stored to': 0xd50b_7522,
  iallu: 0xd508_751f,
  ialluis: 0xd508_711f,
} as const;

/** x1: the new instruction, x2: where it is stored, x3: where it is executed. */
function program(touchesFirst: boolean, maintained: keyof typeof IC): number[] {
  const words = touchesFirst ? [STR_BEHIND] : [];
  words.push(bl(4 * words.length));
  words.push(0x2a00_03e5); // mov w5, w0
  words.push(0xb900_0041); // str w1, [x2]
  words.push(0xd50b_7b23, 0xd503_3b9f); // dc cvau, x3; dsb ish
  words.push(IC[maintained], 0xd503_3b9f, 0xd503_3fdf); // ic …; dsb ish; isb
  words.push(bl(4 * words.length));
  words.push(0xd503_207f); // wfi
  return words;
}

/** A block descriptor: valid, AF, inner shareable, read and write at EL1. */
const block = (address: number, never: bigint): bigint => BigInt(address) | (1n << 10n) | (3n << 8n) | 1n | never;
const PXN = 1n << 53n;

function results(touchesFirst: boolean, storesThrough: 'itself' | 'an alias', maintained: keyof typeof IC): bigint[] {
  const image = new Uint8Array(0x9000);
  const words = new Uint32Array(image.buffer);
  words.set(program(touchesFirst, maintained));
  words.set([MOV_W0_1, RET], ROUTINE / 4);
  const table = new BigUint64Array(image.buffer, TABLE);
  table[RAM / GiB] = block(RAM, 0n);
  // The alias cannot be executed, as a kernel's linear map.
  table[RAM / GiB + 1] = block(RAM, PXN);
  const { machine } = bootGuest(image);
  const { engine } = machine.bootCore;
  translateLowHalf(engine, CODE + TABLE);
  engine.setX(1, BigInt(MOV_W0_2));
  engine.setX(2, BigInt(CODE + ROUTINE + (storesThrough === 'itself' ? 0 : GiB)));
  engine.setX(3, BigInt(CODE + ROUTINE));
  engine.setPc(BigInt(CODE));
  machine.run({ untilNs: 1e6 });
  const seen = [engine.getX(5), engine.getX(0)];
  machine.close();
  return seen;
}

describe.each(Object.keys(IC) as (keyof typeof IC)[])('code that is changed and maintained by IC: %s', (maintained) => {
  it.each([
    { touchesFirst: false, storesThrough: 'itself' },
    { touchesFirst: false, storesThrough: 'an alias' },
    { touchesFirst: true, storesThrough: 'itself' },
    { touchesFirst: true, storesThrough: 'an alias' },
  ] as const)('runs anew at once: stored through $storesThrough, page touched before: $touchesFirst', (way) => {
    expect(results(way.touchesFirst, way.storesThrough, maintained)).toEqual([1n, 2n]);
  });
});
