// SPDX-License-Identifier: GPL-2.0-only
/**
 * The matchers: assertions about a machine that has run, and their messages. Their types for vitest
 * are in workbench/testing.ts.
 */

import { hex } from '#common/address.ts';
import { explainBuddy } from '#workbench/explain/buddy.ts';
import { reservationsOf } from '#workbench/explain/reservations.ts';
import { type AddressExplanation, explainAddress } from '#workbench/explain/virtual-address.ts';
import type { BootResult } from '#workbench/index.ts';
import { InputError } from '#workbench/input-error.ts';
import { type Outcome, OUTCOMES } from '#workbench/machine/outcome.ts';
import { simulatedNs, type SimulatedTime } from './boot.ts';
import { circumstances, type Topic, topicOfPanics } from './explanations.ts';
import { demand, demandCount, demandExpected, demandMapping, demandResult, demandText } from './matcher-arguments.ts';

/** Read, write, execute: "rw-". */
export type Rights = `${'r' | '-'}${'w' | '-'}${'x' | '-'}`;

/** The expected mapping. Absent members are not checked. */
export interface ExpectedMapping {
  /** Physical address that the virtual one leads to. */
  readonly to?: number;
  /** Permissions of the kernel and of user programs there. */
  readonly el1?: Rights;
  readonly el0?: Rights;
}

/** A number, or bounds of one. */
export type Expected = number | { readonly atLeast?: number; readonly atMost?: number };

/** The expected reservation. Absent members are not checked. */
export interface ExpectedReservation {
  /** Its owner contains this, or matches: the node's path, "mem_map", "kernel image" … */
  readonly owner?: string | RegExp;
  readonly noMap?: boolean;
}

/** The result that vitest wants. */
export interface MatcherResult {
  readonly pass: boolean;
  readonly message: () => string;
}

export function toPanicWith(result: BootResult, text: string | RegExp, detail?: string | RegExp): MatcherResult {
  demandResult('toPanicWith', result);
  demandText('toPanicWith', 'the text', text);
  if (detail !== undefined) demandText('toPanicWith', 'the detail', detail);
  const { outcome, machine } = result;
  const { lines } = machine.serial;
  const at = outcome.panic === null ? -1 : lines.indexOf(outcome.panic);
  const pass =
    outcome.outcome === 'panic' &&
    at >= 0 &&
    (typeof text === 'string' ? outcome.panic === text : text.test(outcome.panic ?? '')) &&
    (detail === undefined || says(lines[at + 1] ?? '', detail));
  const why = detail === undefined ? '' : `, then ${quoted(detail)}`;
  return verdict(result, pass, `to panic with ${quoted(text)}${why}`, topicOfPanics([String(text), outcome.panic]));
}

export function toPrint(result: BootResult, text: string | RegExp): MatcherResult {
  demandResult('toPrint', result);
  demandText('toPrint', 'the text', text);
  return verdict(result, says(result.machine.serial.text, text), `to print ${quoted(text)}`, null);
}

export function toReachStage(
  result: BootResult,
  stage: number | string,
  { within }: { readonly within?: SimulatedTime } = {},
): MatcherResult {
  demandResult('toReachStage', result);
  const isStage = typeof stage === 'string' || Number.isInteger(stage);
  demand(isStage, 'toReachStage', 'a stage is its number or its name', stage);
  const limit = within === undefined ? Infinity : simulatedNs('within', within);
  const reached = result.machine.events
    .get('stage')
    .find(({ fields }) => fields.number === stage || fields.name === stage);
  const late = reached !== undefined && reached.t > limit ? `; it did after ${reached.t} ns` : '';
  const limited = within === undefined ? '' : ` within ${limit} ns${late}`;
  const pass = reached !== undefined && reached.t <= limit;
  return verdict(result, pass, `to reach stage ${stage}${limited}`, topicOfPanics([result.outcome.panic]));
}

export function toEndAs(result: BootResult, outcome: Outcome['outcome']): MatcherResult {
  demandResult('toEndAs', result);
  demand(OUTCOMES.includes(outcome), 'toEndAs', `the outcome is one of ${OUTCOMES.join(', ')}`, outcome);
  const topic = topicOfPanics([result.outcome.panic]);
  return verdict(result, result.outcome.outcome === outcome, `to end as "${outcome}"`, topic);
}

export function toHaveFreeFrames(result: BootResult, expected: Expected): MatcherResult {
  demandResult('toHaveFreeFrames', result);
  demandExpected('toHaveFreeFrames', expected);
  const buddy = explainBuddy(result.machine);
  const found = buddy.known ? buddy.freeFrames : null;
  return verdict(result, fits(found, expected), `to have ${shown(expected)} free frames, has ${found}`, 'buddy');
}

export function toHaveFreeBlocks(result: BootResult, order: number, expected: Expected): MatcherResult {
  demandResult('toHaveFreeBlocks', result);
  demandCount('toHaveFreeBlocks', 'the order', order);
  demandExpected('toHaveFreeBlocks', expected);
  const buddy = explainBuddy(result.machine);
  const found = buddy.known ? (buddy.freeBlocks[order] ?? null) : null;
  const wanted = `to have ${shown(expected)} free blocks of order ${order}, has ${found}`;
  return verdict(result, fits(found, expected), wanted, 'buddy');
}

export function toMap(result: BootResult, va: bigint | number, expected: ExpectedMapping = {}): MatcherResult {
  demandResult('toMap', result);
  const isAddress = typeof va === 'bigint' || Number.isSafeInteger(va);
  demand(isAddress, 'toMap', 'an address is a bigint or a whole number below 2^53', va);
  demandMapping('toMap', expected);
  const address = BigInt.asUintN(64, BigInt(va));
  const found = explainAddress(result.machine, address);
  const { to, el1, el0 } = expected;
  const pass =
    found.pa !== null &&
    (to === undefined || found.pa === to) &&
    (el1 === undefined || rights(found, 1) === el1) &&
    (el0 === undefined || rights(found, 0) === el0);
  const wanted = [
    `to map ${hex(address)}`,
    ...(to === undefined ? [] : [`to ${hex(to)}`]),
    ...(el1 === undefined ? [] : [`${el1} at EL1`]),
    ...(el0 === undefined ? [] : [`${el0} at EL0`]),
  ].join(', ');
  const is = found.pa === null ? 'nothing' : `${hex(found.pa)}, ${rights(found, 1)} at EL1, ${rights(found, 0)} at EL0`;
  return verdict(result, pass, `${wanted}; it maps to ${is}`, { va: address });
}

export function toReserve(
  result: BootResult,
  base: number,
  bytes: number,
  { owner, noMap }: ExpectedReservation = {},
): MatcherResult {
  demandResult('toReserve', result);
  demandCount('toReserve', 'the base', base);
  demandCount('toReserve', 'the size', bytes);
  if (owner !== undefined) demandText('toReserve', 'the owner', owner);
  const end = base + bytes;
  let reached = base;
  for (const range of reservationsOf(result.machine)) {
    if (owner !== undefined && !says(range.owner, owner)) continue;
    if (noMap !== undefined && range.noMap !== noMap) continue;
    if (range.start <= reached) reached = Math.max(reached, range.end);
  }
  const wanted = [
    `to reserve ${hex(base)}..${hex(end)}`,
    ...(owner === undefined ? [] : [`for ${quoted(owner)}`]),
    ...(noMap === undefined ? [] : [noMap ? 'no-map' : 'mapped']),
  ].join(', ');
  const missing = reached >= end ? '' : `; it does not reserve ${hex(reached)}`;
  return verdict(result, reached >= end, `${wanted}${missing}`, 'memory');
}

export function toExitWith(result: BootResult, program: string | number, status: number): MatcherResult {
  demandResult('toExitWith', result);
  const isProgram = typeof program === 'string' || Number.isInteger(program);
  demand(isProgram, 'toExitWith', 'a program is its name or its number', program);
  // Negative for a killed program.
  demand(Number.isInteger(status), 'toExitWith', 'a status is a whole number', status);
  const { events } = result.machine;
  if (!events.enabled('process')) {
    throw new InputError(`toExitWith: processes were not followed; use boot() of the kit, or trace: ['process']`);
  }
  const statuses = events
    .get('process')
    .flatMap(({ fields }) =>
      fields.op === 'exit' && (fields.name === program || fields.pid === program) ? [Number(fields.status)] : [],
    );
  const is = statuses.length === 0 ? 'it did not end' : `it ended with ${statuses.join(', then ')}`;
  return verdict(result, statuses.includes(status), `to see ${program} exit with ${status}; ${is}`, null);
}

function verdict(result: BootResult, pass: boolean, wanted: string, topic: Topic): MatcherResult {
  return {
    pass,
    message: () => [`expected the machine ${pass ? 'not ' : ''}${wanted}`, ...circumstances(result, topic)].join('\n'),
  };
}

/**
 * Permissions of a level, found by trying: the table's bits together with what the tables above and
 * SCTLR_EL1 take away.
 */
function rights({ accesses }: AddressExplanation, level: 0 | 1): string {
  return (['read', 'write', 'fetch'] as const)
    .map((access, i) => {
      const outcome = accesses.find((candidate) => candidate.level === level && candidate.access === access);
      return outcome?.fault === null ? 'rwx'[i] : '-';
    })
    .join('');
}

function says(line: string, wanted: string | RegExp): boolean {
  return typeof wanted === 'string' ? line.includes(wanted) : wanted.test(line);
}

function quoted(text: string | RegExp): string {
  return typeof text === 'string' ? `"${text}"` : String(text);
}

function fits(found: number | null, expected: Expected): boolean {
  if (found === null) return false;
  if (typeof expected === 'number') return found === expected;
  const { atLeast = -Infinity, atMost = Infinity } = expected;
  return found >= atLeast && found <= atMost;
}

function shown(expected: Expected): string {
  if (typeof expected === 'number') return String(expected);
  const { atLeast, atMost } = expected;
  return [
    ...(atLeast === undefined ? [] : [`at least ${atLeast}`]),
    ...(atMost === undefined ? [] : [`at most ${atMost}`]),
  ].join(' and ');
}
