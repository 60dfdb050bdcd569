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
import type { CpuEngine, EngineCallbacks, UnmappedAccess } from './engine/engine.ts';
import { type SystemRegisterEncoding, systemRegisterName } from './engine/system-registers.ts';
import { EventLog } from './events/event-log.ts';
import type { EventKind } from './events/event-kinds.ts';
import { type MemoryBank, PhysicalMemory } from './memory/physical-memory.ts';
import { answerPsci, PSCI, psciName, PSCI_RESULT } from './psci/psci.ts';
import { Scheduler, type ScheduledEvent } from './scheduler.ts';
import { GenericTimer } from './timer/generic-timer.ts';

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

/** Flash: memory while it is read, a device while it is commanded (devices/cfi-flash.ts). */
interface Flash {
  readonly memory: FixedMemory;
  mappedAs: 'memory' | 'device';
  /** It is in array mode again: to be mapped as memory before the next slice. */
  returning: boolean;
}

/** The TypeScript side of a guest: which HLT immediates it owns and what they do. */
export interface GateHandler {
  owns(immediate: number): boolean;
  /** Called with the core stopped behind the gate instruction. */
  enter(immediate: number, core: Core): void;
}

/** The interrupt controller as the machine uses it; devices/gic/ has two. */
export interface MachineInterrupts {
  setSpi(intid: number, level: boolean): void;
  setPpi(cpu: number, intid: number, level: boolean): void;
  /** True when core `cpu`, waiting, has a reason to wake. */
  pendingFor(cpu: number): boolean;
  /** Core `cpu` starts again: its CPU interface is in its reset state. */
  resetCpu?(cpu: number): void;
  /** The CPU interface in system registers, where there is one. */
  readSystemRegister?(cpu: number, encoding: SystemRegisterEncoding): bigint | undefined;
  writeSystemRegister?(cpu: number, encoding: SystemRegisterEncoding, value: bigint): boolean;
}

/** A core that the board has. Its engine is made when it is first turned on. */
interface CoreSlot {
  readonly index: number;
  readonly mpidr: number;
  readonly timer: GenericTimer;
  core: Core | null;
  state: 'off' | 'running' | 'sleeping';
  /** PC at the end of its last turn, and whether that was near the one before. */
  turnPc: bigint;
  spins: boolean;
  /** Where it will begin, when it was turned on and has not run yet. Engines are not made while another one executes. */
  start: { readonly entry: bigint; readonly context: bigint; readonly level: 1 | 2 } | null;
}

/** x1 to x4 of a firmware call. */
export type FirmwareArguments = readonly [bigint, bigint, bigint, bigint];

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

/** Most instructions in one slice of the only core that runs: bounds how long `run` goes without looking at the world. */
const SLICE = 1_000_000;
/** Ticks of a turn while several cores run: how far one gets ahead of the others. */
const TURN = 20_000;
/** The same for a core that was in the same small loop at the end of its last two turns: it probably waits for one of the others. */
const SPIN_TURN = 500;
/** Bytes of code that count as one small loop. */
const SPIN_LOOP = 256n;
/** Ticks between two reads of a counter that make them one wait. */
const CLOSE_SUCCESSION = 40;
/** Most ticks that time jumps at a read in a wait: how much later than asked it may end. */
const LONGEST_JUMP = 4096;

/** Affinity fields of MPIDR_EL1. */
const AFFINITY = 0xff_00ff_ffffn;
/** ID_AA64PFR0_EL1.GIC = 1: the CPU interface of GICv3 is in system registers. */
const PFR0_GIC = 1n << 24n;

export class Machine {
  readonly memory: PhysicalMemory;
  readonly bus = new Bus();
  readonly clock: Clock;
  readonly scheduler = new Scheduler();
  readonly events: EventLog;
  readonly fixedMemory: readonly FixedMemory[];
  private readonly options: MachineOptions;
  private readonly slots: readonly CoreSlot[];
  private readonly environment: CoreEnvironment;
  private readonly routed: [start: number, end: number][] = [];
  private readonly flashes: Flash[] = [];
  private interrupts: MachineInterrupts | null = null;
  private vendorCall: (functionId: number, arguments_: FirmwareArguments) => bigint | null = () => null;
  private gates: GateHandler | null = null;
  private pending: MachineStop | null = null;
  /** Core that runs, or ran last. */
  private running = 0;
  /** Ticks of a turn while several cores run. Another length is another interleaving of the cores. */
  turn = TURN;
  /** Ticks that the running core may go on before it is another one's turn. */
  private turnLeft = 0;
  /** Tick at which the current slice ends at the latest. */
  private sliceEnd = 0;
  /** Of the last read of a counter: when, and how far time then jumped. */
  private lastCounterRead = 0;
  private counterJump = 0;

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
    this.environment = this.makeEnvironment();
    this.slots = options.mpidrs.map((mpidr, index) => ({
      index,
      mpidr,
      timer: new GenericTimer(this.clock, this.scheduler, options.counterFrequencyHz, (intid, level) =>
        this.interrupts?.setPpi(index, intid, level),
      ),
      core: null,
      state: 'off',
      turnPc: 0n,
      spins: false,
      start: null,
    }));
    this.scheduler.onScheduled = (tick) => {
      // What was just programmed comes before the slice ends: the slice is cut short.
      if (tick < this.sliceEnd) this.slots[this.running]?.core?.interruptSlice();
    };
    this.openCore(this.slots[0] as CoreSlot);
  }

  /** The boot core. */
  get bootCore(): Core {
    return this.slots[0]?.core as Core;
  }

  /** The cores that have been turned on at some time, by number. */
  get cores(): readonly Core[] {
    return this.slots.flatMap(({ core }) => (core === null ? [] : [core]));
  }

  /** Number of the core that runs, or ran last: whose access a banked register belongs to. */
  get currentCore(): number {
    return this.running;
  }

  /**
   * Places the devices on the bus and routes their pages to it. Before the first run.
   * @throws BusOverlapError, BusRangeError
   */
  attach(devices: readonly MachineDevice[]): void {
    for (const device of devices) this.bus.attach(device);
    for (const run of pagesOf(devices.filter(({ answers }) => answers))) {
      this.routed.push(run);
      for (const core of this.cores) core.mapBus(run[0], run[1] - run[0]);
    }
  }

  /**
   * Makes the fixed memory `name` flash that `device` answers for when it is written to.
   * @returns to be called by the device when it enters or leaves array mode
   */
  attachFlash(name: string, device: Device): (arrayMode: boolean) => void {
    const memory = this.fixedMemory.find((fixed) => fixed.name === name);
    if (memory === undefined) throw new RangeError(`there is no fixed memory ${name}`);
    this.bus.attach({ name, base: memory.base, size: memory.size, device });
    const flash: Flash = { memory, mappedAs: 'memory', returning: false };
    this.flashes.push(flash);
    return (arrayMode) => {
      flash.returning = arrayMode && flash.mappedAs === 'device';
      if (flash.returning) this.slots[this.running]?.core?.interruptSlice();
    };
  }

  /** Connects the interrupt controller. */
  setInterrupts(interrupts: MachineInterrupts): void {
    this.interrupts = interrupts;
  }

  /** What the interrupt controller drives: the lines of core `cpu`. */
  setInterruptLines(cpu: number, irq: boolean, fiq: boolean): void {
    const slot = this.slots[cpu];
    slot?.core?.setInterruptLines(irq, fiq);
    // A core that wakes shares the time from now on.
    if ((irq || fiq) && slot?.state === 'sleeping') this.slots[this.running]?.core?.interruptSlice();
  }

  /** Hands the gates of the guest to `handler`. */
  setGates(handler: GateHandler): void {
    this.gates = handler;
  }

  /** Answers calls that are not PSCI's; null leaves them to PSCI, which refuses what it does not know. */
  setVendorCalls(answer: (functionId: number, arguments_: FirmwareArguments) => bigint | null): void {
    this.vendorCall = answer;
  }

  /** Calls `action` after `ns` of simulated time. */
  after(ns: number, action: () => void): ScheduledEvent {
    return this.scheduler.at(this.clock.ticks + this.clock.ticksFor(ns), action);
  }

  /** Devices to their reset values, every core off but the boot core, which starts at `entry` in exception level `level`. Memory keeps its contents. */
  reset(entry: number, level: 1 | 2 | 3 = 3): void {
    this.scheduler.clear();
    this.bus.reset();
    for (const slot of this.slots) {
      slot.state = 'off';
      slot.start = null;
      slot.timer.reset();
    }
    this.bootCore.reset(BigInt(entry), level);
    (this.slots[0] as CoreSlot).state = 'running';
    this.running = 0;
    this.turnLeft = 0;
    this.pending = null;
  }

  /** A device or firmware asks for a reset, or to switch the machine off. */
  requestPower(action: 'off' | 'reset'): void {
    this.events.emit('power', { action });
    this.request({ kind: action === 'off' ? 'power off' : 'reset' });
  }

  /** Ends the current run as soon as the instruction or gate in progress is done. */
  stop(): void {
    this.request({ kind: 'stopped' });
  }

  /** Executes until a limit or something that the caller must decide. */
  run(limits: RunLimits = {}): MachineStop {
    const { clock, scheduler } = this;
    const endTicks = limits.untilNs === undefined ? Infinity : clock.ticksFor(limits.untilNs);
    const endInstructions = limits.maxInstructions ?? Infinity;
    for (;;) {
      scheduler.runDue(clock.ticks);
      const pending = this.pending;
      if (pending !== null) {
        this.pending = null;
        return pending;
      }
      if (clock.instructions >= endInstructions) return { kind: 'limit', limit: 'instructions' };
      if (clock.ticks >= endTicks) return { kind: 'limit', limit: 'time' };
      const slot = this.nextRunnable();
      if (slot === null) {
        const until = Math.min(scheduler.nextTick, endTicks);
        if (scheduler.nextTick === Infinity) return { kind: 'idle' };
        clock.idleTicks += Math.max(0, until - clock.ticks);
        continue;
      }
      const lockup = this.runSlice(
        slot,
        Math.min(endInstructions - clock.instructions, Math.ceil(endTicks - clock.ticks)),
      );
      if (lockup !== null) return lockup;
    }
  }

  /** A PSCI or SMCCC call as firmware would answer it; power calls take effect when the current slice ends. */
  firmwareCall(functionId: number, arguments_: FirmwareArguments): bigint {
    const result =
      this.vendorCall(functionId, arguments_) ??
      this.cpuCall(functionId, arguments_) ??
      this.systemCall(functionId, arguments_[0]);
    if (this.events.enabled('psci')) {
      this.events.emit('psci', { function: psciName(functionId), argument: arguments_[0], result });
    }
    return BigInt.asUintN(64, result);
  }

  /** Frees the engines. The machine cannot run afterwards; its memory and events can be read. */
  close(): void {
    for (const core of this.cores) core.engine.close();
  }

  /** One slice of one core. Returns a stop only when the core cannot go on. */
  private runSlice(slot: CoreSlot, most: number): MachineStop | null {
    const { clock, scheduler } = this;
    this.returnFlashes();
    const core = this.started(slot);
    this.running = slot.index;
    core.takeInterrupt();
    const shared = this.slots.some((other) => other !== slot && other.state === 'running');
    if (this.turnLeft <= 0) this.turnLeft = slot.spins ? Math.min(SPIN_TURN, this.turn) : this.turn;
    // An interrupt that waits for the core to unmask it is taken right after the instruction that does.
    const longest = shared ? this.turnLeft : SLICE;
    const slice = core.interruptPending ? Math.min(core.instructionsToUnmask(), longest) : longest;
    const begun = clock.ticks;
    const budget = Math.max(1, Math.min(slice, most, scheduler.nextTick - begun));
    this.sliceEnd = begun + budget;
    const stop = core.run(budget);
    this.sliceEnd = 0;
    // However a turn is cut into slices, it ends at the same instruction; a core that waits gives the rest of it away.
    if (stop.kind === 'wfi') this.turnLeft = 0;
    else this.turnLeft = shared ? this.turnLeft - (clock.ticks - begun) : this.turn;
    if (this.turnLeft <= 0) endTurn(slot, core.engine.getPc());
    switch (stop.kind) {
      case 'gate':
        this.gates?.enter(stop.immediate, core);
        return null;
      case 'wfi':
        if (slot.state === 'running') slot.state = 'sleeping';
        return null;
      case 'lockup':
        return { kind: 'lockup', reason: stop.reason };
      case 'count':
      case 'stopped':
        return null;
    }
  }

  /** The next core in turn that has something to do; sleeping ones wake when an interrupt waits for them. */
  private nextRunnable(): CoreSlot | null {
    const { slots } = this;
    for (const slot of slots) {
      const wakes = this.interrupts?.pendingFor(slot.index) ?? slot.core?.interruptPending;
      if (slot.state === 'sleeping' && wakes === true) slot.state = 'running';
    }
    const current = slots[this.running];
    if (this.turnLeft > 0 && current?.state === 'running') return current;
    for (let step = 1; step <= slots.length; step++) {
      const slot = slots[(this.running + step) % slots.length] as CoreSlot;
      if (slot.state === 'running') return slot;
    }
    return null;
  }

  private openFlash({ type, address }: UnmappedAccess): boolean {
    const flash = this.flashes.find(({ memory: { base, size } }) => address >= base && address < base + size);
    if (type !== 'write' || flash === undefined || flash.mappedAs === 'device') return false;
    const { base, bytes } = flash.memory;
    for (const core of this.cores) {
      core.engine.unmap(base, bytes.length);
      core.mapBus(base, bytes.length);
    }
    flash.mappedAs = 'device';
    return true;
  }

  private returnFlashes(): void {
    for (const flash of this.flashes) {
      if (!flash.returning) continue;
      const { base, bytes, access } = flash.memory;
      for (const core of this.cores) {
        core.engine.unmap(base, bytes.length);
        core.engine.mapMemory(base, bytes, access);
      }
      flash.mappedAs = 'memory';
      flash.returning = false;
    }
  }

  /** The core of a slot that is on, brought to its first instruction if it has not run yet. */
  private started(slot: CoreSlot): Core {
    const core = slot.core ?? this.openCore(slot);
    const { start } = slot;
    if (start !== null) {
      slot.start = null;
      core.reset(start.entry, start.level);
      core.engine.setX(0, start.context);
      slot.timer.reset();
      this.interrupts?.resetCpu?.(slot.index);
    }
    return core;
  }

  private openCore(slot: CoreSlot): Core {
    const core = new Core(slot.index, slot.mpidr, this.environment, this.options.openEngine);
    for (const { base, bytes, access } of this.fixedMemory) core.engine.mapMemory(base, bytes, access);
    for (const [start, end] of this.routed) core.mapBus(start, end - start);
    slot.core = core;
    return core;
  }

  /** PSCI functions that concern single cores; null for the others. */
  private cpuCall(functionId: number, [target, entry, context]: FirmwareArguments): bigint | null {
    const current = this.slots[this.running] as CoreSlot;
    // The 32-bit and the 64-bit form of a function differ in one bit.
    switch ((functionId & ~0x4000_0000) >>> 0) {
      case PSCI.CPU_ON: {
        const slot = this.slots.find(({ mpidr }) => (BigInt(mpidr) & AFFINITY) === target);
        if (slot === undefined) return PSCI_RESULT.INVALID_PARAMETERS;
        if (slot.state !== 'off') return PSCI_RESULT.ALREADY_ON;
        slot.start = { entry, context, level: current.core?.level === 2 ? 2 : 1 };
        slot.state = 'running';
        current.core?.interruptSlice();
        this.events.emit('power', { action: 'core on', core: slot.index });
        return PSCI_RESULT.SUCCESS;
      }
      case PSCI.CPU_OFF:
        current.state = 'off';
        this.events.emit('power', { action: 'core off', core: current.index });
        current.core?.stop();
        return PSCI_RESULT.SUCCESS;
      case PSCI.AFFINITY_INFO: {
        const slot = this.slots.find(({ mpidr }) => (BigInt(mpidr) & AFFINITY) === target);
        return slot === undefined ? PSCI_RESULT.INVALID_PARAMETERS : slot.state === 'off' ? 1n : 0n;
      }
      case PSCI.CPU_SUSPEND:
        // Whatever depth was asked for, the core waits as in WFI and its registers survive: a wake-up before power was cut.
        current.state = 'sleeping';
        current.core?.stop();
        return PSCI_RESULT.SUCCESS;
      default:
        return null;
    }
  }

  private systemCall(functionId: number, argument: bigint): bigint {
    const answer = answerPsci(functionId, argument);
    if (answer.power !== undefined) this.requestPower(answer.power);
    return answer.result;
  }

  private request(stop: MachineStop): void {
    this.pending ??= stop;
    for (const core of this.cores) core.stop();
  }

  private makeEnvironment(): CoreEnvironment {
    return {
      memory: this.memory,
      bus: this.bus,
      clock: this.clock,
      openFlash: (access) => this.openFlash(access),
      maintained: (from, change) => {
        for (const { core } of this.slots) if (core !== from) core?.forget(change);
      },
      readCode: (address) => this.readCode(address),
      isGate: (immediate) => this.gates?.owns(immediate) ?? false,
      firmwareCall: (core, conduit) => {
        if (conduit !== this.options.psciConduit) return false;
        const { engine } = core;
        const functionId = Number(BigInt.asUintN(32, engine.getX(0)));
        engine.setX(0, this.firmwareCall(functionId, [engine.getX(1), engine.getX(2), engine.getX(3), engine.getX(4)]));
        return true;
      },
      intercepts: (encoding) => this.intercepts(encoding),
      allowedAtEl0: (core, [, , , crm, op2]) => this.slots[core.index]?.timer.allowedAtEl0(crm, op2) ?? false,
      readSystemRegister: (core, encoding) => this.readSystemRegister(core, encoding),
      writeSystemRegister: (core, encoding, value) => this.writeSystemRegister(core, encoding, value),
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

  /** Registers that the engine has but that are the machine's: the generic timer's, and who the core is. */
  private intercepts([op0, op1, crn, crm, op2]: SystemRegisterEncoding): boolean {
    if (op0 !== 3) return false;
    if (crn === 14) return true;
    if (op1 !== 0 || crn !== 0) return false;
    if (crm === 0) return op2 === 0 || op2 === 5;
    return this.options.gicSystemRegisters && crm === 4 && op2 === 0;
  }

  private readSystemRegister(core: Core, encoding: SystemRegisterEncoding): bigint | undefined {
    const [op0, op1, crn, crm, op2] = encoding;
    if (op0 !== 3) return undefined;
    if (crn === 14) {
      if (op1 === 3 && crm === 0 && op2 !== 0) this.countCounterRead(core);
      return this.slots[core.index]?.timer.read(op1, crm, op2);
    }
    if (op1 === 0 && crn === 0) {
      if (crm === 0 && op2 === 5) return BigInt(core.mpidr);
      if (crm === 0 && op2 === 0) return BigInt(this.options.midrs[core.index] ?? 0);
      const own = core.engine.getSystemRegister(encoding);
      if (crm === 4 && op2 === 0) return this.options.gicSystemRegisters ? (own ?? 0n) | PFR0_GIC : undefined;
      // The whole identification space reads as zero where nothing is defined (Arm ARM D24.1.1.2).
      return own === null && crm >= 1 ? 0n : undefined;
    }
    const answer = this.interrupts?.readSystemRegister?.(core.index, encoding);
    if (answer !== undefined && this.events.enabled('sysreg')) {
      this.events.emit('sysreg', { register: systemRegisterName(encoding), read: answer });
    }
    return answer;
  }

  /**
   * A guest that reads a counter over and over waits for a time to come. Every read comes to TypeScript, which makes such a loop hundreds of times slower than others,
   * so time moves on under it: by twice as much with each read in close succession, up to {@link LONGEST_JUMP} ticks. A read on its own costs nothing.
   */
  private countCounterRead(core: Core): void {
    const { clock } = this;
    const { ticks } = clock;
    this.counterJump =
      ticks - this.lastCounterRead <= CLOSE_SUCCESSION ? Math.min(2 * this.counterJump + 1, LONGEST_JUMP) : 0;
    clock.idleTicks += this.counterJump;
    this.lastCounterRead = clock.ticks;
    if (clock.ticks >= this.sliceEnd && this.counterJump > 0) core.interruptSlice();
  }

  private writeSystemRegister(core: Core, encoding: SystemRegisterEncoding, value: bigint): boolean {
    const [op0, op1, crn, crm, op2] = encoding;
    if (op0 === 3 && crn === 14) return this.slots[core.index]?.timer.write(op1, crm, op2, value) ?? false;
    if (op0 === 3 && this.events.enabled('sysreg')) {
      this.events.emit('sysreg', { register: systemRegisterName(encoding), written: value });
    }
    return this.interrupts?.writeSystemRegister?.(core.index, encoding, value) ?? false;
  }
}

function endTurn(slot: CoreSlot, pc: bigint): void {
  const distance = pc - slot.turnPc;
  slot.spins = distance < SPIN_LOOP && distance > -SPIN_LOOP;
  slot.turnPc = pc;
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
