/**
 * A board with the modelled kernel loaded, ready to run: what `createMachine` returns and the command line drives.
 *
 *     board + options ─► device tree ─► addresses ─► reset firmware, image, tree, initrd in memory ─► run ─► outcome ─► report
 *
 * Running is synchronous and bounded; a caller that must stay responsive runs in slices (`maxInstructions`).
 */

import { findBoard } from '../../boards/registry.ts';
import { type LoadPlan, planLoad } from '../../boards/load-plan.ts';
import type { Board } from '../../boards/types.ts';
import { hex } from '../../emulator/address.ts';
import type { Core } from '../../emulator/cpu/core.ts';
import type { SerialLine, SerialWatch } from '../../emulator/devices/serial-line.ts';
import type { SerialDevice } from '../../emulator/devices/serial-device.ts';
import { createUnicornEngine, probeEngineVersion } from '../../emulator/engine/unicorn.ts';
import type { EventKind } from '../../emulator/events/event-kinds.ts';
import type { EventLog } from '../../emulator/events/event-log.ts';
import type { Machine, MachineStop } from '../../emulator/machine.ts';
import type { MemoryBank, PhysicalMemory } from '../../emulator/memory/physical-memory.ts';
import { KernelImage, type KernelSymbols } from '../../kernel-ts/kernel/image.ts';
import type { Kernel } from '../../kernel-ts/kernel/kernel.ts';
import { locateEngine } from '../setup/engine-library.ts';
import { type BoardMachine, buildBoardMachine, readFirmwareImage, resetFirmware } from './board-machine.ts';
import { type Fixups, makeDeviceTree, ramOfDeviceTree, unionOfBanks } from './device-tree-source.ts';
import { KernelHost } from './kernel-host.ts';
import type { Outcome } from './outcome.ts';

/** What a machine is made of. Everything has a default except the board. */
export interface MachineSettings {
  /** "qemu-virt" or "pixel6". */
  readonly board: string;
  /** RAM in bytes; the board's own when absent. */
  readonly memoryBytes?: number | undefined;
  /** Cores that the board has. */
  readonly cpus?: number | undefined;
  /** qemu-virt: 2 or 3. */
  readonly gicVersion?: number | undefined;
  /** A flattened device tree to use instead of the generated one. RAM that it names is added to the board's unless `memoryBytes` is given. */
  readonly dtb?: Uint8Array | undefined;
  /** What is added to `dtb`: "none" (default) or what the boot loader adds. */
  readonly fixups?: Fixups | undefined;
  /** Initial RAM disk. */
  readonly initrd?: Uint8Array | undefined;
  /** Kernel command line. */
  readonly append?: string | undefined;
  /** Seed of everything random in the device tree; nothing is random without one. */
  readonly seed?: number | bigint | undefined;
  /** Loud event kinds to keep. */
  readonly trace?: readonly EventKind[] | undefined;
  /** Stop with success when this appears on the serial line. */
  readonly expectText?: string | undefined;
  /** Stop with failure when this appears. */
  readonly failText?: string | undefined;
}

/** Bounds of a run; each may be absent. */
export interface RunBounds {
  /** Simulated nanoseconds since reset. */
  readonly timeoutNs?: number | undefined;
  /** Instructions since reset. */
  readonly maxInstructions?: number | undefined;
}

const KERNEL_IMAGE = 'kernel.bin';
const KERNEL_SYMBOLS = 'kernel.symbols.json';

let engineLibrary: string | null = null;

/** Path of the engine's library, looked for once. @throws EngineLibraryError */
function enginePath(): string {
  engineLibrary ??= locateEngine(probeEngineVersion).path;
  return engineLibrary;
}

export class LevitateMachine {
  readonly board: Board;
  /** Where the loader put what. */
  readonly plan: LoadPlan;
  /** The blob that the kernel is given. */
  readonly deviceTree: Uint8Array;
  readonly machine: Machine;
  /** Everything the guest sent: bytes, text, lines. */
  readonly serial: SerialLine;
  private readonly settings: MachineSettings;
  private readonly host: KernelHost;
  private readonly consoleDevice: SerialDevice;
  private readonly images: readonly { readonly base: number; readonly bytes: Uint8Array }[];
  private expected: SerialWatch | null = null;
  private failed: SerialWatch | null = null;

  /**
   * Builds the machine and loads it; nothing has run.
   * @throws BoardError, InputError for what the settings ask; EngineLibraryError, EngineError when there is no usable engine
   */
  constructor(settings: MachineSettings) {
    this.settings = settings;
    const board = configure(settings);
    this.board = board;
    const kernelBytes = readFirmwareImage(KERNEL_IMAGE);
    const symbols = JSON.parse(Buffer.from(readFirmwareImage(KERNEL_SYMBOLS)).toString('utf8')) as KernelSymbols;
    const { plan, deviceTree } = loadPlan(board, settings, symbols._end);
    this.plan = plan;
    this.deviceTree = deviceTree;

    const library = enginePath();
    const built: BoardMachine = buildBoardMachine({
      board,
      banks: this.banks(),
      firmware: resetFirmware(board, plan.kernel, plan.dtb),
      openEngine: (callbacks) => createUnicornEngine({ library, callbacks }),
      ...(settings.trace === undefined ? {} : { trace: settings.trace }),
    });
    this.machine = built.machine;
    this.serial = built.serial;
    this.consoleDevice = built.console;
    this.host = new KernelHost(built.machine, new KernelImage(plan.kernel, symbols), {
      earlyConsole: { compatible: consoleCompatible(board), base: board.kernelConsole.base },
      deviceTreeBytes: deviceTree.length,
    });
    built.machine.setGates(this.host);
    this.images = [
      { base: plan.kernel, bytes: kernelBytes },
      { base: plan.dtb, bytes: deviceTree },
      ...(plan.initrd === null || settings.initrd === undefined
        ? []
        : [{ base: plan.initrd.start, bytes: settings.initrd }]),
    ];
    this.watchText();
    this.load();
  }

  get events(): EventLog {
    return this.machine.events;
  }

  get memory(): PhysicalMemory {
    return this.machine.memory;
  }

  /** The boot core. */
  get cpu(): Core {
    return this.machine.bootCore;
  }

  /** The modelled kernel: its log, and its memory system once that is up. */
  get kernel(): Kernel {
    return this.host.kernel;
  }

  /** Input to the console, as typed. */
  type(text: string | Uint8Array): void {
    this.consoleDevice.receive(typeof text === 'string' ? new TextEncoder().encode(text) : text);
  }

  /** Runs until an outcome is reached. Called again after 'limit', it goes on where it stopped. @throws EngineError and other faults of the emulator */
  run(bounds: RunBounds = {}): Outcome {
    for (;;) {
      const outcome = this.runSlice(Infinity, bounds);
      if (outcome !== null) return outcome;
    }
  }

  /** As {@link run}, but comes back with null after `instructions` when nothing is decided yet: for callers that must stay responsive. */
  runSlice(instructions: number, { timeoutNs, maxInstructions = Infinity }: RunBounds = {}): Outcome | null {
    const end = this.machine.clock.instructions + instructions;
    const stop = this.machine.run({
      maxInstructions: Math.min(end, maxInstructions),
      ...(timeoutNs === undefined ? {} : { untilNs: timeoutNs }),
    });
    this.serial.flush();
    if (stop.kind === 'reset') {
      this.load();
      return null;
    }
    if (stop.kind === 'limit' && stop.limit === 'instructions' && end < maxInstructions) return null;
    return this.judge(stop);
  }

  /** Frees the engine. Memory, serial text and events stay readable. */
  close(): void {
    this.machine.close();
  }

  private judge(stop: MachineStop): Outcome {
    const awaited = this.judgeTexts();
    if (awaited !== null) return awaited;
    const panic = this.events.get('panic')[0];
    if (panic !== undefined) {
      const reason = String(panic.fields['reason']);
      return { outcome: 'panic', exitStatus: 1, panic: `PANIC: ${reason}`, reason: `the kernel panicked: ${reason}` };
    }
    switch (stop.kind) {
      case 'idle':
        return { outcome: 'steady', exitStatus: 0, panic: null, reason: 'reached its steady state' };
      case 'power off':
        return { outcome: 'poweroff', exitStatus: 0, panic: null, reason: 'powered off' };
      case 'limit':
        return { outcome: 'limit', exitStatus: 3, panic: null, reason: `hit the limit of ${stop.limit}` };
      case 'lockup':
        return { outcome: 'error', exitStatus: 1, panic: null, reason: stop.reason };
      case 'reset':
      case 'stopped':
        return { outcome: 'limit', exitStatus: 3, panic: null, reason: 'was interrupted' };
    }
  }

  /** The text that was waited for, or the first of the two: a panic that was expected is a success. */
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

  private banks(): readonly MemoryBank[] {
    const { dtb, memoryBytes } = this.settings;
    if (dtb === undefined || memoryBytes !== undefined) return this.board.ramBanks;
    return unionOfBanks(this.board.ramBanks, ramOfDeviceTree(dtb), this.board);
  }

  /** What a boot loader leaves in memory, and the reset. */
  private load(): void {
    const { machine } = this;
    for (const { base, bytes } of this.images) machine.memory.writeBytes(base, bytes);
    machine.events.emit('boot', {
      board: this.board.name,
      kernel: hex(this.plan.kernel),
      dtb: hex(this.plan.dtb),
      dtbBytes: this.deviceTree.length,
      ...(this.plan.initrd === null ? {} : { initrd: hex(this.plan.initrd.start) }),
    });
    machine.reset(this.board.firmware.base);
  }

  private watchText(): void {
    const { expectText, failText } = this.settings;
    const stop = () => this.machine.stop();
    if (expectText !== undefined) this.expected = this.serial.watch(expectText, stop);
    if (failText !== undefined) this.failed = this.serial.watch(failText, stop);
  }
}

function configure({ board, memoryBytes, cpus, gicVersion }: MachineSettings): Board {
  return findBoard(board).create({ memoryBytes, cpus, gicVersion });
}

/** Addresses for the images, and the device tree that names the initrd's. */
function loadPlan(
  board: Board,
  settings: MachineSettings,
  kernelBytes: number,
): { plan: LoadPlan; deviceTree: Uint8Array } {
  const request = {
    board,
    blob: settings.dtb ?? null,
    fixups: settings.fixups ?? 'none',
    bootargs: settings.append ?? null,
    seed: settings.seed ?? null,
  };
  const initrdBytes = settings.initrd?.length ?? 0;
  // The initrd's bounds are fixed-width cells: a tree with any bounds has the size of the final one.
  const draft = makeDeviceTree(request, initrdBytes === 0 ? null : { start: 0, end: 1 });
  const plan = planLoad(board, { kernelBytes, initrdBytes, dtbBytes: draft.length });
  return { plan, deviceTree: plan.initrd === null ? draft : makeDeviceTree(request, plan.initrd) };
}

const CONSOLE_COMPATIBLE = { pl011: 'arm,pl011', 'gs101-uart': 'google,gs101-uart' } as const;

/** Compatible string of the board's console UART: what a kernel built for the board has as its early console. */
function consoleCompatible(board: Board): string {
  return CONSOLE_COMPATIBLE[board.kernelConsole.model];
}
