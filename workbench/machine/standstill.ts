/**
 * A guest that sleeps and cannot be woken any more: it has given up, and the reason is most often
 * its first exception.
 */

import { hex } from '#common/address.ts';
import type { Machine } from '#emulator/machine/machine.ts';

/**
 * Why a guest whose cores all sleep, with nothing due, has no hope: it never enabled an interrupt
 * that could wake it. One clause, or null when input could wake it.
 */
export function describeStandstill(machine: Machine): string | null {
  if (machine.parts.interrupts?.couldInterrupt() !== false) return null;
  const { bootCore } = machine;
  const at = `stands still at PC ${hex(bootCore.engine.getPc())}, where it waits and has enabled no interrupt that could wake it`;
  const first = bootCore.firstException;
  if (first === null) return at;
  const far = first.far === null ? '' : `, FAR ${hex(first.far)}`;
  return `${at}; its first exception: ESR ${hex(first.esr)}, ELR ${hex(first.elr)}${far}`;
}
