// SPDX-License-Identifier: GPL-2.0-only
/**
 * A machine: cores, memory, bus, devices and simulated time, wired together. It knows silicon and
 * no kernel.
 *
 * TypeScript code takes part through gates: instructions that the machine passes to a handler. The
 * caller gives them their meaning.
 *
 * Owns: power, the map of physical memory. Does not own: the order of slices (run-loop.ts), the
 * contents of memory at reset (loader), the meaning of a panic or of serial output.
 */

import { alignDown, alignUp, hex, PAGE_SIZE } from '#common/address.ts';
import { join, lengthOf, type Range } from '#common/range.ts';
import { Bus } from '#emulator/bus/bus.ts';
import type { Device, DeviceContext } from '#emulator/bus/device.ts';
import type { Deadline } from '#emulator/bus/timer-port.ts';
import { TracedBus } from '#emulator/bus/traced-bus.ts';
import { Clock } from '#emulator/timer/clock.ts';
import { type Vcpu, vcpuThatIsOff, releaseCores, sendEvent } from '#emulator/cpu/vcpu.ts';
import { CounterWaits } from './counter-waits.ts';
import { EngineError } from '#emulator/engine/engine.ts';
import { EventLog } from '#emulator/events/event-log.ts';
import { MACHINE_EVENT_KINDS, type MachineEvents } from '#emulator/events/machine-events.ts';
import { type PlacedMemory, readFixedWord, wholePages } from './fixed-memory.ts';
import { FlashWindows } from './flash-windows.ts';
import { MachineClosedError } from '#emulator/engine/machine-closed-error.ts';
import type { MachineDevice, MachineOptions } from './machine-options.ts';
import type { GateHandler, MachineInterrupts, MachineObserver } from './machine-ports.ts';
import { type MachineStop, RunLoop, type RunLimits } from './run-loop.ts';
import { MachineRegisters } from './machine-registers.ts';
import type { MachineStateContext } from './machine-state.ts';
import { PhysicalMemory } from '#emulator/memory/physical-memory.ts';
import { Firmware, type FirmwareArguments } from '#emulator/psci/firmware.ts';
import { EventQueue, type ScheduledEvent } from '#emulator/timer/event-queue.ts';
import { Sleepers } from './sleepers.ts';
import { GenericTimer } from '#emulator/timer/generic-timer.ts';
import { Turns } from './turns.ts';
import type { CoreContext, MachineCore } from '#emulator/cpu/machine-core.ts';

export class Machine {
  readonly memory: PhysicalMemory;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly eventQueue = new EventQueue();
  readonly events: EventLog;
  readonly fixedMemory: readonly PlacedMemory[];
  private readonly options: MachineOptions;
  private readonly vcpus: readonly Vcpu[];
  private readonly environment: CoreContext;
  private readonly routed: Range[] = [];
  private readonly flashes = new FlashWindows(() => this.cores);
  private interrupts: MachineInterrupts | null = null;
  private gates: GateHandler | null = null;
  /** Scheduling of the cores, which share one clock. */
  readonly turns: Turns;
  private readonly sleepers: Sleepers;
  private readonly loop: RunLoop;
  private readonly registers: MachineRegisters;
  private readonly firmware: Firmware;
  /** Debugger that observes the machine, or null. */
  observer: MachineObserver | null = null;
  private life: 'open' | 'running' | 'closed' = 'open';
  /** True when a listener has closed the running machine. */
  private closeWanted = false;

  constructor(options: MachineOptions) {
    this.options = options;
    const allocate = (bytes: number) => options.cores.allocate(bytes);
    this.memory = new PhysicalMemory(options.banks, allocate);
    this.clock = new Clock(options.instructionsPerSecond);
    this.events = new EventLog<MachineEvents>({
      kinds: MACHINE_EVENT_KINDS,
      now: () => this.clock.nowNs,
      core: () => this.currentCore,
      ...(options.trace === undefined ? {} : { trace: options.trace }),
    });
    this.bus = this.makeBus();
    this.fixedMemory = options.fixedMemory.map((memory) => wholePages(memory, allocate));
    this.environment = this.makeEnvironment();
    this.vcpus = options.mpidrs.map((mpidr, index) =>
      vcpuThatIsOff(
        index,
        mpidr,
        new GenericTimer(
          this.clock,
          this.eventQueue,
          options.counterFrequencyHz,
          (intid, level) => this.interrupts?.setPpi(index, intid, level),
          this.events.enabled('timer') ? (fields) => this.events.emit('timer', { ofCore: index, ...fields }) : null,
        ),
      ),
    );
    this.turns = new Turns(this.vcpus);
    const { vcpus, clock, eventQueue, turns } = this;
    this.sleepers = new Sleepers({ vcpus, clock, eventQueue, turns, interrupts: () => this.interrupts });
    this.loop = new RunLoop({
      vcpus,
      clock,
      eventQueue,
      turns,
      sleepers: this.sleepers,
      flashes: this.flashes,
      started: (vcpu) => this.started(vcpu),
      gateMet: (immediate, core) => {
        this.observer?.gateEntered();
        this.gates?.enter(immediate, core);
        this.observer?.gateLeft(core);
      },
    });
    const guestLevel = options.guestHasEl2 === true ? 2 : 1;
    this.firmware = new Firmware(this.vcpus, this.events, (action) => this.requestPower(action), guestLevel);
    this.registers = new MachineRegisters({
      vcpus,
      midrs: options.midrs,
      gicSystemRegisters: options.gicSystemRegisters,
      interrupts: () => this.interrupts,
      counterWaits: new CounterWaits(clock),
      clock,
      events: this.events,
      timeJumped: (core, ticks) => core.timePassed(ticks),
    });
    this.eventQueue.onScheduled = (tick) => {
      if (this.loop.isDueInSlice(tick)) this.runningCore?.interruptSlice();
    };
    this.openCore(this.vcpus[0] as Vcpu);
  }

  /** Creates the bus; it has a listener when device accesses are traced. */
  private makeBus(): Bus {
    const { events } = this;
    if (!events.enabled('mmio')) return new Bus();
    return new TracedBus(({ device, offset, width, write, value }) => {
      const pc = this.runningCore?.engine.getPc() ?? 0n;
      events.emit('mmio', { device, offset: hex(offset), width, write, value: hex(value), pc: hex(pc) });
    });
  }

  /** The core that runs from reset on; the others wait to be turned on. */
  get bootCore(): MachineCore {
    return this.vcpus[0]?.core as MachineCore;
  }

  /** Cores that have been turned on at some time, by number. */
  get cores(): readonly MachineCore[] {
    return this.vcpus.flatMap(({ core }) => (core === null ? [] : [core]));
  }

  /** Number of the core that runs or ran last: banked registers are accessed for it. */
  get currentCore(): number {
    return this.turns.current;
  }

  private get runningCore(): MachineCore | null {
    return this.vcpus[this.currentCore]?.core ?? null;
  }

  /** For a debugger: the only core that runs while the others are stopped; null: all run. */
  set onlyCore(core: number | null) {
    this.turns.only = core;
  }

  /**
   * State of core `index`: off, running (perhaps not in its turn), sleeping in WFI or waiting in
   * WFE.
   */
  coreState(index: number): Vcpu['state'] {
    return this.vcpus[index]?.state ?? 'off';
  }

  /**
   * Attaches the devices to the bus and routes their pages to it. Before the first run. @throws
   * BusOverlapError, BusRangeError
   */
  attach(devices: readonly MachineDevice[]): void {
    for (const device of devices) this.bus.attach(device);
    // Ranges of whole pages, merged: devices may share a page.
    const pages = devices
      .filter(({ answers }) => answers)
      .map(({ base, size }) => ({ start: alignDown(base, PAGE_SIZE), end: alignUp(base + size, PAGE_SIZE) }));
    for (const run of join(pages)) {
      this.routed.push(run);
      for (const core of this.cores) core.mapBus(run.start, lengthOf(run));
    }
  }

  /**
   * Turns the fixed memory `name` into flash whose writes `device` serves.
   * @returns function that the device calls when it enters or leaves array mode
   */
  attachFlash(name: string, device: Device): (arrayMode: boolean) => void {
    const memory = this.fixedMemory.find((fixed) => fixed.name === name);
    if (memory === undefined) throw new RangeError(`there is no fixed memory ${name}`);
    return this.flashes.add(memory, device, this.bus, () => this.runningCore?.interruptSlice());
  }

  /**
   * Context for a device whose interrupt line `setIrq` drives. Reports of unmodelled features carry
   * the PC of the access.
   */
  deviceContext(setIrq: (level: boolean) => void): DeviceContext {
    return {
      nowNs: () => this.clock.nowNs,
      emit: (kind, fields) =>
        this.events.emit(kind, kind === 'mmio-unknown' ? { ...fields, ...this.runningPc() } : fields),
      setIrq,
    };
  }

  /** PC of the running core as a field of an event; empty when none runs. */
  private runningPc(): { readonly pc?: string } {
    const core = this.runningCore;
    return core === null ? {} : { pc: hex(core.engine.getPc()) };
  }

  /** Connects the interrupt controller. */
  setInterrupts(interrupts: MachineInterrupts): void {
    this.interrupts = interrupts;
  }

  /** Drives the interrupt lines of core `cpu`; called by the interrupt controller. */
  setInterruptLines(cpu: number, irq: boolean, fiq: boolean, virtualIrq = false, virtualFiq = false): void {
    const vcpu = this.vcpus[cpu];
    vcpu?.core?.setInterruptLines(irq, fiq, virtualIrq, virtualFiq);
    // A woken core shares the time from now on, so the current slice ends.
    if ((irq || fiq || virtualIrq || virtualFiq) && vcpu?.state === 'sleeping') this.runningCore?.interruptSlice();
  }

  /** Passes the gates of the guest to `handler`. */
  setGates(handler: GateHandler): void {
    this.gates = handler;
  }

  /**
   * Sets the handler of calls outside PSCI. It returns null for calls that it does not know; PSCI
   * then refuses those that it does not know either.
   */
  setVendorCalls(answer: (functionId: number, arguments_: FirmwareArguments) => bigint | null): void {
    this.firmware.vendorCall = answer;
  }

  /** Calls `action` after `ns` of simulated time. */
  after(ns: number, action: () => void): ScheduledEvent {
    return this.eventQueue.at(this.clock.ticks + this.clock.ticksFor(ns), action);
  }

  /** Resumes a wait of a machine that was saved. */
  resume(deadline: Deadline, action: () => void): ScheduledEvent {
    return this.eventQueue.resume(deadline, action);
  }

  /** Parts that machine-state.ts saves and restores. */
  get parts(): MachineStateContext {
    const { clock, eventQueue, bus, interrupts, vcpus, turns, registers, flashes, loop } = this;
    const { maskedWaits } = this.sleepers;
    const open = (vcpu: Vcpu) => vcpu.core ?? this.openCore(vcpu);
    return { clock, eventQueue, bus, interrupts, vcpus, turns, maskedWaits, registers, flashes, loop, open };
  }

  /**
   * Resets devices and cores. All cores are off but the boot core, which starts at `entry` in
   * exception level `level`. Memory keeps its contents.
   */
  reset(entry: number, level: 1 | 2 | 3 = 3): void {
    this.eventQueue.clear();
    this.bus.reset();
    for (const vcpu of this.vcpus) {
      vcpu.state = 'off';
      vcpu.start = null;
      vcpu.ranUntil = 0;
      vcpu.timer.reset();
      this.registers.reset(vcpu.index);
    }
    this.bootCore.reset(BigInt(entry), level);
    this.interrupts?.resetCpu?.(0);
    (this.vcpus[0] as Vcpu).state = 'running';
    this.turns.reset();
    this.sleepers.maskedWaits.reset();
    this.loop.reset();
  }

  /**
   * Lets at most `ns` of simulated time pass without execution, up to the next event. Between runs,
   * for a guest that idles by polling.
   */
  passTime(ns: number): void {
    const { clock, eventQueue } = this;
    clock.idleTicks += Math.max(0, Math.min(clock.ticksFor(ns), eventQueue.nextTick - clock.ticks));
  }

  /** Requests a reset or power off, for a device or firmware. */
  requestPower(action: 'off' | 'reset'): void {
    this.events.emit('power', { action });
    this.request({ kind: action === 'off' ? 'power off' : 'reset' });
  }

  /** Ends the current run after the instruction or gate in progress. */
  stop(): void {
    this.request({ kind: 'stopped' });
  }

  /** True after the engines were freed. */
  get isClosed(): boolean {
    return this.life === 'closed';
  }

  /**
   * Throws when an operation is impossible: the machine is closed, or a listener asks while it
   * runs.
   * @param what name of the operation: "save()"
   * @throws MachineClosedError, EngineError
   */
  requireStopped(what: string): void {
    if (this.life === 'closed') throw new MachineClosedError(what);
    if (this.life === 'open') return;
    throw new EngineError(
      `${what} inside a run: a listener cannot do that; stop() the run, and do it when it has come back`,
    );
  }

  /**
   * Executes until a limit, or until an event that the caller must handle.
   * @throws MachineClosedError, and EngineError when a listener of this very run calls it
   */
  run(limits: RunLimits = {}): MachineStop {
    this.requireStopped('run()');
    this.life = 'running';
    try {
      return this.loop.run(limits);
    } finally {
      const { closeWanted } = this;
      this.life = 'open';
      if (closeWanted) this.close();
    }
  }

  /**
   * Answers a PSCI or SMCCC call as firmware would; power calls take effect when the current slice
   * ends.
   */
  firmwareCall(functionId: number, arguments_: FirmwareArguments): bigint {
    return this.firmware.call(this.currentCore, functionId, arguments_);
  }

  /**
   * Frees the engines. The machine cannot run afterwards, but its memory and events can be read.
   * Called by a listener, it ends the run and takes effect after it. Further calls do nothing.
   */
  close(): void {
    if (this.life === 'running') {
      this.closeWanted = true;
      this.stop();
      return;
    }
    if (this.life === 'closed') return;
    this.life = 'closed';
    this.memory.forgetListeners();
    for (const core of this.cores) core.engine.close();
  }

  /** Core of a vcpu that is on; it is set to its first instruction if it has not run yet. */
  private started(vcpu: Vcpu): MachineCore {
    const core = vcpu.core ?? this.openCore(vcpu);
    const { start } = vcpu;
    if (start !== null) {
      vcpu.start = null;
      core.reset(start.entry, start.level);
      core.engine.setX(0, start.context);
      vcpu.timer.reset();
      this.registers.reset(vcpu.index);
      this.interrupts?.resetCpu?.(vcpu.index);
    }
    return core;
  }

  private openCore(vcpu: Vcpu): MachineCore {
    const core = this.options.cores.open(vcpu.index, vcpu.mpidr, this.environment, this.options.midrs[vcpu.index] ?? 0);
    for (const memory of this.fixedMemory) {
      const { base, bytes, access } = memory;
      if (this.flashes.isDevice(memory)) core.mapBus(base, bytes.length);
      else core.engine.mapMemory(base, bytes, access);
    }
    for (const run of this.routed) core.mapBus(run.start, lengthOf(run));
    vcpu.core = core;
    this.observer?.coreOpened(core);
    return core;
  }

  private request(stop: MachineStop): void {
    this.loop.request(stop);
    for (const core of this.cores) core.stop();
  }

  private makeEnvironment(): CoreContext {
    return {
      memory: this.memory,
      bus: this.bus,
      clock: this.clock,
      isFlashStore: (access) => this.flashes.isFlashStore(access),
      noteFlashStore: (access) => this.flashes.note(access),
      flashStoresMade: () => this.flashes.storesMade(),
      maintained: (from, change) => {
        for (const { core } of this.vcpus) if (core !== from) core?.forget(change);
      },
      readCode: (address) =>
        this.memory.contains(address, 4) ? this.memory.read32(address) : readFixedWord(this.fixedMemory, address),
      isGate: (immediate) => this.gates?.owns(immediate) ?? false,
      guestHasEl2: this.options.guestHasEl2 === true,
      firmwareCall: (core, conduit) => {
        if (conduit !== this.options.psciConduit) return false;
        this.firmware.serve(core);
        return true;
      },
      intercepts: (encoding) => this.registers.intercepts(encoding),
      allowedAtEl0: (core, encoding, read) => this.registers.allowedAtEl0(core, encoding, read),
      readSystemRegister: (core, encoding) => this.registers.read(core, encoding),
      writeSystemRegister: (core, encoding, value) => this.registers.write(core, encoding, value),
      othersRun: (core) => this.turns.othersRun(this.vcpus[core.index] as Vcpu),
      eventSent: () => {
        sendEvent(this.vcpus);
        const { releaseAddresses = [] } = this.options;
        releaseCores(this.vcpus, releaseAddresses, this.memory, this.runningCore, (core) =>
          this.events.emit('power', { action: 'core on', core }),
        );
      },
      emit: (_core, kind, fields) => this.events.emit(kind, fields),
      traces: (kind) => this.events.enabled(kind),
    };
  }
}
