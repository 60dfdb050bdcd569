// SPDX-License-Identifier: GPL-2.0-only
/** Descriptors taken apart: values worked out from the Arm ARM's pictures. */

import { describe, expect, it } from 'vitest';
import { descriptorFields, descriptorKind, memoryType } from './descriptor-bits.ts';

describe('descriptorKind', () => {
  it.each([
    [0b10n, 3, 12, 'invalid'],
    [0b11n, 0, 12, 'table'],
    [0b11n, 3, 12, 'page'],
    [0b01n, 1, 12, 'block'],
    [0b01n, 2, 16, 'block'],
    [0b01n, 1, 16, 'reserved'],
    [0b01n, 0, 12, 'reserved'],
    [0b01n, 3, 12, 'reserved'],
  ] as const)('%s at level %s with granule 2^%s is %s', (descriptor, level, granule, kind) => {
    expect(descriptorKind(descriptor, level, granule)).toBe(kind);
  });
});

describe('descriptorFields', () => {
  const values = (descriptor: bigint, kind: 'page' | 'table' | 'invalid' | 'reserved'): Record<string, number> =>
    Object.fromEntries(descriptorFields(descriptor, kind, 0x04ffn).map(({ name, value }) => [name, value]));

  it('a page of kernel text', () => {
    expect(values(0x0040_0000_8008_0783n, 'page')).toEqual({
      V: 1,
      T: 1,
      AttrIndx: 0,
      'AP[2:1]': 2,
      SH: 3,
      AF: 1,
      nG: 0,
      DBM: 0,
      Contiguous: 0,
      PXN: 0,
      UXN: 1,
    });
  });

  it('a table that takes execution at EL0 and writes away', () => {
    expect(values((1n << 60n) | (2n << 61n) | 0x8009_7003n, 'table')).toEqual({
      V: 1,
      T: 1,
      PXNTable: 0,
      UXNTable: 1,
      APTable: 2,
    });
  });

  it.each([
    ['invalid', 0n, ['V']],
    ['reserved', 1n, ['V', 'T']],
  ] as const)('of what is %s only what the CPU looks at', (kind, descriptor, names) => {
    expect(Object.keys(values(descriptor, kind))).toEqual(names);
  });
});

describe('memoryType', () => {
  it.each([
    [0xff, 'normal, write-back'],
    [0x44, 'normal, non-cacheable'],
    [0xbb, 'normal, write-through'],
    [0x4f, 'normal, outer non-cacheable, inner write-back'],
    [0x77, 'normal, write-back transient'],
    [0xf0, 'normal, write-back, tagged'],
    [0x00, 'device nGnRnE'],
    [0x04, 'device nGnRE'],
    [0x08, 'device nGRE'],
    [0x0c, 'device GRE'],
    [0x01, 'unpredictable memory type 0x01'],
  ])('0x%s is %s', (attributes, text) => {
    // In byte 5, between bytes of another type.
    const mair = (BigInt(attributes) << 40n) | 0xff00_00ff_ffff_ffffn;
    expect(memoryType(mair, 5)).toBe(text);
  });
});
