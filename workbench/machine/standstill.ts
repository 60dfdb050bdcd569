/**
 * A guest that cannot go on and did not say so: it sleeps and cannot be woken any more, or faults
 * on its own vector. The reason is most often its first exception.
 */

import { hex } from '#common/address.ts';
import type { Machine } from '#emulator/machine/machine.ts';

/**
 * Why a guest whose cores all sleep, with nothing due, has no hope: it never enabled an interrupt
 * that could wake it. One clause, or null when input could wake it.
 */
export function describeStandstill(machine: Machine): string | null {
  if (machine.parts.interrupts?.couldInterrupt() !== false) return null;
  const pc = hex(machine.bootCore.engine.getPc());
  const at = `stands still at PC ${pc}, where it waits and has enabled no interrupt that could wake it`;
  return at + firstException(machine);
}

/** A further clause on the boot core's first exception since reset; empty when there was none. */
export function firstException({ bootCore }: Machine): string {
  const first = bootCore.firstException;
  if (first === null) return '';
  const far = first.far === null ? '' : `, FAR ${hex(first.far)}`;
  return `; its first exception: ESR ${hex(first.esr)}, ELR ${hex(first.elr)}${far}`;
}
