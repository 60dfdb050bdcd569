// SPDX-License-Identifier: GPL-2.0-only
/**
 * Registers of the engine: one at a time, or all as bytes that are specific to one build of the
 * library.
 *
 * Numbers are the library's ABI: include/unicorn/arm64.h of Unicorn 2.1.
 */

import { type CoreRegisters, EngineError } from './engine.ts';
import { SYSTEM_REGISTERS, type SystemRegisterEncoding, systemRegisterNumber } from './system-registers.ts';
import { UC_ERR_OK, type UnicornHandle } from './unicorn-handle.ts';
import { allocateWords, freeNative, nativeView, type Pointer } from './unicorn-library.ts';

/** Values of enum uc_arm64_reg. */
const REG_PC = 260;
const REG_SP = 4;
const REG_PSTATE = 265;
const REG_SP_EL0 = 270;
const REG_CP_REG = 290;
const REG_Q0 = 104;
const REG_X0 = 199;
const REG_X29 = 1;
/** UC_ARM64_REG_XZR. */
const REG_XZR = 7;
/** Index of the X register with the library's number `register`; 31 is XZR. */
export const indexOfX = (register: number): number =>
  register === REG_XZR ? 31 : register >= REG_X0 ? register - REG_X0 : register - REG_X29 + 29;
const registerOfX = (index: number): number => (index < 29 ? REG_X0 + index : REG_X29 + index - 29);

const PSTATE_EL3H = 0x3cd;

/**
 * Registers without storage: the engine ends the process when it is asked for their value. System
 * instructions (op0 = 1) are such registers, too. Found by asking for every encoding.
 */
const WITHOUT_VALUE: ReadonlySet<number> = new Set(
  (
    [
      [2, 0, 0, 2, 0], // MDCCINT_EL1
      [2, 0, 1, 0, 4], // OSLAR_EL1
      [2, 0, 1, 3, 4], // OSDLR_EL1
      [2, 4, 0, 7, 0], // DBGVCR32_EL2
      [3, 0, 4, 2, 2], // CurrentEL
      [3, 3, 4, 2, 0], // NZCV
      [3, 3, 9, 12, 4], // PMSWINC_EL0
    ] as const
  ).map(systemRegisterNumber),
);
/** PMEVCNTR0_EL0 ends the process when it is written on a core without event counters. */
const NOT_WRITTEN = systemRegisterNumber([3, 3, 14, 8, 0]);
const hasValue = (encoding: SystemRegisterEncoding): boolean =>
  encoding[0] >= 2 && !WITHOUT_VALUE.has(systemRegisterNumber(encoding));

/** Upper limit of the header of struct uc_context: seven members in Unicorn 2.1. */
const MOST_CONTEXT_HEADER_BYTES = 64;

export class UnicornRegisters implements CoreRegisters {
  private readonly handle: UnicornHandle;
  /** Native memory for one 64-bit register value. */
  private readonly cell: Pointer;
  private readonly cellValue: BigUint64Array;
  /** Native memory for one vector register value. */
  private readonly wideCell: Pointer;
  private readonly wideValue: BigUint64Array;
  /** struct uc_arm64_cp_reg { u32 crn, crm, op0, op1, op2, pad; u64 value }. */
  private readonly systemCell: Pointer;
  private readonly systemFields: Uint32Array;
  private readonly systemValue: BigUint64Array;

  constructor(handle: UnicornHandle) {
    this.handle = handle;
    this.cell = allocateWords(1);
    this.cellValue = new BigUint64Array(nativeView(this.cell, 8));
    this.wideCell = allocateWords(2);
    this.wideValue = new BigUint64Array(nativeView(this.wideCell, 16));
    this.systemCell = allocateWords(4);
    this.systemFields = new Uint32Array(nativeView(this.systemCell, 24));
    this.systemValue = new BigUint64Array(nativeView(this.systemCell, 32), 24, 1);
  }

  getX(index: number): bigint {
    return this.readRegister(registerOfX(index));
  }

  setX(index: number, value: bigint): void {
    this.writeRegister(registerOfX(index), value);
  }

  /** Inside a callback this may be the start of the block: see UnicornSlices.getPc. */
  getPc(): bigint {
    return this.readRegister(REG_PC);
  }

  setPc(value: bigint): void {
    this.writeRegister(REG_PC, value);
  }

  getSp(): bigint {
    return this.readRegister(REG_SP);
  }

  setSp(value: bigint): void {
    this.writeRegister(REG_SP, value);
  }

  getBankedSp(level: number): bigint {
    return this.readRegister(REG_SP_EL0 + level);
  }

  setBankedSp(level: number, value: bigint): void {
    this.writeRegister(REG_SP_EL0 + level, value);
  }

  getV(index: number): bigint {
    this.handle.library.regRead(this.handle.pointer, REG_Q0 + index, this.wideCell);
    return ((this.wideValue[1] ?? 0n) << 64n) | (this.wideValue[0] ?? 0n);
  }

  setV(index: number, value: bigint): void {
    this.wideValue[0] = BigInt.asUintN(64, value);
    this.wideValue[1] = BigInt.asUintN(64, value >> 64n);
    this.handle.library.regWrite(this.handle.pointer, REG_Q0 + index, this.wideCell);
  }

  getPstate(): number {
    return Number(BigInt.asUintN(32, this.readRegister(REG_PSTATE)));
  }

  setPstate(value: number): void {
    this.writeRegister(REG_PSTATE, BigInt(value >>> 0));
  }

  getSystemRegister(encoding: SystemRegisterEncoding): bigint | null {
    if (!hasValue(encoding)) return null;
    this.selectSystemRegister(encoding);
    if (this.handle.library.regRead(this.handle.pointer, REG_CP_REG, this.systemCell) !== UC_ERR_OK) return null;
    return this.systemValue[0] ?? 0n;
  }

  setSystemRegister(encoding: SystemRegisterEncoding, value: bigint): boolean {
    if (!hasValue(encoding) || systemRegisterNumber(encoding) === NOT_WRITTEN) return false;
    this.selectSystemRegister(encoding);
    this.systemValue[0] = value;
    return this.handle.library.regWrite(this.handle.pointer, REG_CP_REG, this.systemCell) === UC_ERR_OK;
  }

  exportState(): Uint8Array {
    this.handle.check('uc_context_save', this.handle.library.contextSave(this.handle.pointer, this.handle.context));
    return new Uint8Array(this.handle.contextView.buffer.slice(this.contextHeaderBytes));
  }

  importState(state: Uint8Array): void {
    // The header describes this engine, so it is not taken from the saved bytes.
    this.handle.check('uc_context_save', this.handle.library.contextSave(this.handle.pointer, this.handle.context));
    const registers = new Uint8Array(this.handle.contextView.buffer, this.contextHeaderBytes);
    if (state.length !== registers.length) {
      throw new EngineError(`registers of ${state.length} bytes; this build of the engine has ${registers.length}`);
    }
    registers.set(state);
    this.handle.check(
      'uc_context_restore',
      this.handle.library.contextRestore(this.handle.pointer, this.handle.context),
    );
    this.handle.discardAllCode();
    this.handle.flushTlb();
  }

  /** See CpuEngine.discardPhysicalCode. */
  discardPhysicalCode(ranges: Iterable<readonly [start: number, end: number]>): void {
    // At EL3 with its MMU off, virtual addresses equal physical ones.
    const pstate = this.getPstate();
    this.setLevel(PSTATE_EL3H);
    for (const [start, end] of ranges) this.handle.discardCode(start, end);
    this.setLevel(pstate);
  }

  /** Frees native memory. Call after the handle was closed. */
  close(): void {
    for (const cell of [this.cell, this.wideCell, this.systemCell]) freeNative(cell);
  }

  /** struct uc_context begins with the length of the registers, which are at its end. */
  private get contextHeaderBytes(): number {
    const bytes = this.handle.contextView.byteLength - Number(this.handle.contextView.getBigUint64(0, true));
    if (bytes < 8 || bytes > MOST_CONTEXT_HEADER_BYTES) {
      throw new EngineError("the engine's saved registers are not laid out as in Unicorn 2.1");
    }
    return bytes;
  }

  /**
   * Writes PSTATE without moving stack pointers, and makes the engine notice by a system register
   * write.
   */
  private setLevel(pstate: number): void {
    this.setPstate(pstate);
    this.setSystemRegister(SYSTEM_REGISTERS.SCR_EL3, this.getSystemRegister(SYSTEM_REGISTERS.SCR_EL3) ?? 0n);
  }

  private readRegister(register: number): bigint {
    this.handle.library.regRead(this.handle.pointer, register, this.cell);
    return this.cellValue[0] ?? 0n;
  }

  private writeRegister(register: number, value: bigint): void {
    this.cellValue[0] = value;
    this.handle.library.regWrite(this.handle.pointer, register, this.cell);
  }

  private selectSystemRegister([op0, op1, crn, crm, op2]: SystemRegisterEncoding): void {
    const fields = this.systemFields;
    fields[0] = crn;
    fields[1] = crm;
    fields[2] = op0;
    fields[3] = op1;
    fields[4] = op2;
    fields[5] = 0;
  }
}
