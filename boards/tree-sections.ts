// SPDX-License-Identifier: GPL-2.0-only
/**
 * The parts of a device tree that every board has, made from its data: /memory, /reserved-memory,
 * /cpus, /psci, /timer, /aliases, /chosen.
 *
 * Specification: Devicetree Specification v0.4, 3 (device node requirements); bindings arm/cpus,
 * arm/psci, arm,arch_timer.
 */

import { BoardError } from './board-error.ts';
import { memoryEntries } from './ram.ts';
import type { NodeSource, PropertySource } from './tree-source.ts';
import { bytes, cells, flag, interrupts, pathTo, ref, text, wideCells } from './tree-source.ts';
import type { Board, Cpu, RamBank, ReservedRegion } from './types.ts';

/** #address-cells and #size-cells. */
export interface CellCounts {
  readonly address: number;
  readonly size: number;
}

/** Properties that the boot loader adds to /chosen. */
export interface ChosenOptions {
  /** Kernel command line; empty without it. */
  readonly bootargs?: string | undefined;
  /** [start, end) of the initial RAM disk. */
  readonly initrd?: { readonly start: number; readonly end: number } | undefined;
  /**
   * Seed of rng-seed and kaslr-seed. When absent, neither is written, so that nothing is random.
   */
  readonly seed?: number | bigint | undefined;
}

/** `memory` nodes, one for each bank; `reg` has as many entries as the size cells require. */
export function memoryNodes(banks: readonly RamBank[], counts: CellCounts): NodeSource[] {
  return banks.map((bank) => ({
    name: `memory@${bank.base.toString(16)}`,
    properties: {
      device_type: text('memory'),
      reg: cells(...memoryEntries(bank, counts.size).flatMap((entry) => regCells(entry.base, entry.size, counts))),
    },
  }));
}

/** /reserved-memory with `ranges` and the root's cells, as Linux requires; null without regions. */
export function reservedMemoryNode(regions: readonly ReservedRegion[], counts: CellCounts): NodeSource | null {
  if (regions.length === 0) return null;
  return {
    name: 'reserved-memory',
    properties: {
      '#address-cells': cells(counts.address),
      '#size-cells': cells(counts.size),
      ranges: flag(),
    },
    children: regions.map((region) => ({
      name: region.name,
      properties: {
        reg: cells(...regCells(region.base, region.size, counts)),
        ...(region.noMap ? { 'no-map': flag() } : {}),
      },
    })),
  };
}

/** Label of the core with this affinity. */
export function cpuLabel(cpu: Cpu): string {
  return `cpu${cpu.mpidr.toString(16)}`;
}

/**
 * /cpus with cpu-map. All cores, even a single one, are enabled by PSCI, because they can be turned
 * off. Cores with a release address wait in a spin table.
 */
export function cpusNode(cpus: readonly Cpu[]): NodeSource {
  return {
    name: 'cpus',
    properties: { '#address-cells': cells(1), '#size-cells': cells(0) },
    children: [
      { name: 'cpu-map', properties: {}, children: cpuMap(cpus) },
      ...cpus.map((cpu) => ({
        name: `cpu@${cpu.mpidr.toString(16)}`,
        label: cpuLabel(cpu),
        properties: {
          device_type: text('cpu'),
          compatible: text(cpu.compatible),
          reg: cells(cpu.mpidr),
          ...(cpu.releaseAddress === undefined
            ? { 'enable-method': text('psci') }
            : {
                'enable-method': text('spin-table'),
                'cpu-release-addr': cells(...wideCells(cpu.releaseAddress, 2)),
              }),
        },
      })),
    ],
  };
}

/**
 * /psci: conduit and, for consumers of PSCI 0.1, function identifiers.
 * @throws BoardError for a board that has none
 */
export function psciNode({ name, psci }: Board): NodeSource {
  if (psci === null) throw new BoardError(`board ${name} has no PSCI to describe`);
  const ids = Object.entries(psci.functionIds).map(([name, id]) => [name, cells(id)] as const);
  return {
    name: 'psci',
    properties: { compatible: text(...psci.compatible), method: text(psci.method), ...Object.fromEntries(ids) },
  };
}

/** A clock of one rate. `output` is its name for drivers. */
export function fixedClock(name: string, label: string, output: string, rateHz: number): NodeSource {
  return {
    name,
    label,
    properties: {
      compatible: text('fixed-clock'),
      '#clock-cells': cells(0),
      'clock-output-names': text(output),
      'clock-frequency': cells(rateHz),
    },
  };
}

/** /timer: the generic timer's PPIs. */
export function timerNode({ timer }: Board): NodeSource {
  return {
    name: 'timer',
    properties: {
      compatible: text(...timer.compatible),
      interrupts: interrupts(...timer.interrupts),
      ...(timer.alwaysOn ? { 'always-on': flag() } : {}),
    },
  };
}

/** /aliases. */
export function aliasesNode({ aliases }: Board): NodeSource {
  const entries = Object.entries(aliases).map(([alias, label]) => [alias, pathTo(label)] as const);
  return { name: 'aliases', properties: Object.fromEntries(entries) };
}

/**
 * /chosen. The initrd's addresses are written with 64 bits: readers take the width from the length,
 * and the Pixel 6's second bank needs it.
 */
export function chosenNode(stdout: PropertySource, options: ChosenOptions): NodeSource {
  const { bootargs = '', initrd, seed } = options;
  return {
    name: 'chosen',
    properties: {
      bootargs: text(bootargs),
      'stdout-path': stdout,
      ...(initrd === undefined
        ? {}
        : {
            'linux,initrd-start': cells(...wideCells(initrd.start, 2)),
            'linux,initrd-end': cells(...wideCells(initrd.end, 2)),
          }),
      ...(seed === undefined
        ? {}
        : { 'rng-seed': bytes(randomBytes(seed, 32)), 'kaslr-seed': bytes(randomBytes(BigInt(seed) + 1n, 8)) }),
    },
  };
}

/** An (address, size) pair of `reg`. */
export function regCells(address: number, size: number, counts: CellCounts): number[] {
  return [...wideCells(address, counts.address), ...wideCells(size, counts.size)];
}

/** cpu-map: [socketN/]clusterN/coreN, cores numbered in their cluster. */
function cpuMap(cpus: readonly Cpu[]): NodeSource[] {
  const sockets = new Map<number | undefined, Map<number, NodeSource[]>>();
  for (const cpu of cpus) {
    const clusters = sockets.get(cpu.socket) ?? new Map<number, NodeSource[]>();
    sockets.set(cpu.socket, clusters);
    const cores = clusters.get(cpu.cluster) ?? [];
    clusters.set(cpu.cluster, cores);
    cores.push({ name: `core${cores.length}`, properties: { cpu: cells(ref(cpuLabel(cpu))) } });
  }
  return [...sockets].flatMap(([socket, clusters]) => {
    const children = [...clusters].map(([n, cores]) => ({ name: `cluster${n}`, properties: {}, children: cores }));
    return socket === undefined ? children : [{ name: `socket${socket}`, properties: {}, children }];
  });
}

/** Generates `length` bytes from `seed` by SplitMix64 (Steele, Lea, Flood 2014). */
function randomBytes(seed: number | bigint, length: number): Uint8Array {
  const out = new Uint8Array(length);
  const view = new DataView(out.buffer);
  let state = BigInt.asUintN(64, BigInt(seed));
  for (let offset = 0; offset < length; offset += 8) {
    state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
    let z = state;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    view.setBigUint64(offset, z ^ (z >> 31n));
  }
  return out;
}
