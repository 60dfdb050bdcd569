// SPDX-License-Identifier: GPL-2.0-only
/** The modelled kernel's initial RAM disk, and its bounds in the device tree. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findBoard } from '#boards/registry.ts';
import { chosen, Fdt, readTree, writeFdt } from '#fdt/index.ts';
import { packageRoot } from '#workbench/package-root.ts';
import type { BootPlan } from './boot-plan.ts';
import { planLevitate } from './levitate-boot.ts';
import type { MachineSettings } from './machine-settings.ts';

const DEFAULT = new Uint8Array(readFileSync(join(packageRoot(), 'firmware', 'images', 'initramfs.cpio')));

describe.each(['qemu-virt', 'pixel6'])('%s', (name) => {
  const board = findBoard(name).create({});
  const plan = (settings: Omit<MachineSettings, 'board'>): BootPlan =>
    planLevitate(board, { board: name, ...settings });
  const initrdOf = ({ images }: BootPlan) => images.find(({ what }) => what === 'initrd') ?? null;
  const boundsOf = ({ deviceTree }: BootPlan) => chosen(Fdt.open(deviceTree)).initrd;
  /** The loaded bytes within the bounds that the tree gives for the initrd. */
  const named = (boot: BootPlan): Uint8Array | null => {
    const initrd = initrdOf(boot);
    const bounds = boundsOf(boot);
    const length = Number((bounds?.end ?? 0n) - (bounds?.start ?? 0n));
    return initrd !== null && BigInt(initrd.base) === bounds?.start ? initrd.bytes.slice(0, length) : null;
  };

  it('without one gets the default', () => {
    expect(named(plan({}))).toEqual(DEFAULT);
  });

  it('gets the one that is given instead', () => {
    const own = Uint8Array.from([1, 2, 3]);
    expect(named(plan({ initrd: own }))).toEqual(own);
  });

  it('gets none for an empty one, and the tree names none', () => {
    const boot = plan({ initrd: new Uint8Array() });
    expect(initrdOf(boot)).toBeNull();
    expect(boundsOf(boot)).toBeNull();
  });

  it('with a tree that was dumped from it boots as without', () => {
    const dumped = plan({}).deviceTree;
    const boot = plan({ dtb: dumped });
    expect(boot.deviceTree).toEqual(dumped);
    expect(named(boot)).toEqual(DEFAULT);
  });

  it('with a tree that names no initrd, another one, or cannot be read, loads none and leaves the tree alone', () => {
    const bare = plan({ initrd: new Uint8Array() }).deviceTree;
    const other = plan({ initrd: new Uint8Array(DEFAULT.length + 1) }).deviceTree;
    for (const dtb of [bare, other, new Uint8Array(100)]) {
      const boot = plan({ dtb });
      expect(boot.deviceTree).toEqual(dtb);
      expect(initrdOf(boot)).toBeNull();
    }
  });

  it('with a tree that it may add to, adds the default', () => {
    const { reservations, bootCpuid, root } = readTree(Fdt.open(plan({}).deviceTree));
    const children = root.children.filter((node) => node.name !== 'chosen');
    const dtb = writeFdt({ reservations, bootCpuid, root: { ...root, children } });
    expect(named(plan({ dtb, fixups: 'loader' }))).toEqual(DEFAULT);
  });
});
