// SPDX-License-Identifier: GPL-2.0-only
/**
 * Access to a core's registers for code that does not use WebAssembly: debuggers, snapshots,
 * firmware calls.
 */

import type { CoreRegisters, SavedException } from '#emulator/engine/engine.ts';
import {
  SYSTEM_REGISTERS,
  type SystemRegisterEncoding,
  systemRegisterNumber,
} from '#emulator/engine/system-registers.ts';
import type { CoreState } from './core-state.ts';
import { STACK_POINTER } from './layout.ts';
import type { RegisterFile } from './system/register-file.ts';
import type { Effect, StoredRegister } from './system/registers.ts';

export interface RegisterHooks {
  /** Called after a write of PSTATE. */
  readonly pstateChanged: () => void;
  /** Called after a write of a stored system register that has an effect. */
  readonly registerChanged: (effect: Effect) => void;
  /** Reads PSTATE fields, stack pointers and FP control by register number. */
  readonly special: (register: number) => bigint | undefined;
  /** Writes one of these registers; returns false for any other register. */
  readonly setSpecial: (register: number, value: bigint) => boolean;
}

const X_REGISTERS = 31;

export class StateRegisters implements CoreRegisters {
  protected readonly state: CoreState;
  protected readonly file: RegisterFile;
  private readonly hooks: RegisterHooks;
  private readonly named = new Map<SystemRegisterEncoding, StoredRegister>();

  constructor(state: CoreState, file: RegisterFile, hooks: RegisterHooks) {
    this.state = state;
    this.file = file;
    this.hooks = hooks;
    for (const encoding of Object.values(SYSTEM_REGISTERS)) {
      const stored = file.find(systemRegisterNumber(encoding));
      if (stored !== undefined) this.named.set(encoding, stored);
    }
  }

  getX(index: number): bigint {
    return index < X_REGISTERS ? (this.state.x[index] as bigint) : 0n;
  }

  setX(index: number, value: bigint): void {
    if (index < X_REGISTERS) this.state.x[index] = value;
  }

  getPc(): bigint {
    return this.state.pc;
  }

  setPc(value: bigint): void {
    this.state.pc = value;
  }

  getSp(): bigint {
    return this.state.x[STACK_POINTER] as bigint;
  }

  setSp(value: bigint): void {
    this.state.x[STACK_POINTER] = value;
  }

  getBankedSp(level: number): bigint {
    return this.state.stackPointers[level] as bigint;
  }

  setBankedSp(level: number, value: bigint): void {
    this.state.stackPointers[level] = value;
  }

  getV(index: number): bigint {
    const { v } = this.state;
    return ((v[2 * index + 1] as bigint) << 64n) | (v[2 * index] as bigint);
  }

  setV(index: number, value: bigint): void {
    this.state.v[2 * index] = BigInt.asUintN(64, value);
    this.state.v[2 * index + 1] = BigInt.asUintN(64, value >> 64n);
  }

  getPstate(): number {
    return this.state.pstate;
  }

  setPstate(value: number): void {
    this.state.pstate = value;
    this.hooks.pstateChanged();
  }

  /** No effect follows from these registers. */
  saveException(level: 1 | 2 | 3, saved: SavedException): bigint {
    return this.file.saveException(level, saved);
  }

  getSystemRegister(encoding: SystemRegisterEncoding): bigint | null {
    const stored = this.storedAt(encoding);
    return stored === undefined ? (this.hooks.special(systemRegisterNumber(encoding)) ?? null) : this.file.read(stored);
  }

  setSystemRegister(encoding: SystemRegisterEncoding, value: bigint): boolean {
    const stored = this.storedAt(encoding);
    if (stored === undefined) return this.hooks.setSpecial(systemRegisterNumber(encoding), value);
    if (this.file.write(stored, value)) this.hooks.registerChanged(stored.effect);
    return true;
  }

  /** Every exception reads a few registers, always by the same constant objects. */
  private storedAt(encoding: SystemRegisterEncoding): StoredRegister | undefined {
    return this.named.get(encoding) ?? this.file.find(systemRegisterNumber(encoding));
  }
}
