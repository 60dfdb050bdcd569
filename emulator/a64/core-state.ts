// SPDX-License-Identifier: GPL-2.0-only
/**
 * A core's registers for TypeScript: views of its block in the WebAssembly memory (layout.ts).
 * Helpers of instructions work on it.
 *
 * Not here: what reading or writing a system register does (system/), memory (guest-memory.ts).
 */

import { CORE_BYTES, LAYOUT, MOST_SYSTEM_REGISTERS, STACK_POINTER } from './layout.ts';
import type { Features } from './features.ts';
import type { SystemPort } from './system/system-port.ts';

/** PSTATE in SPSR layout. */
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
 * Bits of PSTATE that are kept as they are, and those of extensions; NZCV and the level have words
 * of their own.
 */
const PLAIN_BITS = PSTATE.sp | (0xf << 6) | PSTATE.il | PSTATE.ss;
const BITS_OF_EXTENSIONS = { SSBS: PSTATE.ssbs, PAN: PSTATE.pan, UAO: PSTATE.uao } as const;

/** A synchronous exception that the instruction being executed takes instead of being executed. */
export class GuestException extends Error {
  readonly esr: number;
  /** Null when it has no fault address. */
  readonly far: bigint | null;
  /** Level that takes it; null: as every synchronous exception. */
  readonly target: 1 | 2 | 3 | null;

  constructor(esr: number, far: bigint | null = null, target: 1 | 2 | 3 | null = null) {
    super(`exception with ESR 0x${esr.toString(16)}`);
    this.name = 'GuestException';
    this.esr = esr;
    this.far = far;
    this.target = target;
  }
}

/** An exception was taken inside a helper, which is left by this. */
export const ALREADY_TAKEN = new GuestException(0);

/**
 * Guest memory by virtual address for helpers, little-endian. Both throw a GuestException where the
 * access aborts.
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

/** What a core finds again by itself: offset in its block, bytes. */
const DERIVED: readonly (readonly [number, number])[] = [
  [LAYOUT.left, LAYOUT.level - LAYOUT.left],
  [LAYOUT.scratch, 16],
  [LAYOUT.flashCopy, 16],
];

export class CoreState {
  /** Of the block in the WebAssembly memory. */
  readonly address: number;
  /** X0 to X30, 0, SP. */
  readonly x: BigUint64Array;
  /** Two words each, the low one first. */
  readonly xWords: Int32Array;
  /** V0 to V31, two halves each, the low one first. */
  readonly v: BigUint64Array;
  readonly vWords: Int32Array;
  readonly vBytes: Uint8Array;
  /** By place, see system/registers.ts. */
  readonly systemRegisters: BigUint64Array;
  /** The whole block as words, by LAYOUT offsets / 4. */
  readonly words: Int32Array;
  readonly wide: BigUint64Array;
  /** SP_EL0 to SP_EL3, as banked. */
  readonly stackPointers: BigUint64Array;
  private readonly ports: CoreStateContext;
  private readonly plainBits: number;

  /** @param ports are looked at when instructions run */
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

  /** N, Z, C, V in bits 3:0. */
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

  /** In SPSR layout. */
  get pstate(): number {
    return ((this.nzcv << 28) | this.plain | (this.level << 2)) >>> 0;
  }

  /**
   * Moves the stack pointer in use to its bank and takes that of the new state. What depends on the
   * level elsewhere is the core's to follow.
   */
  set pstate(value: number) {
    this.stackPointers[this.stackBank] = this.x[STACK_POINTER] as bigint;
    this.nzcv = value >>> 28;
    this.plain = value & this.plainBits;
    this.setWord(LAYOUT.level, (value >>> 2) & 3);
    this.x[STACK_POINTER] = this.stackPointers[this.stackBank] as bigint;
  }

  /**
   * The block up to the TLBs, the same bytes for the same state: of flags their values, of what is
   * derived from registers or belongs to a run nothing.
   */
  saveRegisters(): Uint8Array {
    const { nzcv } = this;
    this.nzcv = nzcv;
    const saved = new Uint8Array(this.words.buffer, this.address, LAYOUT.tlbs).slice();
    for (const [offset, bytes] of DERIVED) saved.fill(0, offset, offset + bytes);
    return saved;
  }

  /** The registers of the state are in place already: a snapshot. */
  restorePstate(value: number): void {
    this.plain = value & this.plainBits;
  }

  /** Gives the bits of `mask`, none of them NZCV or the level, those of `value`. */
  setPlain(mask: number, value: number): void {
    if ((mask & PSTATE.sp) === 0) {
      this.plain = ((this.plain & ~mask) | (value & mask)) & this.plainBits;
      return;
    }
    this.stackPointers[this.stackBank] = this.x[STACK_POINTER] as bigint;
    this.plain = ((this.plain & ~mask) | (value & mask)) & this.plainBits;
    this.x[STACK_POINTER] = this.stackPointers[this.stackBank] as bigint;
  }

  /** True where PSTATE has one of these bits, none of them NZCV or the level. */
  has(bits: number): boolean {
    return (this.plain & bits) !== 0;
  }

  /** The level whose stack pointer is in use: PSTATE.SP. */
  get stackBank(): number {
    return this.has(PSTATE.sp) ? this.level : 0;
  }
}
