// SPDX-License-Identifier: GPL-2.0-only
/**
 * Booting in one line: the machine's settings, its limits and what is typed at it in one object,
 * and nothing to close afterwards.
 */

import { onTestFinished } from 'vitest';
import type { EventKind } from '#workbench/machine/event-kinds.ts';
import { parseTime } from '#workbench/cli/quantities.ts';
import { type BootResult, createMachine } from '#workbench/index.ts';
import { InputError } from '#workbench/input-error.ts';
import { EngineLibraryError } from '#workbench/engine-library/engine-library.ts';
import { chooseCores } from '#host/cores.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import type { MachineSettings } from '#workbench/machine/machine-settings.ts';
import type { DeviceTreeBuilder } from './device-tree.ts';

/** Simulated nanoseconds, or "10s", "500ms", "20us". */
export type SimulatedTime = number | string;

/** The machine to boot, and its limits. */
export interface BootSettings extends Omit<MachineSettings, 'board' | 'dtb'> {
  /** A blob, or a builder, which is built here. */
  readonly dtb?: Uint8Array | DeviceTreeBuilder | undefined;
  /**
   * Limit in simulated time since power-on; ten seconds by default. So a test ends, and at the same
   * instruction on every host.
   */
  readonly timeout?: SimulatedTime | undefined;
  /** Limit in instructions. */
  readonly maxInstructions?: number | undefined;
  /**
   * Input to type, each piece once the text before it has appeared: `[['levitate> ', 'run
   * hello\n']]`.
   */
  readonly dialogue?: readonly (readonly [waitFor: string, type: string])[] | undefined;
}

/** Rare events that {@link boot} keeps for the matchers. */
const KEPT: readonly EventKind[] = ['process'];

const DEFAULT_TIMEOUT_NS = 10e9;

/**
 * Boots a board to its outcome: steady state, power off, panic or limit. Inside a test, the machine
 * is closed when the test is over. Elsewhere (beforeAll) the caller closes it. A test that boots
 * dozens of machines closes each one after use: `machine.close()`.
 * @throws BoardError, InputError for settings that cannot be; EngineLibraryError without a usable
 * engine; EngineError for a fault of the emulator
 */
export function boot(board: string, settings: BootSettings = {}): BootResult {
  const { dtb, timeout = DEFAULT_TIMEOUT_NS, maxInstructions, dialogue = [], trace = [], ...others } = settings;
  const machine = createMachine({
    ...others,
    board,
    trace: [...new Set([...trace, ...KEPT])],
    dtb: dtb === undefined || dtb instanceof Uint8Array ? dtb : dtb.build(),
  });
  closeAfterTest(machine);
  converse(machine, dialogue);
  const outcome = machine.run({ timeoutNs: simulatedNs('timeout', timeout), maxInstructions });
  return { outcome, machine };
}

/** Fetches the engine where the host has none yet, because that takes longer than a test may. */
export function prepareEngine(): void {
  try {
    chooseCores();
  } catch (error) {
    // boot() will report the same error, in the test that needs the engine.
    if (!(error instanceof EngineLibraryError)) throw error;
  }
}

function closeAfterTest(machine: LevitateMachine): void {
  try {
    onTestFinished(() => machine.close());
  } catch {
    // vitest refuses this only outside a test. There the caller closes the machine.
  }
}

/** Simulated nanoseconds of a time. @throws InputError for a text that is no time */
export function simulatedNs(what: string, time: SimulatedTime): number {
  const ns = typeof time === 'number' ? time : parseTime(what, time);
  if (!(ns > 0)) throw new InputError(`${what} ${ns}: a time above zero is wanted, in ns, or as "500ms"`);
  return ns;
}

/**
 * Types each line when its text has appeared. The search begins where the previous line was typed,
 * so a prompt can be waited for again.
 */
function converse(machine: LevitateMachine, [first, ...rest]: readonly (readonly [string, string])[]): void {
  if (first === undefined) return;
  const [waitFor, line] = first;
  const { serial } = machine;
  const answer = (): void => {
    machine.type(line);
    converse(machine, rest);
  };
  serial.watch(waitFor, answer, serial.byteLength);
}
