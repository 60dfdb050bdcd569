// SPDX-License-Identifier: GPL-2.0-only
/**
 * One boot of the modelled kernel with a board's tree that was not made for this machine. The
 * result says whether a user can understand the end.
 */

import { BoardError } from '#boards/board-error.ts';
import { InputError } from '#workbench/input-error.ts';
import { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import type { Fixups } from '#workbench/machine/device-tree-source.ts';

/** The options of one trial. */
export interface TreeTrial {
  readonly board: string;
  readonly fixups: Fixups;
}

/** The end of one trial. */
export interface TreeEnd {
  /**
   * "steady state", "panic: REASON", "refused: WHY" … with the numbers taken out, so that equal
   * ends are equal texts.
   */
  readonly kind: string;
  /** With the numbers: the line that names the cause. */
  readonly detail: string;
  /**
   * True for an end that names its cause: a steady state that was announced, or a panic with a
   * reason.
   */
  readonly explained: boolean;
}

/** Far more than a boot of 8 GiB needs; a boot that reaches this limit stands still. */
const MAX_INSTRUCTIONS = 200e6;
/** Words of a panic that nothing in the kernel foresaw. */
const UNFORESEEN = /exception|abort|fault/i;

/** Boots `blob` once. Contents of the tree cause no exception here. */
export function tryTree(blob: Uint8Array, { board, fixups }: TreeTrial): TreeEnd {
  let machine: LevitateMachine;
  try {
    machine = new LevitateMachine({ board, dtb: blob, fixups });
  } catch (error) {
    if (!(error instanceof InputError || error instanceof BoardError)) throw error;
    return { kind: `refused: ${withoutNumbers(error.message)}`, detail: error.message, explained: false };
  }
  try {
    const { outcome, panic, reason } = machine.run({ maxInstructions: MAX_INSTRUCTIONS, timeoutNs: 10e9 });
    const { text } = machine.serial;
    if (panic !== null) {
      const lines = text.split('\n');
      const at = lines.indexOf(panic);
      const detail = `${panic}: ${at < 0 ? 'not on the serial line' : (lines[at + 1] ?? '')}`;
      return { kind: `panic: ${withoutNumbers(panic)}`, detail, explained: at >= 0 && !UNFORESEEN.test(panic) };
    }
    const announced = text.includes('[BOOT] Stage 5');
    if (outcome === 'steady' && announced) return { kind: 'steady state', detail: reason, explained: true };
    const said = announced ? '' : ', and stage 5 is not on the serial line';
    return { kind: `${outcome}${said}`, detail: `${reason}${said}`, explained: false };
  } finally {
    machine.close();
  }
}

/** `text` with each number and each quoted name replaced, to count what differs in them only. */
function withoutNumbers(text: string): string {
  return text.replaceAll(/0x[0-9a-f]+|\d+/gi, 'N').replaceAll(/"[^"]*"/g, '"…"');
}
