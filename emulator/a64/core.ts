// SPDX-License-Identifier: GPL-2.0-only
/**
 * The project's own A64 core: instructions in WebAssembly (handlers.ts), the rest of the
 * architecture here and in system/, without a call to an engine.
 *
 *     run(n) ─► WebAssembly until no instructions are left ─┬─ the slice is over
 *                                                           ├─ attention: an interrupt ─► its vector, and on
 *                                                           └─ WFI, gate, stop ─► back to the machine
 *
 * A slice ends after exactly the number of instructions that it was given. An interrupt is taken at
 * the first instruction boundary where it is signalled and not masked. Code that changes interrupt
 * lines or masks therefore sets the remaining instructions aside, and WebAssembly returns at that
 * boundary.
 *
 * Specification: Arm ARM DDI 0487 K.a, D1.3 (exceptions), D1.4 (return), D1.7 (waiting).
 */

import { idleState, isClosedLoop } from '#emulator/cpu/closed-loop.ts';
import { CoreTranslation } from '#emulator/cpu/core-translation.ts';
import { ExceptionDelivery } from '#emulator/cpu/exception-delivery.ts';
import { levelOf } from '#emulator/cpu/exception-entry.ts';
import { synchronousTarget } from '#emulator/cpu/external-abort.ts';
import { RegisterView } from '#emulator/cpu/register-view.ts';
import { SelfHostedDebug } from '#emulator/cpu/self-hosted-debug.ts';
import { FIRMWARE_HCR, FIRMWARE_SCR, RESET_SCTLR, resetPstate } from '#emulator/cpu/reset-state.ts';
import type { SharedChange } from '#emulator/cpu/stale-caches.ts';
import { EXCEPTION_CLASS, SYNDROME_IL } from '#emulator/cpu/syndrome.ts';
import type { Translation, TranslationRegisters } from '#emulator/cpu/translate.ts';
import { VirtualMemory } from '#emulator/cpu/virtual-memory.ts';
import { WaitHints } from '#emulator/cpu/wait-hints.ts';
import type { CoreEngine } from '#emulator/engine/engine.ts';
import { SYSTEM_REGISTERS, type SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';
import { A64Engine } from './a64-engine.ts';
import { ALREADY_TAKEN, type CoreStateContext, CoreState, GuestException, PSTATE } from './core-state.ts';
import { DecodedWords } from './decoded-words.ts';
import type { CoreType } from './core-types.ts';
import { DerivedState } from './derived-state.ts';
import { GuestMemory } from './guest-memory.ts';
import { InstructionWatches } from './instruction-watches.ts';
import { LAYOUT, NO_ADDRESS } from './layout.ts';
import type { Runtime, RunningCore } from './runtime.ts';
import { Slice } from './slice.ts';
import { CodePlaces } from './translate/code-places.ts';
import { CoreInterrupts } from './system/core-interrupts.ts';
import { checkFpAccess } from './system/fp-access.ts';
import { isHost } from './system/hypervisor.ts';
import { RegisterFile } from './system/register-file.ts';
import { SystemRegisters } from './system/system-registers.ts';
import { SystemInstructions } from './system/system-instructions.ts';
import type { CoreContext, CoreStop, MachineCore, Recurrence, TakenException } from '#emulator/cpu/machine-core.ts';

/** ESR of a virtual SError; with FEAT_RAS, VSESR_EL2 gives its ISS. */
const SERROR_SYNDROME = ((EXCEPTION_CLASS.serror << 26) | SYNDROME_IL) >>> 0;
const VSESR_EL2: SystemRegisterEncoding = [3, 4, 5, 2, 3];

/** Reset values: VPIDR_EL2 and VMPIDR_EL2 equal MIDR_EL1 and MPIDR_EL1. */
const IDENTITIES: readonly (readonly [virtual: SystemRegisterEncoding, own: SystemRegisterEncoding])[] = [
  [[3, 4, 0, 0, 0], SYSTEM_REGISTERS.MIDR_EL1],
  [[3, 4, 0, 0, 5], SYSTEM_REGISTERS.MPIDR_EL1],
];

/**
 * Context that calls `called` after events and firmware calls, in which the machine may write
 * memory.
 */
const announced = (given: CoreContext, called: () => void): CoreContext =>
  Object.assign(Object.create(given) as CoreContext, {
    emit: (...event: Parameters<CoreContext['emit']>) => {
      given.emit(...event);
      called();
    },
    firmwareCall: (...call: Parameters<CoreContext['firmwareCall']>) => {
      const isAnswered = given.firmwareCall(...call);
      called();
      return isAnswered;
    },
  });

export class A64Core implements MachineCore {
  readonly index: number;
  readonly mpidr: number;
  readonly engine: CoreEngine;
  readonly virtualMemory: VirtualMemory;
  /** Slices end exactly, never inside a block. */
  readonly inBlock = false;
  readonly walksEl2 = true;
  /**
   * 'between slices' leaves interrupts to the machine, so that a run can repeat one whose
   * interrupts another engine took there.
   */
  takesInterrupts: 'at once' | 'between slices' = 'at once';
  private readonly runtime: Runtime;
  private readonly environment: CoreContext;
  private readonly state: CoreState;
  private readonly file: RegisterFile;
  private readonly memory: GuestMemory;
  private readonly words: DecodedWords;
  private readonly code: CodePlaces;
  private readonly registers: SystemRegisters;
  private readonly debug: SelfHostedDebug;
  private readonly registerView: RegisterView;
  private readonly exceptions: ExceptionDelivery;
  private readonly translation: CoreTranslation;
  private readonly interrupts: CoreInterrupts;
  private readonly hints = new WaitHints();
  private readonly slice: Slice;
  private readonly watches: InstructionWatches;
  private readonly derived: DerivedState;
  /** True when an exception replaced the instruction in progress. */
  private wasReplaced = false;
  /** Number of writes by others when code was last revalidated. */
  private writesSeen = -1;

  constructor(
    runtime: Runtime,
    { index, mpidr, type }: { readonly index: number; readonly mpidr: number; readonly type: CoreType },
    given: CoreContext,
    hotAfter: number,
  ) {
    const { has, physicalBits } = type;
    const environment = announced(given, () => this.revalidateCode());
    this.runtime = runtime;
    this.index = index;
    this.mpidr = mpidr;
    this.environment = environment;
    const { buffer } = runtime.memory;
    const address = runtime.addCore((at) => this.running(at));
    const ports = this.makePorts();
    this.state = new CoreState(buffer, address, ports, has);
    this.slice = new Slice(this.state);
    this.file = new RegisterFile(this.state.systemRegisters, type);
    this.interrupts = new CoreInterrupts(this.state, this.file);
    this.words = new DecodedWords(runtime, address, has);
    this.watches = new InstructionWatches({
      slice: this.slice,
      exceptions: () => this.exceptions,
      debug: () => this.debug,
      changed: () => this.derived.selectCode(),
    });
    const engine = new A64Engine(this.state, this.file, {
      memory: () => this.memory,
      watches: this.watches,
      isRunning: () => this.slice.isRunning,
      stop: () => this.stop(),
      pstateChanged: () => this.derived.pstateChanged(),
      registerChanged: (effect) => this.derived.registerChanged(effect),
      special: (register) => this.registers.peek(register),
      setSpecial: (register, value) => this.registers.poke(register, value),
    });
    this.engine = engine;
    this.translation = Object.assign(new CoreTranslation(engine, environment, physicalBits), {
      // Word of code at `pc` in the current translation regime.
      instructionAt: (pc: bigint) => this.memory.wordAt(pc),
      registers: () => this.memory.regimes.visible,
    });
    const readDescriptor = (at: number) => this.translation.readDescriptor(at);
    this.memory = new GuestMemory(buffer, {
      state: this.state,
      registers: this.file,
      engine,
      environment,
      readDescriptor,
      exceptions: () => this.exceptions,
      stopsBefore: (look) => this.watches.stopsBefore(look),
      comeBack: () => this.slice.setAside(),
      codeStored: (at, bytes) => this.code.stored(at, bytes),
      outsideCalled: () => this.revalidateCode(),
    });
    this.code = new CodePlaces(runtime.translations, {
      state: this.state,
      memory: this.memory,
      features: has,
      hotAfter,
    });
    this.exceptions = new ExceptionDelivery({
      core: this,
      environment,
      translation: this.translation,
      entered: () => {
        this.hints.event = true;
        this.wasReplaced = true;
        this.debug.exceptionTaken();
      },
      end: (stop) => this.slice.end(stop),
    });
    this.debug = new SelfHostedDebug({
      engine,
      translation: this.translation,
      memory: environment.memory,
      ticks: () => environment.clock.ticks,
      raise: (exception) => this.watches.noteHit(exception),
      endSlice: () => {
        if (this.slice.isRunning) this.slice.setAside();
      },
    });
    this.registerView = new RegisterView({ core: this, engine, environment, debug: this.debug });
    this.registers = new SystemRegisters({
      core: this,
      state: this.state,
      file: this.file,
      environment,
      debug: this.debug,
      changed: (effect) => this.derived.registerChanged(effect),
      pstateChanged: () => this.derived.pstateChanged(),
      masksChanged: () => this.masksChanged(),
      checkFp: () => checkFpAccess(this.state, this.file),
    });
    this.derived = new DerivedState({
      state: this.state,
      file: this.file,
      memory: this.memory,
      interrupts: this.interrupts,
      translates: hotAfter < Infinity,
      isWatched: () => this.watches.isActive,
      controlsChanged: () => this.registers.controlsChanged(),
      masksChanged: () => this.masksChanged(),
    });
    ports.memory = this.memory;
    ports.system = new SystemInstructions({
      core: this,
      state: this.state,
      file: this.file,
      registers: this.registers,
      operations: {
        state: this.state,
        file: this.file,
        engine,
        zero: (at) => this.memory.zero(at),
        regimes: () => this.memory.regimes,
        stage2Abort: (...abort) => this.memory.aborts.stage2(...abort),
        translationsInvalidated: (scope) => {
          this.memory.flush(scope);
          environment.maintained(this, { kind: 'tlb', scope });
        },
      },
      environment,
      exceptions: this.exceptions,
      hints: this.hints,
      slice: this.slice,
      debug: this.debug,
      has,
      pstateChanged: () => this.derived.pstateChanged(),
      masksChanged: () => this.masksChanged(),
    });
    this.virtualMemory = new VirtualMemory({
      memory: environment.memory,
      bus: environment.bus,
      clock: environment.clock,
      physicalBits,
      registers: () => this.translationRegisters(),
      refused: (abort) => this.exceptions.reportRefused(abort, this.state.pc),
    });
  }

  /** Read through the engine, which throws after it was closed. */
  get level(): number {
    return levelOf(this.engine.getPstate());
  }

  get virtualGroups(): number {
    return this.interrupts.virtualGroups;
  }

  get hostsEl0(): boolean {
    return isHost(this.file);
  }

  get firstException(): TakenException | null {
    return this.exceptions.first;
  }

  mapBus(base: number, size: number): void {
    this.memory.mapDevices(base, size);
  }

  reset(entry: bigint, level: 1 | 2 | 3): void {
    this.exceptions.reset();
    this.debug.reset();
    this.hints.reset();
    this.slice.outcome.reset();
    if (level < 3) {
      this.file.set('SCR_EL3', FIRMWARE_SCR);
      this.file.set('HCR_EL2', FIRMWARE_HCR);
    }
    this.file.set('SCTLR_EL1', RESET_SCTLR);
    for (const [virtual, own] of IDENTITIES) {
      this.engine.setSystemRegister(virtual, this.environment.readSystemRegister(this, own) ?? 0n);
    }
    this.state.wide[LAYOUT.exclusiveAddress / 8] = NO_ADDRESS;
    this.state.pstate = resetPstate(level);
    this.engine.setPc(entry);
    this.derived.translationsChanged();
  }

  saveState() {
    const { state } = this;
    return {
      registers: state.saveRegisters(),
      pstate: state.pstate,
      interrupts: this.interrupts.saveState(),
      hints: this.hints.saveState(),
      lastException: this.exceptions.last === null ? null : { ...this.exceptions.last },
      firstException: this.exceptions.first === null ? null : { ...this.exceptions.first },
      debug: this.debug.saveState(),
      unknownReported: this.registers.unknownRegisters.saveState(),
    };
  }

  restoreState({
    registers,
    pstate,
    interrupts,
    hints,
    lastException,
    firstException,
    debug,
    unknownReported,
  }: ReturnType<A64Core['saveState']>): void {
    const { state } = this;
    new Uint8Array(state.words.buffer, state.address, LAYOUT.tlbs).set(registers);
    this.slice.outcome.reset();
    state.restorePstate(pstate);
    this.interrupts.restoreState(interrupts);
    this.derived.interruptsChanged();
    this.hints.restoreState(hints);
    this.exceptions.last = lastException;
    this.exceptions.first = firstException;
    this.debug.restoreState(debug);
    this.registers.unknownRegisters.restoreState(unknownReported);
    this.derived.translationsChanged();
    this.writesSeen = -1;
  }

  readSystemRegister(encoding: SystemRegisterEncoding): bigint | undefined {
    return this.registers.lacks(encoding) ? undefined : this.registerView.read(encoding);
  }

  writeSystemRegister(encoding: SystemRegisterEncoding, value: bigint): boolean {
    return this.registerView.write(encoding, value);
  }

  translationRegisters(): TranslationRegisters {
    return this.translation.registers();
  }

  walk(va: bigint): Translation {
    return this.translation.walk(va);
  }

  forget(change: SharedChange): void {
    if (change.kind === 'tlb') this.memory.flush(change.scope);
  }

  setInterruptLines(irq: boolean, fiq: boolean, virtualIrq = false, virtualFiq = false): void {
    this.interrupts.set({ irq, fiq, virtualIrq, virtualFiq });
    this.derived.interruptsChanged();
    this.masksChanged();
  }

  get interruptPending(): boolean {
    return this.interrupts.pending;
  }

  get interruptTakeable(): boolean {
    return this.interrupts.due !== null;
  }

  get interruptsMasked(): boolean {
    return this.interrupts.allMasked;
  }

  get inClosedLoop(): boolean {
    if (this.debug.isActive) return false;
    const idle = idleState(this.engine, this.interruptsMasked);
    return isClosedLoop(this.state.pc, idle, (address) => this.translation.instructionAt(address));
  }

  recurrence(ranUntil: number): Recurrence | null {
    return this.debug.isActive ? null : this.exceptions.recurrence(ranUntil);
  }

  takeInterrupt(): boolean {
    const { due } = this.interrupts;
    if (due === null) return false;
    this.interrupts.taken(due);
    const esr = due.kind === 'serror' ? SERROR_SYNDROME + Number(this.file.at(VSESR_EL2) & 0x1ff_ffffn) : null;
    this.exceptions.takeInterrupt(due.kind, due.target, esr);
    return true;
  }

  /** Infinite: this core takes interrupts at the right instruction by itself. */
  instructionsToUnmask(): number {
    return Infinity;
  }

  wakeFromWfe(): void {
    this.hints.event = true;
  }

  run(count: number): CoreStop {
    const { slice } = this;
    slice.begin(count);
    if (this.mayHaveNewCode) this.revalidateCode();
    try {
      this.environment.clock.during(
        () => slice.executed,
        () => this.execute(),
      );
    } finally {
      slice.isRunning = false;
      this.runtime.didExecute(slice.executed);
      this.virtualMemory.invalidate();
      this.runtime.lastRun = this;
    }
    return slice.outcome.stop ?? { kind: 'count' };
  }

  /** True when another core, a device or TypeScript code may have written code. */
  private get mayHaveNewCode(): boolean {
    const { runtime, writesSeen, environment } = this;
    return runtime.lastRun !== this || writesSeen !== environment.memory.writes || this.code.isBehind;
  }

  private revalidateCode(): void {
    this.writesSeen = this.environment.memory.writes;
    this.code.revalidate();
  }

  private execute(): void {
    const { slice } = this;
    for (;;) {
      this.runPiece();
      this.memory.devices.instructionDone();
      if (!slice.resume()) return;
      if (this.takesInterrupts === 'at once') this.takeInterrupt();
    }
  }

  /** Runs until WebAssembly returns; one instruction while the guest single-steps itself. */
  private runPiece(): void {
    const { debug, runtime, state, slice } = this;
    const due = debug.beginSlice();
    if (due !== null) {
      this.exceptions.enter('synchronous', due.target, due.esr, due.far, due.pc);
    } else if (debug.steps) {
      slice.single();
      this.wasReplaced = false;
      debug.step(
        () => runtime.run(state.address),
        () => !this.wasReplaced,
      );
    } else runtime.run(state.address);
  }

  stop(): void {
    if (this.slice.isRunning) this.slice.end({ kind: 'stopped' });
  }

  interruptSlice(): void {
    if (this.slice.isRunning) this.slice.finish();
  }

  timePassed(ticks: number): void {
    this.slice.shorten(ticks);
  }

  raiseSynchronous(esr: number, far: bigint | null): void {
    this.exceptions.enter('synchronous', 1, esr, far, this.state.pc);
  }

  /** Makes WebAssembly return at the next boundary if an interrupt is to be taken there. */
  private masksChanged(): void {
    if (!this.slice.isRunning || this.takesInterrupts === 'between slices') return;
    // Fast path: this runs at each exception and return, and usually nothing is signalled.
    if (this.state.word(LAYOUT.interrupt) === 0) return;
    if (this.interruptTakeable) this.slice.setAside();
  }

  /** Functions that WebAssembly calls. */
  private running(_address: number): RunningCore {
    return {
      load: (low, high, how) => this.memory.load(low, high, how),
      store: (low, high, how) => this.memory.store(low, high, how),
      update: (low, high, how) => this.memory.update(low, high, how),
      stackMisaligned: () => this.guarded(() => this.state.takeStackMisaligned()),
      misaligned: (low, high, write) => this.memory.aborts.misaligned(low, high, write === 1),
      fetch: () => this.fetch(),
      helper: (helper) => this.guarded(() => this.runtime.helper(helper)(this.state)),
      fpTrap: () => this.guarded(() => checkFpAccess(this.state, this.file)),
      undefined: () => this.guarded(() => this.state.system.undefined()),
      decode: (entry, word) => {
        this.words.fill(entry, word);
        return 0;
      },
      enter: (entry, place) => this.code.enter(entry, place),
      hot: (entry, place) => this.code.hot(entry, place),
    };
  }

  private guarded(action: () => boolean | void): number {
    try {
      return action() === true ? 1 : 0;
    } catch (error) {
      if (error === ALREADY_TAKEN) return 1;
      if (!(error instanceof GuestException)) throw error;
      const target = error.target ?? synchronousTarget(this.engine, this.state.level);
      this.exceptions.enter('synchronous', target, error.esr, error.far, this.state.pc);
      return 1;
    }
  }

  private fetch(): number {
    const { state, slice } = this;
    const { pc } = state;
    slice.notExecuted();
    if (this.exceptions.takePcAlignment(pc)) return 1;
    if (state.has(PSTATE.il)) {
      return this.guarded(() => {
        throw new GuestException(((EXCEPTION_CLASS.illegalState << 26) | SYNDROME_IL) >>> 0);
      });
    }
    slice.executedAfterAll();
    if (this.watches.isActive && this.watches.stopsAt(pc)) return 1;
    slice.notExecuted();
    const taken = this.memory.fetch();
    if (taken === 0) slice.executedAfterAll();
    // While a place is watched, every instruction must come here.
    if (this.watches.isActive) state.wide[LAYOUT.fetchPage / 8] = NO_ADDRESS;
    return taken;
  }

  /** Ports whose properties are assigned once their objects exist. */
  private makePorts() {
    return {} as { -readonly [K in keyof CoreStateContext]: CoreStateContext[K] };
  }
}
