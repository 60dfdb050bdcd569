// SPDX-License-Identifier: GPL-2.0-only
/**
 * Which engine executes a machine's instructions: the native Unicorn library where there is one, or
 * the project's own core, which needs nothing.
 */

import { a64Cores } from '#emulator/a64/core.ts';
import { engineCores } from '#emulator/cpu/core.ts';
import type { CoreFactory } from '#emulator/cpu/machine-core.ts';
import { createUnicornEngine, probeEngineVersion } from '#emulator/engine/unicorn.ts';
import { EngineLibraryError, locateEngine } from '#workbench/engine-library/engine-library.ts';
import { InputError } from './input-error.ts';

export const ENGINES = ['auto', 'unicorn', 'wasm'] as const;
/** `auto`: what LEVITATE_ENGINE says, else Unicorn where it is found, else the own core. */
export type EngineName = (typeof ENGINES)[number];

/** What makes the cores, and the library that they stand on: null for the own core. */
export interface CoreChoice {
  readonly cores: CoreFactory;
  readonly library: string | null;
}

/** What a search found: it is made once, also where it finds nothing. */
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

/** True when another engine must not stand in for a library that does not work: it was named. */
export const isLibraryNamed = (): boolean => (process.env['LEVITATE_UNICORN'] ?? '') !== '';

/** @throws InputError when it is none of the names */
export function engineName(text: string, where: string): EngineName {
  const name = ENGINES.find((known) => known === text);
  if (name === undefined) throw new InputError(`${where}: "${text}" is no engine; known: ${ENGINES.join(', ')}`);
  return name;
}

/**
 * @throws EngineLibraryError when Unicorn is wanted and there is none; InputError for
 * LEVITATE_ENGINE
 */
export function chooseCores(wanted: EngineName = 'auto'): CoreChoice {
  const preset = process.env['LEVITATE_ENGINE'];
  const name =
    wanted === 'auto' && preset !== undefined && preset !== '' ? engineName(preset, 'LEVITATE_ENGINE') : wanted;
  if (name === 'wasm') return ownCores();
  try {
    const library = enginePath();
    return { cores: engineCores((callbacks) => createUnicornEngine({ library, callbacks })), library };
  } catch (error) {
    if (name === 'unicorn' || isLibraryNamed() || !(error instanceof EngineLibraryError)) throw error;
    return ownCores();
  }
}

const ownCores = (): CoreChoice => ({ cores: a64Cores(), library: null });
