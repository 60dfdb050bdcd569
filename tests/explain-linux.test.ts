// SPDX-License-Identifier: GPL-2.0-only
/**
 * Debian's Linux explained: answers from the live tables, the loader and memory about a guest other
 * than the modelled kernel, and questions that are refused with the reason.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createMachine,
  explainAddress,
  explainBuddy,
  explainFrame,
  explainMemMap,
  explainMemory,
  explainTables,
  type LevitateMachine,
} from '#workbench/index.ts';
import { bytesOf, foreignGuests } from './support/foreign-guest.ts';
import { unite } from './support/spans.ts';

const guests = foreignGuests('linux-6.1');
const isMissing = typeof guests === 'string';
const [kernel = ''] = isMissing ? [] : guests;

/**
 * Linux 6.1 of Debian: the linear map of RAM begins here with 48-bit addresses
 * (Documentation/arm64/memory.rst).
 */
const LINEAR_MAP = 0xffff_0000_0000_0000n;
const RAM = 0x4000_0000;

describe.skipIf(isMissing)(`Linux 6.1 on qemu-virt, after its first lines${isMissing ? ` (${guests})` : ''}`, () => {
  let machine: LevitateMachine;
  let outcome: string;
  beforeAll(() => {
    const expectText = 'smp: Brought up';
    machine = createMachine({
      board: 'qemu-virt',
      kernel: bytesOf(kernel),
      append: 'console=ttyAMA0 earlycon',
      expectText,
    });
    outcome = machine.run({ timeoutNs: 5e9 }).outcome;
  });
  afterAll(() => machine.close());

  it('walks its linear map', () => {
    expect(outcome).toBe('expected');
    const { pa, walk, register, fault, target } = explainAddress(machine, LINEAR_MAP + 0x30_0000n);
    expect({ pa, register, fault, target }).toEqual({
      pa: RAM + 0x30_0000,
      register: 'TTBR1_EL1',
      fault: null,
      target: 'RAM',
    });
    expect(walk[0]).toMatchObject({ level: 0, index: 0, kind: 'table' });
  });

  it('finds the two addresses of its text: the linear map, and the image', () => {
    const { base } = machine.findImage('kernel')!;
    const { owner, mappedAt, block, history } = explainFrame(machine, base + 0x10_0000);
    expect(owner).toMatchObject({ kind: 'kernel', start: base });
    expect(mappedAt.map(({ va }) => va)).toContain(LINEAR_MAP + BigInt(base + 0x10_0000 - RAM));
    expect(mappedAt.filter(({ permissions }) => permissions.el1.execute)).toHaveLength(1);
    expect(block).toMatchObject({ known: false });
    expect(history).toBeNull();
  });

  it('has its devices and its tables in ranges, text not writable', () => {
    const { trees, mappedTwice } = explainTables(machine);
    const high = trees.find(({ register }) => register === 'TTBR1_EL1');
    expect(high?.truncated).toBe(false);
    expect(high?.ranges.some(({ target, memory }) => target === 'uart0' && memory.startsWith('device'))).toBe(true);
    expect(mappedTwice.length).toBeGreaterThan(0);
  });

  it('knows which memory was touched, and what the loader put there', () => {
    const { ranges, banks, touched } = explainMemory(machine);
    expect(unite(ranges.map(({ start, end }) => ({ start, end })))).toEqual(unite(banks));
    const kinds = new Set(ranges.map(({ kind }) => kind));
    expect([...kinds].toSorted()).toEqual(['device-tree', 'kernel', 'unknown', 'untouched']);
    for (const { start, kind } of ranges) {
      if (kind === 'untouched') expect(touched.some((span) => start >= span.start && start < span.end)).toBe(false);
    }
  });

  it('says why it cannot tell of Linux’s own structures', () => {
    const reason = /the guest is not the modelled kernel/;
    expect(explainBuddy(machine)).toMatchObject({ known: false, reason: expect.stringMatching(reason) });
    expect(explainMemMap(machine)).toMatchObject({ known: false, reason: expect.stringMatching(reason) });
  });
});
