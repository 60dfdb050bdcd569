// SPDX-License-Identifier: GPL-2.0-only
/** The engines that exist where the tests run. Not a test. */

import { chooseCores, enginePath } from '#host/cores.ts';
import { EngineLibraryError } from '#workbench/engine-library/engine-library.ts';

/** The reason why there is no Unicorn here; null when there is one. */
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

/** True when machines that name no engine run on the own core. */
export const isOwnCore: boolean = chooseCores().library === null;

/** Size of physical addresses: Cortex-A72's on Unicorn, that of A53 and A55 on the own core. */
export const PHYSICAL_BITS = isOwnCore ? 40 : 44;

/** First words of that engine's version. */
export const ENGINE_VERSION = isOwnCore ? 'A64 to WebAssembly' : 'Unicorn 2.';
