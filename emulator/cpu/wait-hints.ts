/**
 * The hints with which a core waits for another one, and its event register.
 *
 *     SEV    sets the event register of every core          WFE    clears it where it is set; waits where it is clear
 *     SEVL   sets that of this core                         YIELD  the rest of its turn is of no use to this core
 *
 * A waiting core is woken by SEV, an interrupt, the timer's event stream, and by the turn of any
 * other core: that may have cleared the global monitor, which is an event as well, and a WFE may
 * always end early. What wakes it sets the event register, so that the WFE passes when it is met
 * again.
 *
 * Specification: Arm ARM DDI 0487 K.a, D1.7.1 (Wait for Event), B2.12 (global monitor), C6.2
 * (YIELD).
 */

import type { WaitHint } from './instruction.ts';

export class WaitHints {
  /** The event register. Unknown at reset: set, so that the first WFE passes. */
  event = true;
  /** A YIELD gave its turn away: it passes when it is met again. */
  private yielded = false;

  /** Cold reset. */
  reset(): void {
    this.event = true;
    this.yielded = false;
  }

  saveState() {
    return { event: this.event, yielded: this.yielded };
  }

  restoreState({ event, yielded }: ReturnType<WaitHints['saveState']>): void {
    this.event = event;
    this.yielded = yielded;
  }

  /**
   * The core is about to execute SEVL, WFE or YIELD. Returns what becomes of its turn: null when it
   * goes on, and the instruction is executed; otherwise it comes to the same instruction again.
   */
  meet(hint: Exclude<WaitHint, 'sev'>, othersRun: () => boolean): 'wait' | 'yield' | null {
    switch (hint) {
      case 'sevl':
        this.event = true;
        return null;
      case 'wfe':
        if (!this.event) return 'wait';
        this.event = false;
        return null;
      case 'yield':
        this.yielded = !this.yielded && othersRun();
        return this.yielded ? 'yield' : null;
    }
  }
}
