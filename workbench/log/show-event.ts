// SPDX-License-Identifier: GPL-2.0-only
/** An event as a line for people: time in milliseconds to the nanosecond, core, kind, fields. */

import { showBytes } from '#common/quantities.ts';
import type { EventFields, EventRecord } from './event-lines.ts';
import type { Paint, Style } from '#workbench/cli/terminal-style.ts';

const TIME_WIDTH = 15;
const KIND_WIDTH = 13;

/** Kinds that are not shown plain. */
const STYLES: Readonly<Record<string, Style>> = {
  panic: 'red',
  unmapped: 'yellow',
  'mmio-unknown': 'yellow',
  'sysreg-unknown': 'yellow',
  device: 'yellow',
  uart: 'yellow',
  stage: 'bold',
  stop: 'bold',
  boot: 'bold',
  serial: 'green',
};

/**
 * `event` as text without a line feed. Control characters from the guest are escaped, so they
 * cannot affect the terminal.
 */
export function showEvent({ t, core, kind, fields }: EventRecord, paint: Paint): string {
  const stamp = paint('dim', `${showStamp(t).padStart(TIME_WIDTH)}  ${core}`);
  const style = STYLES[kind];
  const name = printable(kind).padEnd(KIND_WIDTH);
  const { text: said } = fields;
  const text = kind === 'serial' ? printable(String(said)) : showFields(fields);
  return `${stamp}  ${style === undefined ? name : paint(style, name)}${kind === 'panic' ? paint('red', text) : text}`;
}

/** Simulated nanoseconds, exactly: "41.436987 ms". */
export function showStamp(ns: number): string {
  return `${(ns / 1e6).toFixed(6)} ms`;
}

/** The fields as `name=value`, in their order. */
export function showFields(fields: EventFields): string {
  return Object.entries(fields)
    .map(([name, value]) => `${printable(name)}=${name === 'esr' ? showSyndrome(value) : showValue(value)}`)
    .join(' ');
}

/** A syndrome, which is a number in the file, as the manuals write it. */
export function showSyndrome(esr: unknown): string {
  return typeof esr === 'number' ? `0x${esr.toString(16)}` : showValue(esr);
}

/** A value of a field: bare where it is one word, as JSON otherwise. */
export function showValue(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value)
    ? printable(value)
    : printable(JSON.stringify(value) ?? 'absent');
}

/** The header has a file's size and hash. */
interface FileValue {
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * "2 GiB" for memoryBytes, "a file of 377 bytes (sha256 3275b7c1fc688df2…)" for a file, "not given"
 * for what is absent.
 */
export function showOption(name: string, value: unknown): string {
  if (value === undefined || value === null) return 'not given';
  if (typeof value === 'number' && name.endsWith('Bytes')) return showBytes(value);
  if (isFile(value)) return `a file of ${showBytes(value.bytes)} (sha256 ${value.sha256}…)`;
  return showValue(value);
}

function isFile(value: unknown): value is FileValue {
  if (typeof value !== 'object' || value === null) return false;
  const { bytes, sha256 } = value as Partial<FileValue>;
  return typeof bytes === 'number' && typeof sha256 === 'string' && /^[0-9a-f]+$/.test(sha256);
}

/** `text` with its control characters as `\x1b`. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what this is about
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
