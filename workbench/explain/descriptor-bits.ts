// SPDX-License-Identifier: GPL-2.0-only
/**
 * The fields of a stage 1 descriptor by their Arm ARM names, each with its value and what it means
 * here.
 *
 * Specification: Arm ARM DDI 0487 K.a, D8.3 (formats), D8.4 (permissions), D8.6 (attributes), D24.2
 * (MAIR_EL1).
 */

import { hex } from '#common/address.ts';

/** One field of a descriptor. */
export interface DescriptorField {
  /** "AP[2:1]" */
  readonly name: string;
  /** Highest and lowest bit. */
  readonly bits: readonly [high: number, low: number];
  readonly value: number;
  readonly meaning: string;
}

/** Kinds of descriptor at a level. */
export type DescriptorKind = 'invalid' | 'reserved' | 'table' | 'block' | 'page';

/** @param granuleShift log2 of the granule, bytes */
export function descriptorKind(descriptor: bigint, level: number, granuleShift: number): DescriptorKind {
  if ((descriptor & 1n) === 0n) return 'invalid';
  if ((descriptor & 2n) !== 0n) return level === 3 ? 'page' : 'table';
  return level === 2 || (level === 1 && granuleShift === 12) ? 'block' : 'reserved';
}

const READABLE = ['read-write at EL1, none at EL0', 'read-write', 'read-only at EL1, none at EL0', 'read-only'];
const SHAREABLE = ['non-shareable', 'reserved', 'outer shareable', 'inner shareable'];
const TABLE_ACCESS = [
  'no restriction',
  'no access from EL0 below',
  'no writes below',
  'no writes, no access from EL0 below',
];

/**
 * The fields of a valid descriptor, lowest bit first; of an invalid one, bit 0 alone.
 * @param mair MAIR_EL1
 */
export function descriptorFields(descriptor: bigint, kind: DescriptorKind, mair: bigint): DescriptorField[] {
  const field = (name: string, high: number, low: number, meaning: (value: number) => string): DescriptorField => {
    const value = Number((descriptor >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n));
    return { name, bits: [high, low], value, meaning: meaning(value) };
  };
  const bit = (name: string, at: number, set: string, clear: string): DescriptorField =>
    field(name, at, at, (value) => (value === 1 ? set : clear));
  const valid = bit('V', 0, 'valid', 'invalid: the other 63 bits mean nothing to the CPU');
  if (kind === 'invalid') return [valid];
  const type = bit('T', 1, kind === 'page' ? 'page' : 'table', kind === 'block' ? 'block' : 'reserved at this level');
  if (kind === 'reserved') return [valid, type];
  if (kind === 'table') {
    return [
      valid,
      type,
      bit('PXNTable', 59, 'never executable at EL1 below', 'no restriction'),
      bit('UXNTable', 60, 'never executable at EL0 below', 'no restriction'),
      field('APTable', 62, 61, (value) => TABLE_ACCESS[value] as string),
    ];
  }
  return [
    valid,
    type,
    field('AttrIndx', 4, 2, (index) => `${memoryType(mair, index)} (MAIR_EL1 byte ${index})`),
    field('AP[2:1]', 7, 6, (value) => READABLE[value] as string),
    field('SH', 9, 8, (value) => SHAREABLE[value] as string),
    bit('AF', 10, 'accessed', 'access flag clear: the first access faults'),
    bit('nG', 11, 'not global: this ASID only', 'global'),
    bit('DBM', 51, 'dirty bit management', 'off'),
    bit('Contiguous', 52, 'one of a contiguous set', 'alone'),
    bit('PXN', 53, 'never executable at EL1', 'executable at EL1 where AP allows'),
    bit('UXN', 54, 'never executable at EL0', 'executable at EL0'),
  ];
}

const DEVICE_TYPES: Readonly<Record<number, string>> = {
  0: 'device nGnRnE',
  4: 'device nGnRE',
  8: 'device nGRE',
  12: 'device GRE',
};

/** The memory type that byte `index` of MAIR_EL1 gives: "normal, write-back", "device nGnRE". */
export function memoryType(mair: bigint, index: number): string {
  const attributes = Number((mair >> BigInt(8 * index)) & 0xffn);
  const outer = attributes >> 4;
  const inner = attributes & 0xf;
  if (attributes === 0xf0) return 'normal, write-back, tagged';
  if (outer === 0) return DEVICE_TYPES[inner] ?? `unpredictable memory type ${hex(attributes, 2)}`;
  return outer === inner
    ? `normal, ${cacheability(outer)}`
    : `normal, outer ${cacheability(outer)}, inner ${cacheability(inner)}`;
}

/**
 * A four-bit field of MAIR_EL1 for normal memory: the upper two bits say how, the lower two when to
 * allocate.
 */
function cacheability(nibble: number): string {
  if (nibble === 4) return 'non-cacheable';
  const transient = (nibble & 8) === 0 ? ' transient' : '';
  return `${(nibble & 4) !== 0 ? 'write-back' : 'write-through'}${transient}`;
}
