/** Which events of a log are wanted. Everything but `grep` is decided by the stamps alone. */

import type { ScannedLine } from './log-file.ts';

/** All that is given must hold. */
export interface EventFilter {
  readonly kinds?: readonly string[] | undefined;
  readonly cores?: readonly number[] | undefined;
  /** Simulated nanoseconds, both ends included. */
  readonly fromNs?: number | undefined;
  readonly toNs?: number | undefined;
  /** Tried on the event's line as it stands in the file, with quotes not escaped. */
  readonly grep?: RegExp | undefined;
}

/** The filter as a function, prepared once for many lines. */
export function acceptor({
  kinds,
  cores,
  fromNs = 0,
  toNs = Infinity,
  grep,
}: EventFilter): (line: ScannedLine) => boolean {
  const wantedKinds = kinds === undefined ? null : new Set(kinds);
  const wantedCores = cores === undefined ? null : new Set(cores);
  return (line) =>
    (wantedKinds === null || wantedKinds.has(line.kind)) &&
    (wantedCores === null || wantedCores.has(line.core)) &&
    line.t >= fromNs &&
    line.t <= toNs &&
    (grep === undefined || matches(grep, line.text));
}

function matches(grep: RegExp, text: string): boolean {
  grep.lastIndex = 0;
  return grep.test(text.includes('\\"') ? text.replaceAll('\\"', '"') : text);
}
