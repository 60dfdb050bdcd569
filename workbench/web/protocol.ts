// SPDX-License-Identifier: GPL-2.0-only
/**
 * Messages between the live view's server and its page: updates as server-sent events, commands as
 * JSON, input as bytes.
 */

import type { FrameSpan } from '#workbench/report/memory-state.ts';
import type { Lane, StoryPart } from '#workbench/report/page-data.ts';

export type RunState =
  | 'running'
  /** Stopped by a command. */
  | 'paused'
  /** Idle: only input can wake it. */
  | 'waiting'
  /** It cannot continue: off, panicked, at a limit. */
  | 'ended';

/** The state of the machine. */
export interface LiveStatus {
  readonly state: RunState;
  /** The reason why it waits or has ended; null otherwise. */
  readonly reason: string | null;
  /** It ended with an exit status other than 0: a panic, for one. */
  readonly failed: boolean;
  readonly nowNs: number;
  readonly instructions: number;
  /** Program counter of the boot core. */
  readonly pc: string;
  readonly level: number;
}

/**
 * Data of a server-sent event. The first one after connecting, and the first after a restart, has
 * `whole`: forget everything before it.
 */
export interface LiveUpdate {
  readonly whole: {
    readonly board: string;
    readonly banks: readonly FrameSpan[];
    /** False for a guest that is not the modelled kernel: what its allocator does is not known. */
    readonly modelled: boolean;
  } | null;
  readonly status: LiveStatus;
  readonly story: StoryPart;
  /** All lanes, when the machine stands still: while it runs they would grow with every update. */
  readonly lanes?: readonly Lane[];
  /** New serial bytes, base64. */
  readonly serial: string;
}

export type LiveCommand =
  | { readonly action: 'run' }
  | { readonly action: 'pause' }
  | { readonly action: 'restart' }
  | { readonly action: 'step'; readonly instructions: number }
  /** So many instructions back. */
  | { readonly action: 'back'; readonly instructions: number }
  /** To a simulated time, nanoseconds, earlier or later. */
  | { readonly action: 'go'; readonly ns: number };

/** The answer to a question. */
export type LiveAnswer = { readonly lines: readonly string[] } | { readonly refused: string };

/** Most instructions of one step. */
export const LONGEST_STEP = 10_000_000;

/** `value` as a command, null when it is none. */
export function parseCommand(value: unknown): LiveCommand | null {
  if (typeof value !== 'object' || value === null) return null;
  const { action, instructions, ns } = value as { action?: unknown; instructions?: unknown; ns?: unknown };
  switch (action) {
    case 'run':
    case 'pause':
    case 'restart':
      return { action };
    case 'go':
      return Number.isFinite(ns) && Number(ns) >= 0 ? { action, ns: Number(ns) } : null;
    case 'step':
    case 'back':
      return Number.isInteger(instructions) && Number(instructions) > 0 && Number(instructions) <= LONGEST_STEP
        ? { action, instructions: Number(instructions) }
        : null;
    default:
      return null;
  }
}
