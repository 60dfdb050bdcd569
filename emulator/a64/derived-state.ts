// SPDX-License-Identifier: GPL-2.0-only
/**
 * State that WebAssembly code reads, derived from PSTATE and system registers, and recomputed when
 * these change:
 *
 *     PSTATE, SCTLR, TCR, TTBR ─► the TLB it looks into        CPACR_EL1, CPTR ─► FP is trapped
 *     SCTLR.SA, SA0            ─► SP is checked
 *     PSTATE.IL, watches       ─► it asks before each word     lines, HCR_EL2  ─► an interrupt is signalled
 *
 * These are words of the core's block (layout.ts). Snapshots leave them out.
 */

import { type CoreState, PSTATE } from './core-state.ts';
import type { GuestMemory } from './guest-memory.ts';
import { CODE_MODE, LAYOUT, NO_ADDRESS, STACK_ALIGNMENT } from './layout.ts';
import type { CoreInterrupts } from './system/core-interrupts.ts';
import { fpTrapTarget } from './system/fp-access.ts';
import { controlOf, HCR } from './system/hypervisor.ts';
import type { RegisterFile } from './system/register-file.ts';
import type { Effect } from './system/registers.ts';

/** SCTLR_ELx. */
const SCTLR_SA = 1n << 3n;
const SCTLR_SA0 = 1n << 4n;

/** Accesses at `level` check that SP is a multiple of 16. */
const isStackChecked = (level: number, file: RegisterFile): boolean =>
  (controlOf(level, file) & (level === 0 ? SCTLR_SA0 : SCTLR_SA)) !== 0n;

/** Words of the core's block that depend on the exception level and on control registers. */
interface Checks {
  readonly fpTrap: number;
  readonly stackMask: number;
}

export interface DerivedStateContext {
  readonly state: CoreState;
  readonly file: RegisterFile;
  readonly memory: GuestMemory;
  readonly interrupts: CoreInterrupts;
  /** True when hot code is translated. */
  readonly translates: boolean;
  /** True while instructions are watched one by one. */
  readonly isWatched: () => boolean;
  /** Called when EL2's trap controls may have changed. */
  readonly controlsChanged: () => void;
  /** Called when interrupts may have been unmasked. */
  readonly masksChanged: () => void;
}

export class DerivedState {
  private readonly parts: DerivedStateContext;
  /**
   * Checks by exception level; null: to be recomputed since a control has changed. An exception and
   * its return change levels only.
   */
  private readonly checks: (Checks | null)[] = [null, null, null, null];

  constructor(parts: DerivedStateContext) {
    this.parts = parts;
  }

  /** Follows a change of PSTATE: translation regime, FP traps, interrupt masks. */
  pstateChanged(): void {
    this.parts.memory.select();
    this.selectCode();
    this.selectChecks();
    this.parts.masksChanged();
  }

  /** Follows a write of a system register that other state depends on. */
  registerChanged(effect: Effect): void {
    if (effect === 'translation') this.translationsChanged();
    else if (effect === 'tables') this.parts.memory.tablesChanged();
    else if (effect === 'hypervisor tables') this.hypervisorTablesChanged();
    else if (effect === 'trap') {
      this.checks.fill(null);
      this.selectChecks();
    } else if (effect === 'hypervisor') {
      this.controlsChanged();
      this.interruptsChanged();
      this.parts.memory.tablesChanged();
      this.pstateChanged();
    }
  }

  /** Recomputes everything: any register may have changed. */
  translationsChanged(): void {
    this.controlsChanged();
    this.parts.memory.flush();
    this.pstateChanged();
  }

  private controlsChanged(): void {
    this.parts.controlsChanged();
    this.parts.memory.controlsChanged();
    this.checks.fill(null);
  }

  /** The EL2 regime without E2H has no ASID and one TLB, so new tables discard its entries. */
  private hypervisorTablesChanged(): void {
    const { file, memory } = this.parts;
    if ((file.get('HCR_EL2') & HCR.e2h) === 0n) memory.flush({ kind: 'level', level: 2 });
    else memory.tablesChanged();
  }

  /** Code that unmasks interrupts reads this word, and asks only when one is signalled. */
  interruptsChanged(): void {
    const { state, interrupts } = this.parts;
    state.setWord(LAYOUT.interrupt, interrupts.isAnySignalled ? 1 : 0);
  }

  /** Watches and PSTATE.IL need a check before each instruction. */
  selectCode(): void {
    const { state, translates, isWatched } = this.parts;
    const asks = isWatched() || state.has(PSTATE.il);
    const mode = asks ? CODE_MODE.watched | CODE_MODE.interpreted : translates ? 0 : CODE_MODE.interpreted;
    state.setWord(LAYOUT.codeMode, mode);
    if (asks) state.wide[LAYOUT.fetchPage / 8] = NO_ADDRESS;
  }

  private selectChecks(): void {
    const { state, file } = this.parts;
    const { fpTrap, stackMask } = (this.checks[state.level] ??= {
      fpTrap: fpTrapTarget(state, file) === null ? 0 : 1,
      stackMask: isStackChecked(state.level, file) ? STACK_ALIGNMENT - 1 : 0,
    });
    state.setWord(LAYOUT.fpTrap, fpTrap);
    state.setWord(LAYOUT.stackMask, stackMask);
  }
}
