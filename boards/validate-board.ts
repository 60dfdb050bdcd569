/**
 * The invariants of a board, recounted. A board that breaks one would place two things at one
 * address or describe what is not there.
 *
 *  1. Names of devices are unique, and every name that another part refers to exists.
 *  2. Devices and RAM banks are disjoint: sorted by base, each ends at or before the next begins.
 *  3. Reserved regions lie inside one RAM bank and are disjoint.
 *  4. The firmware is exactly its placement; the console is its device.
 */

import { hex } from '#common/address.ts';
import { type BaseAndSize, contains, rangeOf } from '#common/range.ts';
import { BoardError } from './board-error.ts';
import type { Board, DevicePlacement } from './types.ts';

type NamedPlace = BaseAndSize & { readonly name: string };

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
 * @throws BoardError naming the first one that does not hold. O(n log n) in devices.
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
  for (const region of board.reserved) {
    if (!board.ramBanks.some((bank) => contains(rangeOf(bank), rangeOf(region))))
      throw new BoardError(`board ${board.name}: reserved ${describe(region)} is not inside RAM`);
  }
  const { firmware, kernelConsole } = board;
  const rom = getDevice(board, firmware.device);
  if (rom.base !== firmware.base || rom.size !== firmware.size) {
    throw new BoardError(`board ${board.name}: firmware at ${hex(firmware.base)} is not ${describe(rom)}`);
  }
  const uart = getDevice(board, kernelConsole.device);
  if (uart.base !== kernelConsole.base || uart.model !== kernelConsole.model) {
    throw new BoardError(`board ${board.name}: console at ${hex(kernelConsole.base)} is not ${describe(uart)}`);
  }
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
