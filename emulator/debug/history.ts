// SPDX-License-Identifier: GPL-2.0-only
/**
 * History of a machine: its inputs from outside, with their instruction counts. That is enough to
 * execute the same again, because the machine decides everything else, except where its runs ended.
 * The end of a run can move an interrupt by a few instructions, so the ends of runs are repeated as
 * well.
 *
 * An input that came while the machine slept is repeated at its instruction count, which may be
 * earlier in time than it was. A guest whose behaviour depends on idle time may then take another
 * path.
 */

interface Entry {
  readonly instructions: number;
  readonly action: () => void;
}

export class History {
  private entries: Entry[] = [];
  private replaying = false;
  /** Instruction counts at which runs ended, in ascending order. */
  private readonly ends: number[] = [];

  /** Records that `action` happened at this instruction count. Ignored during {@link replay}. */
  note(instructions: number, action: () => void): void {
    if (!this.replaying) this.entries.push({ instructions, action });
  }

  /** Records the end of a run of the machine. */
  stopped(instructions: number): void {
    if (instructions > (this.ends.at(-1) ?? 0)) this.ends.push(instructions);
  }

  /**
   * Number of entries up to that instruction count. Between replays, all entries lie in the
   * machine's past, or were undone by going back.
   */
  countUpTo(instructions: number): number {
    return this.entries.filter((entry) => entry.instructions <= instructions).length;
  }

  /**
   * Drops the entries after this point: the machine continues from here, so they will not happen
   * again.
   */
  forgetAfter(instructions: number): void {
    while ((this.ends.at(-1) ?? 0) > instructions) this.ends.pop();
    this.stopped(instructions);
    this.entries = this.entries.filter((entry) => entry.instructions <= instructions);
  }

  /**
   * Runs to `instructions` by `runTo`, and repeats the recorded actions on the way, except the
   * first `done` ones, whose effects the machine already has. `runTo` returns false when it cannot
   * get there.
   */
  replay(instructions: number, runTo: (instructions: number) => boolean, done = 0): boolean {
    this.replaying = true;
    let next = 0;
    const reach = (target: number): boolean => {
      for (; next < this.ends.length; next++) {
        const end = this.ends[next] ?? Infinity;
        if (end > target) break;
        if (end < target && !runTo(end)) return false;
      }
      return runTo(target);
    };
    try {
      for (const entry of this.entries.slice(done)) {
        if (entry.instructions > instructions) break;
        if (!reach(entry.instructions)) return false;
        entry.action();
      }
      return reach(instructions);
    } finally {
      this.replaying = false;
    }
  }
}
