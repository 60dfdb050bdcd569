// SPDX-License-Identifier: GPL-2.0-only
/** Names of the engines, as users write them, and their meaning. */

import { CPU_TYPES } from '#boards/cpu-types.ts';
import type { A64Statistics } from '#emulator/a64/statistics.ts';
import type { CoreFactory } from '#emulator/cpu/machine-core.ts';
import { InputError } from '#workbench/input-error.ts';

export const ENGINES = ['auto', 'unicorn', 'wasm'] as const;
/** `auto`: what LEVITATE_ENGINE says, else Unicorn where it is found, else the own core. */
export type EngineName = (typeof ENGINES)[number];

/** The requested kind of cores. */
export interface CoreRequest {
  readonly engine?: EngineName | undefined;
  /** See MachineSettings. */
  readonly likeUnicorn?: boolean | undefined;
  readonly cpuType?: string | undefined;
  readonly el?: number | undefined;
  /** A guest of one's own. Such guests touch much memory. */
  readonly kernel?: Uint8Array | undefined;
  readonly bios?: Uint8Array | undefined;
}

/**
 * The option that asks for cores which Unicorn does not have, with the reason; null when none does.
 */
export function whyBeyondUnicorn({ cpuType, el }: CoreRequest): string | null {
  if (el === 2) return '--el 2: Unicorn has no EL2 for guests';
  const isArmv82 = Object.values(CPU_TYPES).some((type) => type.name === cpuType && type.isArmv82);
  return isArmv82 ? `--cpu ${cpuType}: Unicorn's cores are Cortex-A72, without the extensions of Armv8.2` : null;
}

/** The chosen cores: their factory, and the engine's library (null for the own core). */
export interface CoreChoice {
  readonly cores: CoreFactory;
  readonly library: string | null;
  /** Counts of the own core so far; null for Unicorn, which has none. */
  readonly statistics: (() => A64Statistics) | null;
}

/** @throws InputError when it is none of the names */
export function engineName(text: string, where: string): EngineName {
  const name = ENGINES.find((known) => known === text);
  if (name === undefined) throw new InputError(`${where}: "${text}" is no engine; known: ${ENGINES.join(', ')}`);
  return name;
}
