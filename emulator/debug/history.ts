/**
 * What reached a machine from outside, and when, in instructions: enough to execute the same once more. Everything else is decided by the machine itself.
 *
 * An action that came while the machine slept is done again at its instruction, which may be earlier in time than it was: what depends on how long nothing
 * was typed may go another way.
 */

interface Entry {
  readonly instructions: number;
  readonly action: () => void;
}

export class History {
  private entries: Entry[] = [];
  private replaying = false;

  /** `action` happened when so many instructions had been executed. Ignored while {@link replay} runs. */
  note(instructions: number, action: () => void): void {
    if (!this.replaying) this.entries.push({ instructions, action });
  }

  /** The machine goes on from here: what once followed, before it was taken back, does not come again. */
  forgetAfter(instructions: number): void {
    this.entries = this.entries.filter((entry) => entry.instructions <= instructions);
  }

  /** Runs from the beginning to `instructions` by `runTo`, repeating what happened on the way. `runTo` returns false when it cannot get there. */
  replay(instructions: number, runTo: (instructions: number) => boolean): boolean {
    this.replaying = true;
    try {
      for (const entry of this.entries) {
        if (entry.instructions > instructions) break;
        if (!runTo(entry.instructions)) return false;
        entry.action();
      }
      return runTo(instructions);
    } finally {
      this.replaying = false;
    }
  }
}
