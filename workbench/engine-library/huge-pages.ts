// SPDX-License-Identifier: GPL-2.0-only
/**
 * Asks Linux for huge pages for a guest's RAM, as QEMU does, and for large files: in a virtual
 * machine the first touch of a page costs some 20 µs, and a huge page is one touch instead of 512.
 * A hint: no result changes, and where it cannot be given nothing is said.
 */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type Koffi from 'koffi';
import type { CoreFactory } from '#emulator/cpu/machine-core.ts';

const PAGE = 4096n;
/** <asm-generic/mman-common.h> of Linux. */
const MADV_HUGEPAGE = 14;
/** admin-guide/mm/transhuge: [always], [madvise] or [never]. Only the second waits to be asked. */
export const WHEN_USED = '/sys/kernel/mm/transparent_hugepage/enabled';

/** Pieces of memory of the modelled kernel with 1 GiB: flash, and three of RAM. */
const FEW_PIECES = 4;
/** Bytes from which on loading koffi costs less than touching their pages. */
const MANY_BYTES = 8 * 2 ** 20;

type Advise = (bytes: Uint8Array) => boolean;
let advise: Advise | null = null;

function makeAdvise(whenUsed: string): Advise {
  try {
    if (!readFileSync(whenUsed, 'latin1').includes('[madvise]')) return () => false;
    const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
    const madvise = koffi.load(null).func('int madvise(uintptr_t address, size_t bytes, int advice)');
    return (bytes) => {
      const start = koffi.address(bytes);
      const first = ((start + PAGE - 1n) / PAGE) * PAGE;
      const end = ((start + BigInt(bytes.length)) / PAGE) * PAGE;
      return end > first && madvise(first, end - first, MADV_HUGEPAGE) === 0;
    };
  } catch {
    return () => false;
  }
}

/** Asks for huge pages for `bytes`. @returns whether the host has taken the hint */
export function adviseHugePages(bytes: Uint8Array, whenUsed = WHEN_USED): boolean {
  if (whenUsed !== WHEN_USED) return makeAdvise(whenUsed)(bytes);
  advise ??= makeAdvise(whenUsed);
  return advise(bytes);
}

/** Zeros for a file's contents: on huge pages where that pays. */
export function fileBytes(size: number, hint = adviseHugePages): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  if (size >= MANY_BYTES) hint(bytes);
  return bytes;
}

/**
 * `cores` whose memory is of huge pages where that pays: to load koffi costs as much as to touch
 * some 1,000 pages, so a guest gets them when it has taken more than a few pieces.
 * @param atOnce the guest is known to take much
 */
export function onHugePages<T extends CoreFactory>(cores: T, atOnce = false, hint = adviseHugePages): T {
  let waiting: Uint8Array[] | null = atOnce ? null : [];
  return {
    ...cores,
    allocate(bytes) {
      const memory = cores.allocate(bytes);
      waiting?.push(memory);
      if (waiting === null) hint(memory);
      else if (waiting.length > FEW_PIECES) {
        for (const piece of waiting) hint(piece);
        waiting = null;
      }
      return memory;
    },
  };
}
