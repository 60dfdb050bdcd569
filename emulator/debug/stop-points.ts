// SPDX-License-Identifier: GPL-2.0-only
/**
 * Breakpoints and watchpoints of a machine, in the engines of its cores. Memory is not patched: the
 * guest cannot see them.
 *
 *     breakpoint   the engine calls before the instruction at a virtual address
 *     watchpoint   the engine calls before an access to a physical range, the one behind the virtual range when
 *                  the point was set; what the instruction stored is taken back, so that the machine stands
 *                  before it. Code in TypeScript stores without the engine: there the bytes are
 *                  compared before and after a gate.
 *
 * A debugger sets its points each time it resumes the machine and removes them at each stop. So
 * points are installed in the engines only at the next run, and only the differences.
 */

import type { MachineCore } from '#emulator/cpu/machine-core.ts';
import type { WatchedAccess } from '#emulator/engine/engine.ts';
import type { Machine } from '#emulator/machine/machine.ts';
import type { Range } from '#common/range.ts';
import type { DebugMemory } from './debug-memory.ts';
import type { DebugPoint, DebugStop } from './gdb/target.ts';

type Watchpoint = Extract<DebugPoint, { kind: 'watchpoint' }> & { readonly ranges: readonly Range[] };

/** Hit of a stop point, with the place of the machine. */
interface Hit {
  readonly stop: DebugStop;
  readonly pc: bigint;
  readonly tick: number;
}

export class StopPoints {
  private readonly machine: Machine;
  private readonly memory: DebugMemory;
  /**
   * Requested breakpoints: for each address, the number of software and of hardware breakpoints.
   */
  private readonly breakpoints = new Map<bigint, { software: number; hardware: number }>();
  private watchpoints: Watchpoint[] = [];
  /** Callbacks installed in the engines, by core and key; the value removes one. */
  private readonly installed = new Map<MachineCore, Map<string, () => void>>();
  private hit: Hit | null = null;
  /** Place from which the machine was resumed: the instruction there does not stop it again. */
  private resumedFrom: {
    readonly core: number;
    readonly pc: bigint;
    readonly tick: number;
    readonly watch: boolean;
  } | null = null;
  /** Memory contents before the stores of an instruction that is cancelled. */
  private undo: { readonly address: number; readonly bytes: Uint8Array }[] = [];
  private beforeGate: Uint8Array[] = [];

  constructor(machine: Machine, memory: DebugMemory) {
    this.machine = machine;
    this.memory = memory;
  }

  /**
   * Adds a point; `core` translates its address. Returns false for a watchpoint on an address that
   * is not mapped to memory.
   */
  add(core: MachineCore, point: DebugPoint): boolean {
    if (point.kind === 'breakpoint') {
      const counts = this.breakpoints.get(point.address) ?? { software: 0, hardware: 0 };
      counts[point.hardware ? 'hardware' : 'software']++;
      this.breakpoints.set(point.address, counts);
      return true;
    }
    const ranges = this.memory.rangesOf(core, point.address, point.bytes);
    const mapped = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
    if (mapped < point.bytes || !ranges.every(({ start, end }) => this.memory.isMemory(start, end - start))) {
      return false;
    }
    this.watchpoints.push({ ...point, ranges });
    return true;
  }

  /** Removes a point that {@link add} added; others are ignored. */
  remove(point: DebugPoint): void {
    if (point.kind === 'breakpoint') {
      const counts = this.breakpoints.get(point.address);
      if (counts === undefined) return;
      const which = point.hardware ? 'hardware' : 'software';
      counts[which] = Math.max(0, counts[which] - 1);
      if (counts.software + counts.hardware === 0) this.breakpoints.delete(point.address);
      return;
    }
    const index = this.watchpoints.findIndex(
      ({ watch, address, bytes }) => watch === point.watch && address === point.address && bytes === point.bytes,
    );
    if (index >= 0) this.watchpoints.splice(index, 1);
  }

  /**
   * The same points for another machine with the same memory at the same places. Not yet installed
   * in its engines.
   */
  movedTo(machine: Machine, memory: DebugMemory): StopPoints {
    const moved = new StopPoints(machine, memory);
    for (const [address, counts] of this.breakpoints) moved.breakpoints.set(address, counts);
    moved.watchpoints = this.watchpoints;
    return moved;
  }

  clear(): void {
    this.breakpoints.clear();
    this.watchpoints = [];
  }

  /** Called before a run: notes the present place, which the machine must pass. */
  begin(): void {
    const { machine } = this;
    const core = machine.cores.find(({ index }) => index === machine.currentCore) ?? machine.bootCore;
    const pc = core.engine.getPc();
    const tick = machine.clock.ticks;
    const watch = this.hit?.stop.kind === 'watchpoint' && this.hit.pc === pc && this.hit.tick === tick;
    this.resumedFrom = { core: core.index, pc, tick, watch };
    this.hit = null;
  }

  /** Updates the callbacks in the engines. Between runs. */
  install(): void {
    const hasRun = this.machine.clock.instructions > 0;
    for (const core of this.machine.cores) this.installIn(core, hasRun);
  }

  /**
   * Called after a run: the point at which it stopped, or null. Undoes the stores of a watched
   * instruction.
   */
  finish(): DebugStop | null {
    for (const { address, bytes } of this.undo.toReversed()) this.memory.put(address, bytes);
    this.undo = [];
    return this.hit?.stop ?? null;
  }

  /**
   * Updates the callbacks in one engine; `hasRun` is false for a core that has not executed
   * anything.
   */
  installIn(core: MachineCore, hasRun: boolean): void {
    const installed = this.installed.get(core) ?? new Map<string, () => void>();
    this.installed.set(core, installed);
    const wanted = new Map<string, () => () => void>();
    for (const address of this.breakpoints.keys()) {
      wanted.set(`code ${address}`, () => core.engine.watchCode(address, () => this.reached(core, address)));
    }
    for (const { start, end } of this.watchpoints.flatMap(({ ranges }) => ranges)) {
      wanted.set(`memory ${start} ${end}`, () =>
        core.engine.watchMemory(start, end, (access) => this.touched(core, access)),
      );
    }
    let changed = false;
    for (const [key, remove] of installed) {
      if (wanted.has(key)) continue;
      remove();
      installed.delete(key);
      changed = true;
    }
    for (const [key, install] of wanted) {
      if (installed.has(key)) continue;
      installed.set(key, install());
      changed = true;
    }
    // The engine asks for callbacks during translation, so old code must go. Dropping all code
    // touches the engine's whole buffer, so it is avoided where nothing was translated.
    if (changed && hasRun) core.engine.discardAllCode();
  }

  gateEntered(): void {
    this.beforeGate = this.watchpoints.map((point) => this.bytesOf(point));
  }

  gateLeft(core: MachineCore): void {
    for (const [index, point] of this.watchpoints.entries()) {
      const before = this.beforeGate[index];
      if (point.watch === 'read' || before === undefined) continue;
      const after = this.bytesOf(point);
      if (after.some((byte, i) => byte !== before[i])) this.noteHit(core, watchStop(core, point));
    }
  }

  private reached(core: MachineCore, address: bigint): void {
    const counts = this.breakpoints.get(address);
    if (counts === undefined || this.isPassing(core, false)) return;
    this.noteHit(core, { kind: 'breakpoint', core: core.index, hardware: counts.software === 0 });
  }

  private touched(core: MachineCore, { write, address, size }: WatchedAccess): void {
    if (this.isPassing(core, true)) return;
    const end = address + size;
    const point = this.watchpoints.find(
      ({ watch, ranges }) =>
        watch !== (write ? 'read' : 'write') && ranges.some((range) => address < range.end && end > range.start),
    );
    if (point === undefined && this.hit === null) return;
    // All stores of the stopping instruction are undone, also those after the watched access.
    if (write) this.undo.push({ address, bytes: this.memory.readPhysical(address, size) });
    if (point !== undefined) this.noteHit(core, watchStop(core, point));
  }

  private isPassing(core: MachineCore, watch: boolean): boolean {
    const { resumedFrom, machine } = this;
    return (
      resumedFrom !== null &&
      resumedFrom.core === core.index &&
      resumedFrom.tick === machine.clock.ticks &&
      resumedFrom.pc === core.engine.getPc() &&
      (!watch || resumedFrom.watch)
    );
  }

  private noteHit(core: MachineCore, stop: DebugStop): void {
    this.hit ??= { stop, pc: core.engine.getPc(), tick: this.machine.clock.ticks };
    this.machine.stop();
  }

  private bytesOf({ ranges }: Watchpoint): Uint8Array {
    return Uint8Array.from(ranges.flatMap(({ start, end }) => [...this.memory.readPhysical(start, end - start)]));
  }
}

function watchStop(core: MachineCore, { watch, address }: Watchpoint): DebugStop {
  return { kind: 'watchpoint', core: core.index, watch, address };
}
