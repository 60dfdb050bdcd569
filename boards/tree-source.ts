// SPDX-License-Identifier: GPL-2.0-only
/**
 * Source form of device tree nodes, in which boards are written: names, properties and references
 * by label. Phandles, interrupt cells and paths are not resolved yet.
 *
 * It is not a blob and not what a kernel reads: {@link buildDeviceTree} (device-tree.ts) resolves
 * it into property bytes.
 *
 *   { name: 'serial', label: 'uart0', properties: { compatible: text('arm,pl011'), clocks: cells(ref('apb_pclk')) } }
 *
 * Specification: Devicetree Specification v0.4, 2.2 (nodes and properties), 2.3 (standard
 * properties).
 */

/**
 * An interrupt line into the interrupt controller. SPI n is INTID n + 32, PPI n is INTID n + 16
 * (Arm GIC architecture, IHI 0069, 2.2.1).
 */
export interface Interrupt {
  readonly type: 'spi' | 'ppi';
  readonly number: number;
  readonly trigger: 'edge-rising' | 'level-high' | 'level-low';
  /** Bits 15:8 of the flags cell of a PPI; without it the controller's own `ppiCpuMask` is used. */
  readonly cpuMask?: number;
  /** Label of the PPI partition, for controllers with a fourth cell. */
  readonly partition?: string;
}

/** Reference to the phandle of the node with this label. */
export interface PhandleReference {
  readonly ref: string;
}

/** One 32-bit cell: a value in [0, 2^32), or the phandle of a labelled node. */
export type CellSource = number | PhandleReference;

/** Property value whose bytes may depend on the finished tree. */
export type PropertySource =
  | { readonly kind: 'flag' }
  | { readonly kind: 'cells'; readonly cells: readonly CellSource[] }
  | { readonly kind: 'text'; readonly strings: readonly string[] }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'path'; readonly label: string }
  | { readonly kind: 'interrupts'; readonly interrupts: readonly Interrupt[] };

/** Properties by name, in their order in the tree. */
export type PropertySources = Readonly<Record<string, PropertySource>>;

/** Node in source form. `label` is unique; {@link ref} and {@link pathTo} refer to it. */
export interface NodeSource {
  /** Name with its unit address, if it has one: "memory@40000000". */
  readonly name: string;
  readonly label?: string;
  readonly properties: PropertySources;
  readonly children?: readonly NodeSource[];
}

/** An empty property: present means true. */
export function flag(): PropertySource {
  return { kind: 'flag' };
}

/** Big-endian 32-bit cells. A value outside [0, 2^32) is refused when the tree is built. */
export function cells(...values: readonly CellSource[]): PropertySource {
  return { kind: 'cells', cells: values };
}

/** One or more NUL-terminated strings. */
export function text(...strings: readonly string[]): PropertySource {
  return { kind: 'text', strings };
}

/** Raw bytes. */
export function bytes(value: Uint8Array): PropertySource {
  return { kind: 'bytes', bytes: value };
}

/** The full path of a labelled node, as a string. */
export function pathTo(label: string): PropertySource {
  return { kind: 'path', label };
}

/** Interrupt specifiers in the cells of the board's interrupt controller. */
export function interrupts(...list: readonly Interrupt[]): PropertySource {
  return { kind: 'interrupts', interrupts: list };
}

/** Level-high shared interrupt. */
export function spi(number: number): Interrupt {
  return { type: 'spi', number, trigger: 'level-high' };
}

/** The phandle of the node labelled `label`, for {@link cells}. */
export function ref(label: string): PhandleReference {
  return { ref: label };
}

/**
 * `value` (an integer in [0, 2^53)) as `count` cells, most significant first.
 * Division, not shifts: JavaScript's bit operators are 32-bit.
 * @throws RangeError when it does not fit
 */
export function wideCells(value: number, count: number): number[] {
  const out: number[] = [];
  let rest = value;
  for (let i = 0; i < count; i++) {
    out.unshift(rest % 2 ** 32);
    rest = Math.floor(rest / 2 ** 32);
  }
  if (rest !== 0 || !Number.isInteger(value) || value < 0) {
    throw new RangeError(`0x${value.toString(16)} does not fit ${count} cells of 32 bits`);
  }
  return out;
}
