// SPDX-License-Identifier: GPL-2.0-only
/** Compares what the stress of user space printed on two machines, as it comes. */

/** One part's result: "= ROUND PART RESULT" on the serial line. */
export interface StressLine {
  readonly round: number;
  readonly part: string;
  readonly result: string;
}

/**
 * The line's parts, or null when it is something else: a kernel's line, a comment. `line` without
 * its end.
 */
export function readStressLine(line: string): StressLine | null {
  const [, round, part, result] = /^= (\d+) ([\w-]+) ?(.*)$/.exec(line) ?? [];
  return round === undefined || part === undefined ? null : { round: Number(round), part, result: result ?? '' };
}

/** Marks of a fault that the guest itself found: a program's own check, or its end by a signal. */
const FOUND_WRONG = /WRONG|differs?\b|\(status \d+\)|Traceback|cannot|not found/;

/**
 * Takes the lines of two machines in any interleaving and stops at the first that shows a fault.
 */
export class StressComparison {
  private readonly lines: readonly [StressLine[], StressLine[]] = [[], []];
  private readonly names: readonly [string, string];
  /** The first difference, for people; null: none so far. */
  difference: string | null = null;

  constructor(ours: string, reference: string) {
    this.names = [ours, reference];
  }

  /** Lines of the machine `side` (0: ours, 1: the reference) so far. */
  count(side: 0 | 1): number {
    return this.lines[side].length;
  }

  linesOf(side: 0 | 1): readonly StressLine[] {
    return this.lines[side];
  }

  /** Takes the next line of a machine; {@link difference} is set when it shows a fault. */
  add(side: 0 | 1, line: StressLine): void {
    const index = this.lines[side].push(line) - 1;
    if (this.difference !== null) return;
    const where = `round ${line.round}, part ${line.part}`;
    if (FOUND_WRONG.test(line.result)) {
      this.difference = `${where}: ${this.names[side]} says: ${line.result}`;
      return;
    }
    const other = this.lines[1 - side]?.[index];
    if (other === undefined) return;
    const [ours, reference] = side === 0 ? [line, other] : [other, line];
    if (ours.round === reference.round && ours.part === reference.part && ours.result === reference.result) return;
    this.difference = `${where}:\n  ${this.names[0]}: ${show(ours)}\n  ${this.names[1]}: ${show(reference)}`;
  }
}

function show({ round, part, result }: StressLine): string {
  return `= ${round} ${part} ${result}`;
}
