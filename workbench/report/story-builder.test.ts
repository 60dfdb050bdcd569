// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import type { ReservedFields } from '#kernel-ts/hal/kernel-events.ts';
import type { Events, LogEvent } from '#workbench/machine/event-kinds.ts';
import { OWNER_FREE, OWNER_NONE } from './memory-state.ts';
import { StoryBuilder } from './story-builder.ts';

const BANKS = [{ start: 0x8_0000, end: 0x10_0000 }];

let now = 0;
const event = <K extends keyof Events>(kind: K, fields: Events[K]): LogEvent =>
  ({ t: ++now, core: 0, kind, fields }) as LogEvent;

function storyOfEvents(...events: LogEvent[]) {
  const builder = new StoryBuilder(BANKS);
  for (const one of events) builder.add(one);
  return builder.drain();
}

describe('StoryBuilder', () => {
  it('makes reservations, allocations and frees changes of owner, in frames', () => {
    now = 0;
    const { owners, operations } = storyOfEvents(
      event('memory', { what: 'bank', base: '0x80000000', bytes: 0x8000_0000 }),
      event('memory', {
        what: 'reserved',
        base: '0x80080000',
        bytes: 5000,
        owner: 'kernel image',
        ownerKind: 'kernel-image',
        noMap: false,
      }),
      event('memory', {
        what: 'reserved',
        base: '0x8b000000',
        bytes: 4096,
        owner: 'heap of the modem',
        ownerKind: 'reserved-memory',
        noMap: true,
      }),
      event('memory', { what: 'mem_map', base: '0x80100000', bytes: 8192, entries: 1, holes: [] }),
      event('buddy', { op: 'free', base: '0x90000000', order: 4, owner: 'boot', ownerKind: 'boot' }),
      event('buddy', { op: 'split', base: '0x90000000', order: 4 }),
      event('buddy', { op: 'alloc', base: '0x90000000', order: 3, owner: 'page tables', ownerKind: 'page-tables' }),
      event('buddy', { op: 'merge', base: '0x90000000', order: 4 }),
    );
    expect(owners.map((owner) => owner.class)).toEqual([
      'free',
      'unclaimed',
      'kernel',
      'firmware',
      'mem_map',
      'tables',
    ]);
    const changes = [
      [0x8_0080, 2, 2, 2],
      [0x8_b000, 1, 3, 3],
      [0x8_0100, 2, 4, 4],
      [0x9_0000, 16, OWNER_FREE, 5],
      [0x9_0000, 8, 5, 7],
    ];
    expect(operations).toEqual(changes.flat());
  });

  it.each([
    ['reserved-memory', 'modem@80400000', 'reserved'],
    // A node of the device tree may have any name.
    ['reserved-memory', 'rapid-cam', 'reserved'],
    ['reserved-memory', 'ozone-fw', 'reserved'],
    ['reserved-memory', 'heap', 'reserved'],
    ['dynamic-reserved-memory', 'kernel-log, placed by the kernel', 'reserved'],
    ['reservation-block', 'reservation block', 'reserved'],
    ['initramfs', 'initramfs', 'boot data'],
    ['zones', 'zones', 'mem_map'],
  ] as const)('puts the %s called %s into the class %s', (ownerKind, name, ownerClass) => {
    const reserved: ReservedFields = {
      what: 'reserved',
      base: '0x80400000',
      bytes: 4096,
      owner: name,
      ownerKind,
      noMap: false,
    };
    expect(storyOfEvents(event('memory', reserved)).owners.at(-1)).toEqual({ name, class: ownerClass });
  });

  it.each([
    ['slab', 'slab:user stacks', 'slab'],
    ['user', 'user 2', 'user'],
    ['kernel-stack', 'kernel stacks', 'user'],
    ['dma', 'dma', 'other'],
  ] as const)('puts frames of the %s called %s into the class %s', (ownerKind, name, ownerClass) => {
    const { owners } = storyOfEvents(
      event('buddy', { op: 'alloc', base: '0x90000000', order: 0, owner: name, ownerKind }),
    );
    expect(owners.at(-1)).toEqual({ name, class: ownerClass });
  });

  it('makes a reset everybody lose everything', () => {
    now = 0;
    expect(storyOfEvents(event('boot', { board: 'x', dtbBytes: 0 })).operations).toEqual([
      0x8_0000,
      0x8_0000,
      OWNER_NONE,
      1,
    ]);
  });

  it('makes what was said a moment, and leaves the rest', () => {
    const { moments, stages } = storyOfEvents(
      event('serial', { text: '[BOOT] hello' }),
      event('stage', { number: 2, name: 'Memory' }),
      event('process', { op: 'spawn', pid: 3, name: 'hello', parent: 0 }),
      event('process', { op: 'switch', pid: 3, name: 'hello', from: 0 }),
      event('irq', { ended: 27 }),
      event('stop', { outcome: 'steady', reason: 'slept' }),
    );
    expect(moments.map(({ text }) => text)).toEqual([
      '[BOOT] hello',
      'process: spawn, pid 3, name hello, parent 0',
      'stop: steady, reason slept',
    ]);
    expect(stages.map(({ number, name }) => [number, name])).toEqual([[2, 'Memory']]);
  });

  it('puts a moment into long silent work, and counts on after a shortening', () => {
    const builder = new StoryBuilder(BANKS);
    const work = (): void =>
      builder.add(event('buddy', { op: 'alloc', base: '0x80000000', order: 0, owner: 'slab:x', ownerKind: 'slab' }));
    for (let index = 0; index < 70; index++) work();
    const { moments, operations } = builder.drain();
    expect(moments.map((moment) => [moment.kind, moment.operations])).toEqual([
      ['allocator', 32],
      ['allocator', 64],
    ]);
    expect(operations).toHaveLength(4 * 70);
    builder.continueAfter(10);
    builder.add(event('serial', { text: 'on' }));
    expect(builder.drain().moments[0]?.operations).toBe(10);
  });
});
