// SPDX-License-Identifier: GPL-2.0-only
/**
 * Constructors for the kinds of block that gs101 has many of: placements under soc@0, clock
 * controllers, system registers, pin controllers.
 *
 * Source of all names, windows and clock numbers in the gs101 files: Linux
 * arch/arm64/boot/dts/exynos/google/gs101*.dtsi and include/dt-bindings/clock/google,gs101.h, as
 * facts.
 */

import { physAddr } from '#common/address.ts';
import type { CellSource, NodeSource, PropertySource } from '#boards/tree-source.ts';
import { cells, flag, interrupts, ref, spi, text } from '#boards/tree-source.ts';
import type { DeviceNode, DevicePlacement } from '#boards/types.ts';

/** Most blocks sit in a slot of 64 KiB on the peripheral bus. */
export const APB_SLOT = 0x1_0000;

/** Optional properties of a placement. */
export interface BlockOptions {
  readonly label?: string;
  readonly spis?: readonly number[];
  readonly properties?: Readonly<Record<string, PropertySource>>;
  readonly children?: readonly NodeSource[];
}

/** Register storage at `base` with one node `nodeName` under soc@0. */
export function block(
  name: string,
  nodeName: string,
  compatible: readonly string[],
  base: number,
  size: number,
  options: BlockOptions = {},
): DevicePlacement {
  const node: DeviceNode = {
    name: nodeName,
    ...(options.label === undefined ? {} : { label: options.label }),
    parent: 'soc',
    properties: { compatible: text(...compatible), ...options.properties },
    ...(options.children === undefined ? {} : { children: options.children }),
  };
  return {
    name,
    model: 'storage',
    base: physAddr(base),
    size,
    ...(options.spis === undefined ? {} : { irqs: options.spis.map(spi) }),
    nodes: [node],
  };
}

/**
 * Register storage without a node in the tree: it has no upstream binding, or is another window.
 */
export function unlisted(name: string, base: number, size: number): DevicePlacement {
  return { name, model: 'storage', base: physAddr(base), size, nodes: [] };
}

/** Clock management unit. `inputs` are its input clocks by name, in the order of the binding. */
export function clockController(
  unit: string,
  base: number,
  inputs: Readonly<Record<string, readonly CellSource[]>>,
  sysreg?: string,
): DevicePlacement {
  return block(`cmu-${unit}`, 'clock-controller', [`google,gs101-cmu-${unit}`], base, APB_SLOT, {
    label: `cmu_${unit}`,
    properties: {
      '#clock-cells': cells(1),
      ...clocks(inputs),
      ...(sysreg === undefined ? {} : { 'samsung,sysreg': cells(ref(sysreg)) }),
    },
  });
}

/** A block of system registers of one part of the chip. */
export function sysreg(unit: string, base: number, clock?: readonly CellSource[]): DevicePlacement {
  return block(`sysreg-${unit}`, 'syscon', [`google,gs101-${unit}-sysreg`, 'syscon'], base, APB_SLOT, {
    label: `sysreg_${unit}`,
    properties: clock === undefined ? {} : { clocks: cells(...clock) },
  });
}

/** `clocks` and `clock-names`. */
export function clocks(
  inputs: Readonly<Record<string, readonly CellSource[]>>,
): Readonly<Record<string, PropertySource>> {
  return { clocks: cells(...Object.values(inputs).flat()), 'clock-names': text(...Object.keys(inputs)) };
}

/**
 * Bank of pins. `wakeSpis` are the interrupts of a bank that can wake the chip, one for each pin.
 */
export interface GpioBank {
  readonly name: string;
  readonly wakeSpis?: readonly [first: number, count: number];
}

/** Pin controller with its banks. It has no pin groups: the boot loader has muxed the pins. */
export function pinController(
  name: string,
  base: number,
  clock: readonly CellSource[],
  banks: readonly GpioBank[],
  options: { readonly spi?: number; readonly status?: string } = {},
): DevicePlacement {
  const wakes = banks.some((bank) => bank.wakeSpis !== undefined);
  return block(name, 'pinctrl', ['google,gs101-pinctrl'], base, 0x1000, {
    label: name.replaceAll('-', '_'),
    ...(options.spi === undefined ? {} : { spis: [options.spi] }),
    properties: {
      ...clocks({ pclk: clock }),
      ...(options.status === undefined ? {} : { status: text(options.status) }),
    },
    children: [...(wakes ? [WAKE_UP_CONTROLLER] : []), ...banks.map(bankNode)],
  });
}

/** Banks `prefix``first` to `prefix``last` without wake-up lines. */
export function plainBanks(prefix: string, first: number, last: number): GpioBank[] {
  return Array.from({ length: last - first + 1 }, (_, i) => ({ name: `${prefix}${first + i}` }));
}

const WAKE_UP_CONTROLLER: NodeSource = {
  name: 'wakeup-interrupt-controller',
  properties: {
    compatible: text('google,gs101-wakeup-eint', 'samsung,exynos850-wakeup-eint', 'samsung,exynos7-wakeup-eint'),
  },
};

function bankNode({ name, wakeSpis }: GpioBank): NodeSource {
  const [first, count] = wakeSpis ?? [0, 0];
  return {
    name: `${name}-gpio-bank`,
    label: name,
    properties: {
      'gpio-controller': flag(),
      '#gpio-cells': cells(2),
      'interrupt-controller': flag(),
      '#interrupt-cells': cells(2),
      ...(wakeSpis === undefined
        ? {}
        : {
            'interrupt-parent': cells(ref('gic')),
            interrupts: interrupts(...Array.from({ length: count }, (_, i) => spi(first + i))),
          }),
    },
  };
}
