// SPDX-License-Identifier: GPL-2.0-only
/**
 * `levitate-emulator/testing`: the test kit for vitest. Boot in one line, device trees in one line,
 * and matchers for machines that have run.
 *
 *     import { boot, dtb } from 'levitate-emulator/testing';
 *     expect(boot('pixel6', { dtb: dtb() })).toPanicWith('PANIC: No RAM regions found in DTB');
 *
 * A failure shows how the run ended, the last lines of the serial line, and the explanation that
 * fits. Guide: docs/testing.md.
 */

import { expect } from 'vitest';
import type { Outcome } from './machine/outcome.ts';
import { prepareEngine, type SimulatedTime } from './test-kit/boot.ts';
import * as matchers from './test-kit/matchers.ts';
import type { Expected, ExpectedMapping, ExpectedReservation, Rights } from './test-kit/matchers.ts';

export type { BootResult } from './index.ts';
export type { BitFlip, FaultSettings } from './machine/fault-settings.ts';
export { boot, type BootSettings, type SimulatedTime } from './test-kit/boot.ts';
export {
  type ChosenOptions,
  DeviceTreeBuilder,
  dtb,
  type DynamicOptions,
  type FromOptions,
  type RamOptions,
  type ReservedOptions,
} from './test-kit/device-tree.ts';
export type { AddressRange, PropertyValue, Size } from './test-kit/tree-values.ts';
export type { Expected, ExpectedMapping, ExpectedReservation, Rights };

// For `expect.extend` on another vitest instance; importing this module has done it on this one.
export { matchers };

expect.extend({ ...matchers });
prepareEngine();

interface LevitateMatchers<R> {
  /**
   * The kernel panicked, with exit status 1, and its line is exactly `text`, or matches it. The
   * next line, which has the numbers, contains `detail`, or matches it.
   */
  toPanicWith(text: string | RegExp, detail?: string | RegExp): R;
  /** This appeared on the serial line. */
  toPrint(text: string | RegExp): R;
  /**
   * The kernel entered this boot stage, by number (1 to 5) or name ("Steady State (BDS)"), and not
   * later than `within` of simulated time.
   */
  toReachStage(stage: number | string, limits?: { readonly within?: SimulatedTime }): R;
  /** The run has this outcome: "steady", "poweroff", "panic", "expected", "limit", "error". */
  toEndAs(outcome: Outcome['outcome']): R;
  /** This number of frames is free, recounted from mem_map. Never true before mem_map exists. */
  toHaveFreeFrames(expected: Expected): R;
  /** This number of blocks of 2^order frames is free, recounted from mem_map. */
  toHaveFreeBlocks(order: number, expected: Expected): R;
  /** The live page tables map the virtual address, to this physical address, with these rights. */
  toMap(va: bigint | number, expected?: ExpectedMapping): R;
  /** Every byte of [base, base + bytes) is in a reserved range, of this owner. */
  toReserve(base: number, bytes: number, expected?: ExpectedReservation): R;
  /**
   * A process, by name or number, ended with this exit status. @throws InputError when processes
   * were not followed: {@link boot} does that
   */
  toExitWith(program: string | number, status: number): R;
}

declare module 'vitest' {
  // The type parameter must be declared as vitest declares it.
  interface Matchers<T> extends LevitateMatchers<T> {}
}
