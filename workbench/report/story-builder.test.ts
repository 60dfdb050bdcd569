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
      'process 3 (hello) is started by the kernel',
      'end of the run: slept',
    ]);
    expect(stages.map(({ number, name }) => [number, name])).toEqual([[2, 'Memory']]);
  });

  it.each<[LogEvent, string]>([
    [
      event('boot', { board: 'x', dtbBytes: 99, kernel: '0x80', dtb: '0x90' }),
      'reset: x, kernel at 0x80, device tree at 0x90 (99 bytes)',
    ],
    [event('power', { action: 'core on', core: 2 }), 'core 2 on'],
    [event('power', { action: 'off' }), 'power: off'],
    [
      event('process', { op: 'exit', pid: 1, name: 'sh', status: 130, cause: 'killed' }),
      'process 1 (sh) was killed, status 130',
    ],
    [
      event('unmapped', {
        device: '0x10 past uart0',
        reason: 'unmapped',
        access: 'write',
        address: '0x9001000',
        width: 1,
        value: '0x7',
        pc: '0x40',
      }),
      'write of 1 byte, 0x7, at 0x9001000: 0x10 past uart0, unmapped; PC 0x40',
    ],
    [
      event('uart', { device: 'uart0', what: 'lost', byte: '0x41', register: 'CR' }),
      'uart0: character 0x41 lost by CR',
    ],
    [event('uart', { device: 'uart0', what: 'resumed', lost: 3 }), 'uart0: takes characters again; 3 were lost'],
    [event('device', { device: 'uart0', problem: 'no such mode' }), 'device: device uart0, problem no such mode'],
  ])('says a moment in words: %#', (one, words) => {
    expect(storyOfEvents(one).moments[0]?.text).toBe(words);
  });

  it('makes what was done since the last moment one of its own when the machine stands still', () => {
    const builder = new StoryBuilder(BANKS);
    builder.settle(1, 'nothing was done');
    builder.add(event('serial', { text: 'on' }));
    builder.add(event('buddy', { op: 'free', base: '0x90000000', order: 0, owner: 'slab:x', ownerKind: 'slab' }));
    builder.settle(2, 'work');
    builder.settle(3, 'work');
    expect(builder.drain().moments.map(({ t, text, operations }) => [t, text, operations])).toEqual([
      [expect.any(Number), 'on', 0],
      [2, 'work', 1],
    ]);
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
