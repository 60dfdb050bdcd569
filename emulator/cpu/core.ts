// SPDX-License-Identifier: GPL-2.0-only
/**
 * One AArch64 core: the engine, and what the architecture does around it.
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

import { hex, PAGE_SIZE } from '#common/address.ts';
import { BusAccessAbort } from '#emulator/bus/bus-errors.ts';
import {
  type CpuEngine,
  type DeviceWindow,
  ENGINE_EXCEPTION,
  type EngineCallbacks,
  type InterceptedAccess,
  type SliceEnd,
} from '#emulator/engine/engine.ts';
import {
  SYSTEM_REGISTERS,
  type SystemRegisterEncoding,
  systemRegisterName,
  systemRegisterNumber,
} from '#emulator/engine/system-registers.ts';
import { isClosedLoop } from './closed-loop.ts';
import { CodeMaintenance } from './code-maintenance.ts';
import { findMoves } from './code-scan.ts';
import { CoreTranslation, PHYSICAL_BITS } from './core-translation.ts';
import { isDebugRegister, isOsLock } from './debug-registers.ts';
import { ExceptionDelivery, type RefusedAccess } from './exception-delivery.ts';
import { enterException, levelOf } from './exception-entry.ts';
import { synchronousTarget } from './external-abort.ts';
import {
  haltImmediate,
  isBranch,
  isBranchOrSystem,
  isInterruptMaskChange,
  leastLevel,
  systemRegisterMove,
  waitHint,
} from './instruction.ts';
import { InterruptLines } from './interrupt-lines.ts';
import { isMonitorSetting, isSoftwareIncrement } from './performance-monitors.ts';
import { SelfHostedDebug } from './self-hosted-debug.ts';
import type { SharedChange } from './stale-caches.ts';
import {
  EXCEPTION_CLASS,
  exceptionClass,
  interruptMaskTrapSyndrome,
  isTranslationFault,
  systemRegisterSyndrome,
  undefinedSyndrome,
  waitTrapSyndrome,
  withoutCoprocessor,
} from './syndrome.ts';
import type { TranslationRegisters } from './translate.ts';
import { VirtualMemory } from './virtual-memory.ts';
import { WaitHints } from './wait-hints.ts';
import type { CoreEnvironment, CoreFactory, CoreStop, MachineCore, TakenException } from './machine-core.ts';

/** op1 of the system registers that EL0 can reach (Arm ARM C5.1.2). */
const OP1_EL0 = 3;

/**
 * MMU and caches off, little-endian; stack pointers are checked (SA, SA0), EL0 may execute WFI and
 * WFE (nTWI, nTWE). As QEMU's with the RES1 bits of Armv8.0.
 */
const SCTLR_RESET = 0x30d5_0838n;

/** SCTLR_EL1.nTWE: WFE at EL0 is not trapped. */
const SCTLR_NTWE = 1n << 18n;

/** Exceptions after whose instruction the engine is. */
const CALLS: ReadonlySet<number> = new Set([
  ENGINE_EXCEPTION.supervisorCall,
  ENGINE_EXCEPTION.hypervisorCall,
  ENGINE_EXCEPTION.secureMonitorCall,
]);

/** EL3 is always there. */
const HIGHEST_LEVEL = 3;

export class Core implements MachineCore {
  readonly index: number;
  /** Affinity fields of MPIDR_EL1. */
  readonly mpidr: number;
  readonly engine: CpuEngine;
  /** Memory as EL1 code on this core sees it, for code in TypeScript. */
  readonly virtualMemory: VirtualMemory;
  private readonly environment: CoreEnvironment;
  private gate: number | null = null;
  /** The slice ended before a block at an address that is not a multiple of 4. */
  private misaligned = false;
  private refused: RefusedAccess | null = null;
  private stopRequested = false;
  /** The next instruction commands flash: it is executed alone, see flash-windows.ts. */
  private storesAlone = false;
  /** Interrupt lines from the interrupt controller. */
  private readonly interrupts = new InterruptLines();
  private readonly hints = new WaitHints();
  /** How the slice ends when a hint ends it. */
  private gaveAway: 'wfe' | 'wfi' | 'yield' | null = null;
  /** The engine ends a slice when the mask of a waiting interrupt is lifted. */
  private masksAreWatched = false;
  private readonly translation: CoreTranslation;
  private readonly maintenance: CodeMaintenance;
  private readonly exceptions: ExceptionDelivery;
  private readonly debug: SelfHostedDebug;
  /** The engine announces no new block yet: none has ended. */
  private isFresh = true;
  /**
   * The last run ended in the middle of a block of code, where nobody looks at time or interrupts:
   * the rest of it comes first.
   */
  inBlock = false;
  private inSlice = false;
  private cutShort = false;
  /** An intercepted access that must trap instead: taken when the slice has ended. */
  private trapped: {
    readonly pc: bigint;
    readonly esr: number;
    readonly far?: bigint | null;
    readonly target?: 1 | 2 | 3;
  } | null = null;
  /** Unknown system registers already reported. */
  private readonly unknownReported = new Set<string>();
  /** By the encoding's number: whether the engine knows the system register. */
  private readonly known = new Map<number, boolean>();
  /** Addresses of intercepted instructions, so that each is asked for once. */
  private readonly interceptedAt = new Set<string>();

  /** @param open makes the core's engine with the callbacks given */
  constructor(
    index: number,
    mpidr: number,
    environment: CoreEnvironment,
    open: (callbacks: EngineCallbacks) => CpuEngine,
  ) {
    this.index = index;
    this.mpidr = mpidr;
    this.environment = environment;
    this.engine = open({
      exception: (number) => this.onException(number),
      unmapped: (access) =>
        environment.memory.touch(access.address) !== null || (this.storesAlone && environment.noteFlashStore(access)),
      block: (high, low, size) => this.onBlock(high, low, size),
      intercepted: (access) => this.onIntercepted(access),
      maintained: (maintenance) => this.maintenance.execute(maintenance),
      hinted: () => this.onHint(),
    });
    this.translation = new CoreTranslation(this.engine, environment);
    this.maintenance = new CodeMaintenance(this.engine, this.translation, (change) =>
      environment.maintained(this, change),
    );
    this.exceptions = new ExceptionDelivery(this, environment, this.translation, () => {
      // Its return will be an event.
      this.hints.event = true;
      this.debug.exceptionTaken();
    });
    this.debug = new SelfHostedDebug({
      engine: this.engine,
      translation: this.translation,
      memory: environment.memory,
      ticks: () => environment.clock.ticks,
      raise: (exception) => {
        this.trapped = exception;
        this.engine.stop();
      },
      endSlice: () => this.interruptSlice(),
    });
    environment.memory.onChunk((chunk, start, end) => {
      const part =
        start === chunk.base && end === chunk.base + chunk.bytes.length
          ? chunk.bytes
          : chunk.bytes.subarray(start - chunk.base, end - chunk.base);
      this.engine.mapMemory(start, part, 'rwx');
      this.maintenance.lent(start, end);
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
    this.gate = null;
    this.refused = null;
    this.storesAlone = false;
    this.exceptions.reset();
    this.debug.reset();
    this.hints.reset();
    // A core that starts below EL3 finds what firmware would have left: AArch64 all the way down,
    // HVC and SMC enabled, non-secure.
    if (level < 3) {
      engine.setSystemRegister(SYSTEM_REGISTERS.SCR_EL3, 0x531n);
      engine.setSystemRegister(SYSTEM_REGISTERS.HCR_EL2, 1n << 31n);
    }
    engine.setPstate((level << 2) | 1 | (0xf << 6));
    // Any system register write makes the engine notice the new level.
    engine.setSystemRegister(SYSTEM_REGISTERS.SCTLR_EL1, SCTLR_RESET);
    engine.setPc(entry);
  }

  /**
   * The engine announces no block before the first one has ended, and one that raises an exception
   * does not end. Until then the code at PC is read here, up to its first branch.
   */
  private scanUnannounced(): void {
    const pc = this.engine.getPc();
    const [high, low] = [Number(pc >> 32n), Number(BigInt.asUintN(32, pc))];
    const start = this.translation.physicalOfCode(high, low);
    if (start < 0 || low % 4 !== 0) return;
    const most = PAGE_SIZE - (low % PAGE_SIZE);
    let size = 0;
    for (let ended = false; !ended && size < most; size += 4) {
      const instruction = this.environment.readCode(start + size);
      ended = instruction === null || isBranch(instruction);
    }
    this.interceptIn(high, low, size, start);
  }

  /**
   * Between slices. What the core caches of memory is not state: a core that goes on finds it anew.
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
      unknownReported: [...this.unknownReported],
      storesAlone: this.storesAlone,
    };
  }

  /** With memory restored already. @throws EngineError when the registers are another engine's */
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
    this.storesAlone = storesAlone;
    this.engine.importState(registers);
    this.interrupts.restoreState(interrupts);
    this.masksAreWatched = this.engine.watchMasks(interrupts.irq, interrupts.fiq);
    this.hints.restoreState(hints);
    this.exceptions.last = lastException;
    this.exceptions.first = firstException;
    this.debug.restoreState(debug);
    this.unknownReported.clear();
    for (const access of unknownReported) this.unknownReported.add(access);
  }

  /** The first synchronous exception since reset, or null. */
  get firstException(): TakenException | null {
    return this.exceptions.first;
  }

  get level(): number {
    return levelOf(this.engine.getPstate());
  }

  /**
   * A system register by its architectural value: the machine's own registers before the engine's.
   * Undefined when neither has it.
   */
  readSystemRegister(encoding: SystemRegisterEncoding): bigint | undefined {
    if (isDebugRegister(encoding)) return this.debug.read(encoding);
    return this.environment.readSystemRegister(this, encoding) ?? this.engine.getSystemRegister(encoding) ?? undefined;
  }

  /** Writes a system register. False when neither the machine nor the engine has it. */
  writeSystemRegister(encoding: SystemRegisterEncoding, value: bigint): boolean {
    const { environment, engine } = this;
    if (isDebugRegister(encoding)) return this.debug.write(encoding, value);
    if (environment.intercepts(encoding)) {
      if (environment.writeSystemRegister(this, encoding, value)) return true;
      return isMonitorSetting(encoding) && engine.setSystemRegister(encoding, value);
    }
    return engine.setSystemRegister(encoding, value) || environment.writeSystemRegister(this, encoding, value);
  }

  translationRegisters(): TranslationRegisters {
    return this.translation.registers();
  }

  /** The level-by-level walk of `va` in the EL1&0 regime. */
  walk(va: bigint): ReturnType<CoreTranslation['walk']> {
    return this.translation.walk(va);
  }

  /**
   * Another core changed translations or code: what this one caches of them goes before it runs
   * again.
   */
  forget(change: SharedChange): void {
    this.maintenance.forget(change);
  }

  /**
   * Drives the core's interrupt lines. A line that rises ends the slice, so that the interrupt is
   * taken at once.
   */
  setInterruptLines(irq: boolean, fiq: boolean): void {
    this.masksAreWatched = this.engine.watchMasks(irq, fiq);
    if (this.interrupts.set(irq, fiq)) this.interruptSlice();
  }

  /** An interrupt is signalled, masked or not: what wakes the core from WFI. */
  get interruptPending(): boolean {
    return this.interrupts.pending;
  }

  /** An interrupt is signalled and would be taken now. */
  get interruptTakeable(): boolean {
    if (!this.interruptPending) return false;
    const pstate = this.engine.getPstate();
    return levelOf(pstate) <= 1 && this.interrupts.takeable(pstate) !== null;
  }

  /** No interrupt can be taken before the core itself lifts a mask or goes to another level. */
  get interruptsMasked(): boolean {
    const pstate = this.engine.getPstate();
    return levelOf(pstate) > 1 || this.interrupts.allMasked(pstate);
  }

  /**
   * The core goes round for ever without changing anything, unless an interrupt is taken or
   * somebody changes its code.
   */
  get goesRound(): boolean {
    if (this.debug.isActive) return false;
    if (this.exceptions.recurs) return true;
    const word = (address: bigint) => this.translation.instructionAt(address);
    return isClosedLoop(this.engine.getPc(), this.interruptsMasked, word);
  }

  /** Takes the interrupt that is signalled and not masked, if there is one. Between slices only. */
  takeInterrupt(): boolean {
    if (!this.interruptPending) return false;
    const pstate = this.engine.getPstate();
    // Interrupts go to EL1 here; code above it runs with them masked by the level.
    if (levelOf(pstate) > 1) return false;
    const kind = this.interrupts.takeable(pstate);
    if (kind === null) return false;
    this.interrupts.taken();
    this.debug.exceptionTaken();
    this.hints.event = true;
    const returnAddress = this.engine.getPc();
    if (this.environment.traces('irq')) this.environment.emit(this, 'irq', { taken: kind, pc: hex(returnAddress) });
    enterException(this.engine, { kind, targetLevel: 1, returnAddress, esr: null, far: null });
    return true;
  }

  /**
   * How far the core may run while an interrupt waits to be unmasked: to the end of the straight
   * line of code at PC, its last instruction included, where the mask may be lifted; see
   * interrupt-lines.ts. Infinity where the engine watches the masks itself.
   */
  instructionsToUnmask(): number {
    const { engine, environment } = this;
    if (this.masksAreWatched) return Infinity;
    const freeRun = this.interrupts.freeRun();
    if (freeRun !== null) return freeRun;
    const pc = engine.getPc();
    const low = Number(BigInt.asUintN(32, pc));
    const start = this.translation.physicalOfCode(Number(pc >> 32n), low);
    if (start < 0) return 1;
    const most = (PAGE_SIZE - (low % PAGE_SIZE)) / 4;
    for (let i = 0; i < most; i++) {
      const instruction = environment.readCode(start + 4 * i);
      if (instruction === null || isBranchOrSystem(instruction)) return i + 1;
    }
    return Math.max(1, Math.floor(most));
  }

  /**
   * Executes until something happens that the machine must see, or up to the end of the block of
   * code in which `count` instructions end, but no more than `most`: then {@link inBlock} may be
   * true.
   */
  run(count: number, most?: number): CoreStop {
    const { engine, environment } = this;
    this.stopRequested = false;
    this.cutShort = false;
    this.gaveAway = null;
    this.exceptions.isOften = false;
    this.inBlock = false;
    if (this.isFresh) this.scanUnannounced();
    this.maintenance.beginSlice();
    const due = this.debug.beginSlice();
    if (due !== null) {
      this.exceptions.enter('synchronous', due.target, due.esr, due.far, due.pc);
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
              (stepped) => this.happened(stepped),
            );
          }
          return this.storesAlone ? engine.run(1) : engine.runBlocks(count, most);
        },
      );
    } finally {
      this.inSlice = false;
      // The engine would not ask again for a page that it has written to.
      if (this.storesAlone && environment.flashStoresMade()) engine.flushTlb();
      this.storesAlone = false;
    }
    // A guest that steps itself, or was caught by a breakpoint of its own, is where it would be
    // without any stop.
    if (end.kind === 'count') this.isFresh = false;
    this.inBlock = engine.inBlock && !this.debug.steps && this.trapped === null;
    this.virtualMemory.invalidate();
    this.debug.endSlice();
    if (this.misaligned) {
      this.misaligned = false;
      this.cutShort = this.exceptions.takePcAlignment(engine.getPc());
    } else if (this.refused !== null) {
      this.exceptions.takeRefusedAccess(this.refused);
      this.refused = null;
      this.cutShort = true;
    } else if (end.kind === 'unmapped') {
      // A command to flash: the instruction did not complete, and is the next one again.
      if (environment.isFlashStore(end.access)) this.storesAlone = true;
      else this.exceptions.takeUnmapped(end.access);
    } else if (this.trapped !== null) {
      const { pc, esr, far = null, target = synchronousTarget(engine, this.level) } = this.trapped;
      this.trapped = null;
      this.cutShort = true;
      this.exceptions.enter('synchronous', target, esr, far, pc);
    }
    const { lockup } = this.exceptions;
    if (lockup !== null) return { kind: 'lockup', reason: lockup };
    if (this.gate !== null) {
      const immediate = this.gate;
      this.gate = null;
      return { kind: 'gate', immediate };
    }
    if (this.stopRequested) return { kind: 'stopped' };
    if (this.exceptions.isOften) return { kind: 'recurring' };
    if (this.gaveAway !== null) return { kind: this.gaveAway };
    if (end.kind !== 'stopped' || this.cutShort) return { kind: 'count' };
    this.interrupts.waited();
    return { kind: 'wfi' };
  }

  /** The instruction of a slice of one was executed: no exception is to be taken in its place. */
  private happened(end: SliceEnd): boolean {
    return end.kind !== 'unmapped' && this.trapped === null && this.refused === null && !this.misaligned;
  }

  /** Ends the running slice; `run` returns 'stopped'. */
  stop(): void {
    this.stopRequested = true;
    this.engine.stop();
  }

  /** Ends the running slice early without a reason of its own; `run` returns 'count'. */
  interruptSlice(): void {
    if (!this.inSlice) return;
    this.cutShort = true;
    this.engine.stop();
  }

  /**
   * Time has moved on by `ticks` that were not executed: the running slice ends as much earlier.
   */
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

  private onException(number: number): void {
    this.serveException(number);
    if (this.isFresh) this.scanUnannounced();
  }

  private serveException(number: number): void {
    const { engine, environment } = this;
    const pc = engine.getPc();
    if (CALLS.has(number)) this.debug.callCompletes();
    switch (number) {
      case ENGINE_EXCEPTION.undefined:
        if (!this.exceptions.takePcAlignment(pc)) this.onUndefined(pc);
        return;
      case ENGINE_EXCEPTION.hypervisorCall:
      case ENGINE_EXCEPTION.secureMonitorCall: {
        const conduit = number === ENGINE_EXCEPTION.hypervisorCall ? 'hvc' : 'smc';
        // An HVC or SMC that nobody serves is undefined at the instruction itself; the engine's PC
        // is already behind it.
        if (!environment.firmwareCall(this, conduit)) {
          this.exceptions.enter(
            'synchronous',
            synchronousTarget(engine, this.level),
            undefinedSyndrome(),
            null,
            pc - 4n,
          );
        }
        return;
      }
      case ENGINE_EXCEPTION.prefetchAbort:
      case ENGINE_EXCEPTION.dataAbort: {
        if (number === ENGINE_EXCEPTION.prefetchAbort && this.exceptions.takePcAlignment(pc)) return;
        const { esr, far, targetLevel } = engine.syndrome();
        if (isTranslationFault(esr) && this.exceptions.takeLostTable(esr, far, pc)) return;
        this.exceptions.enter('synchronous', asTarget(targetLevel), esr, far, pc);
        return;
      }
      default: {
        const { esr, targetLevel } = engine.syndrome();
        this.exceptions.enter('synchronous', asTarget(targetLevel), esr, null, pc);
      }
    }
  }

  /** Reads a new block and asks the engine for the instructions in it that the machine must see. */
  private onBlock(high: number, low: number, size: number): boolean {
    const { engine } = this;
    this.isFresh = false;
    if (low % 4 !== 0) {
      // It must not run; the next time it is translated anew, which calls here again.
      this.misaligned = true;
      engine.stop();
      return true;
    }
    const start = this.translation.physicalOfCode(high, low);
    if (start < 0) return false;
    return this.interceptIn(high, low, size, start);
  }

  /**
   * Asks the engine for the instructions in a block at `high`:`low`, physical `start`, that the
   * machine must see. True when some are new.
   */
  private interceptIn(high: number, low: number, size: number, start: number): boolean {
    const { engine, environment } = this;
    const moves = findMoves(
      size / 4,
      (index) => environment.readCode(start + 4 * index),
      (encoding) => isDebugRegister(encoding) || environment.intercepts(encoding),
    );
    if (moves === null) return false;
    let added = false;
    for (const { offset, kind } of moves) {
      const key = `${kind} ${high} ${low + offset}`;
      if (this.interceptedAt.has(key)) continue;
      this.interceptedAt.add(key);
      engine.intercept((BigInt(high) << 32n) + BigInt(low + offset), kind);
      added = true;
    }
    return added;
  }

  private onIntercepted({ read, encoding, rt }: InterceptedAccess): boolean {
    const { engine, environment } = this;
    // Another instruction may stand at an address that was intercepted once.
    const isDebug = isDebugRegister(encoding);
    if (!isDebug && !environment.intercepts(encoding)) return false;
    // Nothing is skipped that the engine has translated as undefined: it has no code behind such an
    // instruction to go on with. It comes as an exception.
    if (
      !this.mayAccess(encoding, read) ||
      !(this.engineHas(encoding) || isOsLock(encoding) || (!read && isSoftwareIncrement(encoding)))
    ) {
      return false;
    }
    if (isDebug) return this.onDebugRegister(encoding, read, rt);
    if (this.level === 0 && !environment.allowedAtEl0(this, encoding, read)) {
      this.trapped = { pc: engine.getPc(), esr: systemRegisterSyndrome(encoding, rt, read) };
      engine.abandon();
      return true;
    }
    if (!read && this.level < HIGHEST_LEVEL && isCounterFrequency(encoding)) {
      this.trapped = { pc: engine.getPc(), esr: undefinedSyndrome() };
      engine.abandon();
      return true;
    }
    if (!read) return environment.writeSystemRegister(this, encoding, rt === 31 ? 0n : engine.getX(rt));
    const value = environment.readSystemRegister(this, encoding);
    if (value === undefined) return false;
    if (rt !== 31) engine.setX(rt, value);
    return true;
  }

  private onDebugRegister(encoding: SystemRegisterEncoding, read: boolean, rt: number): boolean {
    const { engine, debug } = this;
    if (!read) return debug.write(encoding, rt === 31 ? 0n : engine.getX(rt));
    const value = debug.read(encoding);
    if (value === undefined) return false;
    if (rt !== 31) engine.setX(rt, value);
    return true;
  }

  /** True unless code at the current level finds the access undefined whatever is configured. */
  private mayAccess(encoding: SystemRegisterEncoding, read: boolean): boolean {
    const { level } = this;
    if (level < leastLevel(encoding)) return false;
    return read || level > 0 || !isReadOnlyAtEl0(encoding);
  }

  /** True when the engine knows the register. */
  private engineHas(encoding: SystemRegisterEncoding): boolean {
    const key = systemRegisterNumber(encoding);
    let known = this.known.get(key);
    if (known === undefined) {
      known = this.engine.getSystemRegister(encoding) !== null;
      this.known.set(key, known);
    }
    return known;
  }

  private onHint(): void {
    const { engine, environment, hints } = this;
    const pc = engine.getPc();
    const at = this.translation.physicalOfCode(Number(pc >> 32n), Number(BigInt.asUintN(32, pc)));
    const instruction = at < 0 ? null : environment.readCode(at);
    // Another instruction may stand at an address that was intercepted once.
    const hint = instruction === null ? null : waitHint(instruction);
    if (hint === null) return;
    if (hint === 'sev') {
      environment.eventSent();
      return;
    }
    const turn = hints.meet(hint, () => environment.othersRun(this), this.interruptPending);
    if (turn === null) return;
    if (hint === 'wfe' && this.level === 0 && this.trapsWaitsOfEl0()) {
      this.trapped = { pc, esr: waitTrapSyndrome() };
    } else {
      this.gaveAway = turn;
    }
    engine.stop();
  }

  /** An event for a core that may wait in WFE. */
  wakeFromWfe(): void {
    this.hints.event = true;
  }

  /** SCTLR_EL1.nTWE is clear. */
  private trapsWaitsOfEl0(): boolean {
    return ((this.engine.getSystemRegister(SYSTEM_REGISTERS.SCTLR_EL1) ?? 0n) & SCTLR_NTWE) === 0n;
  }

  private onUndefined(pc: bigint): void {
    const { engine, environment } = this;
    const { esr, targetLevel } = engine.syndrome();
    // Whatever stands there: it is the state that is illegal.
    const instruction =
      exceptionClass(esr) === EXCEPTION_CLASS.illegalState ? null : this.translation.instructionAt(pc);
    if (instruction !== null) {
      const immediate = haltImmediate(instruction);
      if (immediate !== null && environment.isGate(immediate)) {
        this.gate = immediate;
        engine.setPc(pc + 4n);
        engine.stop();
        return;
      }
      // With another class the engine knows the register and traps it.
      if (exceptionClass(esr) === EXCEPTION_CLASS.unknown && this.emulateSystemRegister(instruction)) {
        engine.setPc(pc + 4n);
        return;
      }
      if (isInterruptMaskChange(instruction)) {
        // SCTLR_EL1.UMA is clear; the engine leaves the syndrome empty.
        this.exceptions.enter('synchronous', asTarget(targetLevel), interruptMaskTrapSyndrome(instruction), null, pc);
        return;
      }
    }
    this.exceptions.enter('synchronous', asTarget(targetLevel), withoutCoprocessor(esr), null, pc);
  }

  private emulateSystemRegister(instruction: number): boolean {
    const { engine, environment } = this;
    const move = systemRegisterMove(instruction);
    if (move === null || !this.mayAccess(move.encoding, move.read)) return false;
    if (!move.read && this.level < HIGHEST_LEVEL && isCounterFrequency(move.encoding)) return false;
    if (move.read) {
      const value = environment.readSystemRegister(this, move.encoding);
      if (value !== undefined) {
        if (move.rt !== 31) engine.setX(move.rt, value);
        return true;
      }
    } else if (environment.writeSystemRegister(this, move.encoding, move.rt === 31 ? 0n : engine.getX(move.rt))) {
      return true;
    }
    const register = systemRegisterName(move.encoding);
    const access = move.read ? 'read' : 'write';
    if (this.unknownReported.has(`${access} ${register}`)) return false;
    this.unknownReported.add(`${access} ${register}`);
    environment.emit(this, 'sysreg-unknown', {
      register,
      access,
      pc: hex(engine.getPc()),
    });
    return false;
  }

  private onBus<T>(address: number, write: boolean, access: () => T): T | null {
    // The rest of an instruction whose first access was refused: it will not have happened.
    if (this.refused !== null) return null;
    try {
      return access();
    } catch (error) {
      if (!(error instanceof BusAccessAbort)) throw error;
      this.exceptions.reportRefused(error, this.engine.getPc());
      this.refused = { write, address };
      this.engine.abandon();
      return null;
    }
  }
}

/** CNTFRQ_EL0 can be written at the highest exception level only (Arm ARM D24.10.1). */
const isCounterFrequency = ([, op1, crn, crm, op2]: SystemRegisterEncoding): boolean =>
  op1 === OP1_EL0 && crn === 14 && crm === 0 && op2 === 0;

/** The counters and their frequency are read-only at EL0 (Arm ARM D24.10). */
const isReadOnlyAtEl0 = ([, op1, crn, crm]: SystemRegisterEncoding): boolean =>
  op1 === OP1_EL0 && crn === 14 && crm === 0;

const asTarget = (level: number): 1 | 2 | 3 => (level === 3 ? 3 : level === 2 ? 2 : 1);

/** Cores around engines that `open` makes. */
export function engineCores(open: (callbacks: EngineCallbacks) => CpuEngine): CoreFactory {
  return {
    allocate: (bytes) => new Uint8Array(bytes),
    open: (index, mpidr, environment) => new Core(index, mpidr, environment, open),
  };
}
