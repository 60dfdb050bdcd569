// SPDX-License-Identifier: GPL-2.0-only
/**
 * Registers of a core for TypeScript: views of its block in the WebAssembly memory (layout.ts).
 * Instruction helpers work on it.
 *
 * Not here: the effects of system register accesses (system/), memory (guest-memory.ts).
 */

import { EXCEPTION_CLASS, SYNDROME_IL } from '#emulator/cpu/syndrome.ts';
import { CORE_BYTES, LAYOUT, MOST_SYSTEM_REGISTERS, STACK_POINTER } from './layout.ts';
import type { Features } from './features.ts';
import type { SystemPort } from './system/system-port.ts';

/** Bits of PSTATE, in SPSR layout. */
export const PSTATE = {
  sp: 1 << 0,
  f: 1 << 6,
  i: 1 << 7,
  a: 1 << 8,
  d: 1 << 9,
  ssbs: 1 << 12,
  il: 1 << 20,
  ss: 1 << 21,
  pan: 1 << 22,
  uao: 1 << 23,
  dit: 1 << 24,
} as const;

/**
 * PSTATE bits of Armv8.0 that the word LAYOUT.pstate holds. NZCV and the exception level have words
 * of their own.
 */
const PLAIN_BITS = PSTATE.sp | (0xf << 6) | PSTATE.il | PSTATE.ss;
const BITS_OF_EXTENSIONS = { SSBS: PSTATE.ssbs, PAN: PSTATE.pan, UAO: PSTATE.uao } as const;

/** Synchronous exception that the instruction in progress takes instead of being executed. */
export class GuestException extends Error {
  readonly esr: number;
  /** Fault address; null for exceptions without one. */
  readonly far: bigint | null;
  /** Target exception level; null: the default target of synchronous exceptions. */
  readonly target: 1 | 2 | 3 | null;

  constructor(esr: number, far: bigint | null = null, target: 1 | 2 | 3 | null = null) {
    super(`exception with ESR 0x${esr.toString(16)}`);
    this.name = 'GuestException';
    this.esr = esr;
    this.far = far;
    this.target = target;
  }
}

/** Thrown to leave a helper that has already taken an exception. */
export const ALREADY_TAKEN = new GuestException(0);

/**
 * Guest memory by virtual address for helpers, little-endian. Both methods throw a GuestException
 * when the access aborts.
 */
export interface MemoryPort {
  /** `bytes` is 1, 2, 4 or 8. */
  read(address: bigint, bytes: number): bigint;
  write(address: bigint, bytes: number, value: bigint): void;
}

export interface CoreStateContext {
  readonly memory: MemoryPort;
  readonly system: SystemPort;
}

/** Parts of the block that a core can recompute: [offset, bytes]. */
const DERIVED: readonly (readonly [number, number])[] = [
  [LAYOUT.left, LAYOUT.level - LAYOUT.left],
  [LAYOUT.scratch, 16],
  [LAYOUT.flashCopy, 16],
  [LAYOUT.stackMask, 4],
];

export class CoreState {
  /** Address of the core's block in the WebAssembly memory. */
  readonly address: number;
  /** X0 to X30, zero register, SP. */
  readonly x: BigUint64Array;
  /** The same registers as 32-bit words, low word first. */
  readonly xWords: Int32Array;
  /** V0 to V31, two halves each, low half first. */
  readonly v: BigUint64Array;
  readonly vWords: Int32Array;
  readonly vBytes: Uint8Array;
  /** Stored system registers, by place, see system/registers.ts. */
  readonly systemRegisters: BigUint64Array;
  /** The whole block as 32-bit words, by LAYOUT offset / 4. */
  readonly words: Int32Array;
  readonly wide: BigUint64Array;
  /** SP_EL0 to SP_EL3; the selected one is in X instead. */
  readonly stackPointers: BigUint64Array;
  private readonly ports: CoreStateContext;
  private readonly plainBits: number;

  /** @param ports used only when instructions run */
  constructor(buffer: ArrayBuffer, address: number, ports: CoreStateContext, has: Features) {
    this.address = address;
    this.ports = ports;
    this.plainBits = (['SSBS', 'PAN', 'UAO'] as const).reduce(
      (bits, feature) => bits | (has(feature) ? BITS_OF_EXTENSIONS[feature] : 0),
      PLAIN_BITS,
    );
    this.stackPointers = new BigUint64Array(buffer, address + LAYOUT.stackPointers, 4);
    this.x = new BigUint64Array(buffer, address + LAYOUT.x, STACK_POINTER + 1);
    this.xWords = new Int32Array(buffer, address + LAYOUT.x, 2 * (STACK_POINTER + 1));
    this.v = new BigUint64Array(buffer, address + LAYOUT.v, 64);
    this.vWords = new Int32Array(buffer, address + LAYOUT.v, 128);
    this.vBytes = new Uint8Array(buffer, address + LAYOUT.v, 512);
    this.systemRegisters = new BigUint64Array(buffer, address + LAYOUT.systemRegisters, MOST_SYSTEM_REGISTERS);
    this.words = new Int32Array(buffer, address, CORE_BYTES / 4);
    this.wide = new BigUint64Array(buffer, address, CORE_BYTES / 8);
  }

  get memory(): MemoryPort {
    return this.ports.memory;
  }

  get system(): SystemPort {
    return this.ports.system;
  }

  get pc(): bigint {
    return this.wide[LAYOUT.pc / 8] as bigint;
  }

  set pc(value: bigint) {
    this.wide[LAYOUT.pc / 8] = value;
  }

  word(offset: number): number {
    return this.words[offset / 4] as number;
  }

  setWord(offset: number, value: number): void {
    this.words[offset / 4] = value;
  }

  get fpcr(): number {
    return this.word(LAYOUT.fpcr);
  }

  set fpcr(value: number) {
    this.setWord(LAYOUT.fpcr, value);
  }

  get fpsr(): number {
    return this.word(LAYOUT.fpsr);
  }

  set fpsr(value: number) {
    this.setWord(LAYOUT.fpsr, value);
  }

  /** NZCV in bits 3:0. */
  get nzcv(): number {
    const n = this.word(LAYOUT.negative) < 0 ? 8 : 0;
    const z = this.word(LAYOUT.zero) === 0 ? 4 : 0;
    const c = this.word(LAYOUT.carry) === 0 ? 0 : 2;
    return n | z | c | (this.word(LAYOUT.overflow) < 0 ? 1 : 0);
  }

  set nzcv(bits: number) {
    this.setWord(LAYOUT.negative, bits << 28);
    this.setWord(LAYOUT.zero, (bits & 4) ^ 4);
    this.setWord(LAYOUT.carry, (bits >>> 1) & 1);
    this.setWord(LAYOUT.overflow, bits << 31);
  }

  private get plain(): number {
    return this.word(LAYOUT.pstate);
  }

  private set plain(bits: number) {
    this.setWord(LAYOUT.pstate, bits);
  }

  get level(): number {
    return this.word(LAYOUT.level);
  }

  /** PSTATE in SPSR layout. */
  get pstate(): number {
    return ((this.nzcv << 28) | this.plain | (this.level << 2)) >>> 0;
  }

  /**
   * Moves the current stack pointer to its bank and selects that of the new state. The core must
   * update everything else that depends on the exception level.
   */
  set pstate(value: number) {
    this.stackPointers[this.stackBank] = this.x[STACK_POINTER] as bigint;
    this.nzcv = value >>> 28;
    this.plain = value & this.plainBits;
    this.setWord(LAYOUT.level, (value >>> 2) & 3);
    this.x[STACK_POINTER] = this.stackPointers[this.stackBank] as bigint;
  }

  /**
   * Contents of the block up to the TLBs; equal states give equal bytes. Flags are saved as their
   * values, and state that is derived from registers or belongs to one run is left out.
   */
  saveRegisters(): Uint8Array {
    const { nzcv } = this;
    this.nzcv = nzcv;
    const saved = new Uint8Array(this.words.buffer, this.address, LAYOUT.tlbs).slice();
    for (const [offset, bytes] of DERIVED) saved.fill(0, offset, offset + bytes);
    return saved;
  }

  /**
   * Sets PSTATE without moving stack pointers: for a snapshot, whose registers are in place
   * already.
   */
  restorePstate(value: number): void {
    this.plain = value & this.plainBits;
  }

  /** Sets the bits of `mask` to those of `value`; `mask` holds no bit of NZCV or the level. */
  setPlain(mask: number, value: number): void {
    if ((mask & PSTATE.sp) === 0) {
      this.plain = ((this.plain & ~mask) | (value & mask)) & this.plainBits;
      return;
    }
    this.stackPointers[this.stackBank] = this.x[STACK_POINTER] as bigint;
    this.plain = ((this.plain & ~mask) | (value & mask)) & this.plainBits;
    this.x[STACK_POINTER] = this.stackPointers[this.stackBank] as bigint;
  }

  /** True when PSTATE has any of these bits; none of them may be NZCV or the level. */
  has(bits: number): boolean {
    return (this.plain & bits) !== 0;
  }

  /** @throws GuestException where an access goes by SP, which is checked and not aligned */
  checkStack(): void {
    if (((this.xWords[2 * STACK_POINTER] as number) & this.word(LAYOUT.stackMask)) !== 0) this.takeStackMisaligned();
  }

  /** @throws GuestException */
  takeStackMisaligned(): never {
    throw new GuestException(((EXCEPTION_CLASS.spAlignment << 26) | SYNDROME_IL) >>> 0);
  }

  /** Exception level whose stack pointer is selected (PSTATE.SP). */
  get stackBank(): number {
    return this.has(PSTATE.sp) ? this.level : 0;
  }
}
