// SPDX-License-Identifier: GPL-2.0-only
/** Virtual interrupts from list register to end, and maintenance interrupts of the hypervisor. */

import { describe, expect, it } from 'vitest';
import { intidOf, LR, VirtualInterface, VMCR } from './virtual-interface.ts';

const EN = 1;

function virtualInterface() {
  const ended: number[] = [];
  const own = new VirtualInterface((intid) => ended.push(intid));
  own.hcr = EN;
  own.vmcr = VMCR.enables | (0xf8 << 24);
  return { own, ended };
}

const list = (vintid: number, priority: number, more = 0n): bigint =>
  BigInt(vintid) | (BigInt(priority) << 48n) | LR.group1 | LR.pending | more;

describe('a virtual interrupt', () => {
  it('is signalled, acknowledged and ended, and with it the physical one that it stands for', () => {
    const { own, ended } = virtualInterface();
    expect(own.signals).toBeNull();
    own.lists[1] = list(27, 0xa0, LR.hw | (30n << 32n));
    expect(own.signals).toBe('irq');
    expect(intidOf(own.acknowledge(1) as bigint)).toBe(27);
    expect([own.signals, own.runningPriority, (own.lists[1] ?? 0n) >> 62n]).toEqual([null, 0xa0, 2n]);
    own.end(1, 27);
    expect([own.runningPriority, (own.lists[1] ?? 0n) >> 62n, ended]).toEqual([0xff, 0n, [30]]);
  });

  it.each([
    ['the interface is off', (own: VirtualInterface) => (own.hcr = 0)],
    ['its group is off', (own: VirtualInterface) => own.change(VMCR.enables, 1)],
    ['the mask is as urgent', (own: VirtualInterface) => (own.pmr = 0xa0)],
    ['one as urgent runs', (own: VirtualInterface) => own.setActivePriorities(1, 1 << (0xa0 >> 3))],
  ])('waits while %s', (_text, change) => {
    const { own } = virtualInterface();
    own.lists[0] = list(27, 0xa0);
    expect(own.signals).toBe('irq');
    change(own);
    expect([own.signals, own.acknowledge('any')]).toEqual([null, null]);
  });

  it('of group 0 is an FIQ where the guest has said so', () => {
    const { own } = virtualInterface();
    own.lists[0] = list(27, 0xa0) & ~LR.group1;
    expect(own.signals).toBe('irq');
    own.change(VMCR.fiqEn, VMCR.fiqEn);
    expect([own.signals, own.acknowledge(1)]).toEqual(['fiq', null]);
  });

  it('that is more urgent comes first, whichever list register has it', () => {
    const { own } = virtualInterface();
    own.lists[0] = list(40, 0xa0);
    own.lists[3] = list(41, 0x80);
    expect(intidOf(own.acknowledge(1) as bigint)).toBe(41);
  });

  it('is ended in two steps where the guest has split them', () => {
    const { own, ended } = virtualInterface();
    own.change(VMCR.eoim, VMCR.eoim);
    own.lists[0] = list(27, 0xa0, LR.hw | (30n << 32n));
    own.acknowledge(1);
    own.end(1, 27);
    expect([own.runningPriority, ended]).toEqual([0xff, []]);
    own.deactivateGuests(27);
    expect(ended).toEqual([30]);
  });
});

describe('the maintenance interrupt', () => {
  it('tells of an end that was asked for', () => {
    const { own } = virtualInterface();
    own.lists[2] = list(33, 0xa0, LR.eoi);
    own.acknowledge(1);
    expect([own.maintenance, own.ended, own.free]).toEqual([false, 0, 0b1011]);
    own.end(1, 33);
    expect([own.maintenance, own.misr, own.ended, own.free]).toEqual([true, 1, 0b100, 0b1011]);
  });

  it.each([
    // HCR, list registers, MISR
    ['fewer than two hold one (UIE)', EN | 2, 1, 2],
    ['two hold one', EN | 2, 2, 0],
    ['an interrupt without a list register was ended (LRENPIE)', EN | 4 | (3 << 27), 0, 4],
    ['none is pending (NPIE)', EN | 8, 0, 8],
    ['one is pending', EN | 8, 1, 0],
    ['group 0 is on (VGrp0EIE)', EN | 0x10, 0, 0x10],
    ['group 0 is not off (VGrp0DIE)', EN | 0x20, 0, 0],
    ['the interface is off', 2, 0, 2],
  ])('%s', (_text, hcr, used, misr) => {
    const { own } = virtualInterface();
    own.hcr = hcr;
    for (let n = 0; n < used; n++) own.lists[n] = list(40 + n, 0xa0);
    expect([own.misr, own.maintenance]).toEqual([misr, misr !== 0 && (hcr & EN) !== 0]);
  });

  it('counts ends of what no list register holds', () => {
    const { own } = virtualInterface();
    own.setActivePriorities(1, 1);
    own.end(1, 99);
    expect(own.hcr >>> 27).toBe(1);
  });
});
