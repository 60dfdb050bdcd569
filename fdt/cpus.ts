// SPDX-License-Identifier: GPL-2.0-only
/**
 * Cores, and the method by which firmware starts them: `/cpus` and the PSCI node.
 *
 * Specification: Devicetree Specification v0.4, 3.8; Linux
 * Documentation/devicetree/bindings/arm/cpus.yaml and psci.yaml.
 */

import { addressCells, readPairs } from './addresses.ts';
import type { DeviceNode } from './device-node.ts';
import { FdtError } from './errors.ts';
import type { Fdt } from './fdt.ts';

/** A core of the tree. */
export interface Cpu {
  readonly node: DeviceNode;
  readonly path: string;
  /** Affinity fields of MPIDR_EL1 (its `reg`). */
  readonly mpidr: bigint;
  readonly compatible: readonly string[];
  /** `psci`, `spin-table`, or null when none is given. */
  readonly enableMethod: string | null;
  readonly available: boolean;
}

/** The conduit of PSCI: its node and method. */
export interface Psci {
  readonly node: DeviceNode;
  readonly method: 'hvc' | 'smc';
  /** Newest version that `compatible` lists. */
  readonly version: '0.1' | '0.2' | '1.0';
  /**
   * Function identifiers in the node, for version 0.1. Those of later versions are fixed by Arm DEN
   * 0022.
   */
  readonly functionIds: Readonly<Partial<Record<PsciFunction, number>>>;
}

/** Functions whose identifiers a PSCI 0.1 node gives, by property name. */
export type PsciFunction = (typeof PSCI_FUNCTIONS)[number];

const PSCI_FUNCTIONS = ['cpu_suspend', 'cpu_off', 'cpu_on', 'migrate'] as const;

const PSCI_VERSIONS = [
  ['arm,psci-1.0', '1.0'],
  ['arm,psci-0.2', '0.2'],
  ['arm,psci', '0.1'],
] as const;

/**
 * The children of `/cpus` that are cores (`device_type` "cpu", or named `cpu`), in blob order,
 * unavailable ones too; none without `/cpus`.
 * @throws FdtError `FDT_ERR_NOTFOUND` a core without `reg`; `FDT_ERR_BADVALUE` a `reg` that does
 * not hold exactly one id of `/cpus`' `#address-cells`, or an unterminated `compatible` or
 * `enable-method`; `FDT_ERR_BADNCELLS`; `FDT_ERR_BADOFFSET` no root
 */
export function cpus(fdt: Fdt): Cpu[] {
  const parent = fdt.findPath('/cpus');
  if (parent === null) return [];
  const cores: Cpu[] = [];
  for (const node of parent.children) {
    const named = node.name === 'cpu' || node.name.startsWith('cpu@');
    if (!named && node.findProperty('device_type')?.text !== 'cpu') continue;
    const property = node.getProperty('reg');
    const { entries, trailingBytes } = readPairs(property, addressCells(parent), 0);
    const first = entries[0];
    // More than one id would be the hardware threads of a core; AArch64 gives each its own node.
    if (first === undefined || entries.length > 1 || trailingBytes > 0) {
      throw property.badValue(`one id of ${4 * addressCells(parent)} bytes is needed`);
    }
    cores.push({
      node,
      path: node.path,
      mpidr: first.address,
      compatible: node.stringList('compatible') ?? [],
      enableMethod: node.string('enable-method'),
      available: node.available,
    });
  }
  return cores;
}

/**
 * The first available PSCI node, or null.
 * @throws FdtError `FDT_ERR_NOTFOUND` it has no `method`; `FDT_ERR_BADVALUE` a method other than
 * `hvc` and `smc`, or a function number that is not one cell
 */
export function psci(fdt: Fdt): Psci | null {
  const node = fdt.findCompatible(...PSCI_VERSIONS.map(([name]) => name)).find((candidate) => candidate.available);
  if (node === undefined) return null;
  const property = node.getProperty('method');
  const method = property.string();
  if (method !== 'hvc' && method !== 'smc') {
    throw new FdtError('FDT_ERR_BADVALUE', property.offset, `the PSCI method is neither "hvc" nor "smc"`);
  }
  const functionIds: Partial<Record<PsciFunction, number>> = {};
  for (const name of PSCI_FUNCTIONS) {
    const id = node.u32(name);
    if (id !== null) functionIds[name] = id;
  }
  const version = PSCI_VERSIONS.find(([name]) => node.isCompatible(name))?.[1] ?? '0.1';
  return { node, method, version, functionIds };
}
