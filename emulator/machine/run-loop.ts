// SPDX-License-Identifier: GPL-2.0-only
/**
 * Runs the cores of a machine, one slice after the other.
 *
 *     run(limits) ─► slice of a core ─► WFI? gate? power? limit? ─► next slice, or back to the caller with the reason
 *
 * Owns: the order of slices, the slice that a limit ended in the middle of a block, the request to
 * end a run. Does not own: whose turn it is (turns.ts), what wakes a core (sleepers.ts).
 */

import type { MachineCore } from '#emulator/cpu/machine-core.ts';
import type { Clock } from '#emulator/timer/clock.ts';
import type { EventQueue } from '#emulator/timer/event-queue.ts';
import type { FlashWindows } from './flash-windows.ts';
import type { Sleepers } from './sleepers.ts';
import type { Turns } from './turns.ts';
import { type Vcpu, wake, wakeWaiting } from '#emulator/cpu/vcpu.ts';

/** Limits of a run, each optional. */
export interface RunLimits {
  /** Simulated nanoseconds since reset. */
  readonly untilNs?: number;
  /** Instructions since reset. */
  readonly maxInstructions?: number;
}

/** Reason why `run` returned. */
export type MachineStop =
  | { readonly kind: 'power off' }
  | { readonly kind: 'reset' }
  /** All cores sleep, and nothing is pending that could wake one. */
  | { readonly kind: 'idle' }
  | { readonly kind: 'limit'; readonly limit: 'time' | 'instructions' }
  | { readonly kind: 'lockup'; readonly reason: string }
  /** `stop()` was called. */
  | { readonly kind: 'stopped' };

/**
 * Longest slice in ticks: it limits how long `run` ignores the outside. Slices end at its
 * multiples, so that these checks come at the same ticks wherever a run was stopped.
 */
const SLICE = 1_000_000;
const sliceOf = (tick: number): number => Math.floor(tick / SLICE);

interface CutSlice {
  readonly vcpu: Vcpu;
  /** Tick at which the slice began. */
  readonly begun: number;
  /** Ticks left in the core's turn, see Turns.begin. */
  readonly turn: number | null;
}

export interface RunLoopContext {
  readonly vcpus: readonly Vcpu[];
  readonly clock: Clock;
  readonly eventQueue: EventQueue;
  readonly turns: Turns;
  readonly sleepers: Sleepers;
  readonly flashes: Pick<FlashWindows, 'settle'>;
  /** Core of a vcpu that is on; it is set to its first instruction if it has not run yet. */
  readonly started: (vcpu: Vcpu) => MachineCore;
  /** Called when the core has executed a gate. */
  readonly gateMet: (immediate: number, core: MachineCore) => void;
}

export class RunLoop {
  private readonly parts: RunLoopContext;
  /** Stop that was requested while a core ran, or before the run. */
  private pending: MachineStop | null = null;
  /** Latest tick at which the current slice ends. */
  private sliceEnd = 0;
  /** Slice that a limit or a debugger ended inside a block of code. It is continued first. */
  private cut: CutSlice | null = null;

  constructor(parts: RunLoopContext) {
    this.parts = parts;
  }

  reset(): void {
    this.pending = null;
    this.cut = null;
  }

  saveState() {
    return this.cut === null ? null : { vcpu: this.cut.vcpu.index, begun: this.cut.begun, turn: this.cut.turn };
  }

  restoreState(saved: ReturnType<RunLoop['saveState']>): void {
    const vcpu = saved === null ? undefined : this.parts.vcpus[saved.vcpu];
    this.cut = saved === null || vcpu === undefined ? null : { ...saved, vcpu };
  }

  /** Ends the run with `stop` when its slice is over. The first request counts. */
  request(stop: MachineStop): void {
    this.pending ??= stop;
  }

  /**
   * True when an event at `tick` is due before the running slice ends: the slice must be shortened.
   */
  isDueInSlice(tick: number): boolean {
    return tick < this.sliceEnd;
  }

  /** Executes until a limit, or until an event that the caller must handle. */
  run(limits: RunLimits): MachineStop {
    const { clock, eventQueue, sleepers, turns, vcpus } = this.parts;
    const endTicks = limits.untilNs === undefined ? Infinity : clock.ticksFor(limits.untilNs);
    const endInstructions = limits.maxInstructions ?? Infinity;
    for (;;) {
      // Time and interrupts are checked only where a block of code ends, so that a stop inside a
      // block cannot shift them.
      if (this.cut === null) eventQueue.runDue(clock.ticks);
      const pending = this.pending;
      if (pending !== null) {
        this.pending = null;
        return pending;
      }
      if (clock.instructions >= endInstructions) return { kind: 'limit', limit: 'instructions' };
      if (clock.ticks >= endTicks) return { kind: 'limit', limit: 'time' };
      if (this.cut === null) sleepers.wakeInterrupted();
      const vcpu = this.cut?.vcpu ?? turns.next();
      if (vcpu === null) {
        const next = sleepers.nextWake();
        if (next === Infinity || (sliceOf(next) !== sliceOf(clock.ticks) && this.standsStill)) {
          return { kind: 'idle' };
        }
        clock.idleTicks += Math.max(0, Math.min(next, endTicks) - clock.ticks);
        wakeWaiting(vcpus);
        continue;
      }
      const stop = this.runSlice(vcpu, Math.ceil(endTicks - clock.ticks), endInstructions - clock.instructions);
      if (stop !== null) return stop;
    }
  }

  /**
   * Runs one slice of one core, of at most so many ticks or instructions. Returns a stop only when
   * the core cannot continue.
   */
  private runSlice(vcpu: Vcpu, mostTicks: number, mostInstructions: number): MachineStop | null {
    const { clock, turns, vcpus, sleepers, flashes, started, gateMet } = this.parts;
    flashes.settle();
    const { begun, turn, budget } = this.cut === null ? this.beginSlice(vcpu, mostTicks) : { ...this.cut, budget: 1 };
    this.cut = null;
    const core = started(vcpu);
    this.sliceEnd = clock.ticks + budget;
    // A limit on instructions is exact; all other limits may be reached at the end of a block.
    const stop = core.run(Math.min(budget, mostInstructions), mostInstructions);
    this.sliceEnd = 0;
    vcpu.ranUntil = clock.ticks;
    if (core.inBlock && (stop.kind === 'count' || stop.kind === 'stopped')) {
      this.cut = { vcpu, begun, turn };
      return null;
    }
    // A turn ends at the same instruction however it is divided into slices. A core that waits
    // gives up the rest of its turn, as does one that firmware has turned off or put to sleep.
    const gaveAway = ['wfi', 'wfe', 'yield'].includes(stop.kind) || vcpu.state !== 'running';
    const isOver = turns.end(vcpu, clock.ticks - begun, turn !== null, gaveAway, () => core.engine.getPc());
    // Its stores may be what another core waits for.
    if (isOver) wakeWaiting(vcpus);
    switch (stop.kind) {
      case 'gate':
        gateMet(stop.immediate, core);
        return null;
      case 'wfi':
        if (vcpu.state === 'running') sleepers.sleep(vcpu);
        return null;
      case 'wfe':
        vcpu.state = 'waiting';
        return null;
      case 'lockup':
        return { kind: 'lockup', reason: stop.reason };
      case 'recurring':
        return this.standsStill ? { kind: 'idle' } : null;
      case 'count':
      case 'yield':
      case 'stopped':
        return sliceOf(begun) !== sliceOf(clock.ticks) && this.standsStill ? { kind: 'idle' } : null;
    }
  }

  /** True when only input can change anything, and no stop is requested. */
  private get standsStill(): boolean {
    return this.pending === null && this.parts.sleepers.standStill;
  }

  /**
   * Next slice of a core: its begin, the ticks left in the core's turn (see Turns.begin), and its
   * budget.
   */
  private beginSlice(vcpu: Vcpu, mostTicks: number): CutSlice & { readonly budget: number } {
    const { clock, eventQueue, turns, started } = this.parts;
    const core = started(vcpu);
    if (vcpu.state === 'waiting') wake(vcpu);
    const turn = turns.begin(vcpu);
    core.takeInterrupt();
    // While an interrupt waits to be unmasked, the slice ends right after the instruction that may
    // unmask it.
    const longest = turn ?? SLICE;
    const slice = core.interruptPending ? Math.min(core.instructionsToUnmask(), longest) : longest;
    const begun = clock.ticks;
    const most = Math.min(slice, mostTicks, SLICE - (begun % SLICE), eventQueue.nextTick - begun);
    return { vcpu, begun, turn, budget: Math.max(1, most) };
  }
}
