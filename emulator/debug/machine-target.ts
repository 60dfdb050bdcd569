// SPDX-License-Identifier: GPL-2.0-only
/**
 * Adapter from the emulator's machine to a debugger's target (gdb/target.ts): threads, registers,
 * memory, stop points, steps.
 *
 * It runs the machine itself only for single steps and for going back. `resume()` installs the stop
 * points; the code that runs the machine calls {@link MachineTarget.stopAfter} after each run, to
 * learn whether to report a stop to the debugger.
 *
 * Going back means executing again, from the last checkpoint before the wanted moment, or from the
 * reset (restart-points.ts).
 */

import { hex } from '#common/address.ts';
import type { MachineCore } from '#emulator/cpu/machine-core.ts';
import type { Machine } from '#emulator/machine/machine.ts';
import { readCoreRegister, writeCoreRegister } from './core-registers.ts';
import { DebugMemory } from './debug-memory.ts';
import type { DebugPoint, DebugStop, DebugTarget, DebugThread } from './gdb/target.ts';
import { History } from './history.ts';
import { answerMonitor } from './monitor.ts';
import { StopPoints } from './stop-points.ts';
import { type RestartPoint, RestartPoints } from './restart-points.ts';

/** End of a run of the machine, as the command line judges it. */
export interface RunEnd {
  readonly outcome: string;
  readonly exitStatus: number;
  /** Reason that completes "The machine …". */
  readonly reason: string;
}

/** Machine together with the code that runs it. */
export interface DriveableMachine {
  readonly machine: Machine;
  /**
   * Runs at most `instructions`, and at most `ns` of simulated time; null when the machine has not
   * ended by then.
   */
  run(instructions: number, ns: number): RunEnd | null;
  /**
   * Takes a checkpoint. The returned function restores it: it makes the machine again in its
   * present state, in place of the machine that exists then. Null when the machine cannot be saved
   * now; absent when it never can.
   */
  checkpoint?(): (() => DriveableMachine) | null;
}

/** Longest simulated time that a step waits for a sleeping core. */
const LONGEST_STEP_NS = 1e9;

/** Outcomes that leave a machine to examine; the others end it. */
const RESTING: ReadonlySet<string> = new Set(['steady', 'panic', 'error']);

/** Instructions between two checkpoints: half a second of a guest that computes. */
const CHECKPOINT_INSTRUCTIONS = 100e6;
/**
 * Going back leaves a checkpoint this many intervals before the place, because one step back is
 * often followed by another.
 */
const CLOSE = 1 / 100;

/** Hit of a stop point, with its instruction count. */
interface PointHit {
  readonly instructions: number;
  readonly stop: DebugStop;
}

export class MachineTarget implements DebugTarget {
  private driven: DriveableMachine;
  private readonly restartPoints: RestartPoints<DriveableMachine> | null;
  private readonly closeInstructions: number;
  private memory: DebugMemory;
  private points: StopPoints;
  private readonly history = new History();

  /**
   * @param again makes the same machine again, at its reset, in place of the present one; without
   * it the debugger cannot go back
   * @param interval instructions between two checkpoints
   */
  constructor(
    driven: DriveableMachine,
    again: (() => DriveableMachine) | null = null,
    interval = CHECKPOINT_INSTRUCTIONS,
  ) {
    this.driven = driven;
    this.restartPoints = again === null ? null : new RestartPoints(again, interval);
    this.closeInstructions = Math.ceil(interval * CLOSE);
    this.memory = new DebugMemory(driven.machine);
    this.points = new StopPoints(driven.machine, this.memory);
    this.observe();
  }

  get currentCore(): number {
    return this.machine.currentCore;
  }

  get goesBack(): boolean {
    return this.restartPoints !== null;
  }

  threads(): readonly DebugThread[] {
    return this.machine.cores.map((core) => ({
      core: core.index,
      description: `core ${core.index}, MPIDR ${hex(core.mpidr, 3)}, ${this.machine.coreState(core.index)} at EL${core.level}`,
    }));
  }

  readRegister(core: number, name: string): bigint | null {
    const found = this.findCore(core);
    return found === null ? null : readCoreRegister(found, name);
  }

  writeRegister(core: number, name: string, value: bigint): boolean {
    const found = this.findCore(core);
    if (found === null || !writeCoreRegister(found, name, value)) return false;
    this.note(() => this.writeRegister(core, name, value));
    return true;
  }

  readMemory(core: number, address: bigint, length: number): Uint8Array {
    const found = this.findCore(core);
    return found === null ? new Uint8Array() : this.memory.readVirtual(found, address, length);
  }

  writeMemory(core: number, address: bigint, bytes: Uint8Array): boolean {
    const found = this.findCore(core);
    if (found === null || !this.memory.writeVirtual(found, address, bytes)) return false;
    this.note(() => this.writeMemory(core, address, bytes));
    return true;
  }

  readPhysical(address: bigint, length: number): Uint8Array {
    return this.memory.readPhysical(Number(address), length);
  }

  writePhysical(address: bigint, bytes: Uint8Array): boolean {
    if (!this.memory.writePhysical(Number(address), bytes)) return false;
    this.note(() => this.writePhysical(address, bytes));
    return true;
  }

  addPoint(core: number, point: DebugPoint): boolean {
    const found = this.findCore(core);
    return found !== null && this.points.add(found, point);
  }

  removePoint(point: DebugPoint): void {
    this.points.remove(point);
  }

  resume(): void {
    this.history.forgetAfter(this.machine.clock.instructions);
    this.points.begin();
    this.points.install();
  }

  /**
   * Call after each run of the machine.
   * @returns the stop to report to the debugger; null: the machine continues
   */
  stopAfter(end: RunEnd | null): DebugStop | null {
    const stop = this.stopOf(end);
    this.history.stopped(this.machine.clock.instructions);
    // Without a connected debugger, no checkpoints are needed.
    if (stop === null && end === null && this.machine.observer !== null) this.keepPlace();
    return stop;
  }

  private stopOf(end: RunEnd | null): DebugStop | null {
    const met = this.points.finish();
    if (met !== null) return met;
    if (end === null) return null;
    const { outcome, exitStatus, reason } = end;
    if (!RESTING.has(outcome)) return { kind: 'end', exitStatus, reason };
    return { kind: 'rest', core: this.currentCore, failed: outcome !== 'steady', reason };
  }

  step(core: number): DebugStop {
    const { machine } = this;
    this.history.forgetAfter(machine.clock.instructions);
    const isOwnTurn = core === machine.currentCore;
    if (!isOwnTurn) this.note(() => this.runOne(core));
    const stop = this.runOne(core);
    this.history.stopped(machine.clock.instructions);
    // While only one core may run, its sleep does not mean that the machine is at rest.
    return stop === null || (stop.kind === 'rest' && !stop.failed) ? { kind: 'step', core } : stop;
  }

  stepBack(): DebugStop {
    const wanted = this.machine.clock.instructions - 1;
    const arrived = wanted >= 0 && this.goTo(wanted);
    this.observe();
    return { kind: arrived ? 'step' : 'beginning', core: this.currentCore };
  }

  resumeBack(): DebugStop {
    const last = this.findLastHit(this.machine.clock.instructions);
    const arrived = this.goTo(last?.instructions ?? 0);
    this.observe();
    return last !== null && arrived ? last.stop : { kind: 'beginning', core: this.currentCore };
  }

  monitor(core: number, line: string): string {
    return answerMonitor({ machine: this.machine, memory: this.memory, core: this.coreOrBoot(core) }, line);
  }

  /**
   * Records an input from outside at the machine's present instruction; `action` repeats it when
   * the machine is executed again.
   */
  note(action: () => void): void {
    if (this.restartPoints !== null) this.history.note(this.machine.clock.instructions, action);
  }

  /** Watches gates and new cores, from when a debugger connects. */
  observe(): void {
    this.machine.observer = {
      coreOpened: (core) => this.points.installIn(core, false),
      gateEntered: () => this.points.gateEntered(),
      gateLeft: (core) => this.points.gateLeft(core),
    };
  }

  /** Removes all stop points, for a debugger that disconnects. */
  release(): void {
    this.points.clear();
    this.points.install();
    this.machine.observer = null;
    this.machine.onlyCore = null;
  }

  private get machine(): Machine {
    return this.driven.machine;
  }

  /** Takes the machine back to `instructions`. Returns false when it ends before. */
  private goTo(instructions: number): boolean {
    const { restartPoints } = this;
    if (restartPoints === null) {
      throw new Error('this target cannot go back: it was not told how to make its machine anew');
    }
    const place = this.restart(restartPoints, instructions);
    restartPoints.forgetFrom(instructions);
    // A machine restored from a snapshot has no earlier past.
    if (this.machine.clock.instructions > instructions) return false;
    const close = instructions - this.closeInstructions;
    let { entries } = place;
    if (this.machine.clock.instructions < close - this.closeInstructions) {
      if (!this.replay(close, entries)) return false;
      entries = this.history.countUpTo(close);
      this.addRestartPoint(restartPoints, entries);
    }
    return this.replay(instructions, entries);
  }

  /**
   * Last hit of a stop point before `before`, or null. Executes the past again in parts, the last
   * part first.
   */
  private findLastHit(before: number): PointHit | null {
    const { restartPoints } = this;
    if (restartPoints === null) return null;
    for (let end = before; ; ) {
      const place = this.restart(restartPoints, end);
      this.observe();
      this.points.install();
      const last = this.lastHitUpTo(Math.min(end + 1, before), place.entries);
      if (last !== null || place.instructions === 0) return last;
      // A machine does not stop at the instruction that it begins at, so the part before includes
      // it.
      end = place.instructions;
    }
  }

  /** Executes again up to `end`; returns the last hit of a stop point on the way. */
  private lastHitUpTo(end: number, entries: number): PointHit | null {
    let last: PointHit | null = null;
    this.replay(end, entries, (stop) => {
      const { instructions } = this.machine.clock;
      if (instructions < end) last = { instructions, stop };
    });
    return last;
  }

  private replay(instructions: number, entries: number, met?: (stop: DebugStop) => void): boolean {
    return this.history.replay(instructions, (target) => this.runTo(target, met), entries);
  }

  /** Runs to this instruction count. Returns false when the machine ends before. */
  private runTo(instructions: number, met: (stop: DebugStop) => void = () => {}): boolean {
    const { clock } = this.machine;
    while (clock.instructions < instructions) {
      const end = this.driven.run(instructions - clock.instructions, Infinity);
      const stop = this.points.finish();
      if (stop !== null) {
        met(stop);
        // Continues past the point. At the end of a run without a hit, a point at the next
        // instruction is still to be hit.
        this.points.begin();
      } else if (end !== null && clock.instructions < instructions) return false;
    }
    return true;
  }

  /** Restores the machine from the last restart point before that instruction. */
  private restart(
    restartPoints: RestartPoints<DriveableMachine>,
    instructions: number,
  ): RestartPoint<DriveableMachine> {
    const place = restartPoints.before(instructions);
    this.machine.observer = null;
    this.driven = place.begin();
    this.memory = new DebugMemory(this.machine);
    this.points = this.points.movedTo(this.machine, this.memory);
    this.points.begin();
    return place;
  }

  /** Takes a checkpoint when the last one is far enough back. */
  private keepPlace(): void {
    const { restartPoints } = this;
    const { instructions } = this.machine.clock;
    if (restartPoints?.isDue(instructions) === true) {
      this.addRestartPoint(restartPoints, this.history.countUpTo(instructions));
    }
  }

  private addRestartPoint(restartPoints: RestartPoints<DriveableMachine>, entries: number): void {
    const begin = this.driven.checkpoint?.() ?? null;
    if (begin !== null) restartPoints.add({ instructions: this.machine.clock.instructions, entries, begin });
  }

  private runOne(core: number): DebugStop | null {
    this.points.begin();
    this.machine.onlyCore = core;
    try {
      return this.stopOf(this.driven.run(1, LONGEST_STEP_NS));
    } finally {
      this.machine.onlyCore = null;
    }
  }

  private findCore(index: number): MachineCore | null {
    return this.machine.cores.find((core) => core.index === index) ?? null;
  }

  private coreOrBoot(index: number): MachineCore {
    return this.findCore(index) ?? this.machine.bootCore;
  }
}
