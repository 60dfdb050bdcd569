// SPDX-License-Identifier: GPL-2.0-only
/**
 * State and helpers that the command files share: the session's memory between packets, the
 * answers, thread numbers.
 */

import { parseHex } from './hexadecimal.ts';
import type { DebugTarget } from './target.ts';

export const OK = 'OK';
export const UNSUPPORTED = '';
export const FAULT = 'E14';
export const INVALID = 'E22';

/** State that a session keeps between packets. */
export interface CommandState {
  readonly target: DebugTarget;
  /** Core that "g" and "m" access. */
  core: number;
  /** True when "m" and "M" use physical addresses. */
  physical: boolean;
  /** Features that the client supports. */
  clientFeatures: ReadonlySet<string>;
}

/** Reply to send at once, or an action for the session. */
export type Answer =
  | string
  | Uint8Array
  | { readonly action: 'report' | 'resume' | 'detach' | 'kill' | 'resume back' | 'step back' | 'no acknowledgements' }
  | { readonly action: 'step'; readonly core: number }
  /** Text to show to the client's user; may be long. */
  | { readonly action: 'output'; readonly text: string };

/**
 * Core of a thread identifier, 0-based; the current core for "any" and "all"; null when the text is
 * not an identifier.
 */
export function coreOfThread(text: string, anyCore = 0): number | null {
  if (text === '0' || text === '-1' || text === '') return anyCore;
  const thread = parseHex(text);
  return thread === null ? null : Number(thread) - 1;
}

export function isAlive({ target }: CommandState, core: number): boolean {
  return target.threads().some((thread) => thread.core === core);
}

/** Thread number that the protocol uses for a core. */
export function threadOf(core: number): string {
  return (core + 1).toString(16);
}
