// SPDX-License-Identifier: GPL-2.0-only
/** Errors of the user and faults of the emulator have different statuses. */

import { afterEach, expect, it, vi } from 'vitest';
import { GuestMemoryFull } from '#emulator/a64/guest-memory-full.ts';
import { DeviceSizeError } from '#emulator/devices/registry.ts';
import { printFailure } from './command-failure.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

it.each([
  [
    "more memory than the own core can hold: the user's",
    new GuestMemoryFull(2 ** 32),
    2,
    'boot: the guest has touched',
  ],
  [
    'a device that a board gives too little space',
    new DeviceSizeError('pl011', { name: 'uart0', base: 0, size: 4 }, 0x90),
    2,
    'boot: uart0: 4 bytes are too few for a pl011, which takes 144',
  ],
  [
    'a file that is missing',
    Object.assign(new Error('lost'), { code: 'ENOENT', syscall: 'open', path: 'images/reset-x.bin' }),
    2,
    'boot: images/reset-x.bin: open failed: there is no such file or folder',
  ],
  ['anything else', new Error('lost'), 70, 'boot: a fault of the emulator itself'],
])('%s', (_text, error, status, message) => {
  const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  expect(printFailure('boot', error)).toBe(status);
  expect(written.mock.calls[0]?.[0]).toContain(message);
});
