// SPDX-License-Identifier: GPL-2.0-only
/**
 * Faults that are injected into a machine: into its kernel's memory system and its RAM. Checked
 * here, for the library and the command line alike.
 */

import { includes, rangeOf } from '#common/range.ts';
import { hex } from '#common/address.ts';
import type { MemoryBank } from '#emulator/memory/physical-memory.ts';
import { type MemoryFaults, isFaultless } from '#kernel-ts/kernel/mm/faults/memory-faults.ts';
import { MAX_ORDER } from '#kernel-ts/kernel/mm/page.ts';
import { InputError } from '#workbench/input-error.ts';

/** A bit of RAM that changes by itself. */
export interface BitFlip {
  /** Physical address of the byte. */
  readonly address: number;
  /** 0, the least significant, to 7. */
  readonly bit: number;
  /** Simulated nanoseconds since power-on; 0 is before the first instruction. */
  readonly atNs: number;
}

/** Faults on purpose. The first three need the modelled kernel. */
export interface FaultSettings extends MemoryFaults {
  readonly flipBits?: readonly BitFlip[] | undefined;
}

/**
 * @param isModelled the guest is the modelled kernel
 * @throws InputError naming the option, the value and the fix
 */
export function checkFaults(faults: FaultSettings, isModelled: boolean): void {
  if (!isModelled && !isFaultless(faults)) {
    throw new InputError(
      '--fail-alloc, --oom-at and --poison-freed are faults of the modelled kernel: not with --kernel or --bios',
    );
  }
  for (const { order, nth, every } of faults.failAlloc ?? []) {
    if (order !== undefined && !(Number.isInteger(order) && order >= 0 && order <= MAX_ORDER)) {
      throw new InputError(`--fail-alloc order=${order}: an order is a whole number from 0 to ${MAX_ORDER}`);
    }
    for (const [name, count] of Object.entries({ nth, every })) {
      if (count !== undefined && !(Number.isSafeInteger(count) && count > 0)) {
        throw new InputError(`--fail-alloc ${name}=${count}: a whole number above zero is wanted`);
      }
    }
  }
  const { oomAt } = faults;
  if (oomAt !== undefined && !(oomAt >= 0 && oomAt <= 1)) {
    throw new InputError(`--oom-at ${oomAt * 100}%: a share from 0% to 100% is wanted`);
  }
  for (const { bit, atNs } of faults.flipBits ?? []) {
    if (!(Number.isInteger(bit) && bit >= 0 && bit < 8)) {
      throw new InputError(`--flip-bit: bit ${bit}: a byte has bits 0 to 7`);
    }
    if (!(Number.isFinite(atNs) && atNs >= 0)) throw new InputError(`--flip-bit: ${atNs} ns is no time`);
  }
}

/** @throws InputError for a bit that is not in the machine's RAM */
export function checkFlipsAreInRam(flips: readonly BitFlip[], banks: readonly MemoryBank[]): void {
  for (const { address } of flips) {
    if (!banks.some((bank) => includes(rangeOf(bank), address) && Number.isInteger(address))) {
      throw new InputError(
        `--flip-bit ${hex(address)}: no RAM there; npm run explain -- --board … memory shows where RAM is`,
      );
    }
  }
}
