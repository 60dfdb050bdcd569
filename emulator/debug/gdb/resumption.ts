// SPDX-License-Identifier: GPL-2.0-only
/**
 * The actions of a vCont packet: "ACTION[:THREAD]" separated by ";".
 *
 * The machine runs as a whole, or executes one instruction of one core; so the first core that is
 * to step decides, and only where none is, everything runs.
 *
 * Specification: GDB manual, "Packets", vCont.
 */

import { parseHex } from './hexadecimal.ts';

/** `step` is the core that executes one instruction, 0-based; null: the machine runs. */
export interface Resumption {
  readonly step: number | null;
}

const ACTION = /^([cCsS])([0-9a-fA-F]{2})?(?::(-1|[0-9a-fA-F]+))?$/;

/** @param currentCore is meant where no thread is named. Null when an action is not known. */
export function parseResumption(text: string, currentCore: number): Resumption | null {
  let step: number | null = null;
  for (const part of text.split(';')) {
    const [, action, signal, thread] = ACTION.exec(part) ?? [];
    // The capital letters come with a signal, which no guest here would get.
    if (action === undefined || (signal !== undefined) !== (action === 'C' || action === 'S')) return null;
    if (action.toLowerCase() !== 's' || step !== null) continue;
    const named = thread === undefined || thread === '-1' || thread === '0' ? null : parseHex(thread);
    step = named === null ? currentCore : Number(named) - 1;
  }
  return { step };
}
