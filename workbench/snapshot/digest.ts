// SPDX-License-Identifier: GPL-2.0-only
/**
 * Digests that tell whether two things are the same: what a loader puts into memory, a disk image,
 * a whole machine. SHA-256, hexadecimal.
 */

import { createHash, type Hash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { PAGE_SIZE } from '#common/address.ts';
import type { Machine } from '#emulator/machine/machine.ts';
import type { BootPlan } from '#workbench/machine/boot-plan.ts';
import { changedPages, changedRam, loadedMemory } from './memory-pages.ts';

const PIECE_BYTES = 1024 * 1024;

/** Of a file's bytes. @throws an Error of Node's when it cannot be read */
export function fileDigest(file: string): { readonly bytes: number; readonly sha256: string } {
  const hash = createHash('sha256');
  const piece = Buffer.alloc(PIECE_BYTES);
  const descriptor = openSync(file, 'r');
  try {
    let bytes = 0;
    for (let read = readSync(descriptor, piece); read > 0; read = readSync(descriptor, piece)) {
      hash.update(piece.subarray(0, read));
      bytes += read;
    }
    return { bytes, sha256: hash.digest('hex') };
  } finally {
    closeSync(descriptor);
  }
}

/** What an engine's registers belong to: its library, or nothing for the own core. */
export const libraryDigest = (library: string | null): string => (library === null ? '' : fileDigest(library).sha256);

/** Of all that is in memory before the first instruction. */
export function loadedDigest({ firmware, images }: BootPlan): string {
  const hash = createHash('sha256').update(firmware);
  for (const { what, base, bytes } of images) hash.update(`${what} ${base} ${bytes.length}\n`).update(bytes);
  return hash.digest('hex');
}

/**
 * Of memory that is not zero, of each core's registers, of the clock and of what was sent.
 * O(touched bytes).
 */
export function machineDigest(machine: Machine, sent: Uint8Array): string {
  const hash = createHash('sha256');
  const empty = loadedMemory(machine.memory.banks, []);
  const stretches = [
    ...changedRam(machine.memory, empty),
    ...machine.fixedMemory.map(({ base, bytes }) => changedPages(base, bytes, null)),
  ];
  for (const { base, bitmap, pages } of stretches) {
    // Which pages were touched without effect says nothing.
    if (pages.length >= PAGE_SIZE) hash.update(`${base}\n`).update(bitmap).update(pages);
  }
  for (const { index, engine } of machine.cores) {
    const registers = Array.from({ length: 31 }, (_, x) => engine.getX(x));
    const vectors = Array.from({ length: 32 }, (_, v) => engine.getV(v));
    addNumbers(hash, [index, ...registers, ...vectors, engine.getPc(), engine.getSp(), engine.getPstate()]);
  }
  const { instructions, portAccesses, idleTicks } = machine.clock;
  addNumbers(hash, [instructions, portAccesses, idleTicks]);
  return hash.update(sent).digest('hex');
}

function addNumbers(hash: Hash, numbers: readonly (number | bigint)[]): void {
  hash.update(`${numbers.join(' ')}\n`);
}
