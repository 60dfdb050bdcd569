// SPDX-License-Identifier: GPL-2.0-only
/**
 * A machine with its guest loaded, ready to run: the result of `createMachine`, and the machine of
 * the commands.
 *
 *     board + options ─► device tree ─► addresses ─► firmware, image, tree, initrd loaded ─► run ─► outcome ─► report
 *
 * Running is synchronous and bounded; a caller that must stay responsive runs in slices
 * (`maxInstructions`).
 */

import { type Events, eventsOf } from './event-kinds.ts';
import type { A64Statistics, HostClock } from '#emulator/a64/statistics.ts';
import { chooseCores } from '#host/cores.ts';
import { openDrive } from '#host/drives.ts';
import { markAsUntransferable } from '#host/untransferable.ts';
import { findBoard } from '#boards/registry.ts';
import type { Board } from '#boards/types.ts';
import { hex } from '#common/address.ts';
import type { MachineCore } from '#emulator/cpu/machine-core.ts';
import type { SerialDevice } from '#emulator/devices/serial-device.ts';
import type { SerialLine, SerialWatch } from '#emulator/devices/serial-line.ts';
import type { EventLog } from '#emulator/events/event-log.ts';
import { MachineClosedError } from '#emulator/engine/machine-closed-error.ts';
import type { Machine } from '#emulator/machine/machine.ts';
import type { MachineStop } from '#emulator/machine/run-loop.ts';
import type { PhysicalMemory } from '#emulator/memory/physical-memory.ts';
import type { Kernel } from '#kernel-ts/kernel/kernel.ts';
import { saveSnapshot } from '#workbench/snapshot/save.ts';
import type { SnapshotContext } from '#workbench/snapshot/contents.ts';
import { TypedInputs } from '#workbench/snapshot/typed-inputs.ts';
import { BitFlips } from './bit-flips.ts';
import { type BoardMachine, buildBoardMachine } from './board-machine.ts';
import type { BootImage, BootPlan } from './boot-plan.ts';
import { checkFaults, checkFlipsAreInRam } from './fault-settings.ts';
import { planFlash, planGuest } from './guest-boot.ts';
import { InputError } from '#workbench/input-error.ts';
import type { KernelHost } from './kernel-host.ts';
import { planLevitate } from './levitate-boot.ts';
import type { MachineSettings, RunBounds } from './machine-settings.ts';
import { describeStandstill, firstException } from './standstill.ts';
import type { Outcome } from './outcome.ts';

export type { MachineSettings, RunBounds } from './machine-settings.ts';

/** Private parts of a machine, for those who save, restore or rebuild it. */
interface MachineInternals extends SnapshotContext {
  readonly settings: MachineSettings;
  readonly plan: BootPlan;
  readonly bitFlips: BitFlips;
}

export class LevitateMachine {
  readonly board: Board;
  /** The blob that the guest gets, or would get if the loading rules had a place for it. */
  readonly deviceTree: Uint8Array;
  readonly machine: Machine;
  readonly events: EventLog<Events>;
  /** Everything the guest sent: bytes, text, lines. */
  readonly serial: SerialLine;
  /** Called with all input, before the guest gets it. */
  onTyped: (bytes: Uint8Array) => void = () => {};
  /** Unicorn's file; null with the own core. */
  private readonly engineLibrary: string | null;
  /** Counts of the own core so far; null with another engine. */
  readonly statistics: (() => A64Statistics) | null;
  private readonly settings: MachineSettings;
  private readonly plan: BootPlan;
  private readonly host: KernelHost | null;
  private readonly consoleDevice: SerialDevice;
  private readonly bitFlips: BitFlips;
  /** The input so far, which snapshots of the modelled kernel repeat; null for other guests. */
  private readonly inputs: TypedInputs | null;
  /** The reason why the machine cannot run any more; null: it can. */
  private ended: string | null = null;
  private expected: SerialWatch | null = null;
  private failed: SerialWatch | null = null;

  /**
   * Builds the machine and loads it; nothing has run.
   * @param now clock for the times in {@link LevitateMachine.statistics}
   * @throws BoardError, InputError for what the settings ask; EngineLibraryError, EngineError when
   * there is no usable engine
   */
  constructor(settings: MachineSettings, now: HostClock | null = null) {
    this.settings = settings;
    const board = findBoard(settings.board).create(settings);
    this.board = board;
    this.plan = planBoot(board, settings);
    this.deviceTree = this.plan.deviceTree;
    const flips = settings.faults?.flipBits ?? [];
    checkFlipsAreInRam(flips, this.plan.banks ?? board.ramBanks);

    const { cores, library, statistics } = chooseCores(settings, now);
    this.engineLibrary = library;
    this.statistics = statistics;
    const built: BoardMachine = buildBoardMachine({
      board,
      banks: this.plan.banks,
      firmware: this.plan.firmware,
      cores,
      guestHasEl2: settings.el === 2,
      disks: (settings.drives ?? []).map(openDrive),
      seed: settings.seed,
      ...(settings.trace === undefined ? {} : { trace: settings.trace }),
    });
    this.machine = built.machine;
    this.events = eventsOf(built.machine);
    // The engine uses these very bytes. If they were transferred to a worker, they would be gone
    // while the engine runs.
    this.machine.memory.onChunk(({ bytes }) => markAsUntransferable(bytes.buffer));
    for (const { bytes } of this.machine.fixedMemory) markAsUntransferable(bytes.buffer);
    this.serial = built.serial;
    this.consoleDevice = built.console;
    this.host = this.plan.attachKernel?.(built.machine) ?? null;
    this.bitFlips = new BitFlips(built.machine, flips, this.host !== null);
    this.inputs = this.host === null ? null : new TypedInputs(built.machine.clock, built.serial);
    this.watchText();
    this.load();
  }

  get memory(): PhysicalMemory {
    return this.machine.memory;
  }

  /** Parts of the given files that are not used, and why: a sentence each. */
  get warnings(): readonly string[] {
    return this.plan.warnings ?? [];
  }

  /** The boot core. */
  get cpu(): MachineCore {
    return this.machine.bootCore;
  }

  /**
   * The modelled kernel: its log, and its memory system once that is up.
   * @throws Error when the guest is another
   */
  get kernel(): Kernel {
    const kernel = this.findKernel();
    if (kernel === null) throw new Error('this machine runs a guest that is not the modelled kernel');
    return kernel;
  }

  /** The modelled kernel, or null when the guest is another. */
  findKernel(): Kernel | null {
    return this.host?.kernel ?? null;
  }

  /** Pieces that the loader placed, with their addresses: "kernel", "dtb", "initrd", … */
  findImage(what: string): BootImage | null {
    return this.plan.images.find((image) => image.what === what) ?? null;
  }

  /** Number of the guest's vain looks for console input since it last sent or took a character. */
  get emptyPolls(): number {
    return this.consoleDevice.emptyPolls;
  }

  /** Bytes of input that the guest has not taken yet. */
  get waitingInput(): number {
    return this.consoleDevice.waitingInput;
  }

  /** Input to the console, as typed. */
  type(text: string | Uint8Array): void {
    if (this.machine.isClosed) throw new MachineClosedError('type()');
    const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
    this.onTyped(bytes);
    this.inputs?.note(bytes);
    this.consoleDevice.receive(bytes);
  }

  /**
   * A snapshot of the machine between two runs. {@link restoreMachine} of restore-snapshot.ts
   * continues from it. For the modelled kernel it stores how the machine got here:
   * docs/snapshots.md.
   * @throws InputError when the machine was switched off or locked up
   */
  save(): Uint8Array {
    this.machine.requireStopped('save()');
    return saveSnapshot(this.parts);
  }

  /** State for snapshots and checkpoints. */
  get parts(): MachineInternals {
    const { settings, plan, machine, serial, inputs, bitFlips, ended } = this;
    const firmwareMemory = this.board.firmware.device;
    const { engineLibrary } = this;
    return { settings, plan, machine, serial, inputs, bitFlips, ended, firmwareMemory, engineLibrary };
  }

  /**
   * Runs until an outcome is reached. A further call after 'limit' continues where the run stopped.
   * @throws EngineError and other faults of the emulator
   */
  run(bounds: RunBounds = {}): Outcome {
    for (;;) {
      const outcome = this.runSlice(Infinity, bounds);
      if (outcome !== null) return outcome;
    }
  }

  /**
   * Like {@link run}, but returns null after `instructions`, or after `sliceNs` of simulated time,
   * when there is no outcome yet: for callers that must stay responsive.
   */
  runSlice(
    instructions: number,
    { timeoutNs = Infinity, maxInstructions = Infinity }: RunBounds = {},
    sliceNs = Infinity,
  ): Outcome | null {
    const { clock } = this.machine;
    const endInstructions = clock.instructions + instructions;
    const endNs = clock.nowNs + sliceNs;
    const untilNs = Math.min(endNs, timeoutNs);
    this.machine.requireStopped('run()');
    this.inputs?.begin();
    const stop = this.machine.run({
      maxInstructions: Math.min(endInstructions, maxInstructions),
      ...(untilNs === Infinity ? {} : { untilNs }),
    });
    this.inputs?.end();
    if (stop.kind === 'power off') this.ended = 'was switched off';
    if (stop.kind === 'lockup') this.ended = 'cannot go on';
    this.serial.flush();
    // A listener has closed the machine: the run ends here.
    if (this.machine.isClosed) return this.judge(stop.kind === 'reset' ? { kind: 'stopped' } : stop);
    if (stop.kind === 'reset') {
      this.load();
      return null;
    }
    if (stop.kind === 'limit') {
      const isSlice = stop.limit === 'instructions' ? endInstructions < maxInstructions : endNs < timeoutNs;
      if (isSlice) return null;
    }
    return this.judge(stop);
  }

  /**
   * Frees the engine. Memory, serial text and events stay readable; everything else throws
   * MachineClosedError. May be called again, and by a listener: then the run ends first.
   */
  close(): void {
    this.machine.close();
  }

  private judge(stop: MachineStop): Outcome {
    const awaited = this.judgeTexts();
    if (awaited !== null) return awaited;
    const panic = this.events.get('panic')[0];
    if (panic !== undefined) {
      const { reason, detail } = panic.fields;
      const line = `PANIC: ${reason}`;
      // A kernel without a working console has reported only to the trace.
      const unsaid = this.serial.text.includes(line) ? '' : ` (its console is silent): ${detail}`;
      return { outcome: 'panic', exitStatus: 1, panic: line, reason: `the kernel panicked: ${reason}${unsaid}` };
    }
    switch (stop.kind) {
      case 'idle': {
        // The modelled kernel is steady once it has its memory. Another guest is steady when an
        // interrupt could wake it.
        const isUp = (this.findKernel()?.memory ?? null) !== null;
        const standstill = isUp ? null : describeStandstill(this.machine);
        if (standstill !== null) return { outcome: 'error', exitStatus: 1, panic: null, reason: standstill };
        return { outcome: 'steady', exitStatus: 0, panic: null, reason: 'reached its steady state' };
      }
      case 'power off':
        return { outcome: 'poweroff', exitStatus: 0, panic: null, reason: 'powered off' };
      case 'limit':
        return { outcome: 'limit', exitStatus: 3, panic: null, reason: `hit the limit of ${stop.limit}` };
      case 'lockup':
        return { outcome: 'error', exitStatus: 1, panic: null, reason: stop.reason + firstException(this.machine) };
      case 'reset':
      case 'stopped':
        return { outcome: 'limit', exitStatus: 3, panic: null, reason: 'was interrupted' };
    }
  }

  /**
   * The outcome by `failText` or `expectText`, whichever appeared first; null when neither did. It
   * is judged before panics, so an expected panic is a success.
   */
  private judgeTexts(): Outcome | null {
    const at = (watch: SerialWatch | null): number => watch?.at ?? Infinity;
    const failed = at(this.failed) <= at(this.expected);
    const watch = failed ? this.failed : this.expected;
    if (watch?.seen !== true) return null;
    const reason = `"${watch.text}" appeared on the serial line`;
    return failed
      ? { outcome: 'error', exitStatus: 1, panic: null, reason }
      : { outcome: 'expected', exitStatus: 0, panic: null, reason };
  }

  /** Loads the images as a boot loader does, and resets. */
  private load(): void {
    const { machine, events } = this;
    for (const { base, bytes } of this.plan.images) machine.memory.writeBytes(base, bytes);
    events.emit('boot', {
      board: this.board.name,
      ...Object.fromEntries(this.plan.images.map(({ what, base }) => [what, hex(base)])),
      dtbBytes: this.deviceTree.length,
    });
    machine.reset(this.board.firmware.base, this.plan.level);
    for (const [address, value] of this.plan.registers ?? []) machine.bus.write(address, 4, value);
    this.bitFlips.schedule();
  }

  private watchText(): void {
    const { expectText, failText } = this.settings;
    const stop = () => this.machine.stop();
    if (expectText !== undefined) this.expected = this.serial.watch(expectText, stop);
    if (failText !== undefined) this.failed = this.serial.watch(failText, stop);
  }
}

function planBoot(board: Board, settings: MachineSettings): BootPlan {
  const { kernel, bios, vendorBoot } = settings;
  checkFaults(settings.faults ?? {}, kernel === undefined && bios === undefined);
  if (kernel !== undefined && bios !== undefined) throw new InputError('--kernel and --bios: one of them, not both');
  if (settings.el === 2 && kernel === undefined && bios === undefined) {
    throw new InputError('--el 2 goes with --kernel or --bios FILE: the modelled kernel is entered at EL1');
  }
  if (vendorBoot !== undefined && kernel === undefined) {
    throw new InputError('--vendor-boot goes with --kernel FILE, an Android boot.img');
  }
  if (kernel !== undefined) return withFirmware(board, planGuest(board, settings, kernel));
  if (bios !== undefined) return planFlash(board, settings, bios);
  return withFirmware(board, planLevitate(board, settings));
}

/** Firmware that lies in RAM is loaded like the rest. */
function withFirmware({ firmware: { device, base } }: Board, plan: BootPlan): BootPlan {
  if (device !== null) return plan;
  return { ...plan, images: [{ what: 'firmware', base, bytes: plan.firmware }, ...plan.images] };
}
