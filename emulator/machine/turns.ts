// SPDX-License-Identifier: GPL-2.0-only
/**
 * The choice of the next core: cores share one clock and take turns of a number of ticks.
 *
 *     core 0 ├── turn ──┤          core 1 ├── turn ──┤          core 0 ├── …
 *              slice slice                  slice                      slices do not change where a turn ends
 *
 * A core that ends two turns in the same small loop probably waits for another one: it gets short
 * turns until it is elsewhere.
 *
 * Not here: what runs in a slice, and what wakes a sleeping core (machine.ts).
 */

import type { Vcpu } from '#emulator/cpu/vcpu.ts';

/** Ticks of a turn while several cores run: how far one gets ahead of the others. */
const TURN = 20_000;
/** The same for a core that was in the same small loop at the end of its last two turns. */
const SPIN_TURN = 500;
/** Bytes of code that count as one small loop. */
const SPIN_LOOP = 256n;

/** PC at the end of a core's last turn, and whether that was near the one before. */
interface LastTurn {
  pc: bigint;
  spins: boolean;
}

export class Turns {
  /**
   * Ticks of a turn while several cores run. Another length is another interleaving of the cores.
   */
  length = TURN;
  /** For a debugger: the one core that runs while the others stand still; null: all of them. */
  only: number | null = null;
  private readonly vcpus: readonly Vcpu[];
  private readonly last: LastTurn[];
  /** Core whose turn it is, or was last. */
  private running = 0;
  /** Ticks of its turn that are left. */
  private left = 0;

  constructor(vcpus: readonly Vcpu[]) {
    this.vcpus = vcpus;
    this.last = vcpus.map(() => ({ pc: 0n, spins: false }));
  }

  /** Number of the core that runs, or ran last. */
  get current(): number {
    return this.running;
  }

  /** The boot core is next, with a whole turn. */
  reset(): void {
    this.running = 0;
    this.left = 0;
  }

  /**
   * The core that runs next: the same one until its turn is over, then the next one that is awake.
   * Null when none is.
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
   * A slice of `vcpu` begins. Returns how many ticks of its turn are left, or null when it need not
   * share the time with another core.
   */
  begin(vcpu: Vcpu): number | null {
    this.running = vcpu.index;
    if (this.left <= 0) {
      this.left = this.last[vcpu.index]?.spins === true ? Math.min(SPIN_TURN, this.length) : this.length;
    }
    return this.othersRun(vcpu) ? this.left : null;
  }

  /**
   * It has ended after `ticks`, with the core at `pc()`; `gaveAway`: the core waits, and the rest
   * of its turn is the others'. `shared` is what `begin` said. Returns true when its turn is over.
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

  /** True while another core than `vcpu` can use the time, or waits for what this one does. */
  othersRun(vcpu: Vcpu): boolean {
    return this.vcpus.some((other) => other !== vcpu && (other.state === 'running' || other.state === 'waiting'));
  }
}
