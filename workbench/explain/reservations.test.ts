// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { EventLog } from '#emulator/events/event-log.ts';
import { EVENT_KINDS, type Events } from '#workbench/machine/event-kinds.ts';
import { ofEvents } from './reservations.ts';

describe('a reservation that the kernel told of', () => {
  // A node of the device tree may have the name of something of the kernel's.
  it.each([
    ['reserved-memory', 'zones', 'reserved', '/reserved-memory/zones', false],
    ['reserved-memory', 'initramfs', 'reserved', '/reserved-memory/initramfs', false],
    ['dynamic-reserved-memory', 'mem_map, placed by the kernel', 'reserved', '/reserved-memory/mem_map', true],
    ['zones', 'zones', 'kernel-tables', 'zones', false],
    ['initramfs', 'initramfs', 'initramfs', 'initramfs', false],
  ] as const)('by a %s called %s is drawn as %s', (ownerKind, owner, kind, name, dynamic) => {
    const events = new EventLog<Events>({ kinds: EVENT_KINDS, now: () => 0 });
    events.emit('memory', { what: 'reserved', base: '0x80000000', bytes: 4096, owner, ownerKind, noMap: false });
    expect(ofEvents({ events }, null)).toEqual([
      { start: 0x8000_0000, end: 0x8000_1000, kind, owner: name, noMap: false, dynamic },
    ]);
  });
});
