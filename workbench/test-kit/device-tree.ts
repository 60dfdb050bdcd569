// SPDX-License-Identifier: GPL-2.0-only
/**
 * Device trees for tests, in one line each: odd memory layouts, valid and damaged.
 *
 *     dtb().ram(0x8000_0000, '512M').reserved(0x8100_0000, '1M', { noMap: true }).build()
 *     dtb().from('pixel6').ram(0x8000_0000, '2G').truncatedTo(100).build()
 *
 * A builder is immutable: each call returns a new one, so several tests can extend a shared layout.
 * The tree is written exactly as described. Nothing is sorted, merged or checked, because odd trees
 * are the purpose.
 *
 * Specification: Devicetree Specification v0.4, 3.4 (/memory), 3.5 (/reserved-memory), 3.6
 * (/chosen), 5.3 (memory reservation block).
 */

import { buildDeviceTree } from '#boards/device-tree.ts';
import { findBoard } from '#boards/registry.ts';
import { cells, Fdt, type FdtNode, readTree, stringValue, writeFdt } from '#fdt/index.ts';
import { InputError } from '#workbench/input-error.ts';
import { emptyNode, withChild, withNode, withoutNode, withProperties } from './tree-edit.ts';
import {
  type AddressRange,
  type CellCounts,
  inCells,
  propertyBytes,
  type PropertyValue,
  regValue,
  type Size,
  sizeInBytes,
} from './tree-values.ts';

/** Optional properties of a range of RAM. */
export interface RamOptions {
  /** In a memory node of its own; by default all ranges share one. */
  readonly ownNode?: boolean;
  /** `status` of the range's node, for example "disabled"; the range then has a node of its own. */
  readonly status?: string;
}

/** Properties of a child of /reserved-memory. */
export interface ReservedOptions {
  /** "region" by default; the address follows after an @. */
  readonly name?: string;
  readonly noMap?: boolean;
  readonly reusable?: boolean;
  readonly status?: string;
  readonly compatible?: string;
}

/** The same, for a region whose place the kernel chooses. */
export interface DynamicOptions extends ReservedOptions {
  readonly alignment?: Size;
  /** `alloc-ranges`: the allowed places. Absent: anywhere. */
  readonly within?: readonly AddressRange[];
}

/** Properties of /chosen. */
export interface ChosenOptions {
  readonly bootargs?: string;
  readonly stdoutPath?: string;
  /**
   * Bounds of the initial RAM disk, [start, end). `cells` is the number of cells of each: 2 by
   * default.
   */
  readonly initrd?: { readonly start: number; readonly end: number; readonly cells?: 1 | 2 };
}

/** Parts that are kept of a board's own tree. */
export interface FromOptions {
  /** Keep its memory nodes and reserved regions too, to add to them. */
  readonly keepMemory?: boolean;
  /** Number of cores, and qemu-virt's interrupt controller: as for a machine. */
  readonly cpus?: number;
  readonly gicVersion?: number;
}

interface Ram extends AddressRange {
  readonly options: RamOptions;
}

interface State {
  readonly root: FdtNode;
  readonly counts: CellCounts;
  readonly ram: readonly Ram[];
  readonly reservations: readonly AddressRange[];
  /** Changes to the blob, in this order. */
  readonly damage: readonly ((blob: Uint8Array) => Uint8Array)[];
}

/** A tree in the making. */
export class DeviceTreeBuilder {
  private readonly state: State;

  private constructor(state: State) {
    this.state = state;
  }

  /**
   * An empty tree: two address cells and two size cells, /chosen, no RAM. The kernel stays on the
   * board's early console.
   */
  static empty(): DeviceTreeBuilder {
    const root = withProperties(emptyNode(''), { model: stringValue('test tree') });
    return new DeviceTreeBuilder({
      root: withChild(root, 'chosen', (chosen) => chosen),
      counts: { address: 2, size: 2 },
      ram: [],
      reservations: [],
      damage: [],
    });
  }

  /**
   * Starts from the tree of a board: its CPUs, PSCI, interrupt controller, timer, UART and
   * everything else except memory nodes and reserved regions.
   * @throws BoardError when there is no such board; InputError when something was said before
   */
  from(board: string, { keepMemory = false, cpus, gicVersion }: FromOptions = {}): DeviceTreeBuilder {
    const { ram, reservations, damage } = this.state;
    if (ram.length + reservations.length + damage.length > 0) {
      throw new InputError(`dtb().from('${board}') comes first: it replaces the whole tree`);
    }
    const made = findBoard(board).create({ cpus, gicVersion });
    const tree = buildDeviceTree(made);
    const isMemory = ({ name }: FdtNode): boolean => name.startsWith('memory@') || name === 'reserved-memory';
    const children = keepMemory ? tree.children : tree.children.filter((child) => !isMemory(child));
    return new DeviceTreeBuilder({ ...this.state, root: { ...tree, children }, counts: made.rootCells });
  }

  /**
   * Starts from an existing tree, for example from dtc. Everything in it stays.
   * @throws FdtError when it cannot be read
   */
  fromBlob(blob: Uint8Array): DeviceTreeBuilder {
    const fdt = Fdt.open(blob);
    const counts = { address: fdt.root.u32('#address-cells') ?? 2, size: fdt.root.u32('#size-cells') ?? 1 };
    const { root, reservations } = readTree(fdt);
    return new DeviceTreeBuilder({
      ...this.state,
      root,
      counts: counts as CellCounts,
      reservations: reservations.map(({ address, size }) => ({ base: Number(address), size: Number(size) })),
    });
  }

  /**
   * Cells of addresses and sizes at the root, for RAM and reservations.
   * @throws InputError for a tree with nodes that were written in others
   */
  cells(address: 1 | 2, size: 1 | 2): DeviceTreeBuilder {
    const foreign = this.state.root.children.filter(({ name }) => name !== 'chosen');
    if (foreign.length > 0) {
      throw new InputError(`dtb().cells() comes first: ${foreign[0]?.name ?? ''} was written in other cells already`);
    }
    return this.with({ counts: { address, size } });
  }

  /** A range of RAM: a `reg` entry, in the order of the calls. */
  ram(base: number, size: Size, options: RamOptions = {}): DeviceTreeBuilder {
    return this.with({ ram: [...this.state.ram, { base, size, options }] });
  }

  /** A child of /reserved-memory at a fixed place. */
  reserved(base: number, size: Size, options: ReservedOptions = {}): DeviceTreeBuilder {
    const { name = 'region' } = options;
    return this.region(`${name}@${base.toString(16)}`, { ...flagsOf(options), reg: this.reg([{ base, size }]) });
  }

  /** A child of /reserved-memory with a size, for which the kernel chooses the place. */
  reservedAnywhere(size: Size, options: DynamicOptions = {}): DeviceTreeBuilder {
    const { name = 'dynamic', alignment, within } = options;
    const number = (value: Size): Uint8Array => inCells(sizeInBytes(value), this.state.counts.size);
    return this.region(name, {
      ...flagsOf(options),
      size: number(size),
      ...(alignment === undefined ? {} : { alignment: number(alignment) }),
      ...(within === undefined ? {} : { 'alloc-ranges': this.reg(within) }),
    });
  }

  /** An entry of the memory reservation block. */
  memreserve(base: number, size: Size): DeviceTreeBuilder {
    return this.with({ reservations: [...this.state.reservations, { base, size }] });
  }

  /** Properties of /chosen. */
  chosen({ bootargs, stdoutPath, initrd }: ChosenOptions): DeviceTreeBuilder {
    const bound = (value: number): Uint8Array => inCells(value, initrd?.cells ?? 2);
    return this.node('/chosen', {
      ...(bootargs === undefined ? {} : { bootargs }),
      ...(stdoutPath === undefined ? {} : { 'stdout-path': stdoutPath }),
      ...(initrd === undefined
        ? {}
        : { 'linux,initrd-start': bound(initrd.start), 'linux,initrd-end': bound(initrd.end) }),
    });
  }

  /**
   * Sets properties of the node at `path` ("/soc/my-device@1000", "/"); nodes that do not exist are
   * made.
   */
  node(path: string, properties: Readonly<Record<string, PropertyValue>> = {}): DeviceTreeBuilder {
    const values = Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, propertyBytes(value)]));
    return this.with({ root: withNode(this.state.root, path, (node) => withProperties(node, values)) });
  }

  /** Without the node at `path` and what is below it. @throws InputError when there is none */
  remove(path: string): DeviceTreeBuilder {
    const root = withoutNode(this.state.root, path);
    if (root === null) throw new InputError(`dtb().remove('${path}'): the tree has no such node`);
    return this.with({ root });
  }

  /**
   * `change` made `n` times, with 0, 1, 2 …: a hundred banks, a reservation in every second page.
   */
  times(n: number, change: (tree: DeviceTreeBuilder, index: number) => DeviceTreeBuilder): DeviceTreeBuilder {
    return Array.from({ length: n }).reduce<DeviceTreeBuilder>((tree, _, index) => change(tree, index), this);
  }

  /**
   * Damage: only the first `bytes` bytes of the blob are there. Its header still says how many
   * there were.
   */
  truncatedTo(bytes: number): DeviceTreeBuilder {
    return this.damaged((blob) => blob.slice(0, bytes));
  }

  /**
   * Damage: other bytes at `offset` of the blob; at build() a RangeError when they do not lie
   * inside it.
   */
  patch(offset: number, bytes: Uint8Array | readonly number[]): DeviceTreeBuilder {
    return this.damaged((blob) => {
      const patched = blob.slice();
      patched.set(bytes, offset);
      return patched;
    });
  }

  /** The blob. @throws RangeError for numbers that do not fit their cells */
  build(): Uint8Array {
    const { root, counts, ram, reservations, damage } = this.state;
    const shared = ram.filter((range) => !standsAlone(range));
    const firstShared = shared[0];
    const nodes = ram.flatMap((range) => {
      if (standsAlone(range)) return [this.memoryNode([range], range.options)];
      return range === firstShared ? [this.memoryNode(shared, {})] : [];
    });
    const whole = withProperties(root, { '#address-cells': cells(counts.address), '#size-cells': cells(counts.size) });
    const blob = writeFdt({
      root: { ...whole, children: [...whole.children, ...nodes] },
      reservations: reservations.map(({ base, size }) => ({ address: BigInt(base), size: BigInt(sizeInBytes(size)) })),
      bootCpuid: 0,
    });
    return damage.reduce((bytes, harm) => harm(bytes), blob);
  }

  private memoryNode(ranges: readonly Ram[], { status }: RamOptions): FdtNode {
    return withProperties(emptyNode(`memory@${(ranges[0]?.base ?? 0).toString(16)}`), {
      device_type: stringValue('memory'),
      ...(status === undefined ? {} : { status: stringValue(status) }),
      reg: this.reg(ranges),
    });
  }

  private region(name: string, values: Readonly<Record<string, Uint8Array>>): DeviceTreeBuilder {
    const { root, counts } = this.state;
    return this.with({
      root: withChild(root, 'reserved-memory', (reserved) =>
        withChild(
          withProperties(reserved, {
            '#address-cells': cells(counts.address),
            '#size-cells': cells(counts.size),
            ranges: new Uint8Array(0),
          }),
          unusedName(reserved, name),
          (region) => withProperties(region, values),
        ),
      ),
    });
  }

  private reg(ranges: readonly AddressRange[]): Uint8Array {
    return regValue(ranges, this.state.counts);
  }

  private damaged(harm: (blob: Uint8Array) => Uint8Array): DeviceTreeBuilder {
    return this.with({ damage: [...this.state.damage, harm] });
  }

  private with(change: Partial<State>): DeviceTreeBuilder {
    return new DeviceTreeBuilder({ ...this.state, ...change });
  }
}

/** Starts a device tree: {@link DeviceTreeBuilder}. */
export function dtb(): DeviceTreeBuilder {
  return DeviceTreeBuilder.empty();
}

const standsAlone = ({ options }: Ram): boolean => options.ownNode === true || options.status !== undefined;

function flagsOf({ noMap, reusable, status, compatible }: ReservedOptions): Record<string, Uint8Array> {
  const flag = new Uint8Array(0);
  return {
    ...(compatible === undefined ? {} : { compatible: stringValue(compatible) }),
    ...(noMap === true ? { 'no-map': flag } : {}),
    ...(reusable === true ? { reusable: flag } : {}),
    ...(status === undefined ? {} : { status: stringValue(status) }),
  };
}

/** `name`, or `name-2` … : two regions may have the same place, two nodes never the same name. */
function unusedName({ children }: FdtNode, name: string): string {
  const isTaken = (candidate: string): boolean => children.some((child) => child.name === candidate);
  let candidate = name;
  for (let n = 2; isTaken(candidate); n++) candidate = name.replace(/(@|$)/, `-${n}$1`);
  return candidate;
}
