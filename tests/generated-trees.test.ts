// SPDX-License-Identifier: GPL-2.0-only
/**
 * dtc reads every generated tree, and the decompiled tree still agrees with the bus. Skipped, by
 * name, where dtc is not installed; never on continuous integration.
 */

import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { writeFdt } from '#fdt/index.ts';
import { buildDeviceTree } from '#boards/device-tree.ts';
import { findBoard } from '#boards/registry.ts';
import type { Board, BoardOptions } from '#boards/types.ts';

const noDtc = spawnSync('dtc', ['--version']).status !== 0 && process.env['CI'] !== 'true';

function decompile(board: Board): { status: number | null; source: string; messages: string } {
  const root = buildDeviceTree(board, { bootargs: 'console=ttySAC0', seed: 1 });
  const input = writeFdt({ root, reservations: [], bootCpuid: board.cpus[0]?.mpidr ?? 0 });
  const { status, stdout, stderr } = spawnSync('dtc', ['-I', 'dtb', '-O', 'dts', '-'], { input });
  return { status, source: stdout.toString(), messages: stderr.toString() };
}

/** Unit addresses of the nodes at most two levels below the root. */
function unitAddresses(source: string): Set<number> {
  const found = [...source.matchAll(/^\t{1,2}[\w,.-]+@([0-9a-f]+) \{$/gm)].map((match) =>
    Number.parseInt(match[1] ?? '', 16),
  );
  return new Set(found);
}

const CONFIGURATIONS: readonly [string, BoardOptions][] = [
  ['qemu-virt', {}],
  ['qemu-virt', { gicVersion: 3, cpus: 8 }],
  ['pixel6', {}],
  ['pixel6', { memoryBytes: 96 * 2 ** 20, cpus: 1 }],
  ['pixel6', { memoryBytes: 64 * 2 ** 30 }],
  ['rpi4', {}],
  ['rpi4', { memoryBytes: 8 * 2 ** 30, cpus: 1 }],
];

describe.skipIf(noDtc)(`dtc${noDtc ? ' (skipped: not installed)' : ''}`, () => {
  it.each(CONFIGURATIONS)('decompiles %s %o without an error, with every device in place', (name, options) => {
    const board = findBoard(name).create(options);
    const { status, source, messages } = decompile(board);
    expect(status, messages).toBe(0);
    expect(messages).not.toMatch(/ERROR/);
    const addresses = unitAddresses(source);
    for (const device of board.devices) {
      const shallow = device.nodes.find((node) => node.reg !== 'none' && (node.parent ?? 'soc') === 'soc');
      if (shallow !== undefined) {
        expect(addresses, device.name).toContain(shallow.unitAddress ?? device.base - (shallow.parentBase ?? 0));
      }
    }
  });

  it('has nothing to warn about in qemu-virt’s tree', () => {
    expect(decompile(findBoard('qemu-virt').create()).messages).toBe('');
  });

  it('warns about rpi4 only where upstream’s tree makes it warn', () => {
    const { messages } = decompile(findBoard('rpi4').create());
    const kinds = new Set([...messages.matchAll(/Warning \((\w+)\)/g)].map((match) => match[1]));
    // soc without a unit address, interrupt controllers without #address-cells.
    expect(kinds).toEqual(new Set(['interrupt_provider', 'unit_address_vs_reg']));
  });

  it('warns about pixel6 only where upstream’s tree, or the boot loader, makes it warn', () => {
    const { messages } = decompile(findBoard('pixel6').create());
    const kinds = new Set([...messages.matchAll(/Warning \((\w+)\)/g)].map((match) => match[1]));
    // Shared windows of the serial interfaces, GPIO banks without #address-cells, the boot loader's
    // nodes without a unit address.
    expect(kinds).toEqual(new Set(['interrupt_provider', 'unique_unit_address', 'unit_address_vs_reg']));
  });
});
