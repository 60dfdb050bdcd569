// SPDX-License-Identifier: GPL-2.0-only
/** Each invariant of a board is noticed when it is broken. */

import { describe, expect, it } from 'vitest';
import { type PhysAddr, physAddr } from '#common/address.ts';
import { BoardError } from './board-error.ts';
import { boards, findBoard } from './registry.ts';
import type { Board, DevicePlacement } from './types.ts';
import { getDevice, validateBoard } from './validate-board.ts';

const board = findBoard('pixel6').create();

function withDevice(name: string, base: number, size: number): Board {
  const device: DevicePlacement = { name, model: 'storage', base: physAddr(base), size, nodes: [] };
  return { ...board, devices: [...board.devices, device] };
}

function withConsoleAt(base: PhysAddr): Board {
  const devices = board.devices.map((device) => (device.name === 'uart0' ? { ...device, base } : device));
  return { ...board, devices, kernelConsole: { ...board.kernelConsole, base } };
}

describe('validateBoard', () => {
  it('accepts every board with its defaults', () => {
    for (const definition of boards) expect(() => validateBoard(definition.create())).not.toThrow();
  });

  it.each([
    [
      'a device in another',
      withDevice('x', 0x10a0_0010, 4),
      /uart0 \[0x10a00000, 0x10a000c0\) overlaps x \[0x10a00010/,
    ],
    ['a device in RAM', withDevice('x', 0x9_0000_0000, 4096), /RAM at 0x880000000 .* overlaps x \[0x900000000/],
    [
      'a device that reaches into RAM',
      withDevice('x', 0x7fff_f000, 0x2000),
      /x \[0x7ffff000, 0x80001000\) overlaps RAM/,
    ],
    ['a name used twice', withDevice('uart0', 0x3fff_0000, 4), /two devices "uart0"/],
    ['an empty device', withDevice('x', 0x3fff_0000, 0), /is not a range/],
    [
      'a reserved region outside RAM',
      {
        ...board,
        reserved: [{ name: 'r', base: physAddr(0x1_0000_0000), size: 4096, noMap: true }],
      },
      /reserved r \[0x100000000, 0x100001000\) is not inside RAM/,
    ],
    [
      'firmware beside its ROM',
      { ...board, firmware: { ...board.firmware, base: physAddr(0x1000) } },
      /firmware at 0x1000/,
    ],
    [
      'a console that is not its device',
      { ...board, kernelConsole: { ...board.kernelConsole, model: 'pl011' as const } },
      /console at 0x10a00000 is not uart0/,
    ],
    [
      'firmware in RAM that is not there',
      { ...board, firmware: { ...board.firmware, device: null } },
      /firmware \[0x0, 0x10000\) is not inside RAM/,
    ],
    [
      'a console that one table cannot map with the kernel',
      withConsoleAt(physAddr(2 ** 39)),
      /console at 0x8000000000 is not in the 512 GiB of RAM at 0x80000000/,
    ],
    ['cores that nothing starts', { ...board, psci: null }, /nothing starts core 0x0: no PSCI, no release address/],
    [
      'a core without a redistributor',
      {
        ...board,
        devices: board.devices.map((device) => (device.name === 'gicr' ? { ...device, size: 0xe_0000 } : device)),
      },
      /gicr \[0x10440000, 0x10520000\) is too small: 8 cores take 0x100000 bytes/,
    ],
  ])('refuses %s', (_, broken, message) => {
    expect(() => validateBoard(broken)).toThrow(BoardError);
    expect(() => validateBoard(broken)).toThrow(message);
  });
});

describe('getDevice', () => {
  it('finds placements and names the missing one', () => {
    expect(getDevice(board, 'gicd').base).toBe(0x1040_0000);
    expect(() => getDevice(board, 'gpu')).toThrow('board pixel6 has no device "gpu"');
  });
});
