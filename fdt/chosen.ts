// SPDX-License-Identifier: GPL-2.0-only
/**
 * `/chosen`: parameters from the boot loader to the kernel. It does not describe hardware, and
 * nothing in it is trusted: an invalid initrd is left out with the reason, and a console path
 * without a node resolves to null.
 *
 * Specification: Devicetree Specification v0.4, 3.6; `linux,initrd-*`: Linux
 * Documentation/devicetree/usage-model.rst and drivers/of/fdt.c (values of 4 or 8 bytes, by their
 * length; `linux,usable-memory-range` in the root's cells).
 */

import { hex } from '#common/address.ts';
import type { Range } from '#common/range.ts';
import { addressCells, rangeOfPair, readPairs, sizeCells } from './addresses.ts';
import type { DeviceNode } from './device-node.ts';
import { FdtError } from './errors.ts';
import type { Fdt } from './fdt.ts';

/** The properties of `/chosen`. */
export interface Chosen {
  /** Command line; null when the property is absent. */
  readonly bootargs: string | null;
  /** `stdout-path` before its colon: a path or an alias. */
  readonly stdoutPath: string | null;
  /** `stdout-path` after its colon (`115200n8`). */
  readonly stdoutOptions: string | null;
  /** Node that `stdoutPath` names; null when there is none. */
  readonly stdout: DeviceNode | null;
  /** Physical address range. */
  readonly initrd: Range<bigint> | null;
  /** Reason why the tree's initrd is ignored. Null without an initrd, or when it is used. */
  readonly initrdIgnored: string | null;
  /**
   * `linux,usable-memory-range`, for a crash kernel: no RAM outside may be used. Null: all may be
   * used.
   */
  readonly usableMemory: readonly Range<bigint>[] | null;
  /** Reason why `linux,usable-memory-range` is ignored. Null without one, or when it is used. */
  readonly usableMemoryIgnored: string | null;
}

const NOTHING: Chosen = {
  bootargs: null,
  stdoutPath: null,
  stdoutOptions: null,
  stdout: null,
  initrd: null,
  initrdIgnored: null,
  usableMemory: null,
  usableMemoryIgnored: null,
};

/**
 * Reads `/chosen`; all null where there is none. O(nodes passed).
 * @throws FdtError `FDT_ERR_BADOFFSET` the blob has no root
 */
export function chosen(fdt: Fdt): Chosen {
  const node = fdt.findPath('/chosen');
  if (node === null) return NOTHING;
  const console = (node.findProperty('stdout-path') ?? node.findProperty('linux,stdout-path'))?.text ?? null;
  const colon = console?.indexOf(':') ?? -1;
  const stdoutPath = console !== null && colon >= 0 ? console.slice(0, colon) : console;
  return {
    bootargs: node.findProperty('bootargs')?.text ?? null,
    stdoutPath,
    stdoutOptions: console !== null && colon >= 0 ? console.slice(colon + 1) : null,
    stdout: stdoutPath === null ? null : findConsole(fdt, stdoutPath),
    ...readInitrd(node),
    ...readUsableMemory(fdt, node),
  };
}

function readUsableMemory(fdt: Fdt, node: DeviceNode): Pick<Chosen, 'usableMemory' | 'usableMemoryIgnored'> {
  const property = node.findProperty('linux,usable-memory-range');
  if (property === null) return { usableMemory: null, usableMemoryIgnored: null };
  const [addresses, sizes] = [addressCells(fdt.root), sizeCells(fdt.root)];
  const { entries, trailingBytes } = readPairs(property, addresses, sizes);
  if (trailingBytes === 0 && entries.length > 0) {
    return { usableMemory: entries.map(rangeOfPair), usableMemoryIgnored: null };
  }
  const why = `${property.name} has ${property.value.length} bytes, not a multiple of ${4 * (addresses + sizes)}`;
  return { usableMemory: null, usableMemoryIgnored: why };
}

function findConsole(fdt: Fdt, path: string): DeviceNode | null {
  try {
    return fdt.findPath(path);
  } catch (error) {
    // An alias of an unknown name counts as an absent property.
    if (error instanceof FdtError && error.code === 'FDT_ERR_BADPATH') return null;
    throw error;
  }
}

function readInitrd(node: DeviceNode): Pick<Chosen, 'initrd' | 'initrdIgnored'> {
  const ignored = (reason: string) => ({ initrd: null, initrdIgnored: reason });
  const startProperty = node.findProperty('linux,initrd-start');
  const endProperty = node.findProperty('linux,initrd-end');
  if (startProperty === null && endProperty === null) return { initrd: null, initrdIgnored: null };
  if (startProperty === null) return ignored('linux,initrd-start is missing');
  if (endProperty === null) return ignored('linux,initrd-end is missing');
  for (const { name, value } of [startProperty, endProperty]) {
    if (value.length !== 4 && value.length !== 8) return ignored(`${name} has ${value.length} bytes, neither 4 nor 8`);
  }
  const [start, end] = [startProperty.u64(), endProperty.u64()];
  if (start >= end) return ignored(`it starts at ${hex(start)} and ends at ${hex(end)}`);
  return { initrd: { start, end }, initrdIgnored: null };
}
