// SPDX-License-Identifier: GPL-2.0-only
/**
 * The project's own A64 core: instructions in WebAssembly (handlers.ts), the rest of the
 * architecture here and in system/, without a call to an engine.
 *
 *     run(n) ─► WebAssembly until no instructions are left ─┬─ the slice is over
 *                                                           ├─ attention: an interrupt ─► its vector, and on
 *                                                           └─ WFI, gate, stop ─► back to the machine
 *
 * A slice ends after exactly as many instructions as it was given. An interrupt is taken at the
 * first boundary between two instructions at which it is signalled and not masked: whoever changes
 * lines or masks sets the instructions that are left aside, so that WebAssembly comes back at that
 * boundary.
 *
 * Specification: Arm ARM DDI 0487 K.a, D1.3 (exceptions), D1.4 (return), D1.7 (waiting).
 */

import { hex } from '#common/address.ts';
import { isClosedLoop } from '#emulator/cpu/closed-loop.ts';
import { CoreTranslation, PHYSICAL_BITS } from '#emulator/cpu/core-translation.ts';
import { DebugRegisters } from '#emulator/cpu/debug-registers.ts';
import { ExceptionDelivery } from '#emulator/cpu/exception-delivery.ts';
import { enterException, levelOf } from '#emulator/cpu/exception-entry.ts';
import { synchronousTarget } from '#emulator/cpu/external-abort.ts';
import { isMonitorSetting } from '#emulator/cpu/performance-monitors.ts';
import { InterruptLines } from '#emulator/cpu/interrupt-lines.ts';
import { SliceOutcome } from '#emulator/cpu/slice-outcome.ts';
import type { SharedChange } from '#emulator/cpu/stale-caches.ts';
import { EXCEPTION_CLASS, SYNDROME_IL, undefinedSyndrome, waitTrapSyndrome } from '#emulator/cpu/syndrome.ts';
import type { Translation, TranslationRegisters } from '#emulator/cpu/translate.ts';
import { VirtualMemory } from '#emulator/cpu/virtual-memory.ts';
import { WaitHints } from '#emulator/cpu/wait-hints.ts';
import { retire } from '#emulator/engine/retired-engine.ts';
import { type CoreEngine, EngineError, type WatchedAccess } from '#emulator/engine/engine.ts';
import type { SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';
import type { SavedState } from '#emulator/machine/saved-state.ts';
import { ALREADY_TAKEN, CoreState, GuestException, PSTATE } from './core-state.ts';
import { DecodedWords } from './decoded-words.ts';
import type { Feature } from './features.ts';
import { GuestMemory } from './guest-memory.ts';
import { LAYOUT } from './layout.ts';
import { Runtime, type RunningCore } from './runtime.ts';
import { StateRegisters } from './state-registers.ts';
import { checkFpAccess, fpTrapTarget } from './system/fp-access.ts';
import { exceptionReturn } from './system/exception-return.ts';
import { operate, type OperationParts } from './system/operations.ts';
import { RegisterFile } from './system/register-file.ts';
import { SystemRegisters } from './system/system-registers.ts';
import type { CallKind, SystemPort, WaitKind } from './system/system-port.ts';
import type {
  CoreEnvironment,
  CoreFactory,
  CoreStop,
  MachineCore,
  TakenException,
} from '#emulator/cpu/machine-core.ts';

const VERSION = 'A64 to WebAssembly';

/** SCTLR_EL1: EL0 may mask interrupts; its WFI and WFE are not trapped. */
const SCTLR_UMA = 1n << 9n;
const SCTLR_NTWI = 1n << 16n;
const SCTLR_NTWE = 1n << 18n;
/** ISS.TI of a trapped WFI is 0, of WFE 1. */
const TRAPPED_WFE = 1;
/** As firmware leaves it for a core that starts below EL3. */
const SCR_NON_SECURE = 0x531n;
const SCR_SMD = 1n << 7n;
const SCR_HCE = 1n << 8n;
const HCR_RW = 1n << 31n;
const HCR_TSC = 1n << 19n;
/** TWE is the bit above. */
const HCR_TWI = 13n;
const SCR_TWI = 12n;
const SCTLR_RESET = 0x30d5_0838n;
const OPEN_MONITOR = 2n ** 64n - 1n;

const FEATURES: ReadonlySet<Feature> = new Set<Feature>(['CRC32', 'AES', 'SHA1', 'SHA256', 'PMULL']);

export class A64Core implements MachineCore, SystemPort {
  readonly index: number;
  readonly mpidr: number;
  readonly engine: CoreEngine;
  readonly virtualMemory: VirtualMemory;
  /** Slices end exactly. */
  readonly inBlock = false;
  /**
   * Between slices: by the machine alone, so that a run can repeat where another engine took them.
   */
  takesInterrupts: 'at once' | 'between slices' = 'at once';
  private readonly runtime: Runtime;
  private readonly environment: CoreEnvironment;
  private readonly state: CoreState;
  private readonly file: RegisterFile;
  private readonly memory: GuestMemory;
  private readonly words: DecodedWords;
  private readonly registers: SystemRegisters;
  private readonly debug = new DebugRegisters();
  private readonly exceptions: ExceptionDelivery;
  private readonly translation: CoreTranslation;
  private readonly interrupts = new InterruptLines();
  private readonly hints = new WaitHints();
  private readonly operations: OperationParts;
  private readonly codeWatches = new Map<bigint, Set<() => void>>();
  /** Instructions of this slice, and those that were set aside to come back earlier. */
  private budget = 0;
  private aside = 0;
  private inSlice = false;
  private readonly outcome = new SliceOutcome();
  /** Others have changed translations. */
  private isStale = false;

  constructor(runtime: Runtime, index: number, mpidr: number, environment: CoreEnvironment) {
    this.runtime = runtime;
    this.index = index;
    this.mpidr = mpidr;
    this.environment = environment;
    const { buffer } = runtime.memory;
    const address = runtime.addCore((at) => this.running(at));
    this.state = new CoreState(buffer, address, { memory: this.memoryPort(), system: this });
    this.file = new RegisterFile(this.state.systemRegisters);
    this.words = new DecodedWords(buffer, address, (feature) => FEATURES.has(feature));
    const registers = new StateRegisters(this.state, this.file, {
      pstateChanged: () => this.pstateChanged(),
      registerChanged: () => this.translationsChanged(),
      special: (register) => this.registers.peek(register),
      setSpecial: (register, value) => this.registers.poke(register, value),
    });
    this.engine = this.makeEngine(registers);
    this.memory = new GuestMemory(buffer, {
      state: this.state,
      registers: this.file,
      engine: registers,
      environment,
      exceptions: () => this.exceptions,
      stopsBefore: () => this.stopsBefore(),
    });
    this.translation = new CoreTranslation(registers, environment);
    this.exceptions = new ExceptionDelivery({
      core: this,
      environment,
      translation: this.translation,
      entered: () => {
        this.hints.event = true;
      },
      end: (stop) => this.end(stop),
    });
    this.registers = new SystemRegisters({
      core: this,
      state: this.state,
      file: this.file,
      environment,
      debug: this.debug,
      changed: () => this.translationsChanged(),
      pstateChanged: () => this.pstateChanged(),
      checkFp: () => checkFpAccess(this.state, this.file),
    });
    this.operations = {
      state: this.state,
      file: this.file,
      engine: registers,
      zero: (at) => this.memory.zero(at),
      translation: () => this.translation.registers(),
      readDescriptor: (at) => (environment.memory.contains(at, 8) ? environment.memory.read64(at) : null),
      translationsInvalidated: () => {
        this.memory.flush();
        environment.maintained(this, { kind: 'tlb' });
      },
      codeInvalidated: () => environment.maintained(this, { kind: 'code', line: null }),
    };
    this.virtualMemory = new VirtualMemory({
      memory: environment.memory,
      bus: environment.bus,
      clock: environment.clock,
      physicalBits: PHYSICAL_BITS,
      registers: () => this.translationRegisters(),
      refused: (abort) => this.exceptions.reportRefused(abort, this.state.pc),
    });
  }

  /** Asked of the engine, which refuses when it was closed. */
  get level(): number {
    return levelOf(this.engine.getPstate());
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
    this.outcome.reset();
    if (level < 3) {
      this.file.set('SCR_EL3', SCR_NON_SECURE);
      this.file.set('HCR_EL2', HCR_RW);
    }
    this.file.set('SCTLR_EL1', SCTLR_RESET);
    this.state.wide[LAYOUT.exclusiveAddress / 8] = OPEN_MONITOR;
    this.state.pstate = (level << 2) | PSTATE.sp | PSTATE.d | PSTATE.a | PSTATE.i | PSTATE.f;
    this.engine.setPc(entry);
    this.translationsChanged();
  }

  saveState() {
    const { state } = this;
    return {
      registers: new Uint8Array(state.words.buffer, state.address, LAYOUT.tlbs).slice(),
      pstate: state.pstate,
      interrupts: this.interrupts.saveState(),
      hints: this.hints.saveState(),
      lastException: this.exceptions.last === null ? null : { ...this.exceptions.last },
      firstException: this.exceptions.first === null ? null : { ...this.exceptions.first },
      debug: this.debug.saveState(),
      unknownReported: this.registers.unknownRegisters.saveState(),
    };
  }

  restoreState(saved: SavedState): void {
    const { registers, pstate, interrupts, hints, lastException, firstException, debug, unknownReported } =
      saved as ReturnType<A64Core['saveState']>;
    const { state } = this;
    new Uint8Array(state.words.buffer, state.address, LAYOUT.tlbs).set(registers);
    this.outcome.reset();
    state.restorePstate(pstate);
    this.interrupts.restoreState(interrupts);
    this.hints.restoreState(hints);
    this.exceptions.last = lastException;
    this.exceptions.first = firstException;
    this.debug.restoreState(debug);
    this.registers.unknownRegisters.restoreState(unknownReported);
    this.translationsChanged();
  }

  readSystemRegister(encoding: SystemRegisterEncoding): bigint | undefined {
    return (
      this.debug.read(encoding) ??
      this.environment.readSystemRegister(this, encoding) ??
      this.engine.getSystemRegister(encoding) ??
      undefined
    );
  }

  writeSystemRegister(encoding: SystemRegisterEncoding, value: bigint): boolean {
    const { environment, engine } = this;
    if (this.debug.write(encoding, value)) return true;
    if (environment.intercepts(encoding)) {
      if (environment.writeSystemRegister(this, encoding, value)) return true;
      return isMonitorSetting(encoding) && engine.setSystemRegister(encoding, value);
    }
    return engine.setSystemRegister(encoding, value) || environment.writeSystemRegister(this, encoding, value);
  }

  translationRegisters(): TranslationRegisters {
    return this.translation.registers();
  }

  walk(va: bigint): Translation {
    return this.translation.walk(va);
  }

  forget(change: SharedChange): void {
    if (change.kind === 'tlb') this.isStale = true;
  }

  setInterruptLines(irq: boolean, fiq: boolean): void {
    this.interrupts.set(irq, fiq);
    if (this.inSlice && this.interruptTakeable) this.setAside();
  }

  get interruptPending(): boolean {
    return this.interrupts.pending;
  }

  get interruptTakeable(): boolean {
    if (!this.interrupts.pending || this.state.level > 1) return false;
    return this.interrupts.takeable(this.state.pstate) !== null;
  }

  get interruptsMasked(): boolean {
    return this.state.level > 1 || this.interrupts.allMasked(this.state.pstate);
  }

  get goesRound(): boolean {
    if (this.debug.steps || this.debug.breakpoints.length > 0) return false;
    if (this.exceptions.recurs) return true;
    const word = (address: bigint): number | null => this.translation.instructionAt(address);
    return isClosedLoop(this.state.pc, this.interruptsMasked, word);
  }

  takeInterrupt(): boolean {
    if (!this.interruptTakeable) return false;
    const kind = this.interrupts.takeable(this.state.pstate);
    if (kind === null) return false;
    this.hints.event = true;
    const { pc } = this.state;
    if (this.environment.traces('irq')) this.environment.emit(this, 'irq', { taken: kind, pc: hex(pc) });
    enterException(this.engine, { kind, targetLevel: 1, returnAddress: pc, esr: null, far: null });
    return true;
  }

  /** It takes the interrupt at the right place by itself. */
  instructionsToUnmask(): number {
    return Infinity;
  }

  wakeFromWfe(): void {
    this.hints.event = true;
  }

  run(count: number): CoreStop {
    this.outcome.begin();
    this.budget = count;
    this.aside = 0;
    this.state.setWord(LAYOUT.left, count);
    if (this.isStale) {
      this.isStale = false;
      this.memory.flush();
    }
    this.inSlice = true;
    try {
      this.environment.clock.during(
        () => this.executed,
        () => this.execute(),
      );
    } finally {
      this.inSlice = false;
      this.virtualMemory.invalidate();
    }
    return this.outcome.stop ?? { kind: 'count' };
  }

  private execute(): void {
    const { state } = this;
    for (;;) {
      this.runtime.run(state.address);
      state.setWord(LAYOUT.left, this.aside);
      this.aside = 0;
      if (state.word(LAYOUT.left) === 0) return;
      this.takeInterrupt();
    }
  }

  /** Instructions of the slice that were executed so far, the one in progress included. */
  private get executed(): number {
    return this.budget - this.state.word(LAYOUT.left) - this.aside;
  }

  /** Has WebAssembly come back when the instruction in progress is done; the slice goes on. */
  private setAside(): void {
    if (this.takesInterrupts === 'between slices') return;
    this.aside += this.state.word(LAYOUT.left);
    this.state.setWord(LAYOUT.left, 0);
  }

  /** The slice is over when the instruction in progress is done. */
  private endSlice(): void {
    this.budget = this.executed;
    this.aside = 0;
    this.state.setWord(LAYOUT.left, 0);
  }

  /**
   * The same, and the instruction in progress will not have been executed: it is the next one
   * again.
   */
  private endBefore(): void {
    this.endSlice();
    this.budget--;
  }

  private end(stop: CoreStop): void {
    this.outcome.end(stop);
    if (this.inSlice) this.endSlice();
  }

  stop(): void {
    if (this.inSlice) this.end({ kind: 'stopped' });
  }

  interruptSlice(): void {
    if (this.inSlice) this.endSlice();
  }

  timePassed(ticks: number): void {
    const left = this.state.word(LAYOUT.left);
    const passed = Math.min(ticks, left);
    this.budget -= passed;
    this.state.setWord(LAYOUT.left, left - passed);
  }

  raiseSynchronous(esr: number, far: bigint | null): void {
    this.exceptions.enter('synchronous', 1, esr, far, this.state.pc);
  }

  // What instructions ask of the core.

  call(kind: CallKind, immediate: number): boolean {
    const { state, environment, file } = this;
    const next = state.pc + 4n;
    const { level } = state;
    if (kind === 'svc') {
      this.takeCall(synchronousTarget(this.engine, level), EXCEPTION_CLASS.svc64, immediate, next);
      return true;
    }
    const scr = file.get('SCR_EL3');
    const isOff = kind === 'hvc' ? (scr & SCR_HCE) === 0n && level < 3 : (scr & SCR_SMD) !== 0n;
    if (level === 0 || isOff) this.undefined();
    if (kind === 'smc' && level === 1 && (file.get('HCR_EL2') & HCR_TSC) !== 0n) {
      // Trapped, it has not been executed.
      this.takeCall(2, EXCEPTION_CLASS.smc64, immediate, state.pc);
      return true;
    }
    // Firmware looks at the core as it is behind the call.
    const { pc } = state;
    state.pc = next;
    if (environment.firmwareCall(this, kind)) return true;
    state.pc = pc;
    return this.undefined();
  }

  private takeCall(target: 1 | 2 | 3, exceptionClass: number, immediate: number, returnAddress: bigint): void {
    const esr = ((exceptionClass << 26) | SYNDROME_IL | immediate) >>> 0;
    this.exceptions.enter('synchronous', target, esr, null, returnAddress);
  }

  breakpoint(immediate: number): boolean {
    const { state } = this;
    this.takeCall(synchronousTarget(this.engine, state.level), EXCEPTION_CLASS.brk64, immediate, state.pc);
    return true;
  }

  halt(immediate: number): boolean {
    if (!this.environment.isGate(immediate)) this.undefined();
    this.state.pc += 4n;
    this.end({ kind: 'gate', immediate });
    return true;
  }

  exceptionReturn(): boolean {
    if (this.state.level === 0) this.undefined();
    exceptionReturn(this.state, this.file);
    this.state.wide[LAYOUT.exclusiveAddress / 8] = OPEN_MONITOR;
    this.hints.event = true;
    this.pstateChanged();
    return true;
  }

  wait(kind: WaitKind): boolean {
    const { state, environment, hints } = this;
    if (kind === 'sev') {
      environment.eventSent();
      return false;
    }
    if (kind === 'wfi') {
      this.checkWait('wfi');
      if (!this.interruptPending) {
        state.pc += 4n;
        this.end({ kind: 'wfi' });
        return true;
      }
    }
    const turn = hints.meet(kind, () => environment.othersRun(this), this.interruptPending);
    if (turn === null) return false;
    if (kind === 'wfe') this.checkWait('wfe');
    this.outcome.end({ kind: turn });
    this.endBefore();
    return true;
  }

  /** A wait may be trapped by each level above: SCTLR_EL1 from EL0, HCR_EL2, SCR_EL3. */
  private checkWait(kind: 'wfi' | 'wfe'): void {
    const { file } = this;
    const { level } = this.state;
    const bit = kind === 'wfi' ? 0n : 1n;
    const traps = (value: bigint, shift: bigint): boolean => ((value >> (shift + bit)) & 1n) === 1n;
    // SCTLR_EL1.nTWI is bit 16 and nTWE bit 18.
    const isLet = (file.get('SCTLR_EL1') & (kind === 'wfi' ? SCTLR_NTWI : SCTLR_NTWE)) !== 0n;
    const target =
      level === 0 && !isLet
        ? synchronousTarget(this.engine, 0)
        : level < 2 && traps(file.get('HCR_EL2'), HCR_TWI)
          ? 2
          : level < 3 && traps(file.get('SCR_EL3'), SCR_TWI)
            ? 3
            : null;
    if (target === null) return;
    throw new GuestException(waitTrapSyndrome() & ~(kind === 'wfi' ? TRAPPED_WFE : 0), null, target);
  }

  synchronize(): void {
    this.state.wide[LAYOUT.fetchPage / 8] = OPEN_MONITOR;
  }

  setPstateField(op1: number, op2: number, immediate: number): boolean {
    const { state } = this;
    if (op1 === 0 && op2 === 5) {
      if (state.level === 0) return false;
      state.pstate = (state.pstate & ~PSTATE.sp) | (immediate & 1);
      return true;
    }
    if (op1 !== 3 || (op2 !== 6 && op2 !== 7)) return false;
    if (state.level === 0 && (this.file.get('SCTLR_EL1') & SCTLR_UMA) === 0n) {
      const iss = (op2 << 17) | (op1 << 14) | (4 << 10) | (31 << 5) | (immediate << 1);
      throw new GuestException(((EXCEPTION_CLASS.systemRegister << 26) | SYNDROME_IL | iss) >>> 0);
    }
    const mask = immediate << 6;
    state.pstate = op2 === 6 ? state.pstate | mask : state.pstate & ~mask;
    if (op2 === 7) this.pstateChanged();
    return true;
  }

  readRegister(register: number, rt: number): bigint {
    return this.registers.read(register, rt);
  }

  writeRegister(register: number, rt: number, value: bigint): void {
    this.registers.write(register, rt, value);
  }

  operate(op1: number, crn: number, crm: number, op2: number, rt: number, value: bigint): void {
    operate(this.operations, [op1, crn, crm, op2], rt, value);
  }

  /** There is none that is not undefined. */
  operateForResult(): bigint {
    return this.undefined();
  }

  undefined(): never {
    throw new GuestException(undefinedSyndrome());
  }

  /** PSTATE has changed: other translations, FP traps, an interrupt that is due. */
  private pstateChanged(): void {
    this.memory.select();
    this.state.setWord(LAYOUT.fpTrap, fpTrapTarget(this.state, this.file) === null ? 0 : 1);
    if (this.inSlice && this.interrupts.pending && this.interruptTakeable) this.setAside();
  }

  private translationsChanged(): void {
    this.memory.flush();
    this.pstateChanged();
  }

  /** What WebAssembly calls. */
  private running(_address: number): RunningCore {
    return {
      load: (low, high, how) => this.memory.load(low, high, how),
      store: (low, high, how) => this.memory.store(low, high, how),
      update: (low, high, how) => this.memory.update(low, high, how),
      misaligned: (low, high, write) => this.memory.misaligned(low, high, write === 1),
      fetch: () => this.fetch(),
      helper: (helper) => this.guarded(() => this.words.helper(helper)(this.state)),
      fpTrap: () => this.guarded(() => checkFpAccess(this.state, this.file)),
      undefined: () => this.guarded(() => this.undefined()),
      decode: (entry, word) => {
        this.words.fill(entry, word);
        return 0;
      },
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
    const { state } = this;
    const { pc } = state;
    if (this.exceptions.takePcAlignment(pc)) return 1;
    if (state.has(PSTATE.il)) {
      return this.guarded(() => {
        throw new GuestException(((EXCEPTION_CLASS.illegalState << 26) | SYNDROME_IL) >>> 0);
      });
    }
    if (this.codeWatches.size > 0) {
      for (const reached of this.codeWatches.get(pc) ?? []) reached();
      if (this.stopsBefore()) return 1;
    }
    const taken = this.memory.fetch();
    // Every instruction is looked at while one is watched.
    if (this.codeWatches.size > 0) state.wide[LAYOUT.fetchPage / 8] = OPEN_MONITOR;
    return taken;
  }

  /** A watch has stopped the core: the instruction in progress does not happen. */
  private stopsBefore(): boolean {
    if (this.outcome.stop?.kind !== 'stopped') return false;
    this.budget--;
    return true;
  }

  private memoryPort() {
    return {
      read: (address: bigint, bytes: number) => this.memory.read(address, bytes),
      write: (address: bigint, bytes: number, value: bigint) => this.memory.write(address, bytes, value),
    };
  }

  private makeEngine(registers: StateRegisters): CoreEngine {
    return Object.assign(registers, {
      version: VERSION,
      stop: () => this.stop(),
      mapMemory: (base: number, bytes: Uint8Array, access: 'rwx' | 'rx') =>
        this.memory.map(base, bytes, access === 'rwx'),
      unmap: (base: number) => this.memory.unmap(base),
      watchCode: (address: bigint, reached: () => void) => this.watchCode(address, reached),
      watchMemory: (start: number, end: number, touched: (access: WatchedAccess) => void) => {
        const watch = { start, end, touched };
        this.memory.watches.push(watch);
        this.memory.flush();
        return () => {
          const at = this.memory.watches.indexOf(watch);
          if (at >= 0) this.memory.watches.splice(at, 1);
        };
      },
      flushTlb: () => this.memory.flush(),
      // Instructions are decoded by what is in memory when they run.
      discardAllCode: () => {},
      discardCode: () => {},
      close: () => {
        if (this.inSlice) throw new EngineError('the engine cannot be closed by what runs inside it');
        retire(this.engine);
      },
    });
  }

  private watchCode(address: bigint, reached: () => void): () => void {
    const watches = this.codeWatches.get(address) ?? new Set();
    this.codeWatches.set(address, watches.add(reached));
    this.state.wide[LAYOUT.fetchPage / 8] = OPEN_MONITOR;
    return () => {
      watches.delete(reached);
      if (watches.size === 0) this.codeWatches.delete(address);
    };
  }
}

/** Cores of one machine, with its memory. */
export function a64Cores(): CoreFactory {
  const runtime = new Runtime();
  return {
    allocate: (bytes) => runtime.allocate(bytes),
    open: (index, mpidr, environment) => new A64Core(runtime, index, mpidr, environment),
  };
}
