// SPDX-License-Identifier: GPL-2.0-only
/**
 * A guest that cannot continue and did not say so: no interrupt can reach it, or it faults on its
 * own vector. Most often its first exception is the cause.
 */

import { hex } from '#common/address.ts';
import { EXCEPTION_CLASS, exceptionClass } from '#emulator/cpu/syndrome.ts';
import { stillness } from '#emulator/cpu/vcpu.ts';
import { DebugMemory } from '#emulator/debug/debug-memory.ts';
import type { Machine } from '#emulator/machine/machine.ts';
import { instructionAt } from './instruction-at.ts';

/**
 * The reason why an idle guest can never continue: it has enabled no interrupt, or has masked all
 * of them for ever. All cores must sleep or loop, with nothing due. One clause; null when input
 * could wake the guest.
 */
export function describeStandstill(machine: Machine): string | null {
  const { vcpus, interrupts } = machine.parts;
  const running = vcpus.filter(({ state }) => state !== 'off');
  const isMasked = running.every((vcpu) => vcpu.core?.interruptsMasked === true && stillness(vcpu) !== null);
  const isReachable = interrupts?.couldInterrupt() !== false;
  if (isReachable && !isMasked) return null;
  const { core, state } = running[0] ?? { core: null, state: 'off' };
  const pc = hex((core ?? machine.bootCore).engine.getPc());
  const how = state === 'running' ? 'where it goes round in a loop' : 'where it waits';
  const why = isReachable ? 'with its interrupts masked' : 'and has enabled no interrupt that could wake it';
  return `stands still at PC ${pc}, ${how} ${why}${firstException(machine)}`;
}

/** A further clause on the boot core's first exception since reset; empty when there was none. */
export function firstException(machine: Machine): string {
  const { bootCore } = machine;
  const first = bootCore.firstException;
  if (first === null) return '';
  const far = first.far === null ? '' : `, FAR ${hex(first.far)}`;
  const instruction = leadsToCause(first.esr) ? instructionAt(new DebugMemory(machine), bootCore, first.elr) : null;
  const at = instruction === null ? '' : `, at ${instruction.text} (${instruction.word})`;
  return `; its first exception: ESR ${hex(first.esr)}, ELR ${hex(first.elr)}${far}${at}`;
}

const { svc64, hvc64, smc64, instructionAbortLower, instructionAbortSame, pcAlignment } = EXCEPTION_CLASS;
/** Classes whose ELR is after the instruction, or at one that cannot be fetched. */
const NOT_AT_CAUSE: readonly number[] = [svc64, hvc64, smc64, instructionAbortLower, instructionAbortSame, pcAlignment];

/** True when the instruction at ELR is the one that caused the exception. */
const leadsToCause = (esr: number): boolean => !NOT_AT_CAUSE.includes(exceptionClass(esr));
