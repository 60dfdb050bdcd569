// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { VirtAddr } from '#common/address.ts';
import { physAddr, virtAddr } from '#common/address.ts';
import {
  AF,
  AP_TABLE_READ_ONLY,
  leafDescriptor,
  MemoryAttributes,
  PXN_TABLE,
  tableDescriptor,
  UXN_TABLE,
} from './descriptor.ts';
import type { MemoryAttributes as Attributes } from './descriptor.ts';
import { TableMemory } from './table-memory.ts';
import { FakeMachine } from './testing/fake-ports.ts';
import { formatTranslation, walk } from './walk.ts';
import type { Access, TranslationRegime } from './walk.ts';

const [L0, L1, L2, L3] = [0x4000_0000, 0x4000_1000, 0x4000_2000, 0x4000_3000];

/** One page at 0xFFFF_8000_0000_0000 + 0x1000 through four tables; `edit` then damages it. */
function makeWalk(attrs: Attributes = MemoryAttributes.kernelData) {
  const machine = new FakeMachine();
  machine.poke(L0 + 256 * 8, tableDescriptor(L1));
  machine.poke(L1, tableDescriptor(L2));
  machine.poke(L2, tableDescriptor(L3));
  machine.poke(L3 + 8, leafDescriptor(0x5000_0000, 3, attrs));
  const regime: TranslationRegime = {
    low: null,
    high: physAddr(L0),
    outputAddressBits: 48,
    writeExecuteNever: false,
  };
  const memory = new TableMemory(machine.memory, machine.physicalOffset);
  const translate = (va: VirtAddr = PAGE, access?: Access, change: Partial<TranslationRegime> = {}) =>
    walk(memory, { ...regime, ...change }, va, access);
  return { machine, translate };
}

const PAGE = virtAddr(0xffff_8000_0000_1234n);
const read: Access = { kind: 'read', el: 1 };

describe('a walk', () => {
  it('gives the address, the attributes, the level and every step', () => {
    const { translate } = makeWalk();
    const result = translate();
    expect(result).toMatchObject({ ok: true, pa: 0x5000_0234, attrs: MemoryAttributes.kernelData, level: 3 });
    expect(formatTranslation(result)).toEqual([
      'L0 0x40000000[256] = 0x0000000040001003: table at 0x40001000',
      'L1 0x40001000[0] = 0x0000000040002003: table at 0x40002000',
      'L2 0x40002000[0] = 0x0000000040003003: table at 0x40003000',
      'L3 0x40003000[1] = 0x0060000050000703: 4 KiB page at 0x50000000: normal WB, inner shareable, EL1 rw-, EL0 ---, global',
      '0xffff800000001234 -> 0x50000234',
    ]);
  });

  it('reports the fault that it ends in', () => {
    const { translate } = makeWalk();
    expect(formatTranslation(translate(virtAddr(0xffff_8000_0020_0000n))).at(-1)).toBe(
      '0xffff800000200000 -> translation fault, level 2 (FSC 0x06): invalid',
    );
  });
});

describe('fault status codes', () => {
  const NOT_VALID = 0n;
  const FAR = 1n << 45n;
  it.each([
    ['translation level 0', L0 + 2048, NOT_VALID, 0b000100],
    ['translation level 1', L1, NOT_VALID, 0b000101],
    ['translation level 2', L2, NOT_VALID, 0b000110],
    ['translation level 3', L3 + 8, NOT_VALID, 0b000111],
    ['a level 0 block is reserved', L0 + 2048, 0x701n, 0b000100],
    ['a level 3 block is reserved', L3 + 8, 0x5000_0701n, 0b000111],
    ['address size level 0', L0 + 2048, FAR | 3n, 0b000000],
    ['address size level 1', L1, FAR | 0x701n, 0b000001],
    ['address size level 2', L2, FAR | 3n, 0b000010],
    ['address size level 3', L3 + 8, FAR | 0x703n, 0b000011],
    ['access flag level 1', L1, 0x301n, 0b001001],
    ['access flag level 2', L2, 0x301n, 0b001010],
    ['access flag level 3', L3 + 8, 0x303n, 0b001011],
  ] as const)('%s', (_, slot, descriptor, fsc) => {
    const { machine, translate } = makeWalk();
    machine.poke(slot, descriptor);
    expect(translate(PAGE, read, { outputAddressBits: 44 })).toMatchObject({ ok: false, fsc });
  });

  it.each([
    [L1, 0x4000_0781n, 0b001101],
    [L2, 0x4000_0781n, 0b001110],
    [L3 + 8, 0x4000_0783n, 0b001111],
  ])('permission, from the entry at %s', (slot, descriptor, fsc) => {
    const { machine, translate } = makeWalk();
    machine.poke(slot, descriptor);
    expect(translate(PAGE, { kind: 'write', el: 1 })).toMatchObject({ ok: false, fault: 'permission', fsc });
  });

  it('the access flag is looked at before permissions', () => {
    const { translate } = makeWalk((MemoryAttributes.kernelCode & ~AF) as Attributes);
    expect(translate(PAGE, { kind: 'write', el: 1 })).toMatchObject({ fault: 'accessFlag' });
  });

  it.each([
    ['not canonical, low', 0x0001_0000_0000_0000n],
    ['not canonical, high', 0xfffe_8000_0000_1000n],
    ['a tag in the top byte', 0x0100_0000_0000_0000n],
    ['bit 55 alone flipped', 0xff7f_8000_0000_1000n],
    ['a half whose walks are off', 0x1000n],
  ])('%s is a translation fault of level 0, no table read', (_, va) => {
    const { translate } = makeWalk();
    expect(translate(virtAddr(va))).toMatchObject({ ok: false, fault: 'translation', level: 0, fsc: 4, trace: [] });
  });

  it('a root beyond the output size is an address size fault of level 0', () => {
    const { translate } = makeWalk();
    expect(translate(PAGE, read, { high: physAddr(2 ** 44), outputAddressBits: 44 })).toMatchObject({
      fsc: 0,
      level: 0,
    });
  });
});

describe('permissions', () => {
  const accesses: [string, Access][] = (['read', 'write', 'execute'] as const).flatMap((kind) =>
    ([1, 0] as const).map((el): [string, Access] => [`${kind}${el}`, { kind, el }]),
  );
  it.each([
    ['kernelCode', ['read1', 'execute1']],
    ['kernelRodata', ['read1']],
    ['kernelData', ['read1', 'write1']],
    ['device', ['read1', 'write1']],
    ['userCode', ['read1', 'read0', 'execute0']],
    ['userData', ['read1', 'read0', 'write1', 'write0']],
  ] as const)('%s allows %s', (name, expected) => {
    const { translate } = makeWalk(MemoryAttributes[name]);
    const allowed = accesses.filter(([, access]) => translate(PAGE, access).ok).map(([label]) => label);
    expect(allowed).toEqual(expected);
  });

  it('tables restrict what is below them', () => {
    const { machine, translate } = makeWalk(MemoryAttributes.kernelCode);
    machine.poke(L1, tableDescriptor(L2) | PXN_TABLE);
    expect(translate(PAGE, { kind: 'execute', el: 1 })).toMatchObject({ fault: 'permission', level: 3 });
    machine.poke(L1, tableDescriptor(L2) | UXN_TABLE);
    expect(translate(PAGE, { kind: 'execute', el: 1 }).ok).toBe(true);
  });

  it('a read-only table makes data below it read-only', () => {
    const { machine, translate } = makeWalk();
    machine.poke(L0 + 2048, tableDescriptor(L1) | AP_TABLE_READ_ONLY);
    expect(translate(PAGE, { kind: 'write', el: 1 }).ok).toBe(false);
    expect(translate(PAGE, read).ok).toBe(true);
  });

  it('WXN takes execution from what is writable', () => {
    const open = 0x701n as Attributes;
    const { translate } = makeWalk(open);
    expect(translate(PAGE, { kind: 'execute', el: 1 }).ok).toBe(true);
    expect(translate(PAGE, { kind: 'execute', el: 1 }, { writeExecuteNever: true }).ok).toBe(false);
  });
});

it('every address that the four tables do not map faults, whatever its bits', () => {
  const { machine, translate } = makeWalk();
  machine.registers.write('TTBR1_EL1', BigInt(L0));
  machine.registers.write('TCR_EL1', 0x5_b510_3590n);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.bigInt(0n, 2n ** 64n - 1n),
        fc.bigInt(0n, 0x3fffn).map((low) => 0xffff_8000_0000_0000n | low),
      ),
      (bits) => {
        const va = virtAddr(bits);
        const second = machine.lookUp(va);
        const first = translate(va);
        expect(first.ok ? first.pa : null).toBe(second === null ? null : second.pa);
      },
    ),
    { numRuns: 2000 },
  );
});
