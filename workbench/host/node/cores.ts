// SPDX-License-Identifier: GPL-2.0-only
/**
 * Chooses the engine that executes a machine's instructions: the native Unicorn library where there
 * is one, else the project's own core, which needs no library.
 */

import { a64Cores } from '#emulator/a64/cores.ts';
import { CORTEX_A72 } from '#emulator/a64/core-types.ts';
import type { HostClock } from '#emulator/a64/statistics.ts';
import { engineCores } from '#emulator/cpu/core.ts';
import { createUnicornEngine, probeEngineVersion } from '#emulator/engine/unicorn.ts';
import { EngineLibraryError, locateEngine } from '#workbench/engine-library/engine-library.ts';
import { adviseHugePages, onHugePages } from '#workbench/engine-library/huge-pages.ts';
import { preparedHandlers } from '#workbench/engine-library/prepared-handlers.ts';
import { InputError } from '#workbench/input-error.ts';
import { fileDigest } from './drives.ts';
import { type CoreChoice, type CoreRequest, engineName, whyBeyondUnicorn } from '#workbench/host/engine-name.ts';

/** Result of the search, which runs only once even when it finds nothing. */
let found: string | EngineLibraryError | null = null;

/**
 * Path of Unicorn's library, looked for once, and fetched where there is none.
 * @throws EngineLibraryError
 */
export function enginePath(): string {
  found ??= searchEngine();
  if (found instanceof EngineLibraryError) throw found;
  return found;
}

function searchEngine(): string | EngineLibraryError {
  try {
    return locateEngine(probeEngineVersion).path;
  } catch (error) {
    if (error instanceof EngineLibraryError) return error;
    throw error;
  }
}

/** True when no other engine may replace a library that does not work: the user named it. */
export const isLibraryNamed = (): boolean => (process.env['LEVITATE_UNICORN'] ?? '') !== '';

/**
 * @param now for times in the statistics
 * @throws EngineLibraryError when Unicorn is wanted and there is none; InputError for
 * LEVITATE_ENGINE, and for cores that Unicorn has not
 */
export function chooseCores(request: CoreRequest = {}, now: HostClock | null = null): CoreChoice {
  const { engine: wanted = 'auto', likeUnicorn = false, kernel, bios } = request;
  const isLarge = kernel !== undefined || bios !== undefined;
  const preset = process.env['LEVITATE_ENGINE'];
  const name =
    wanted === 'auto' && preset !== undefined && preset !== '' ? engineName(preset, 'LEVITATE_ENGINE') : wanted;
  if (name === 'wasm') return ownCores(likeUnicorn, isLarge, now);
  const beyond = whyBeyondUnicorn(request);
  if (beyond !== null) {
    if (name === 'auto') return ownCores(likeUnicorn, isLarge, now);
    throw new InputError(`${beyond}; use --engine wasm`);
  }
  try {
    const library = enginePath();
    return {
      cores: onHugePages(
        engineCores((callbacks) => createUnicornEngine({ library, callbacks })),
        isLarge,
      ),
      library,
      statistics: null,
    };
  } catch (error) {
    if (name === 'unicorn' || isLibraryNamed() || !(error instanceof EngineLibraryError)) throw error;
    return ownCores(likeUnicorn, isLarge, now);
  }
}

function ownCores(likeUnicorn: boolean, isLarge: boolean, now: HostClock | null): CoreChoice {
  const cores = a64Cores({ now, prepared: preparedHandlers, ...(likeUnicorn ? { type: CORTEX_A72 } : {}) });
  if (isLarge) adviseHugePages(cores.blocks);
  return { cores: onHugePages(cores, isLarge), library: null, statistics: () => cores.statistics() };
}

/** The library that an engine's saved registers belong to; nothing for the own core. */
export const libraryDigest = (library: string | null): string => (library === null ? '' : fileDigest(library).sha256);
