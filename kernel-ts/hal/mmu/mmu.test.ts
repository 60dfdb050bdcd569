// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { physAddr, virtAddr } from '#common/address.ts';
import { MemoryAttributes } from './descriptor.ts';
import { DEFAULT_ALIAS_WINDOW } from './mmu.ts';
import { errorCode, makeFixture, makeSpace } from './testing/fixture.ts';
import { TCR_EPD0 } from './translation-control.ts';

const LOW = virtAddr(0x1_0000n);
const FLUSH_ALL = ['dsb', 'tlbi all', 'dsb', 'isb'];

function makeUser() {
  const fixture = makeSpace('low');
  fixture.space.mapPage(LOW, physAddr(0x5000_0000), MemoryAttributes.userData);
  return fixture;
}

describe('setTtbr0', () => {
  it('null makes every low address a translation fault of level 0, also what the TLB still held', () => {
    const { mmu, machine } = makeUser();
    expect(machine.lookUp(LOW)?.pa).toBe(0x5000_0000);
    mmu.setTtbr0(null);
    expect(machine.lookUp(LOW)).toBeNull();
    for (const va of [0n, 0x1_0000n, 0x0000_ffff_ffff_ffffn]) {
      expect(mmu.translate(virtAddr(va))).toMatchObject({ ok: false, fault: 'translation', level: 0, trace: [] });
    }
  });

  it('null sets EPD0 before it clears the register, and changes nothing else in TCR', () => {
    const { mmu, machine } = makeUser();
    const tcr = machine.registers.read('TCR_EL1');
    machine.events.length = 0;
    mmu.setTtbr0(null);
    expect(machine.events).toEqual([
      `msr TCR_EL1 0x${(tcr | TCR_EPD0).toString(16)}`,
      'isb',
      'msr TTBR0_EL1 0x0',
      'isb',
      ...FLUSH_ALL,
    ]);
  });

  it('a tree puts the low half back', () => {
    const { mmu, machine, space } = makeUser();
    mmu.setTtbr0(null);
    mmu.setTtbr0(space);
    expect(mmu.translate(LOW)).toMatchObject({ ok: true, pa: 0x5000_0000 });
    expect(machine.lookUp(LOW)?.pa).toBe(0x5000_0000);
  });

  it('refuses a tree of the high half', () => {
    const { mmu, space } = makeSpace('high');
    expect(errorCode(() => mmu.setTtbr0(space))).toBe('InvalidVirtualAddress');
  });
});

describe('switchTtbr1', () => {
  it('orders the stores into the tables, the register and the TLB', () => {
    const { mmu, machine } = makeFixture();
    const space = mmu.createSpace('high');
    machine.events.length = 0;
    mmu.switchTtbr1(space);
    expect(machine.events).toEqual(['dsb', `msr TTBR1_EL1 0x${space.root.toString(16)}`, 'isb', ...FLUSH_ALL]);
    expect(mmu.liveSpace('high').root).toBe(space.root);
  });

  it('leaves no translation of the old tree', () => {
    const { mmu, machine, space } = makeSpace('high');
    const va = virtAddr(0xffff_9000_0000_0000n);
    space.mapPage(va, physAddr(0x1000), MemoryAttributes.kernelData);
    expect(machine.lookUp(va)).not.toBeNull();
    mmu.switchTtbr1(mmu.createSpace('high'));
    expect(machine.lookUp(va)).toBeNull();
    expect(mmu.translate(va).ok).toBe(false);
  });

  it('refuses a tree of the low half', () => {
    const { mmu, space } = makeSpace('low');
    expect(errorCode(() => mmu.switchTtbr1(space))).toBe('InvalidVirtualAddress');
  });
});

describe('TLB maintenance', () => {
  it('flushes all', () => {
    const { mmu, machine } = makeFixture();
    mmu.tlbFlushAll();
    expect(machine.events).toEqual(FLUSH_ALL);
  });
});

describe('configuration', () => {
  it('takes the output size from the registers', () => {
    expect(makeFixture().mmu.outputAddressBits).toBe(48);
  });

  it('has its alias window in the last page', () => {
    expect(DEFAULT_ALIAS_WINDOW).toBe(0xffff_ffff_ffff_f000n);
  });

  it('AllocationFailed when there is no frame for a root', () => {
    const { mmu } = makeFixture();
    for (let index = 0; index < 16; index++) mmu.pool.markUsed(index);
    expect(errorCode(() => mmu.createSpace('low'))).toBe('AllocationFailed');
  });

  it('translate honours SCTLR_EL1.WXN', () => {
    const { mmu, machine, space } = makeSpace('high');
    const va = virtAddr(0xffff_9000_0000_0000n);
    const open = (MemoryAttributes.kernelData & ~(1n << 53n)) as typeof MemoryAttributes.kernelData;
    space.mapPage(va, physAddr(0x1000), open);
    expect(mmu.translate(va, { kind: 'execute', el: 1 }).ok).toBe(true);
    machine.registers.write('SCTLR_EL1', 1n << 19n);
    expect(mmu.translate(va, { kind: 'execute', el: 1 })).toMatchObject({ fault: 'permission' });
  });
});
