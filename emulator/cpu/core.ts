/**
 * One AArch64 core: the engine, and what the architecture does around it.
 *
 *     run(n) ─► engine slice ─┬─ exception ─► gate? system register? firmware call? ─► else the vector of the level it belongs to
 *                             ├─ nothing at a physical address ─► synchronous external abort
 *                             └─ WFI, stop, count ─► back to the machine
 *
 * Owns: exception routing and entry, emulated system registers, the core's view of memory. Does not own: time, devices, the meaning of
 * a gate or a firmware call, which the machine supplies.
 *
 * Specification: Arm ARM DDI 0487 K.a, D1.3 (exceptions); SMC Calling Convention, Arm DEN 0028, for HVC and SMC.
 */

import { hex } from '../address.ts';
import { BusAccessAbort } from '../bus/bus-errors.ts';
import type { Bus } from '../bus/bus.ts';
import type { Clock } from '../clock.ts';
import {
  type CpuEngine,
  type DeviceWindow,
  ENGINE_EXCEPTION,
  type EngineCallbacks,
  type EngineState,
  type UnmappedAccess,
} from '../engine/engine.ts';
import { SYSTEM_REGISTERS, type SystemRegisterEncoding, systemRegisterName } from '../engine/system-registers.ts';
import type { PhysicalMemory } from '../memory/physical-memory.ts';
import { enterException, levelOf, type VectorKind } from './exception-entry.ts';
import { accessAddress, haltImmediate, systemRegisterMove } from './instruction.ts';
import { dataAbortSyndrome, EXTERNAL_ABORT_STATUS, instructionAbortSyndrome, undefinedSyndrome } from './syndrome.ts';
import { type TranslationRegisters, walk } from './translate.ts';
import { VirtualMemory } from './virtual-memory.ts';

/** Physical address bits of the modelled cores: ID_AA64MMFR0_EL1.PARange of a Cortex-A72. */
const PHYSICAL_BITS = 44;

/** What the machine decides for a core. */
export interface CoreEnvironment {
  readonly memory: PhysicalMemory;
  readonly bus: Bus;
  readonly clock: Clock;
  /** The instruction word at a physical address in RAM or ROM, or null. */
  readCode(address: number): number | null;
  /** True when `HLT #immediate` is a gate of the guest that runs. */
  isGate(immediate: number): boolean;
  /** HVC or SMC: returns false when this machine's firmware does not listen there, which makes the instruction undefined. */
  firmwareCall(core: Core, conduit: 'hvc' | 'smc'): boolean;
  /** A system register that the engine lacks: its value, or undefined when the machine lacks it too. */
  readSystemRegister(core: Core, encoding: SystemRegisterEncoding): bigint | undefined;
  /** Returns false when the machine has no such register. */
  writeSystemRegister(core: Core, encoding: SystemRegisterEncoding, value: bigint): boolean;
  /** Reports an event of the core. */
  emit(core: Core, kind: string, fields: Readonly<Record<string, unknown>>): void;
  /** True when events of this kind are wanted. */
  traces(kind: string): boolean;
}

/** Why `run` came back. */
export type CoreStop =
  | { readonly kind: 'count' }
  | { readonly kind: 'wfi' }
  | { readonly kind: 'gate'; readonly immediate: number }
  /** The core can make no more progress: it faults on the first instruction of its own vector. */
  | { readonly kind: 'lockup'; readonly reason: string }
  /** The machine called `engine.stop()`. */
  | { readonly kind: 'stopped' };

/** A physical access that the bus refused, seen from the instruction that made it. */
interface RefusedAccess {
  readonly state: EngineState;
  readonly write: boolean;
}

export class Core {
  readonly index: number;
  /** Affinity fields of MPIDR_EL1. */
  readonly mpidr: number;
  readonly engine: CpuEngine;
  /** Memory as EL1 code on this core sees it, for code in TypeScript. */
  readonly virtualMemory: VirtualMemory;
  private readonly environment: CoreEnvironment;
  private gate: number | null = null;
  private refused: RefusedAccess | null = null;
  private stopRequested = false;
  /** Vector entered last and the instruction count at that moment: a fault there at once is a lockup. */
  private lastVector: { address: bigint; executed: number } | null = null;
  private lockup: string | null = null;

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
      unmapped: (access) => environment.memory.touch(access.address) !== null,
    });
    environment.memory.onChunk((chunk, start, end) => {
      const part =
        start === chunk.base && end === chunk.base + chunk.bytes.length
          ? chunk.bytes
          : chunk.bytes.subarray(start - chunk.base, end - chunk.base);
      this.engine.mapMemory(start, part, 'rwx');
    });
    this.virtualMemory = new VirtualMemory({
      memory: environment.memory,
      bus: environment.bus,
      clock: environment.clock,
      physicalBits: PHYSICAL_BITS,
      registers: () => this.translationRegisters(),
      refused: (abort) => this.reportRefused(abort, this.engine.getPc()),
    });
  }

  /** Routes whole pages [base, base + size) to the bus. */
  mapBus(base: number, size: number): void {
    const { bus } = this.environment;
    const window: DeviceWindow = {
      read: (address, width) =>
        this.onBus(false, () => (width === 8 ? bus.read64(address) : BigInt(bus.read(address, width as 1 | 2 | 4)))) ??
        0n,
      write: (address, width, value) => {
        this.onBus(true, () => {
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
    engine.setPstate((level << 2) | 1 | (0xf << 6));
    // Any system register write makes the engine notice the new level.
    engine.setSystemRegister(SYSTEM_REGISTERS.SCTLR_EL1, 0x30d0_0800n);
    engine.setPc(entry);
  }

  get level(): number {
    return levelOf(this.engine.getPstate());
  }

  /** A system register by its architectural value: the machine's own registers before the engine's. Undefined when neither has it. */
  readSystemRegister(encoding: SystemRegisterEncoding): bigint | undefined {
    return this.environment.readSystemRegister(this, encoding) ?? this.engine.getSystemRegister(encoding) ?? undefined;
  }

  translationRegisters(): TranslationRegisters {
    const get = (name: 'SCTLR_EL1' | 'TCR_EL1' | 'TTBR0_EL1' | 'TTBR1_EL1') =>
      this.engine.getSystemRegister(SYSTEM_REGISTERS[name]) ?? 0n;
    return { sctlr: get('SCTLR_EL1'), tcr: get('TCR_EL1'), ttbr0: get('TTBR0_EL1'), ttbr1: get('TTBR1_EL1') };
  }

  /** The level-by-level walk of `va` in the EL1&0 regime. */
  walk(va: bigint): ReturnType<typeof walk> {
    const { memory } = this.environment;
    return walk(
      va,
      this.translationRegisters(),
      (address) => (memory.contains(address, 8) ? memory.read64(address) : null),
      PHYSICAL_BITS,
    );
  }

  /** Executes until something happens that the machine must see, at most `count` instructions. */
  run(count: number): CoreStop {
    const { engine, environment } = this;
    this.stopRequested = false;
    const end = environment.clock.during(
      () => engine.executed,
      () => engine.run(count),
    );
    this.virtualMemory.invalidate();
    if (this.refused !== null) this.takeRefusedAccess(this.refused);
    else if (end.kind === 'unmapped') this.takeUnmapped(end.access);
    if (this.lockup !== null) return { kind: 'lockup', reason: this.lockup };
    if (this.gate !== null) {
      const immediate = this.gate;
      this.gate = null;
      return { kind: 'gate', immediate };
    }
    if (this.stopRequested) return { kind: 'stopped' };
    return end.kind === 'stopped' && engine.executed < count ? { kind: 'wfi' } : { kind: 'count' };
  }

  /** Ends the running slice; `run` returns 'stopped'. */
  stop(): void {
    this.stopRequested = true;
    this.engine.stop();
  }

  /** Makes the core take a synchronous exception at its current PC, as if the instruction there had faulted with this syndrome. */
  raiseSynchronous(esr: number, far: bigint | null): void {
    this.enter('synchronous', 1, esr, far, this.engine.getPc());
  }

  private onException(number: number): void {
    const { engine, environment } = this;
    const pc = engine.getPc();
    switch (number) {
      case ENGINE_EXCEPTION.undefined:
        this.onUndefined(pc);
        return;
      case ENGINE_EXCEPTION.hypervisorCall:
      case ENGINE_EXCEPTION.secureMonitorCall: {
        const conduit = number === ENGINE_EXCEPTION.hypervisorCall ? 'hvc' : 'smc';
        // An HVC or SMC that nobody serves is undefined at the instruction itself; the engine's PC is already behind it.
        if (!environment.firmwareCall(this, conduit)) this.enter('synchronous', 1, undefinedSyndrome(), null, pc - 4n);
        return;
      }
      case ENGINE_EXCEPTION.prefetchAbort:
      case ENGINE_EXCEPTION.dataAbort: {
        const { esr, far, targetLevel } = engine.syndrome();
        this.enter('synchronous', asTarget(targetLevel), esr, far, pc);
        return;
      }
      default: {
        const { esr, targetLevel } = engine.syndrome();
        this.enter('synchronous', asTarget(targetLevel), esr, null, pc);
      }
    }
  }

  private onUndefined(pc: bigint): void {
    const { engine, environment } = this;
    const instruction = this.instructionAt(pc);
    if (instruction !== null) {
      const immediate = haltImmediate(instruction);
      if (immediate !== null && environment.isGate(immediate)) {
        this.gate = immediate;
        engine.setPc(pc + 4n);
        engine.stop();
        return;
      }
      if (this.emulateSystemRegister(instruction)) {
        engine.setPc(pc + 4n);
        return;
      }
    }
    const { esr, targetLevel } = engine.syndrome();
    this.enter('synchronous', asTarget(targetLevel), esr, null, pc);
  }

  private emulateSystemRegister(instruction: number): boolean {
    const { engine, environment } = this;
    const move = systemRegisterMove(instruction);
    if (move === null) return false;
    if (move.read) {
      const value = environment.readSystemRegister(this, move.encoding);
      if (value !== undefined) {
        if (move.rt !== 31) engine.setX(move.rt, value);
        return true;
      }
    } else if (environment.writeSystemRegister(this, move.encoding, move.rt === 31 ? 0n : engine.getX(move.rt))) {
      return true;
    }
    environment.emit(this, 'sysreg-unknown', {
      register: systemRegisterName(move.encoding),
      access: move.read ? 'read' : 'write',
      pc: engine.getPc(),
    });
    return false;
  }

  private enter(
    kind: VectorKind,
    targetLevel: 1 | 2 | 3,
    esr: number,
    far: bigint | null,
    returnAddress: bigint,
  ): void {
    const { engine, environment } = this;
    const last = this.lastVector;
    if (last !== null && last.address === returnAddress && environment.clock.ticks - last.executed <= 1) {
      this.lockup = `core ${this.index} cannot execute its own exception vector at 0x${returnAddress.toString(16)}`;
      engine.stop();
      return;
    }
    if (environment.traces('exception')) {
      environment.emit(this, 'exception', { level: targetLevel, esr, far, pc: returnAddress, from: this.level });
    }
    const vector = enterException(engine, { kind, targetLevel, returnAddress, esr, far });
    this.lastVector = { address: vector, executed: environment.clock.ticks };
  }

  /** Nothing is mapped at a physical address: an external abort at the instruction. */
  private takeUnmapped(access: UnmappedAccess): void {
    const pc = this.engine.getPc();
    this.environment.emit(this, 'unmapped', {
      device: this.environment.bus.describe(access.address),
      reason: 'unmapped',
      access: access.type,
      address: hex(access.address),
      width: access.size,
      ...(access.type === 'write' ? { value: hex(access.value) } : {}),
      pc,
    });
    this.takeExternalAbort(access.type, pc);
  }

  private takeRefusedAccess(refused: RefusedAccess): void {
    this.refused = null;
    this.engine.restoreState(refused.state);
    this.takeExternalAbort(refused.write ? 'write' : 'read', this.engine.getPc());
  }

  private takeExternalAbort(type: UnmappedAccess['type'], pc: bigint): void {
    const lower = this.level === 0;
    const target = this.level === 3 ? 3 : this.level === 2 ? 2 : 1;
    if (type === 'fetch') {
      this.enter('synchronous', target, instructionAbortSyndrome({ status: EXTERNAL_ABORT_STATUS, lower }), pc, pc);
      return;
    }
    const instruction = this.instructionAt(pc);
    const far =
      instruction === null
        ? null
        : accessAddress(instruction, pc, (index) => (index === 31 ? this.engine.getSp() : this.engine.getX(index)));
    const esr = dataAbortSyndrome({
      status: EXTERNAL_ABORT_STATUS,
      write: type === 'write',
      lower,
      farNotValid: far === null,
    });
    this.enter('synchronous', target, esr, far, pc);
  }

  /** The word at `pc` through the live translation, or null when it cannot be read. */
  private instructionAt(pc: bigint): number | null {
    if (this.level > 1) return this.environment.readCode(Number(pc));
    const found = this.walk(pc);
    return found.ok ? this.environment.readCode(found.pa) : null;
  }

  private onBus<T>(write: boolean, access: () => T): T | null {
    try {
      return access();
    } catch (error) {
      if (!(error instanceof BusAccessAbort)) throw error;
      this.reportRefused(error, this.engine.getPc());
      // The instruction completes inside the engine; its effects are undone by going back to the registers it started with.
      this.refused = { state: this.engine.saveState(), write };
      this.engine.stop();
      return null;
    }
  }

  private reportRefused(abort: BusAccessAbort, pc: bigint): void {
    this.environment.emit(this, 'unmapped', { ...abort.toEventFields(), pc });
  }
}

const asTarget = (level: number): 1 | 2 | 3 => (level === 3 ? 3 : level === 2 ? 2 : 1);
