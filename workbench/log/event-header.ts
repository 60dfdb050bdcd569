// SPDX-License-Identifier: GPL-2.0-only
/**
 * The first line of an event log: its format, and the run.
 *
 *     {"format":"levitate-events","version":1,"time":"simulated ns","board":"pixel6","seed":null,
 *      "trace":["irq"],"options":{"memoryBytes":2147483648}}
 *
 * Only format and version are needed to read a log. The rest describes the run, for a reader and
 * for the comparison of two logs. Unknown members are skipped, so a later version of the program
 * may add some without a new format version. A golden log has one more member, `masks`: golden.ts.
 */

import { sha256 } from '#host/sha256.ts';
import type { MachineSettings } from '#workbench/machine/machine-settings.ts';
import { EVENT_KINDS } from '#workbench/machine/event-kinds.ts';

/**
 * Name and version of the format. The version changes when a reader of the old one would misread
 * the new one.
 */
export const EVENT_FORMAT = 'levitate-events';
export const EVENT_FORMAT_VERSION = 1;

/** A log file that cannot be read: the line number (from 1) and what is wrong with it. */
export class EventFormatError extends Error {
  readonly line: number;
  /** The message without the line. */
  readonly problem: string;

  constructor(line: number, problem: string) {
    super(`event log, line ${line}: ${problem}`);
    this.name = 'EventFormatError';
    this.line = line;
    this.problem = problem;
  }
}

/** The run that a log is of, and the program that wrote it. */
export interface EventLogHeader {
  /** Name of the board; null when the writer did not say. */
  readonly board: string | null;
  /** Seed of everything random, "0x…"; null when nothing was random. */
  readonly seed: string | null;
  /** Loud kinds that were kept; null when the writer did not say. */
  readonly trace: readonly string[] | null;
  /** All other settings of the machine, by name, in JSON form. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Golden logs: what may vary. */
  readonly masks: readonly string[];
}

/**
 * The first line of a log file, with its line feed. `about`: the run of the log, as far as it is
 * known.
 */
export function eventHeaderLine(about: Partial<EventLogHeader> = {}): string {
  const { board, seed, trace, options, masks } = about;
  return `${JSON.stringify({ format: EVENT_FORMAT, version: EVENT_FORMAT_VERSION, time: 'simulated ns', board, seed, trace, options, masks })}\n`;
}

const HASH_CHARACTERS = 16;

/**
 * The header for a machine made with `settings`, for {@link eventLines} and `--log`. Files are
 * given by length and hash, so two runs can be compared and the log says nothing about the host.
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
    return { bytes: value.length, sha256: sha256().update(value).hex().slice(0, HASH_CHARACTERS) };
  }
  if (Array.isArray(value)) return value.map(optionValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, optionValue(member)]));
}

/**
 * The header in a line of a log.
 * @param number of the line, from 1
 * @throws EventFormatError when it is not the header, or that of a version that this program does
 * not read
 */
export function parseHeaderLine(line: string, number: number): EventLogHeader {
  const header = new Map<string, unknown>(Object.entries(parseJsonObject(line, number)));
  if (header.get('format') !== EVENT_FORMAT) {
    throw new EventFormatError(number, `not the header of a ${EVENT_FORMAT} file, which "boot --log FILE" writes`);
  }
  const version = header.get('version');
  if (version !== EVENT_FORMAT_VERSION) {
    const fix =
      typeof version === 'number' && version > EVENT_FORMAT_VERSION
        ? '; a newer levitate-emulator wrote it, and can read it'
        : '';
    throw new EventFormatError(number, `version ${String(version)}, expected ${EVENT_FORMAT_VERSION}${fix}`);
  }
  const options = header.get('options');
  const trace = header.get('trace');
  return {
    board: textOrNull(header.get('board')),
    seed: textOrNull(header.get('seed')),
    trace: Array.isArray(trace) ? texts(trace) : null,
    options: typeof options === 'object' && options !== null ? (options as Record<string, unknown>) : {},
    masks: texts(header.get('masks')),
  };
}

/** A line as a JSON object. @throws EventFormatError */
export function parseJsonObject(line: string, number: number): object {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new EventFormatError(number, `not JSON: ${excerpt(line)}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new EventFormatError(number, `not a JSON object: ${excerpt(line)}`);
  }
  return value;
}

const EXCERPT_CHARACTERS = 40;

/** The beginning of an unreadable line, safe for a terminal. */
function excerpt(line: string): string {
  const text = JSON.stringify(line.slice(0, EXCERPT_CHARACTERS));
  return line.length > EXCERPT_CHARACTERS ? `${text}…` : text;
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}
