// SPDX-License-Identifier: GPL-2.0-only
/**
 * Self-hosted debug of a core: hardware breakpoints, watchpoints and software step, built on the
 * engine's callbacks.
 *
 *     breakpoint     the engine calls before the instruction at the address
 *     watchpoint     the engine calls before every access, while one is enabled and for a while after: which
 *                    page lies behind an address may change unseen
 *     software step  slices of one instruction while MDSCR_EL1.SS is set; the engine has PSTATE.SS and leaves it to us
 *
 * A guest that uses none of them pays nothing.
 *
 * Specification: Arm ARM DDI 0487 K.a, D2.8 (breakpoints), D2.10 (watchpoints), D2.12 (software
 * step, with its states), D24.2.40 (syndromes).
 */

import type { CoreEngine, WatchedAccess } from '#emulator/engine/engine.ts';
import { SYSTEM_REGISTERS, type SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';
import type { PhysicalMemory } from '#emulator/memory/physical-memory.ts';
import type { CoreTranslation } from './core-translation.ts';
import { DebugRegisters, type DebugState } from './debug-registers.ts';
import { HCR_E2H, HCR_TGE, levelOf } from './exception-entry.ts';
import { accessAddress, isExceptionReturn, isLoadExclusive, isUnprivilegedAccess } from './instruction.ts';
import { debugSyndrome, watchpointSyndrome } from './syndrome.ts';

const PSTATE_D = 1 << 9;
const PSTATE_SS = 1 << 21;
const MDCR_EL2: SystemRegisterEncoding = [3, 4, 1, 1, 1];
const MDCR_TDE = 1n << 8n;
const CONTEXTIDR_EL1: SystemRegisterEncoding = [3, 0, 13, 0, 1];
const CONTEXTIDR_EL2: SystemRegisterEncoding = [3, 4, 13, 0, 1];

/**
 * Most addresses whose callbacks stay installed, so that the guest can switch them on and off
 * without new translation.
 */
const MOST_KEPT = 64;
/**
 * Ticks without a watchpoint after which the memory callback is removed: a kernel may switch
 * watchpoints with each process.
 */
const QUIET_TICKS = 20_000_000;
/** Physical address range that the memory callback covers. */
const ALL_MEMORY = 2 ** 48;
const PAGE_OFFSET = 0xfffn;

/** Debug exception to take. */
export interface DebugException {
  readonly pc: bigint;
  readonly esr: number;
  readonly far: bigint | null;
  readonly target: 1 | 2;
}

export interface SelfHostedDebugContext {
  readonly engine: CoreEngine;
  readonly translation: CoreTranslation;
  readonly memory: PhysicalMemory;
  readonly ticks: () => number;
  /** Takes the exception in place of the current instruction. */
  readonly raise: (exception: DebugException) => void;
  /** Ends the slice after the current instruction. */
  readonly endSlice: () => void;
}

export class SelfHostedDebug {
  private readonly core: SelfHostedDebugContext;
  private readonly registers = new DebugRegisters();
  /** Installed code callbacks, by address; the value removes one. */
  private readonly codeWatches = new Map<bigint, () => void>();
  private memoryWatch: (() => void) | null = null;
  /** Tick of the last slice with a watchpoint. */
  private lastWatched = 0;
  /** True when the debug registers have changed, or the engine was replaced. */
  private stale = false;
  /** Set when an instruction was just stepped; `exclusive` for a load-exclusive. */
  private stepped: { readonly exclusive: boolean } | null = null;
  /** Memory contents before the stores of an instruction that a watchpoint cancels. */
  private undo: { readonly address: number; readonly bytes: Uint8Array }[] = [];

  constructor(core: SelfHostedDebugContext) {
    this.core = core;
  }

  reset(): void {
    this.registers.reset();
    this.stepped = null;
    this.stale = true;
  }

  read(encoding: SystemRegisterEncoding): bigint | undefined {
    return this.registers.read(encoding);
  }

  write(encoding: SystemRegisterEncoding, value: bigint): boolean {
    if (!this.registers.write(encoding, value)) return false;
    this.stale = true;
    this.core.endSlice();
    return true;
  }

  /** True when slices have one instruction. */
  get steps(): boolean {
    return this.registers.steps;
  }

  /**
   * True when the guest single-steps itself or has set a breakpoint: code may not run as written.
   */
  get isActive(): boolean {
    return this.steps || this.registers.breakpoints.length > 0;
  }

  /** Notes that an exception was taken: no instruction was stepped. */
  exceptionTaken(): void {
    this.stepped = null;
  }

  /**
   * Before a slice: updates the engine's callbacks, and returns the software step exception that is
   * due, or null.
   */
  beginSlice(): DebugException | null {
    if (this.stale || this.memoryWatch !== null) this.install();
    if (!this.steps) return null;
    const { engine } = this.core;
    const state = this.state();
    if (!this.registers.enabled(state) || (engine.getPstate() & PSTATE_SS) !== 0) return null;
    const { stepped } = this;
    this.stepped = null;
    const syndrome = debugSyndrome('step', state.level < state.target, stepped);
    return { pc: engine.getPc(), esr: syndrome, far: null, target: state.target };
  }

  /**
   * Executes a one-instruction slice with `run`, and advances the software step state if the
   * instruction has `happened`. When an exception takes its place, the step remains to be done.
   */
  step<T>(run: () => T, happened: (result: T) => boolean): T {
    const { engine, translation } = this.core;
    const pc = engine.getPc();
    const instruction = translation.instructionAt(pc) ?? 0;
    const before = this.state();
    const wasEnabled = this.registers.enabled(before);
    const saved = isExceptionReturn(instruction) ? this.savedState(before.level) : 0;
    this.stepped = null;
    const active = wasEnabled && (engine.getPstate() & PSTATE_SS) !== 0;
    const result = run();
    let pstate = engine.getPstate();
    if (isExceptionReturn(instruction) && engine.getPc() !== pc) {
      // ERET into a state with debug exceptions enabled loads PSTATE.SS from SPSR.
      const begins = !wasEnabled && this.registers.enabled(this.state()) ? saved & PSTATE_SS : 0;
      pstate = (pstate & ~PSTATE_SS) | begins;
      engine.setPstate(pstate);
      if (active) this.stepped = { exclusive: false };
    } else if (active && (pstate & PSTATE_SS) !== 0 && happened(result)) {
      engine.setPstate(pstate & ~PSTATE_SS);
      this.stepped = { exclusive: isLoadExclusive(instruction) };
    }
    return result;
  }

  /**
   * Completes the step of SVC, HVC or SMC, which count as executed when their exception is taken;
   * the saved PSTATE shows this.
   */
  callCompletes(): void {
    if (!this.steps) return;
    const { engine } = this.core;
    engine.setPstate(engine.getPstate() & ~PSTATE_SS);
  }

  /** After a slice: undoes the stores of an instruction that was cancelled. */
  endSlice(): void {
    for (const { address, bytes } of this.undo.toReversed()) this.core.memory.writeBytes(address, bytes);
    this.undo = [];
  }

  saveState() {
    return { registers: this.registers.saveState(), stepped: this.stepped };
  }

  restoreState({ registers, stepped }: ReturnType<SelfHostedDebug['saveState']>): void {
    this.registers.restoreState(registers);
    this.stepped = stepped;
    this.stale = true;
  }

  private install(): void {
    const { engine, ticks } = this.core;
    const wanted = this.registers.breakpoints;
    let changed = false;
    for (const address of wanted) {
      if (this.codeWatches.has(address)) continue;
      this.codeWatches.set(
        address,
        engine.watchCode(address, () => this.reached(address)),
      );
      changed = true;
    }
    for (const [address, remove] of this.codeWatches) {
      if (this.codeWatches.size <= MOST_KEPT) break;
      if (wanted.includes(address)) continue;
      remove();
      this.codeWatches.delete(address);
    }
    if (this.registers.watched.length > 0) {
      this.lastWatched = ticks();
      if (this.memoryWatch === null) {
        this.memoryWatch = engine.watchMemory(0, ALL_MEMORY, (access) => this.touched(access));
        changed = true;
      }
    } else if (this.memoryWatch !== null && ticks() - this.lastWatched > QUIET_TICKS) {
      this.memoryWatch();
      this.memoryWatch = null;
      changed = true;
    }
    this.stale = false;
    // The engine installs its callbacks during translation.
    if (changed) engine.discardAllCode();
  }

  private reached(pc: bigint): void {
    const state = this.state();
    if (!this.registers.breaksAt(pc, state)) return;
    const esr = debugSyndrome('breakpoint', state.level < state.target, null);
    this.core.raise({ pc, esr, far: 0n, target: state.target });
  }

  private touched({ write, address, size }: WatchedAccess): void {
    const { engine, translation, memory } = this.core;
    // Fast path: most accesses are elsewhere in their page.
    const offset = BigInt(address) & PAGE_OFFSET;
    const near = this.registers.watched.some(
      ({ start, end }) =>
        end - start > PAGE_OFFSET ||
        ((offset - start) & PAGE_OFFSET) < end - start ||
        ((start - offset) & PAGE_OFFSET) < BigInt(size),
    );
    if (!near && this.undo.length === 0) return;
    const pc = engine.getPc();
    const instruction = translation.instructionAt(pc) ?? 0;
    const first = accessAddress(instruction, pc, (index) => (index === 31 ? engine.getSp() : engine.getX(index)));
    if (first === null) return;
    // The access may be a later part of the instruction.
    const va = BigInt.asUintN(64, first + ((BigInt(address) - first) & PAGE_OFFSET));
    const state = this.state();
    const caught = this.registers.caught(
      { address: va, size, write, unprivileged: isUnprivilegedAccess(instruction) },
      state,
    );
    if (caught === null && this.undo.length === 0) return;
    if (write && memory.contains(address, size)) {
      this.undo.push({ address, bytes: memory.readBytes(address, size).slice() });
    }
    if (caught !== null) {
      const esr = watchpointSyndrome(state.level < state.target, write);
      this.core.raise({ pc, esr, far: va > caught.start ? va : caught.start, target: state.target });
    }
  }

  private state(): DebugState {
    const { engine } = this.core;
    const pstate = engine.getPstate();
    const get = (encoding: SystemRegisterEncoding) => engine.getSystemRegister(encoding) ?? 0n;
    const level = levelOf(pstate);
    const hcr = get(SYSTEM_REGISTERS.HCR_EL2);
    const isOfHost = (hcr & HCR_E2H) !== 0n && (level === 2 || (level === 0 && (hcr & HCR_TGE) !== 0n));
    const toEl2 = (get(MDCR_EL2) & MDCR_TDE) !== 0n || (hcr & HCR_TGE) !== 0n;
    return {
      level,
      masked: (pstate & PSTATE_D) !== 0,
      target: toEl2 ? 2 : 1,
      context: get(isOfHost ? CONTEXTIDR_EL2 : CONTEXTIDR_EL1),
    };
  }

  /** SPSR of a level. */
  private savedState(level: number): number {
    const register = level === 3 ? 'SPSR_EL3' : level === 2 ? 'SPSR_EL2' : 'SPSR_EL1';
    return Number(BigInt.asUintN(32, this.core.engine.getSystemRegister(SYSTEM_REGISTERS[register]) ?? 0n));
  }
}
