/** What the header of a log says of the run that makes it. */

import { createHash } from 'node:crypto';
import type { EventLogHeader } from './event-header.ts';
import { EVENT_KINDS } from './event-kinds.ts';
import type { MachineSettings } from '#workbench/machine/machine-settings.ts';

const HASH_CHARACTERS = 16;

/**
 * The header for a machine made with `settings`, for {@link eventLines} and `--log`. Files that it
 * was given are told by length and hash: two runs can be compared, and the log says nothing of the
 * host.
 */
export function logHeader({ board, seed, trace = [], ...others }: MachineSettings): Partial<EventLogHeader> {
  const options = Object.entries(others).filter(([, value]) => value !== undefined);
  return {
    board,
    seed: seed === undefined ? null : `0x${BigInt.asUintN(64, BigInt(seed)).toString(16)}`,
    trace: trace.filter((kind) => !EVENT_KINDS[kind].always),
    options: Object.fromEntries(options.map(([name, value]) => [name, optionValue(value)])),
  };
}

function optionValue(value: unknown): unknown {
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  if (value instanceof Uint8Array) {
    return { bytes: value.length, sha256: createHash('sha256').update(value).digest('hex').slice(0, HASH_CHARACTERS) };
  }
  if (Array.isArray(value)) return value.map(optionValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, optionValue(member)]));
}
