// SPDX-License-Identifier: GPL-2.0-only
/**
 * Turns a board file into a definition: checks options against limits, and the resulting board for
 * consistency.
 */

import { PAGE_SIZE } from '#common/address.ts';
import { BoardError } from './board-error.ts';
import { size } from '#common/quantities.ts';
import type { Board, BoardConfig, BoardDefinition, BoardOptions } from './types.ts';
import { validateBoard } from './validate-board.ts';

/** Data of a board file. `configure` gets complete options, inside the limits. */
interface BoardSource extends Omit<BoardDefinition, 'create'> {
  readonly defaults: Omit<BoardConfig, 'el'>;
  configure(config: BoardConfig): Board;
}

/**
 * Creates a definition whose `create` fills in defaults, checks options and validates its board.
 */
export function defineBoard(source: BoardSource): BoardDefinition {
  const { name, title, limits } = source;
  return {
    name,
    title,
    limits,
    create(options: BoardOptions = {}): Board {
      const board = source.configure(checkOptions(source, options));
      validateBoard(board);
      return board;
    },
  };
}

function checkOptions(source: BoardSource, options: BoardOptions): BoardConfig {
  const { name, defaults, limits } = source;
  const memoryBytes = options.memoryBytes ?? defaults.memoryBytes;
  const { min, max } = limits.memoryBytes;
  if (!(memoryBytes >= min && memoryBytes <= max)) {
    throw new BoardError(`memory of ${size(memoryBytes)} is not possible on ${name}: ${size(min)} to ${size(max)}`);
  }
  if (memoryBytes % PAGE_SIZE !== 0) {
    throw new BoardError(`memory of ${size(memoryBytes)} is not a multiple of the 4 KiB page`);
  }
  const cpus = options.cpus ?? defaults.cpus;
  if (!Number.isInteger(cpus) || cpus < limits.cpus.min || cpus > limits.cpus.max) {
    throw new BoardError(`${cpus} CPUs are not possible on ${name}: ${limits.cpus.min} to ${limits.cpus.max}`);
  }
  const wanted = options.gicVersion ?? defaults.gicVersion;
  const gicVersion = limits.gicVersions.find((version) => version === wanted);
  if (gicVersion === undefined) {
    throw new BoardError(`GIC version ${wanted} is not possible on ${name}: ${limits.gicVersions.join(' or ')}`);
  }
  const el = options.el ?? 1;
  if (el !== 1 && el !== 2) throw new BoardError(`a guest cannot be entered at EL${el}: 1 or 2`);
  const cpuType =
    options.cpuType === undefined
      ? defaults.cpuType
      : limits.cpuTypes.find(({ name: known }) => known === options.cpuType);
  if (cpuType === undefined) {
    const known = limits.cpuTypes.map((type) => type.name).join(', ');
    throw new BoardError(
      known === ''
        ? `cores of type "${options.cpuType}" are not possible on ${name}: it has cores of its own`
        : `cores of type "${options.cpuType}" are not possible on ${name}: ${known}`,
    );
  }
  return { memoryBytes, cpus, gicVersion, el, cpuType };
}
