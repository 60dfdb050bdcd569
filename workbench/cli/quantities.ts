// SPDX-License-Identifier: GPL-2.0-only
/** Sizes, times and numbers as people type them: "8G", "512M", "10s", "500ms", "5_000". */

import { InputError } from '#workbench/input-error.ts';

const SIZE_UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };
const TIME_UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/**
 * Bytes. Binary units, "iB" and "B" may follow, upper or lower case.
 * @throws InputError naming the option and the forms that work
 */
export function parseSize(option: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?|0x[0-9a-f]+)\s*([kmgt]?)(?:i?b)?$/i.exec(text.trim());
  const bytes =
    match === null ? Number.NaN : Number(match[1]) * (SIZE_UNITS[(match[2] ?? '').toUpperCase()] ?? Number.NaN);
  if (!Number.isSafeInteger(bytes)) {
    throw new InputError(`${option} ${text}: not a size; write 512M, 8G, or a number of bytes`);
  }
  return bytes;
}

/** Nanoseconds. @throws InputError */
export function parseTime(option: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(ns|us|ms|s|m|h)$/i.exec(text.trim());
  const ns =
    match === null ? Number.NaN : Number(match[1]) * (TIME_UNITS[(match[2] ?? '').toLowerCase()] ?? Number.NaN);
  if (!(ns > 0)) throw new InputError(`${option} ${text}: not a time; write 10s, 500ms, 20us`);
  return ns;
}

/** Nanoseconds since reset: as {@link parseTime}, and 0. @throws InputError */
export function parseInstant(option: string, text: string): number {
  return /^0+[a-z]*$/i.test(text) ? 0 : parseTime(option, text);
}

/** A whole number above zero; underscores may group digits. @throws InputError */
export function parseCount(option: string, text: string): number {
  const value = Number(text.replaceAll('_', ''));
  if (!Number.isSafeInteger(value) || value <= 0) {
    throw new InputError(`${option} ${text}: not a whole number above zero`);
  }
  return value;
}

/** A parser of whole numbers from `least` to `most`; underscores may group digits. */
export function wholeNumber(least: number, most: number): (option: string, text: string) => number {
  return (option, text) => {
    const value = /^\d[\d_]*$/.test(text) ? Number(text.replaceAll('_', '')) : Number.NaN;
    if (!(value >= least && value <= most)) {
      throw new InputError(`${option} ${text}: not a whole number from ${least} to ${most}`);
    }
    return value;
  };
}

/** A TCP port; 0 takes any that is free. @throws InputError */
export function parsePort(option: string, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Infinity;
  if (port > 65_535) throw new InputError(`${option} ${text}: a port is a number from 0 (any that is free) to 65535`);
  return port;
}

/** A seed: any whole number, its low 64 bits. @throws InputError */
export function parseSeed(option: string, given: string): bigint {
  try {
    return BigInt.asUintN(64, BigInt(given));
  } catch {
    throw new InputError(`${option} ${given}: a whole number is wanted, such as 1 or 0x5eed`);
  }
}
