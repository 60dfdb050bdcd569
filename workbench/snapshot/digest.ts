// SPDX-License-Identifier: GPL-2.0-only
/** Digests that compare loaded images or whole machines. SHA-256, hexadecimal. */

import { PAGE_SIZE } from '#common/address.ts';
import { sha256 } from '#host/sha256.ts';
import type { Machine } from '#emulator/machine/machine.ts';
import type { Sha256 } from '#workbench/host/sha256-type.ts';
import type { LoadedImages } from './contents.ts';
import { changedPages, changedRam, loadedMemory } from './memory-pages.ts';

/** Digest of memory before the first instruction. */
export function loadedDigest({ firmware, images }: LoadedImages): string {
  const hash = sha256().update(firmware);
  for (const { what, base, bytes } of images) hash.update(`${what} ${base} ${bytes.length}\n`).update(bytes);
  return hash.hex();
}

/**
 * Digest of all memory that is not zero, each core's registers, the clock and the output so far.
 * O(touched bytes).
 */
export function machineDigest(machine: Machine, sent: Uint8Array): string {
  const hash = sha256();
  const empty = loadedMemory(machine.memory.banks, []);
  const stretches = [
    ...changedRam(machine.memory, empty),
    ...machine.fixedMemory.map(({ base, bytes }) => changedPages(base, bytes, null)),
  ];
  for (const { base, bitmap, pages } of stretches) {
    // Pages that were touched but are unchanged do not count.
    if (pages.length >= PAGE_SIZE) hash.update(`${base}\n`).update(bitmap).update(pages);
  }
  for (const { index, engine } of machine.cores) {
    const registers = Array.from({ length: 31 }, (_, x) => engine.getX(x));
    const vectors = Array.from({ length: 32 }, (_, v) => engine.getV(v));
    addNumbers(hash, [index, ...registers, ...vectors, engine.getPc(), engine.getSp(), engine.getPstate()]);
  }
  const { instructions, portAccesses, idleTicks } = machine.clock;
  addNumbers(hash, [instructions, portAccesses, idleTicks]);
  return hash.update(sent).hex();
}

function addNumbers(hash: Sha256, numbers: readonly (number | bigint)[]): void {
  hash.update(`${numbers.join(' ')}\n`);
}
