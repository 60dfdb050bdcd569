/**
 * A machine: cores, memory, bus, devices and simulated time, wired together. It knows silicon and no kernel.
 *
 *     run(limits) ─► slice of a core ─► WFI? gate? power? limit? ─► next slice, or back to the caller with the reason
 *
 * Gates are how code in TypeScript takes part: an instruction that the machine was told to hand over. What they mean is the caller's.
 *
 * Owns: the order of slices, power, the map of physical memory. Does not own: the contents of memory at reset (the loader's), the meaning of a
 * panic or of a serial line.
 */

import { alignDown, alignUp, PAGE_SIZE } from './address.ts';
import { Bus } from './bus/bus.ts';
import type { Device } from './bus/device.ts';
import { Clock } from './clock.ts';
import { Core, type CoreEnvironment } from './cpu/core.ts';
import type { CpuEngine, EngineCallbacks } from './engine/engine.ts';
import { SYSTEM_REGISTERS, type SystemRegisterEncoding } from './engine/system-registers.ts';
import { EventLog } from './events/event-log.ts';
import type { EventKind } from './events/event-kinds.ts';
import { type MemoryBank, PhysicalMemory } from './memory/physical-memory.ts';
import { answerPsci, psciName } from './psci/psci.ts';

/** A device at [base, base + size). */
export interface MachineDevice {
  readonly name: string;
  readonly base: number;
  readonly size: number;
  readonly device: Device;
  /** False for a range that nothing answers and that only has a name: it is not worth routing. */
  readonly answers: boolean;
}

/** Memory outside the banks that the core can execute: `rx` is read-only (flash, boot ROM), `rwx` is SRAM. */
export interface FixedMemory {
  readonly name: string;
  readonly base: number;
  readonly size: number;
  readonly access: 'rx' | 'rwx';
  /** First bytes; the rest is zero. */
  readonly bytes: Uint8Array;
}

export interface MachineOptions {
  readonly banks: readonly MemoryBank[];
  readonly fixedMemory: readonly FixedMemory[];
  /** MPIDR_EL1 of each core, the boot core first. */
  readonly mpidrs: readonly number[];
  readonly midrs: readonly number[];
  /** Instructions a second of simulated time. */
  readonly instructionsPerSecond: number;
  /** Frequency of the generic timer's counter, Hz. */
  readonly counterFrequencyHz: number;
  /** The instruction by which PSCI is called. */
  readonly psciConduit: 'hvc' | 'smc';
  /** True when the GIC's CPU interface is in system registers. */
  readonly gicSystemRegisters: boolean;
  /** Makes the engine of a core. */
  readonly openEngine: (callbacks: EngineCallbacks) => CpuEngine;
  /** Loud event kinds to keep. */
  readonly trace?: readonly EventKind[];
}

/** The TypeScript side of a guest: which HLT immediates it owns and what they do. */
export interface GateHandler {
  owns(immediate: number): boolean;
  /** Called with the core stopped behind the gate instruction. */
  enter(immediate: number, core: Core): void;
}

/** Bounds of a run, each optional. */
export interface RunLimits {
  /** Simulated nanoseconds since reset. */
  readonly untilNs?: number;
  /** Instructions since reset. */
  readonly maxInstructions?: number;
}

/** Why `run` came back. */
export type MachineStop =
  | { readonly kind: 'power off' }
  | { readonly kind: 'reset' }
  /** Every core sleeps and nothing that could wake one is pending. */
  | { readonly kind: 'idle' }
  | { readonly kind: 'limit'; readonly limit: 'time' | 'instructions' }
  | { readonly kind: 'lockup'; readonly reason: string }
  /** `stop()` was called. */
  | { readonly kind: 'stopped' };

/** Most instructions in one slice: bounds how long `run` goes without looking at the world. */
const SLICE = 1_000_000;

export class Machine {
  readonly memory: PhysicalMemory;
  readonly bus = new Bus();
  readonly clock: Clock;
  readonly events: EventLog;
  readonly cores: readonly Core[];
  readonly fixedMemory: readonly FixedMemory[];
  private readonly options: MachineOptions;
  private gates: GateHandler | null = null;
  private pending: MachineStop | null = null;
  private running = 0;

  constructor(options: MachineOptions) {
    this.options = options;
    this.memory = new PhysicalMemory(options.banks);
    this.clock = new Clock(options.instructionsPerSecond);
    this.events = new EventLog({
      now: () => this.clock.nowNs,
      core: () => this.running,
      ...(options.trace === undefined ? {} : { trace: options.trace }),
    });
    this.fixedMemory = options.fixedMemory.map((memory) => ({
      ...memory,
      bytes: paddedTo(memory.bytes, alignUp(memory.size, PAGE_SIZE)),
    }));
    const environment = this.environment();
    this.cores = options.mpidrs
      .slice(0, 1)
      .map((mpidr, index) => new Core(index, mpidr, environment, options.openEngine));
    for (const { base, bytes, access } of this.fixedMemory) {
      for (const core of this.cores) core.engine.mapMemory(base, bytes, access);
    }
  }

  /** The boot core. */
  get bootCore(): Core {
    return this.cores[0] as Core;
  }

  /**
   * Places the devices on the bus and routes their pages to it.
   * @throws BusOverlapError, BusRangeError
   */
  attach(devices: readonly MachineDevice[]): void {
    for (const device of devices) this.bus.attach(device);
    for (const [start, end] of pagesOf(devices.filter(({ answers }) => answers))) {
      for (const core of this.cores) core.mapBus(start, end - start);
    }
  }

  /** Hands the gates of the guest to `handler`. */
  setGates(handler: GateHandler): void {
    this.gates = handler;
  }

  /** Devices to their reset values, the boot core to EL3 at `entry`. Memory keeps its contents. */
  reset(entry: number): void {
    this.bus.reset();
    this.bootCore.reset(BigInt(entry), 3);
    this.pending = null;
  }

  /** Ends the current run as soon as the instruction or gate in progress is done. */
  stop(): void {
    this.request({ kind: 'stopped' });
  }

  /** Executes until a limit or something that the caller must decide. */
  run(limits: RunLimits = {}): MachineStop {
    const { clock, bootCore: core } = this;
    const endTicks = limits.untilNs === undefined ? Infinity : clock.ticksFor(limits.untilNs);
    const endInstructions = limits.maxInstructions ?? Infinity;
    for (;;) {
      const pending = this.pending;
      if (pending !== null) {
        this.pending = null;
        return pending;
      }
      if (clock.instructions >= endInstructions) return { kind: 'limit', limit: 'instructions' };
      if (clock.ticks >= endTicks) return { kind: 'limit', limit: 'time' };
      this.running = core.index;
      const budget = Math.min(SLICE, endInstructions - clock.instructions, Math.ceil(endTicks - clock.ticks));
      const stop = core.run(budget);
      switch (stop.kind) {
        case 'gate':
          this.gates?.enter(stop.immediate, core);
          break;
        case 'wfi':
          // Nothing on this machine raises interrupts while no core runs, so a sleeping core sleeps for good.
          return this.pending ?? { kind: 'idle' };
        case 'lockup':
          return { kind: 'lockup', reason: stop.reason };
        case 'count':
        case 'stopped':
          break;
      }
    }
  }

  /** A PSCI or SMCCC call as firmware would answer it; power calls take effect when the current slice ends. */
  firmwareCall(functionId: number, argument: bigint): bigint {
    const answer = answerPsci(functionId, argument);
    if (this.events.enabled('psci')) {
      this.events.emit('psci', { function: psciName(functionId), argument, result: answer.result });
    }
    if (answer.power !== undefined) {
      this.events.emit('power', { action: answer.power });
      this.request({ kind: answer.power === 'off' ? 'power off' : 'reset' });
    }
    return BigInt.asUintN(64, answer.result);
  }

  /** Frees the engines. The machine cannot run afterwards; its memory and events can be read. */
  close(): void {
    for (const core of this.cores) core.engine.close();
  }

  private request(stop: MachineStop): void {
    this.pending ??= stop;
    for (const core of this.cores) core.stop();
  }

  private environment(): CoreEnvironment {
    return {
      memory: this.memory,
      bus: this.bus,
      clock: this.clock,
      readCode: (address) => this.readCode(address),
      isGate: (immediate) => this.gates?.owns(immediate) ?? false,
      firmwareCall: (core, conduit) => {
        if (conduit !== this.options.psciConduit) return false;
        const functionId = Number(BigInt.asUintN(32, core.engine.getX(0)));
        core.engine.setX(0, this.firmwareCall(functionId, core.engine.getX(1)));
        return true;
      },
      readSystemRegister: (core, encoding) => this.readSystemRegister(core, encoding),
      writeSystemRegister: (_core, encoding) => this.isGicEnable(encoding),
      emit: (_core, kind, fields) => this.events.emit(kind, fields),
      traces: (kind) => this.events.enabled(kind),
    };
  }

  private readCode(address: number): number | null {
    if (this.memory.contains(address, 4)) return this.memory.read32(address);
    const fixed = this.fixedMemory.find(({ base, size }) => address >= base && address + 4 <= base + size);
    if (fixed === undefined) return null;
    return new DataView(fixed.bytes.buffer, fixed.bytes.byteOffset).getUint32(address - fixed.base, true);
  }

  private readSystemRegister(core: Core, encoding: SystemRegisterEncoding): bigint | undefined {
    const is = (name: keyof typeof SYSTEM_REGISTERS) => SYSTEM_REGISTERS[name].every((part, i) => part === encoding[i]);
    if (is('MPIDR_EL1')) return BigInt(core.mpidr);
    if (is('MIDR_EL1')) return BigInt(this.options.midrs[core.index] ?? 0);
    if (is('CNTPCT_EL0') || is('CNTVCT_EL0')) return this.clock.counter(this.options.counterFrequencyHz);
    // SRE, DFB and DIB read as one: system registers are the only way to this CPU interface (GICv3, IHI 0069, 12.2.23).
    if (this.isGicEnable(encoding)) return 7n;
    return undefined;
  }

  /** ICC_SRE_EL1, EL2 and EL3 exist where the GIC's CPU interface is in system registers; their bits are fixed. */
  private isGicEnable(encoding: SystemRegisterEncoding): boolean {
    return (
      this.options.gicSystemRegisters &&
      (['ICC_SRE_EL1', 'ICC_SRE_EL2', 'ICC_SRE_EL3'] as const).some((name) =>
        SYSTEM_REGISTERS[name].every((part, i) => part === encoding[i]),
      )
    );
  }
}

/** Runs of whole pages that hold the devices, ascending: devices may share a page. */
function pagesOf(devices: readonly MachineDevice[]): [start: number, end: number][] {
  const runs: [number, number][] = [];
  for (const { base, size } of [...devices].sort((a, b) => a.base - b.base)) {
    const start = alignDown(base, PAGE_SIZE);
    const end = alignUp(base + size, PAGE_SIZE);
    const last = runs.at(-1);
    if (last !== undefined && start <= last[1]) last[1] = Math.max(last[1], end);
    else runs.push([start, end]);
  }
  return runs;
}

function paddedTo(bytes: Uint8Array, length: number): Uint8Array {
  const padded = new Uint8Array(length);
  padded.set(bytes.subarray(0, length));
  return padded;
}
