// SPDX-License-Identifier: GPL-2.0-only
/** In a browser there is one engine: the project's own core. */

import { a64Cores } from '#emulator/a64/cores.ts';
import type { HostClock } from '#emulator/a64/statistics.ts';
import type { CoreChoice, CoreRequest } from '#workbench/host/engine-name.ts';
import { InputError } from '#workbench/input-error.ts';

/** @throws InputError when Unicorn is wanted, which is a native library */
export function chooseCores({ engine: wanted = 'auto' }: CoreRequest = {}, now: HostClock | null = null): CoreChoice {
  if (wanted === 'unicorn') throw new InputError('--engine unicorn: a browser has no native library; leave it out');
  const cores = a64Cores({ now });
  return { cores, library: null, statistics: () => cores.statistics() };
}

/** The own core has no library. */
export const libraryDigest = (_library: string | null): string => '';
