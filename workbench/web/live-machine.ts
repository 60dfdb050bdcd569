// SPDX-License-Identifier: GPL-2.0-only
/**
 * A machine that runs in turns of a few milliseconds, with commands and input in between, and sends
 * changes to its listeners.
 *
 *     run ─► slice ─► look at the queue ─► slice …   waiting: only input goes on · paused: a command · ended: a restart
 *
 * Slices follow real time here, so with several cores two live runs may interleave differently;
 * `npm run boot` does not.
 */

import { nextTurn } from '#host/next-turn.ts';
import { Nap, Pace } from '#workbench/boot/real-time.ts';
import { SliceLength } from '#workbench/boot/slice-length.ts';
import { logSoFar } from '#workbench/log/log-so-far.ts';
import { LevitateMachine, type MachineSettings } from '#workbench/machine/levitate-machine.ts';
import type { Outcome } from '#workbench/machine/outcome.ts';
import { STORY_TRACE } from '#workbench/report/story-builder.ts';
import { StoryRecorder } from '#workbench/report/story-recorder.ts';
import { InputError } from '#workbench/input-error.ts';
import { inspect } from './inspection.ts';
import type { LiveAnswer, LiveCommand, LiveStatus, LiveUpdate, RunState } from './protocol.ts';
import { type Moment, Rewind } from './rewind.ts';

const MOST_INSTRUCTIONS = 10_000_000;
/** Longest slice in simulated time: the time of a few frames on the screen. */
const SLICE_NS = 20e6;
/** Longest nap when simulated time is ahead of real time, milliseconds. */
const LONGEST_NAP_MS = 50;
/** Real time between two updates, milliseconds. */
const UPDATE_MS = 100;
/** Serial bytes that a page gets when it connects late. */
const SERIAL_KEPT = 256 * 1024;

type Listener = (update: LiveUpdate) => void;

export class LiveMachine {
  private readonly asked: MachineSettings;
  /** The requested settings, with the traces that the panels need. */
  private readonly settings: MachineSettings;
  private readonly begin: (settings: MachineSettings) => LevitateMachine;
  private readonly listeners = new Set<Listener>();
  private machine!: LevitateMachine;
  private recorder!: StoryRecorder;
  private rewind!: Rewind;
  private last: Outcome | null = null;
  private serialSent = 0;
  private state: RunState;
  private reason: string | null = null;
  private failed = false;
  private closed = false;
  private readonly nap = new Nap();
  private updatedAt = 0;

  /**
   * @param begin makes the machine as it is when it begins: at its reset, where it is absent
   * @throws as LevitateMachine's constructor
   */
  constructor(
    settings: MachineSettings,
    paused: boolean,
    begin = (wanted: MachineSettings): LevitateMachine => new LevitateMachine(wanted),
  ) {
    this.begin = begin;
    this.asked = settings;
    this.settings = { ...settings, trace: [...new Set([...(settings.trace ?? []), ...STORY_TRACE])] };
    this.state = paused ? 'paused' : 'running';
    this.build();
  }

  /** Runs until {@link close}. @throws what a fault of the emulator throws */
  async run(): Promise<void> {
    const length = new SliceLength(MOST_INSTRUCTIONS);
    const pace = new Pace();
    while (!this.closed) {
      if (this.state !== 'running') {
        this.publish();
        await this.rest(Infinity);
        pace.forget();
        continue;
      }
      const began = performance.now();
      this.judge(this.machine.runSlice(length.instructions, {}, SLICE_NS));
      length.took(performance.now() - began);
      this.rewind.pass(this.machine);
      if (performance.now() - this.updatedAt >= UPDATE_MS) this.publish();
      await this.rest(Math.min(LONGEST_NAP_MS, pace.aheadMs(this.machine.machine.clock.nowNs)));
    }
    this.machine.close();
  }

  close(): void {
    this.closed = true;
    this.nap.wake();
  }

  /**
   * Sends everything to `listener` now, and changes from then on. Returns the function that ends
   * it.
   */
  subscribe(listener: Listener): () => void {
    this.publish();
    listener(this.whole());
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  /** Bytes of input that the guest has not taken yet. */
  get waitingInput(): number {
    return this.machine.waitingInput;
  }

  /** Input to the console, as typed. */
  type(bytes: Uint8Array): void {
    this.rewind.noteInput(this.machine, bytes);
    this.machine.type(bytes);
    if (this.state === 'waiting') this.setState('running', null);
    this.nap.wake();
  }

  command(command: LiveCommand): void {
    switch (command.action) {
      case 'run':
        if (this.state !== 'paused') break;
        this.rewind.continueFrom(this.machine);
        this.setState('running', null);
        break;
      case 'pause':
        if (this.state !== 'ended') this.setState('paused', null);
        break;
      case 'step':
        if (this.state === 'ended') break;
        this.setState('paused', null);
        this.rewind.continueFrom(this.machine);
        this.judge(this.machine.runSlice(command.instructions));
        if (this.state === 'running') this.setState('paused', null);
        break;
      case 'back': {
        const { instructions } = this.machine.machine.clock;
        this.goTo({ instructions: Math.max(0, instructions - command.instructions) });
        break;
      }
      case 'go':
        this.goTo({ ns: command.ns });
        break;
      case 'restart':
        this.machine.close();
        this.build();
        this.setState('running', null);
        this.publishWhole();
        break;
    }
    this.publish();
    this.nap.wake();
  }

  /** Answers a question about the machine as it is now, or says why it is refused. */
  ask(question: string): LiveAnswer {
    try {
      return { lines: inspect(this.machine, question) };
    } catch (error) {
      if (error instanceof InputError) return { refused: error.message };
      throw error;
    }
  }

  /** The machine as it is now: to look at, or to save. */
  get present(): LevitateMachine {
    return this.machine;
  }

  /** The outcome of a run that has ended; "was interrupted" while it has not. */
  get outcome(): Outcome {
    const isOver = this.state === 'ended' || this.state === 'waiting';
    return isOver && this.last !== null
      ? this.last
      : { outcome: 'limit', exitStatus: 3, panic: null, reason: 'was interrupted' };
  }

  /** The event log, as `npm run boot -- --log` has it of a run that came this far. */
  get log(): string {
    const isWaiting = this.state === 'waiting';
    return logSoFar(this.machine, this.asked.trace ?? [], isWaiting ? this.last : null);
  }

  /** Data of a report, beside {@link present}. */
  get story(): StoryRecorder {
    return this.recorder;
  }

  private build(): void {
    this.rewind = new Rewind(() => this.begin(this.settings));
    this.take(this.begin(this.settings));
  }

  private take(machine: LevitateMachine): void {
    this.machine = machine;
    this.recorder = new StoryRecorder(machine);
    this.serialSent = 0;
    this.failed = false;
  }

  /** Another machine, which stands at `moment`, takes the place of the present one. */
  private goTo(moment: Moment): void {
    const before = this.machine;
    this.take(this.rewind.goTo(moment, before));
    before.close();
    this.setState('paused', null);
    this.publishWhole();
  }

  /** Sends everything to the listeners. */
  private publishWhole(): void {
    this.recorder.takeChanges(this.state !== 'running');
    this.serialSent = this.machine.serial.byteLength;
    for (const listener of this.listeners) listener(this.whole());
  }

  private judge(outcome: ReturnType<LevitateMachine['runSlice']>): void {
    if (outcome === null) return;
    this.last = outcome;
    // A key may wake a guest that sleeps; while stepping, the machine stays paused.
    if (outcome.outcome === 'steady') {
      if (this.state === 'running') this.setState('waiting', outcome.reason);
    } else {
      this.setState('ended', outcome.reason);
      this.failed = outcome.exitStatus !== 0;
      this.machine.serial.finish();
      this.machine.events.emit('stop', { outcome: outcome.outcome, reason: outcome.reason });
    }
  }

  private setState(state: RunState, reason: string | null): void {
    this.state = state;
    this.reason = reason;
  }

  /** Sends the changes to the listeners. */
  private publish(): void {
    this.updatedAt = performance.now();
    const changes = this.recorder.takeChanges(this.state !== 'running');
    const serial = this.serialSince(this.serialSent);
    this.serialSent = this.machine.serial.byteLength;
    const update =
      changes === null ? this.whole() : { whole: null, status: this.status(), story: changes, serial, ...this.lanes() };
    for (const listener of this.listeners) listener(update);
  }

  /** Everything up to the last update; the next update continues from there. */
  whole(): LiveUpdate {
    const { board } = this.machine;
    return {
      whole: { board: board.name, banks: this.recorder.banks, modelled: this.machine.findKernel() !== null },
      status: this.status(),
      story: this.recorder.story,
      ...this.lanes(),
      serial: this.serialSince(Math.max(0, this.serialSent - SERIAL_KEPT), this.serialSent),
    };
  }

  private serialSince(from: number, to?: number): string {
    if (this.machine.serial.byteLength === from) return '';
    const bytes = this.machine.serial.bytes.subarray(from, to);
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  }

  private lanes(): Pick<LiveUpdate, 'lanes'> {
    return this.state === 'running' ? {} : { lanes: this.recorder.lanes.at(this.machine.machine.clock.nowNs) };
  }

  private status(): LiveStatus {
    const { cpu, machine } = this.machine;
    return {
      state: this.state,
      reason: this.reason,
      failed: this.failed,
      nowNs: machine.clock.nowNs,
      instructions: machine.clock.instructions,
      pc: `0x${cpu.engine.getPc().toString(16)}`,
      level: cpu.level,
    };
  }

  /** Lets input and commands in, and sleeps for `ms` where it is a millisecond or more. */
  private rest(ms: number): Promise<void> {
    return ms < 1 ? new Promise(nextTurn) : this.nap.sleep(ms);
  }
}
