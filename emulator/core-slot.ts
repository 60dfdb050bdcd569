/** A core that the board has, turned on or not. Its engine is made when it is first turned on. */

import type { Core } from './cpu/core.ts';
import type { GenericTimer } from './timer/generic-timer.ts';

export interface CoreSlot {
  readonly index: number;
  readonly mpidr: number;
  readonly timer: GenericTimer;
  core: Core | null;
  state: 'off' | 'running' | 'sleeping';
  /** Where it will begin, when it was turned on and has not run yet. Engines are not made while another one executes. */
  start: { readonly entry: bigint; readonly context: bigint; readonly level: 1 | 2 } | null;
}
