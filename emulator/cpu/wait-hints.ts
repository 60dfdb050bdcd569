// SPDX-License-Identifier: GPL-2.0-only
/**
 * Hints with which a core waits for another core or for an interrupt, and its event register.
 *
 *     SEV    sets the event register of every core          WFE    clears it where it is set; waits where it is clear
 *     SEVL   sets that of this core                         YIELD  the rest of its turn is of no use to this core
 *     WFI    with an interrupt pending that is masked: as YIELD, also for a core alone; otherwise the engine's
 *
 * A waiting core is woken by SEV, an interrupt, the timer's event stream, and the turn of any other
 * core: that turn may have cleared the global monitor, which is an event as well, and a WFE may
 * always end early. Waking sets the event register, so that the WFE passes when it is executed
 * again.
 *
 * Specification: Arm ARM DDI 0487 K.a, D1.7.1 (Wait for Event), D1.7.2 (Wait for Interrupt), B2.12
 * (global monitor), C6.2 (YIELD).
 */

import type { WaitHint } from './instruction.ts';

export class WaitHints {
  /** Event register. Unknown at reset; set here, so that the first WFE passes. */
  event = true;
  /** True after a YIELD or WFI gave up its turn: it passes when it is executed again. */
  private gaveAway = false;

  /** Resets to the state after a cold reset. */
  reset(): void {
    this.event = true;
    this.gaveAway = false;
  }

  saveState() {
    return { event: this.event, gaveAway: this.gaveAway };
  }

  restoreState({ event, gaveAway }: ReturnType<WaitHints['saveState']>): void {
    this.event = event;
    this.gaveAway = gaveAway;
  }

  /**
   * Handles a SEVL, WFE, WFI or YIELD that is about to execute. Returns null when the core
   * continues and executes it; otherwise how the core's turn ends, after which it comes to the same
   * instruction again.
   */
  handle(
    hint: Exclude<WaitHint, 'sev'>,
    othersRun: () => boolean,
    interruptPending: boolean,
  ): 'wfe' | 'wfi' | 'yield' | null {
    switch (hint) {
      case 'sevl':
        this.event = true;
        return null;
      case 'wfe':
        if (!this.event) return 'wfe';
        this.event = false;
        return null;
      case 'yield':
        this.gaveAway = !this.gaveAway && othersRun();
        return this.gaveAway ? 'yield' : null;
      case 'wfi':
        this.gaveAway = !this.gaveAway && interruptPending;
        return this.gaveAway ? 'wfi' : null;
    }
  }
}
