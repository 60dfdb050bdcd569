// SPDX-License-Identifier: GPL-2.0-only
/**
 * Checks the arguments of matchers: a wrong argument must be reported. The test must not fail for
 * another reason, or pass with `.not`.
 */

import { InputError } from '#workbench/input-error.ts';

/** @throws InputError when `holds` is false: "toPrint: the text is …, not …" */
export function demand(holds: boolean, matcher: string, wanted: string, given: unknown): void {
  if (!holds) throw new InputError(`${matcher}: ${wanted}, not ${shown(given)}`);
}

/** The argument of expect(). */
export function demandResult(matcher: string, given: unknown): void {
  const { outcome, machine } = (given ?? {}) as { outcome?: { outcome?: unknown }; machine?: { serial?: unknown } };
  const isResult = typeof outcome?.outcome === 'string' && machine?.serial !== undefined;
  demand(isResult, matcher, 'expect() is given what boot() or bootBoard() returns', given);
}

export function demandText(matcher: string, what: string, given: unknown): void {
  demand(typeof given === 'string' || given instanceof RegExp, matcher, `${what} is a string or a RegExp`, given);
}

/** A whole number from 0 on. */
export function demandCount(matcher: string, what: string, given: unknown): void {
  demand(Number.isSafeInteger(given) && Number(given) >= 0, matcher, `${what} is a whole number from 0 on`, given);
}

export function demandExpected(matcher: string, given: unknown): void {
  if (typeof given === 'object' && given !== null) {
    const bounds = Object.entries(given);
    const good = bounds.every(([name, value]) => /^at(?:Least|Most)$/.test(name) && typeof value === 'number');
    demand(good && bounds.length > 0, matcher, 'bounds are { atLeast, atMost }, numbers', given);
  } else demand(typeof given === 'number' && !Number.isNaN(given), matcher, 'a number or bounds are expected', given);
}

export function demandMapping(matcher: string, given: unknown): void {
  demand(typeof given === 'object' && given !== null, matcher, 'a mapping is { to, el1, el0 }', given);
  const { to, el1, el0 } = given as { to?: unknown; el1?: unknown; el0?: unknown };
  if (to !== undefined) demandCount(matcher, '"to", the physical address,', to);
  for (const rights of [el1, el0]) {
    const good = rights === undefined || (typeof rights === 'string' && /^[r-][w-][x-]$/.test(rights));
    demand(good, matcher, 'rights are written "rw-"', rights);
  }
}

function shown(value: unknown): string {
  if (typeof value === 'string') return `"${value}"`;
  if (typeof value === 'bigint') return `${value}n`;
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) {
    return `an object with ${Object.keys(value).join(', ') || 'nothing'}`;
  }
  return typeof value === 'function' ? 'a function' : String(value);
}
