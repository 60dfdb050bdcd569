// SPDX-License-Identifier: GPL-2.0-only
/**
 * Engine that executes nothing, for tests: its registers only store values. Not a model of a CPU.
 */

import type { CpuEngine } from '#emulator/engine/engine.ts';
import type { SystemRegisterEncoding, SystemRegisterName } from '#emulator/engine/system-registers.ts';
import { SYSTEM_REGISTERS } from '#emulator/engine/system-registers.ts';

export class FakeEngine implements CpuEngine {
  readonly version = 'fake';
  executed = 0;
  inBlock = false;
  pc = 0n;
  sp = 0n;
  pstate = 0x3c5;
  readonly x = Array.from({ length: 31 }, () => 0n);
  readonly v = Array.from({ length: 32 }, () => 0n);
  readonly banked = [0n, 0n, 0n, 0n];
  private readonly system = new Map<string, bigint>();

  get(name: SystemRegisterName): bigint {
    return this.getSystemRegister(SYSTEM_REGISTERS[name]);
  }

  set(name: SystemRegisterName, value: bigint): void {
    this.setSystemRegister(SYSTEM_REGISTERS[name], value);
  }

  getX(index: number): bigint {
    return this.x[index] ?? 0n;
  }

  setX(index: number, value: bigint): void {
    this.x[index] = value;
  }

  getPc(): bigint {
    return this.pc;
  }

  setPc(value: bigint): void {
    this.pc = value;
  }

  getSp(): bigint {
    return this.sp;
  }

  setSp(value: bigint): void {
    this.sp = value;
  }

  getBankedSp(level: number): bigint {
    return this.banked[level] ?? 0n;
  }

  setBankedSp(level: number, value: bigint): void {
    this.banked[level] = value;
  }

  getV(index: number): bigint {
    return this.v[index] ?? 0n;
  }

  setV(index: number, value: bigint): void {
    this.v[index] = value;
  }

  getPstate(): number {
    return this.pstate >>> 0;
  }

  setPstate(value: number): void {
    this.pstate = value;
  }

  getSystemRegister(encoding: SystemRegisterEncoding): bigint {
    return this.system.get(encoding.join()) ?? 0n;
  }

  setSystemRegister(encoding: SystemRegisterEncoding, value: bigint): boolean {
    this.system.set(encoding.join(), value);
    return true;
  }

  run(): never {
    throw new Error('a FakeEngine executes nothing');
  }

  runBlocks(): never {
    throw new Error('a FakeEngine executes nothing');
  }

  syndrome(): never {
    throw new Error('a FakeEngine takes no exceptions');
  }

  exportState(): never {
    throw new Error('a FakeEngine is not saved');
  }

  importState(): never {
    throw new Error('a FakeEngine is not restored');
  }

  mapMemory(): void {}
  unmap(): void {}

  mapDevices(): void {}
  intercept(): void {}

  watchCode(): () => void {
    return () => {};
  }

  watchMemory(): () => void {
    return () => {};
  }

  stop(): void {}
  abandon(): void {}

  watchMasks(): boolean {
    return false;
  }

  flushTlb(): void {}
  shorten(): boolean {
    return true;
  }
  discardCode(): void {}
  discardPhysicalCode(): void {}
  forgetBranchTargets(): void {}
  discardAllCode(): void {}
  close(): void {}
}
