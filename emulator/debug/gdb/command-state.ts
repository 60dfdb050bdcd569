// SPDX-License-Identifier: GPL-2.0-only
/**
 * What the command files share: the session's memory between packets, the answers, threads by
 * number.
 */

import { parseHex } from './hexadecimal.ts';
import type { DebugTarget } from './target.ts';

export const OK = 'OK';
export const UNSUPPORTED = '';
export const FAULT = 'E14';
export const INVALID = 'E22';

/** What a session remembers between packets. */
export interface CommandState {
  readonly target: DebugTarget;
  /** Core that "g" and "m" mean. */
  core: number;
  /** "m" and "M" mean physical addresses. */
  physical: boolean;
  /** Features that the client said it understands. */
  clientFeatures: ReadonlySet<string>;
}

/** A reply to send at once, or something for the session to do. */
export type Answer =
  | string
  | Uint8Array
  | { readonly action: 'report' | 'resume' | 'detach' | 'kill' | 'resume back' | 'step back' | 'no acknowledgements' }
  | { readonly action: 'step'; readonly core: number }
  /** Text for the client's user; may be long. */
  | { readonly action: 'output'; readonly text: string };

/**
 * Core of a thread identifier, 0-based; the current one for "any" and "all"; null when it is no
 * identifier.
 */
export function coreOfThread(text: string, anyCore = 0): number | null {
  if (text === '0' || text === '-1' || text === '') return anyCore;
  const thread = parseHex(text);
  return thread === null ? null : Number(thread) - 1;
}

export function isAlive({ target }: CommandState, core: number): boolean {
  return target.threads().some((thread) => thread.core === core);
}

/** The protocol's thread of a core. */
export function threadOf(core: number): string {
  return (core + 1).toString(16);
}
