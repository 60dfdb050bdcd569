// SPDX-License-Identifier: GPL-2.0-only
/**
 * Scheduling of the cores: they share one clock and take turns of a fixed number of ticks.
 *
 *     core 0 ├── turn ──┤          core 1 ├── turn ──┤          core 0 ├── …
 *              slice slice                  slice                      the end of a turn does not depend on slices
 *
 * A core that ends two turns in the same small loop probably spins for another core: it gets short
 * turns until it leaves the loop.
 *
 * Not here: execution of slices (run-loop.ts), and waking of sleeping cores (sleepers.ts).
 */

import type { Vcpu } from '#emulator/cpu/vcpu.ts';

/**
 * Length of a turn in ticks while several cores run: the most that one gets ahead of the others.
 */
const TURN = 20_000;
/** Length of a turn of a core that was in the same small loop at the end of its last two turns. */
const SPIN_TURN = 500;
/** Largest small loop, in bytes of code. */
const SPIN_LOOP = 256n;

/** PC at the end of a core's last turn, and whether it was close to that of the turn before. */
interface LastTurn {
  pc: bigint;
  spins: boolean;
}

export class Turns {
  /**
   * Length of a turn in ticks while several cores run. Another length gives another interleaving of
   * the cores.
   */
  length = TURN;
  /** For a debugger: the only core that runs while the others are stopped; null: all run. */
  only: number | null = null;
  private readonly vcpus: readonly Vcpu[];
  private readonly last: LastTurn[];
  /** Core whose turn it is or was last. */
  private running = 0;
  /** Ticks left in its turn. */
  private left = 0;

  constructor(vcpus: readonly Vcpu[]) {
    this.vcpus = vcpus;
    this.last = vcpus.map(() => ({ pc: 0n, spins: false }));
  }

  /** Number of the core that runs or ran last. */
  get current(): number {
    return this.running;
  }

  /** Makes the boot core the next one, with a whole turn. */
  reset(): void {
    this.running = 0;
    this.left = 0;
  }

  /**
   * Core that runs next: the same one until its turn is over, then the next one that is awake. Null
   * when none is awake.
   */
  next(): Vcpu | null {
    const { vcpus, only } = this;
    if (only !== null) {
      const vcpu = vcpus[only];
      return vcpu?.state === 'running' || vcpu?.state === 'waiting' ? vcpu : null;
    }
    const current = vcpus[this.running];
    if (this.left > 0 && current?.state === 'running') return current;
    for (let step = 1; step <= vcpus.length; step++) {
      const vcpu = vcpus[(this.running + step) % vcpus.length] as Vcpu;
      if (vcpu.state === 'running') return vcpu;
    }
    return null;
  }

  saveState() {
    const { length, running, left, last } = this;
    return { length, running, left, last: last.map(({ pc, spins }) => ({ pc, spins })) };
  }

  restoreState({ length, running, left, last }: ReturnType<Turns['saveState']>): void {
    this.length = length;
    this.running = running;
    this.left = left;
    for (const [index, turn] of last.entries()) this.last[index] = { ...turn };
  }

  /**
   * Begins a slice of `vcpu`. Returns the ticks left in its turn, or null when it need not share
   * the time with another core.
   */
  begin(vcpu: Vcpu): number | null {
    this.running = vcpu.index;
    if (this.left <= 0) {
      this.left = this.last[vcpu.index]?.spins === true ? Math.min(SPIN_TURN, this.length) : this.length;
    }
    return this.othersRun(vcpu) ? this.left : null;
  }

  /**
   * Ends a slice after `ticks`, with the core at `pc()`. `gaveAway`: the core waits and gives the
   * rest of its turn to the others. `shared`: `begin` did not return null. Returns true when its
   * turn is over.
   */
  end(vcpu: Vcpu, ticks: number, shared: boolean, gaveAway: boolean, pc: () => bigint): boolean {
    if (gaveAway) this.left = 0;
    else this.left = shared ? this.left - ticks : this.length;
    if (this.left > 0) return false;
    const last = this.last[vcpu.index] as LastTurn;
    const at = pc();
    const distance = at - last.pc;
    last.spins = distance < SPIN_LOOP && distance > -SPIN_LOOP;
    last.pc = at;
    return true;
  }

  /** True while another core than `vcpu` can use the time, or waits for `vcpu`. */
  othersRun(vcpu: Vcpu): boolean {
    return this.vcpus.some((other) => other !== vcpu && (other.state === 'running' || other.state === 'waiting'));
  }
}
