// SPDX-License-Identifier: GPL-2.0-only
/**
 * One AArch64 core: the engine, and the architecture around it that the engine leaves out.
 *
 *     run(n) ─► engine slice ─┬─ exception ─► gate? system register? firmware call? ─► else the vector of its level
 *                             ├─ nothing at a physical address ─► synchronous external abort
 *                             └─ WFI, stop, count ─► back to the machine
 *
 * Owns: exception routing and entry, emulated system registers, the core's view of memory. Does not
 * own: time, devices, the meaning of a gate or a firmware call, which the machine supplies.
 *
 * Specification: Arm ARM DDI 0487 K.a, D1.3 (exceptions); SMC Calling Convention, Arm DEN 0028, for
 * HVC and SMC.
 */

import { BusAccessAbort } from '#emulator/bus/bus-errors.ts';
import { type CpuEngine, type DeviceWindow, type EngineCallbacks, type SliceEnd } from '#emulator/engine/engine.ts';
import { SYSTEM_REGISTERS, type SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';
import { BlockScan } from './block-scan.ts';
import { idleState, isClosedLoop } from './closed-loop.ts';
import { CodeMaintenance } from './code-maintenance.ts';
import { CoreTranslation, PHYSICAL_BITS } from './core-translation.ts';
import { DueException } from './due-exception.ts';
import { EngineExceptions } from './engine-exceptions.ts';
import { ExceptionDelivery } from './exception-delivery.ts';
import { levelOf } from './exception-entry.ts';
import { waitHint } from './instruction.ts';
import { InterruptLines } from './interrupt-lines.ts';
import { FIRMWARE_HCR, FIRMWARE_SCR, RESET_SCTLR, resetPstate } from './reset-state.ts';
import { SelfHostedDebug } from './self-hosted-debug.ts';
import { SliceOutcome } from './slice-outcome.ts';
import type { SharedChange } from './stale-caches.ts';
import { waitTrapSyndrome } from './syndrome.ts';
import { RegisterView } from './register-view.ts';
import { SystemRegisterAccess } from './system-register-access.ts';
import type { TranslationRegisters } from './translate.ts';
import { VirtualMemory } from './virtual-memory.ts';
import { WaitHints } from './wait-hints.ts';
import type { CoreContext, CoreFactory, CoreStop, MachineCore, Recurrence, TakenException } from './machine-core.ts';

/** SCTLR_EL1.nTWE: WFE at EL0 is not trapped. */
const SCTLR_NTWE = 1n << 18n;

export class Core implements MachineCore {
  readonly index: number;
  /** Affinity fields of MPIDR_EL1. */
  readonly mpidr: number;
  readonly engine: CpuEngine;
  /** Memory as code at EL1 on this core sees it, for TypeScript code. */
  readonly virtualMemory: VirtualMemory;
  private readonly environment: CoreContext;
  /**
   * True when the next instruction stores a command to flash: it is executed alone, see
   * flash-windows.ts.
   */
  private storesAlone = false;
  /** Inputs from the interrupt controller. */
  private readonly interrupts = new InterruptLines();
  private readonly hints = new WaitHints();
  /** True when the engine ends a slice as soon as a pending interrupt is unmasked. */
  private masksAreWatched = false;
  private readonly translation: CoreTranslation;
  private readonly maintenance: CodeMaintenance;
  private readonly exceptions: ExceptionDelivery;
  private readonly engineExceptions: EngineExceptions;
  private readonly debug: SelfHostedDebug;
  private readonly systemRegisters: SystemRegisterAccess;
  private readonly registerView: RegisterView;
  private readonly blocks: BlockScan;
  /**
   * True when the last run ended inside a block of code, where time and interrupts are not checked:
   * the rest of the block is executed first.
   */
  inBlock = false;
  private inSlice = false;
  private readonly outcome = new SliceOutcome();
  private readonly due: DueException;

  /** @param open creates the core's engine with these callbacks */
  constructor(index: number, mpidr: number, environment: CoreContext, open: (callbacks: EngineCallbacks) => CpuEngine) {
    this.index = index;
    this.mpidr = mpidr;
    this.environment = environment;
    this.engine = open({
      exception: (number) => {
        this.engineExceptions.serve(number);
        this.blocks.scanUnannounced();
      },
      unmapped: (access) =>
        environment.memory.touch(access.address) !== null || (this.storesAlone && environment.noteFlashStore(access)),
      block: (high, low, size) => this.onBlock(high, low, size),
      intercepted: (access) => this.systemRegisters.intercepted(access),
      maintained: (maintenance) => this.maintenance.execute(maintenance),
      hinted: () => this.onHint(),
    });
    this.translation = new CoreTranslation(this.engine, environment);
    this.maintenance = new CodeMaintenance(this.engine, this.translation, (change) =>
      environment.maintained(this, change),
    );
    this.exceptions = new ExceptionDelivery({
      core: this,
      environment,
      translation: this.translation,
      entered: () => {
        // Exception return sets the event register.
        this.hints.event = true;
        this.debug.exceptionTaken();
      },
      end: (stop) => this.end(stop),
    });
    this.due = new DueException(this.engine, this.exceptions);
    this.debug = new SelfHostedDebug({
      engine: this.engine,
      translation: this.translation,
      memory: environment.memory,
      ticks: () => environment.clock.ticks,
      raise: (exception) => {
        this.due.trap(exception);
        this.engine.stop();
      },
      endSlice: () => this.interruptSlice(),
    });
    this.registerView = new RegisterView({ core: this, engine: this.engine, environment, debug: this.debug });
    this.systemRegisters = new SystemRegisterAccess({
      core: this,
      engine: this.engine,
      environment,
      debug: this.debug,
      trap: (esr) => {
        this.due.trap({ pc: this.engine.getPc(), esr, far: null });
        this.engine.abandon();
      },
    });
    this.engineExceptions = new EngineExceptions({
      core: this,
      engine: this.engine,
      environment,
      translation: this.translation,
      exceptions: this.exceptions,
      systemRegisters: this.systemRegisters,
      callCompletes: () => this.debug.callCompletes(),
      end: (stop) => this.end(stop),
    });
    this.blocks = new BlockScan({
      engine: this.engine,
      translation: this.translation,
      readCode: (address) => environment.readCode(address),
      wanted: (encoding) => this.systemRegisters.isIntercepted(encoding),
    });
    environment.memory.onChunk((chunk, start, end) => {
      const part =
        start === chunk.base && end === chunk.base + chunk.bytes.length
          ? chunk.bytes
          : chunk.bytes.subarray(start - chunk.base, end - chunk.base);
      this.engine.mapMemory(start, part, 'rwx');
      this.maintenance.addMemory(start, end);
    });
    this.virtualMemory = new VirtualMemory({
      memory: environment.memory,
      bus: environment.bus,
      clock: environment.clock,
      physicalBits: PHYSICAL_BITS,
      registers: () => this.translationRegisters(),
      refused: (abort) => this.exceptions.reportRefused(abort, this.engine.getPc()),
    });
  }

  /** Routes whole pages [base, base + size) to the bus. */
  mapBus(base: number, size: number): void {
    const { bus } = this.environment;
    const window: DeviceWindow = {
      read: (address, width) =>
        this.onBus(address, false, () =>
          width === 8 ? bus.read64(address) : BigInt(bus.read(address, width as 1 | 2 | 4)),
        ) ?? 0n,
      write: (address, width, value) => {
        this.onBus(address, true, () => {
          if (width === 8) bus.write64(address, value);
          else bus.write(address, width as 1 | 2 | 4, Number(value));
        });
      },
    };
    this.engine.mapDevices(base, size, window);
  }

  /** Cold reset to `level` at `entry`, AArch64, DAIF masked, MMU off. */
  reset(entry: bigint, level: 1 | 2 | 3): void {
    const { engine } = this;
    this.outcome.reset();
    this.due.clear();
    this.storesAlone = false;
    this.exceptions.reset();
    this.debug.reset();
    this.hints.reset();
    // A core that starts below EL3 gets the state that firmware leaves: AArch64 at all levels, HVC
    // and SMC enabled, non-secure.
    if (level < 3) {
      engine.setSystemRegister(SYSTEM_REGISTERS.SCR_EL3, FIRMWARE_SCR);
      engine.setSystemRegister(SYSTEM_REGISTERS.HCR_EL2, FIRMWARE_HCR);
    }
    engine.setPstate(resetPstate(level));
    // Any write of a system register makes the engine notice the new exception level.
    engine.setSystemRegister(SYSTEM_REGISTERS.SCTLR_EL1, RESET_SCTLR);
    engine.setPc(entry);
  }

  /**
   * Saves the core between slices. Caches of memory are not state: a restored core fills them
   * again.
   * @throws EngineError, see CpuEngine.exportState
   */
  saveState() {
    return {
      registers: this.engine.exportState(),
      interrupts: this.interrupts.saveState(),
      hints: this.hints.saveState(),
      lastException: this.exceptions.last === null ? null : { ...this.exceptions.last },
      firstException: this.exceptions.first === null ? null : { ...this.exceptions.first },
      debug: this.debug.saveState(),
      unknownReported: this.systemRegisters.unknown.saveState(),
      storesAlone: this.storesAlone,
    };
  }

  /**
   * Restores the core; memory must be restored before. @throws EngineError when the registers were
   * saved by another engine
   */
  restoreState({
    registers,
    interrupts,
    hints,
    lastException,
    firstException,
    debug,
    unknownReported,
    storesAlone,
  }: ReturnType<Core['saveState']>): void {
    this.outcome.reset();
    this.storesAlone = storesAlone;
    this.engine.importState(registers);
    this.interrupts.restoreState(interrupts);
    this.masksAreWatched = this.engine.watchMasks(interrupts.irq, interrupts.fiq);
    this.hints.restoreState(hints);
    this.exceptions.last = lastException;
    this.exceptions.first = firstException;
    this.debug.restoreState(debug);
    this.systemRegisters.unknown.restoreState(unknownReported);
  }

  /** First synchronous exception since reset, or null. */
  get firstException(): TakenException | null {
    return this.exceptions.first;
  }

  get level(): number {
    return levelOf(this.engine.getPstate());
  }

  /**
   * Architectural value of a system register; the machine's own registers take precedence over the
   * engine's. Undefined when neither has it.
   */
  readSystemRegister(encoding: SystemRegisterEncoding): bigint | undefined {
    return this.registerView.read(encoding);
  }

  /** Writes a system register. Returns false when neither the machine nor the engine has it. */
  writeSystemRegister(encoding: SystemRegisterEncoding, value: bigint): boolean {
    return this.registerView.write(encoding, value);
  }

  translationRegisters(): TranslationRegisters {
    return this.translation.registers();
  }

  /** Walks the tables of the EL1&0 regime for `va`. */
  walk(va: bigint): ReturnType<CoreTranslation['walk']> {
    return this.translation.walk(va);
  }

  /**
   * Notes that another core changed translations or code. This core drops its cached copies before
   * it runs again.
   */
  forget(change: SharedChange): void {
    this.maintenance.forget(change);
  }

  /**
   * Drives the core's interrupt lines. A rising line ends the slice, so that the interrupt is taken
   * at once.
   */
  setInterruptLines(irq: boolean, fiq: boolean): void {
    this.masksAreWatched = this.engine.watchMasks(irq, fiq);
    if (this.interrupts.set(irq, fiq)) this.interruptSlice();
  }

  /** True while an interrupt is signalled, masked or not: it wakes the core from WFI. */
  get interruptPending(): boolean {
    return this.interrupts.pending;
  }

  /** True while an interrupt is signalled and not masked. */
  get interruptTakeable(): boolean {
    return this.interruptPending && this.interrupts.takeable(this.engine.getPstate()) !== null;
  }

  /**
   * True when no interrupt can be taken until the core unmasks one or changes its exception level.
   */
  get interruptsMasked(): boolean {
    return this.interrupts.allMasked(this.engine.getPstate());
  }

  /**
   * True when the core loops for ever without changing anything, until an interrupt is taken or its
   * code is changed from outside.
   */
  get inClosedLoop(): boolean {
    if (this.debug.isActive) return false;
    const idle = idleState(this.engine, this.interruptsMasked);
    return isClosedLoop(this.engine.getPc(), idle, (address) => this.translation.instructionAt(address));
  }

  recurrence(ranUntil: number): Recurrence | null {
    return this.debug.isActive ? null : this.exceptions.recurrence(ranUntil);
  }

  /** Takes the signalled, unmasked interrupt, if there is one. Between slices only. */
  takeInterrupt(): boolean {
    if (!this.interruptPending) return false;
    const kind = this.interrupts.takeable(this.engine.getPstate());
    if (kind === null) return false;
    this.interrupts.taken();
    this.exceptions.takeInterrupt(kind);
    return true;
  }

  /**
   * Number of instructions that the core may run while an interrupt waits to be unmasked: to the
   * end of the straight-line code at PC, including its last instruction, which may unmask it; see
   * interrupt-lines.ts. Infinity where the engine watches the masks itself.
   */
  instructionsToUnmask(): number {
    if (this.masksAreWatched) return Infinity;
    return this.interrupts.freeRun() ?? this.translation.straightLine();
  }

  /**
   * Executes until an event that the machine must see, or to the end of the block in which `count`
   * instructions end, but at most `most` instructions: then {@link inBlock} may be true.
   */
  run(count: number, most?: number): CoreStop {
    const { engine, environment } = this;
    this.begin();
    this.blocks.scanUnannounced();
    this.maintenance.beginSlice();
    const stepped = this.debug.beginSlice();
    if (stepped !== null) {
      this.exceptions.enter('synchronous', stepped.target, stepped.esr, stepped.far, stepped.pc);
      return { kind: 'count' };
    }
    this.inSlice = true;
    let end: SliceEnd;
    try {
      end = environment.clock.during(
        () => engine.executed,
        () => {
          if (this.debug.steps) {
            return this.debug.step(
              () => engine.run(1),
              (result) => this.wasExecuted(result),
            );
          }
          return this.storesAlone ? engine.run(1) : engine.runBlocks(count, most);
        },
      );
    } finally {
      this.inSlice = false;
      // Without a flush the engine would write to a known page without asking again.
      if (this.storesAlone && environment.flashStoresMade()) engine.flushTlb();
      this.storesAlone = false;
    }
    // A software step or a breakpoint of the guest stops the core here in every run, so this does
    // not count as the middle of a block.
    if (end.kind === 'count') this.blocks.blockEnded();
    this.inBlock = engine.inBlock && !this.debug.steps && !this.due.isTrap;
    this.virtualMemory.invalidate();
    this.debug.endSlice();
    if (this.due.take()) this.outcome.end({ kind: 'count' });
    else if (end.kind === 'unmapped') {
      // A store to flash: the instruction did not complete and is executed again.
      if (environment.isFlashStore(end.access)) this.storesAlone = true;
      else this.exceptions.takeUnmapped(end.access);
    }
    const { stop } = this.outcome;
    if (stop !== null) return stop;
    if (end.kind !== 'stopped') return { kind: 'count' };
    this.interrupts.noteWfi();
    return { kind: 'wfi' };
  }

  private begin(): void {
    this.outcome.begin();
    this.due.clear();
    this.inBlock = false;
  }

  /**
   * True when the instruction of a one-instruction slice was executed, without an exception in its
   * place.
   */
  private wasExecuted(end: SliceEnd): boolean {
    return end.kind !== 'unmapped' && !this.due.isAny;
  }

  /** Ends the running slice; `run` returns 'stopped'. */
  stop(): void {
    this.end({ kind: 'stopped' });
  }

  /** Ends the running slice early without a reason of its own; `run` returns 'count'. */
  interruptSlice(): void {
    if (this.inSlice) this.end({ kind: 'count' });
  }

  private end(stop: CoreStop): void {
    this.outcome.end(stop);
    this.engine.stop();
  }

  /** Shortens the running slice by `ticks` of time that passed without instructions. */
  timePassed(ticks: number): void {
    if (!this.engine.shorten(ticks)) this.interruptSlice();
  }

  /**
   * Makes the core take a synchronous exception at its current PC, as if the instruction there had
   * faulted with this syndrome.
   */
  raiseSynchronous(esr: number, far: bigint | null): void {
    this.exceptions.enter('synchronous', 1, esr, far, this.engine.getPc());
  }

  /**
   * Returns true when the block must be translated again, because instructions in it are now
   * intercepted.
   */
  private onBlock(high: number, low: number, size: number): boolean {
    const found = this.blocks.announced(high, low, size);
    if (low % 4 === 0) return found;
    // The block must not run. Next time it is translated anew, which calls this method again.
    this.due.pcAlignment();
    this.engine.stop();
    return true;
  }

  private onHint(): void {
    const { engine, environment, hints } = this;
    const pc = engine.getPc();
    const at = this.translation.physicalOfPc();
    const instruction = at < 0 ? null : environment.readCode(at);
    // The code at an intercepted address may have changed.
    const hint = instruction === null ? null : waitHint(instruction);
    if (hint === null) return;
    if (hint === 'sev') {
      environment.eventSent();
      return;
    }
    const turn = hints.handle(hint, () => environment.othersRun(this), this.interruptPending);
    if (turn === null) return;
    if (hint === 'wfe' && this.level === 0 && this.trapsWaitsOfEl0()) {
      this.due.trap({ pc, esr: waitTrapSyndrome(), far: null });
      engine.stop();
    } else {
      this.end({ kind: turn });
    }
  }

  /** Sets the event register, for a core that may wait in WFE. */
  wakeFromWfe(): void {
    this.hints.event = true;
  }

  /** True when WFE at EL0 is trapped: SCTLR_EL1.nTWE is 0. */
  private trapsWaitsOfEl0(): boolean {
    return ((this.engine.getSystemRegister(SYSTEM_REGISTERS.SCTLR_EL1) ?? 0n) & SCTLR_NTWE) === 0n;
  }

  private onBus<T>(address: number, write: boolean, access: () => T): T | null {
    // Skips further accesses of an instruction whose first access was refused: it is abandoned.
    if (this.due.isRefusedAccess) return null;
    try {
      return access();
    } catch (error) {
      if (!(error instanceof BusAccessAbort)) throw error;
      this.exceptions.reportRefused(error, this.engine.getPc());
      this.due.refusedAccess({ write, address });
      this.engine.abandon();
      return null;
    }
  }
}

/** Factory of cores around engines that `open` creates. */
export function engineCores(open: (callbacks: EngineCallbacks) => CpuEngine): CoreFactory {
  return {
    allocate: (bytes) => new Uint8Array(bytes),
    open: (index, mpidr, environment) => new Core(index, mpidr, environment, open),
  };
}
