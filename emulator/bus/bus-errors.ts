// SPDX-License-Identifier: GPL-2.0-only
/**
 * Errors of the bus: two configuration errors, and the abort that a guest's access may end in.
 *
 * Not here: alignment faults and translation faults, which the CPU raises before an access leaves
 * it.
 */

import { hex } from '#common/address.ts';
import type { UnmappedFields } from '#emulator/events/machine-events.ts';
import { BusAbort } from './device.ts';

/** Named half-open range [base, base + size) of physical addresses, in bytes. */
export interface BusRange {
  readonly name: string;
  readonly base: number;
  readonly size: number;
}

/** Formats `range` as "name [0x…, 0x…)", for messages. */
export function describeRange(range: BusRange): string {
  return `${range.name} [${hex(range.base)}, ${hex(range.base + range.size)})`;
}

/** Thrown by `Bus.attach` when two devices claim the same bytes; nothing was attached. */
export class BusOverlapError extends Error {
  /** Refused range. */
  readonly added: BusRange;
  /** Lowest range already on the bus that shares a byte with it. */
  readonly existing: BusRange;

  constructor(added: BusRange, existing: BusRange) {
    super(`bus: ${describeRange(added)} overlaps ${describeRange(existing)}`);
    this.name = 'BusOverlapError';
    this.added = added;
    this.existing = existing;
  }
}

/**
 * Thrown by `Bus.attach` for a range that no device can have: empty, misaligned, or outside the
 * 52-bit physical address space.
 */
export class BusRangeError extends RangeError {
  readonly range: BusRange;

  constructor(range: BusRange, problem: string) {
    super(`bus: device "${range.name}" at ${range.base}, ${range.size} bytes: ${problem}`);
    this.name = 'BusRangeError';
    this.range = range;
  }
}

/**
 * Cause of an abort.
 * - `unmapped`: no device at its first byte
 * - `partly-outside`: it begins in a device and ends after it
 * - `unaligned`: its address is not a multiple of its width
 * - `device`: the device refused it
 */
export type BusAbortCause = 'unmapped' | 'partly-outside' | 'unaligned' | 'device';

/** Access that ended in an abort. `value` is the value to write, null for a read. */
export interface BusAccess {
  readonly pa: number;
  readonly width: 1 | 2 | 4 | 8;
  readonly value: number | bigint | null;
}

/** {@link BusAbort} with the access and the device, as the bus reports it. */
export class BusAccessAbort extends BusAbort {
  readonly reason: BusAbortCause;
  readonly access: BusAccess;
  /**
   * Place of the address, device-like: "serial@10a00000+0x20", or "unmapped, 0x40 past
   * serial@10a00000".
   */
  readonly place: string;

  constructor(reason: BusAbortCause, access: BusAccess, place: string, detail: string) {
    super(
      `${access.value === null ? 'read' : 'write'} of ${access.width} bytes at ${hex(access.pa)} (${place})` +
        `${access.value === null ? '' : `, value ${hex(access.value)}`}: ${detail}`,
    );
    this.name = 'BusAccessAbort';
    this.reason = reason;
    this.access = access;
    this.place = place;
  }

  /** Fields of an `unmapped` event; the CPU adds PC. */
  toEventFields(): Omit<UnmappedFields, 'pc'> {
    const { pa, width, value } = this.access;
    return {
      device: this.place,
      reason: this.reason,
      access: value === null ? 'read' : 'write',
      address: hex(pa),
      width,
      ...(value === null ? {} : { value: hex(value) }),
    };
  }
}
