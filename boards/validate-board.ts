// SPDX-License-Identifier: GPL-2.0-only
/**
 * Checks the invariants of a board. A board that breaks one would place two devices at one address,
 * or describe a device that does not exist.
 *
 *  1. Names of devices are unique, and every name that another part refers to exists.
 *  2. Devices and RAM banks are disjoint: sorted by base, each ends at or before the next begins.
 *  3. Reserved regions lie inside one RAM bank and are disjoint.
 *  4. The firmware is exactly its placement, or lies in RAM; the console is its device.
 *  5. The console is in the 512 GiB of the first bank: the kernel maps it before all else.
 *  6. There is PSCI, or every core has a place in the spin table.
 *  7. Every core has a redistributor of its GICv3.
 */

import { hex } from '#common/address.ts';
import { type BaseAndSize, contains, rangeOf } from '#common/range.ts';
import { BoardError } from './board-error.ts';
import type { Board, DevicePlacement } from './types.ts';

type NamedPlace = BaseAndSize & { readonly name: string };

/** Bytes that one entry of a level 0 table maps. */
const CONSOLE_REACH = 2 ** 39;
/** Bytes of a core's redistributor without virtual LPIs (IHI 0069, 12.10). */
const REDISTRIBUTOR_BYTES = 0x2_0000;

/**
 * The placement called `name`.
 * @throws BoardError when the board has none of that name. O(devices).
 */
export function getDevice(board: Pick<Board, 'devices' | 'name'>, name: string): DevicePlacement {
  const device = board.devices.find((candidate) => candidate.name === name);
  if (device === undefined) throw new BoardError(`board ${board.name} has no device "${name}"`);
  return device;
}

/**
 * Checks every invariant above.
 * @throws BoardError with the first one that does not hold. O(n log n) in devices.
 */
export function validateBoard(board: Board): void {
  const names = new Set<string>();
  for (const device of board.devices) {
    if (names.has(device.name)) throw new BoardError(`board ${board.name} has two devices "${device.name}"`);
    names.add(device.name);
    for (const node of device.nodes) for (const other of node.moreWindows ?? []) getDevice(board, other);
  }
  const banks = board.ramBanks.map((bank) => ({ name: `RAM at ${hex(bank.base)}`, ...bank }));
  requireDisjoint(board, [...board.devices, ...banks]);
  requireDisjoint(board, board.reserved);
  for (const region of board.reserved) requireInside(board, { ...region, name: `reserved ${region.name}` });
  const { firmware, kernelConsole } = board;
  const at = { name: 'firmware', base: firmware.base, size: firmware.size };
  if (firmware.device === null) {
    requireInside(board, at);
    requireDisjoint(board, [at, ...board.reserved]);
  } else {
    const rom = getDevice(board, firmware.device);
    if (rom.base !== firmware.base || rom.size !== firmware.size) {
      throw new BoardError(`board ${board.name}: firmware at ${hex(firmware.base)} is not ${describe(rom)}`);
    }
  }
  const uart = getDevice(board, kernelConsole.device);
  if (uart.base !== kernelConsole.base || uart.model !== kernelConsole.model) {
    throw new BoardError(`board ${board.name}: console at ${hex(kernelConsole.base)} is not ${describe(uart)}`);
  }
  const start = board.ramBanks[0]?.base ?? 0;
  if (Math.floor(uart.base / CONSOLE_REACH) !== Math.floor(start / CONSOLE_REACH)) {
    throw new BoardError(
      `board ${board.name}: console at ${hex(uart.base)} is not in the 512 GiB of RAM at ${hex(start)}`,
    );
  }
  const waiting = board.cpus.find(({ releaseAddress }) => board.psci === null && releaseAddress === undefined);
  if (waiting !== undefined) {
    throw new BoardError(`board ${board.name}: nothing starts core ${hex(waiting.mpidr)}: no PSCI, no release address`);
  }
  const redistributors = board.devices.find(({ part }) => part === 'redistributor');
  const needed = board.cpus.length * REDISTRIBUTOR_BYTES;
  if (redistributors !== undefined && redistributors.size < needed) {
    const place = describe(redistributors);
    throw new BoardError(
      `board ${board.name}: ${place} is too small: ${board.cpus.length} cores take ${hex(needed)} bytes`,
    );
  }
}

function requireInside(board: Board, place: NamedPlace): void {
  if (board.ramBanks.some((bank) => contains(rangeOf(bank), rangeOf(place)))) return;
  throw new BoardError(`board ${board.name}: ${describe(place)} is not inside RAM`);
}

function requireDisjoint(board: Board, ranges: readonly NamedPlace[]): void {
  const sorted = ranges.toSorted((a, b) => a.base - b.base);
  for (const [i, range] of sorted.entries()) {
    if (!Number.isSafeInteger(range.base) || !Number.isSafeInteger(range.size) || range.base < 0 || range.size <= 0) {
      throw new BoardError(`board ${board.name}: ${describe(range)} is not a range`);
    }
    const next = sorted[i + 1];
    if (next !== undefined && range.base + range.size > next.base) {
      throw new BoardError(`board ${board.name}: ${describe(range)} overlaps ${describe(next)}`);
    }
  }
}

function describe(range: NamedPlace): string {
  return `${range.name} [${hex(range.base)}, ${hex(range.base + range.size)})`;
}
