// SPDX-License-Identifier: GPL-2.0-only
/**
 * Details that a failing matcher shows after its sentence: how the run ended, the last lines of the
 * serial line, and the explanation that fits the question.
 */

import { hex } from '#common/address.ts';
import { size, span } from '#common/quantities.ts';
import { explainBuddy, showBuddy } from '#workbench/explain/buddy.ts';
import { explainMemMap, showMemMap } from '#workbench/explain/mem-map.ts';
import { renderAddress } from '#workbench/explain/render.ts';
import { reservationsOf } from '#workbench/explain/reservations.ts';
import type { TerminalStyle } from '#workbench/cli/terminal-style.ts';
import { explainAddress } from '#workbench/explain/virtual-address.ts';
import type { BootResult } from '#workbench/index.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';

/** Lines of the serial line that a failure shows, and of an explanation. */
const SERIAL_LINES = 12;
const EXPLANATION_LINES = 40;

const PLAIN: TerminalStyle = { colour: false, width: 100 };

/** Topic of a failure; null when the serial line says everything. */
export type Topic = 'mem_map' | 'memory' | 'buddy' | { readonly va: bigint } | null;

/** The part of a failure message after its first line. */
export function circumstances({ outcome, machine }: BootResult, topic: Topic): string[] {
  const { lines } = machine.serial;
  const shown = lines.slice(-SERIAL_LINES);
  return [
    `it ended as "${outcome.outcome}": ${outcome.reason}`,
    ...injected(machine),
    shown.length === lines.length
      ? 'the serial line:'
      : `last ${shown.length} of ${lines.length} lines of the serial line:`,
    ...indented(shown),
    ...explanation(machine, topic),
  ];
}

/** Topic of a panic, or of the expected panic. */
export function topicOfPanics(texts: readonly (string | null)[]): Topic {
  const all = texts.filter((text) => text !== null).join('\n');
  if (/mem_map/.test(all)) return 'mem_map';
  if (/RAM|reserved/.test(all)) return 'memory';
  return /heap|allocat|free/i.test(all) ? 'buddy' : null;
}

function explanation(machine: LevitateMachine, topic: Topic): string[] {
  if (topic === null) return [];
  const [question, lines] = ask(machine, topic);
  const shown =
    lines.length <= EXPLANATION_LINES
      ? lines
      : [...lines.slice(0, EXPLANATION_LINES), `… ${lines.length - EXPLANATION_LINES} lines more`];
  return [`explain ${question}:`, ...indented(shown)];
}

function ask(machine: LevitateMachine, topic: Exclude<Topic, null>): readonly [question: string, lines: string[]] {
  if (typeof topic === 'object') {
    return [`va ${hex(topic.va)}`, renderAddress(explainAddress(machine, topic.va), PLAIN)];
  }
  switch (topic) {
    case 'mem_map': {
      const found = explainMemMap(machine);
      return [topic, found.known ? showMemMap(machine, found) : [`not known: ${found.reason}`]];
    }
    case 'buddy': {
      const found = explainBuddy(machine);
      return [topic, found.known ? showBuddy(found) : [`not known: ${found.reason}`]];
    }
    case 'memory':
      return [topic, banksAndReservations(machine)];
  }
}

/** The part of `explain memory` that a device tree decides. */
function banksAndReservations(machine: LevitateMachine): string[] {
  return [
    ...machine.memory.banks.map(({ base, size: bytes }) => `RAM       ${span(base, base + bytes)}  ${size(bytes)}`),
    ...reservationsOf(machine).map(
      ({ start, end, owner, noMap }) =>
        `reserved  ${span(start, end)}  ${size(end - start)}  ${owner}${noMap ? ', no-map' : ''}`,
    ),
  ];
}

/** Injected faults: the kernel did not cause them. */
function injected({ events }: LevitateMachine): string[] {
  const faults = events.get('fault');
  if (faults.length === 0) return [];
  const kinds = [...new Set(faults.map(({ fields }) => fields.what))];
  return [`on purpose: ${faults.length} ${faults.length === 1 ? 'fault' : 'faults'} (${kinds.join(', ')})`];
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => (line === '' ? '' : `  ${line}`));
}
