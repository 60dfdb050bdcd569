// SPDX-License-Identifier: GPL-2.0-only
/**
 * What code in WebAssembly is told of PSTATE and of system registers, found anew when these change:
 *
 *     PSTATE, SCTLR, TCR, TTBR ─► the TLB it looks into        CPACR_EL1, CPTR ─► FP is trapped
 *     PSTATE.IL, watches       ─► it asks before each word     lines, HCR_EL2  ─► an interrupt is signalled
 *
 * Words of the core's block (layout.ts), which nobody saves.
 */

import { type CoreState, PSTATE } from './core-state.ts';
import type { GuestMemory } from './guest-memory.ts';
import { CODE_MODE, LAYOUT, NO_ADDRESS } from './layout.ts';
import type { CoreInterrupts } from './system/core-interrupts.ts';
import { fpTrapTarget } from './system/fp-access.ts';
import { HCR } from './system/hypervisor.ts';
import type { RegisterFile } from './system/register-file.ts';
import type { Effect } from './system/registers.ts';

export interface DerivedStateContext {
  readonly state: CoreState;
  readonly file: RegisterFile;
  readonly memory: GuestMemory;
  readonly interrupts: CoreInterrupts;
  /** Hot code is translated. */
  readonly translates: boolean;
  /** Somebody looks at each instruction. */
  readonly isWatched: () => boolean;
  /** What EL2 takes of lower levels may have changed. */
  readonly controlsChanged: () => void;
  /** Interrupts may be due that were masked. */
  readonly masksChanged: () => void;
}

export class DerivedState {
  private readonly parts: DerivedStateContext;
  /** By level: FP is trapped; null: not known since a control has changed. */
  private readonly fpTraps: (boolean | null)[] = [null, null, null, null];

  constructor(parts: DerivedStateContext) {
    this.parts = parts;
  }

  /** PSTATE has changed: other translations, FP traps, an interrupt that is due. */
  pstateChanged(): void {
    this.parts.memory.select();
    this.selectCode();
    this.selectTraps();
    this.parts.masksChanged();
  }

  /** A system register was written that others depend on. */
  registerChanged(effect: Effect): void {
    if (effect === 'translation') this.translationsChanged();
    else if (effect === 'tables') this.parts.memory.tablesChanged();
    else if (effect === 'hypervisor tables') this.hypervisorTablesChanged();
    else if (effect === 'trap') {
      this.fpTraps.fill(null);
      this.selectTraps();
    } else if (effect === 'hypervisor') {
      this.controlsChanged();
      this.interruptsChanged();
      this.parts.memory.tablesChanged();
      this.pstateChanged();
    }
  }

  /** Any register may have changed. */
  translationsChanged(): void {
    this.controlsChanged();
    this.parts.memory.flush();
    this.pstateChanged();
  }

  private controlsChanged(): void {
    this.parts.controlsChanged();
    this.parts.memory.controlsChanged();
    this.fpTraps.fill(null);
  }

  /** Translations of EL2 alone are not told apart by its tables. */
  private hypervisorTablesChanged(): void {
    const { file, memory } = this.parts;
    if ((file.get('HCR_EL2') & HCR.e2h) === 0n) memory.flush({ kind: 'level', level: 2 });
    else memory.tablesChanged();
  }

  /** Code that lifts masks asks when one is signalled. */
  interruptsChanged(): void {
    const { state, interrupts } = this.parts;
    state.setWord(LAYOUT.interrupt, interrupts.isAnySignalled ? 1 : 0);
  }

  /** Who looks at each instruction, and PSTATE.IL, are asked before it. */
  selectCode(): void {
    const { state, translates, isWatched } = this.parts;
    const asks = isWatched() || state.has(PSTATE.il);
    const mode = asks ? CODE_MODE.watched | CODE_MODE.interpreted : translates ? 0 : CODE_MODE.interpreted;
    state.setWord(LAYOUT.codeMode, mode);
    if (asks) state.wide[LAYOUT.fetchPage / 8] = NO_ADDRESS;
  }

  private selectTraps(): void {
    const { state, file } = this.parts;
    const isTrapped = (this.fpTraps[state.level] ??= fpTrapTarget(state, file) !== null);
    state.setWord(LAYOUT.fpTrap, isTrapped ? 1 : 0);
  }
}
