// SPDX-License-Identifier: GPL-2.0-only
/**
 * What reached a machine from outside, and when, in instructions: enough to execute the same once
 * more. Everything else is decided by the machine itself, but for where its runs ended: that can
 * move an interrupt by a few instructions. So the same runs are repeated, too.
 *
 * An action that came while the machine slept is done again at its instruction, which may be
 * earlier in time than it was: what depends on how long nothing was typed may go another way.
 */

interface Entry {
  readonly instructions: number;
  readonly action: () => void;
}

export class History {
  private entries: Entry[] = [];
  private replaying = false;
  /** Instruction counts at which runs ended, ascending. */
  private readonly ends: number[] = [];

  /**
   * `action` happened when so many instructions had been executed. Ignored while {@link replay}
   * runs.
   */
  note(instructions: number, action: () => void): void {
    if (!this.replaying) this.entries.push({ instructions, action });
  }

  /** A run of the machine ended there. */
  stopped(instructions: number): void {
    if (instructions > (this.ends.at(-1) ?? 0)) this.ends.push(instructions);
  }

  /**
   * How many happened up to that instruction. Between replays, all of what was noted lies in the
   * past of the machine or was undone by going back.
   */
  countUpTo(instructions: number): number {
    return this.entries.filter((entry) => entry.instructions <= instructions).length;
  }

  /**
   * The machine goes on from here: what once followed, before it was taken back, does not come
   * again.
   */
  forgetAfter(instructions: number): void {
    while ((this.ends.at(-1) ?? 0) > instructions) this.ends.pop();
    this.stopped(instructions);
    this.entries = this.entries.filter((entry) => entry.instructions <= instructions);
  }

  /**
   * Runs to `instructions` by `runTo`, repeating what happened on the way, without the first `done`
   * entries: those are in the machine already. `runTo` returns false when it cannot get there.
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
