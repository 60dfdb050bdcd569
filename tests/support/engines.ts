// SPDX-License-Identifier: GPL-2.0-only
/** Which engines there are where the tests run. Not a test. */

import { chooseCores, enginePath } from '#host/cores.ts';
import { EngineLibraryError } from '#workbench/engine-library/engine-library.ts';

/** Why there is no Unicorn here; null where there is. */
export const noUnicorn: string | null = reasonAgainst(enginePath);

function reasonAgainst(look: () => unknown): string | null {
  try {
    look();
    return null;
  } catch (error) {
    if (!(error instanceof EngineLibraryError)) throw error;
    return error.message.split('\n')[0] ?? '';
  }
}

export const ENGINES_HERE: readonly ('unicorn' | 'wasm')[] = noUnicorn === null ? ['unicorn', 'wasm'] : ['wasm'];

/** What machines run on that do not say: by LEVITATE_ENGINE, or what there is. */
export const isOwnCore: boolean = chooseCores().library === null;

/** Of a physical address: Cortex-A72's on Unicorn, those of A53 and A55 on the own core. */
export const PHYSICAL_BITS = isOwnCore ? 40 : 44;

/** How it begins what it says of itself. */
export const ENGINE_VERSION = isOwnCore ? 'A64 to WebAssembly' : 'Unicorn 2.';
