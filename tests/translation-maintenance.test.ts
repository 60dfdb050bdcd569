// SPDX-License-Identifier: GPL-2.0-only
/**
 * A mapping that is changed in the architecture's way: store, DSB, TLBI, DSB, ISB. Then code and
 * data of the new page are seen, whatever form of TLBI names the address, and whatever the engine
 * remembered of the old page: translations, translated code, targets of branches. Everything
 * happens in one slice.
 */

import { describe, expect, it } from 'vitest';
import { bootGuest, IMAGE_OFFSET, RAM_BASE } from './support/guest-machine.ts';
import { translateLowHalf } from './support/translated-core.ts';

const RAM = RAM_BASE['qemu-virt'];
const CODE = RAM + IMAGE_OFFSET;
const GiB = 0x4000_0000;
const LEVEL1 = 0x8000;
const LEVEL2 = 0x9000;
const LEVEL3 = 0xa000;
/** Addresses of the two pages, 2 MiB apart, so that each may be the start of a block. */
const TARGETS = [0x20_0000, 0x40_0000] as const;
/** Offset of the code in each page. */
const OFFSET = 0x340;

const MOV_W0 = [0x5280_0020, 0x5280_0040] as const;
const RET = 0xd65f_03c0;

const TLBI = {
  vmalle1: 0xd508_871f,
  vmalle1is: 0xd508_831f,
  'vae1, x4': 0xd508_8724,
  'vae1is, x4': 0xd508_8324,
  'vale1, x4': 0xd508_87a4,
  'vale1is, x4': 0xd508_83a4,
  'vaae1, x4': 0xd508_8764,
  'vaae1is, x4': 0xd508_8364,
  'vaale1, x4': 0xd508_87e4,
  'vaale1is, x4': 0xd508_83e4,
  'aside1, x4': 0xd508_8744,
  'aside1is, x4': 0xd508_8344,
} as const;

/** x1: the new descriptor, x2: its address, x3: the address that is mapped, x4: what TLBI names. */
const program = (tlbi: number): number[] => [
  0xd63f_0060, // blr x3
  0x2a00_03e5, // mov w5, w0
  0xb940_0066, // ldr w6, [x3]
  0xf900_0041, // str x1, [x2]
  0xd503_3a9f, // dsb ishst
  tlbi,
  0xd503_3b9f, // dsb ish
  0xd503_3fdf, // isb
  0xd63f_0060, // blr x3
  0xb940_0067, // ldr w7, [x3]
  0xd503_207f, // wfi
];

/** Valid, AF, inner shareable, not global, read and write at EL1. */
const leaf = (address: number, type: 'block' | 'page'): bigint =>
  BigInt(address) | (1n << 11n) | (1n << 10n) | (3n << 8n) | (type === 'page' ? 3n : 1n);
const table = (address: number): bigint => BigInt(address) | 3n;

function run(tlbi: number, mapped: 'a page' | 'a block', named: 'its own page' | 'the block'): bigint[] {
  const image = new Uint8Array(0x60_0000 - IMAGE_OFFSET);
  const words = new Uint32Array(image.buffer);
  words.set(program(tlbi));
  TARGETS.forEach((target, index) => {
    words.set([MOV_W0[index] as number, RET], (target - IMAGE_OFFSET + OFFSET) / 4);
  });
  const tableAt = (offset: number) => new BigUint64Array(image.buffer, offset);
  tableAt(LEVEL1)[RAM / GiB] = BigInt(RAM) | (1n << 10n) | (3n << 8n) | 1n;
  tableAt(LEVEL1)[RAM / GiB + 1] = table(CODE + LEVEL2);
  const [first, second] = TARGETS.map((target) => leaf(RAM + target, mapped === 'a page' ? 'page' : 'block'));
  tableAt(LEVEL2)[0] = mapped === 'a page' ? table(CODE + LEVEL3) : (first as bigint);
  tableAt(LEVEL3)[0] = first as bigint;
  const { machine } = bootGuest(image);
  const { engine } = machine.bootCore;
  translateLowHalf(engine, CODE + LEVEL1);
  const at = RAM + GiB + OFFSET;
  engine.setX(1, second as bigint);
  engine.setX(2, BigInt(CODE + (mapped === 'a page' ? LEVEL3 : LEVEL2)));
  engine.setX(3, BigInt(at));
  engine.setX(4, BigInt((named === 'its own page' ? at : RAM + GiB + 0x12_3000) >>> 0) >> 12n);
  engine.setPc(BigInt(CODE));
  machine.run({ untilNs: 1e6 });
  const seen = [engine.getX(5), engine.getX(6), engine.getX(0), engine.getX(7)];
  machine.close();
  return seen;
}

const RIGHT = [1n, BigInt(MOV_W0[0]), 2n, BigInt(MOV_W0[1])];

describe.each(Object.entries(TLBI))('TLBI %s', (_form, word) => {
  it('of a page', () => {
    expect(run(word, 'a page', 'its own page')).toEqual(RIGHT);
  });

  it.each(['its own page', 'the block'] as const)('of a block, named by %s', (named) => {
    expect(run(word, 'a block', named)).toEqual(RIGHT);
  });
});
