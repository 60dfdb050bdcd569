// SPDX-License-Identifier: GPL-2.0-only
/**
 * Trap frame: the registers that an exception interrupted, as the vectors save them on SP_EL1 and
 * restore them (firmware/kernel/head.S).
 *
 *     0x000  x0 … x30                 0x110  FPSR, FPCR (8 bytes each)
 *     0x0f8  SP_EL0                   0x120  ESR_EL1, FAR_EL1 at entry
 *     0x100  ELR_EL1, SPSR_EL1        0x130  SP_EL1 at the exception, TPIDR_EL0
 *                                     0x140  q0 … q31
 *     0x340  end; SP_EL1 while what the frame describes runs
 *
 * The handle keeps only an address. Returning another frame from a gate is a context switch.
 *
 * Specification: Arm ARM DDI 0487 K.a, D1.3.1 (exception entry), C5.2.19 (SPSR_EL1).
 */

import { type VirtAddr, virtAddr } from '#common/address.ts';
import type { MemoryPort } from '#kernel-ts/hal/ports.ts';

/** Size of a trap frame in bytes; a multiple of 16, as SP must be. */
export const TRAP_FRAME_BYTES = 0x340;

const SP = 0xf8;
const ELR = 0x100;
const SPSR = 0x108;
const ESR = 0x120;
const FAR = 0x128;
const SP_EL1 = 0x130;

/** SPSR_EL1 of a program at EL0: AArch64, no interrupt masked. */
export const SPSR_USER = 0n;
/** SPSR_EL1 of the kernel's idle loop: EL1 with SP_EL1, everything masked except IRQ. */
export const SPSR_IDLE = 0x345n;

export class TrapFrame {
  readonly address: VirtAddr;
  private readonly memory: MemoryPort;

  /** @param address of the frame's first byte, a multiple of 16, mapped writable */
  constructor(memory: MemoryPort, address: VirtAddr) {
    this.memory = memory;
    this.address = address;
  }

  /** Register `n`, 0 to 30. */
  x(n: number): bigint {
    return this.get(8 * n);
  }

  setX(n: number, value: bigint): void {
    this.set(8 * n, value);
  }

  /** SP_EL0. */
  get sp(): VirtAddr {
    return virtAddr(this.get(SP));
  }

  set sp(value: bigint) {
    this.set(SP, value);
  }

  /** Address at which execution continues. */
  get elr(): VirtAddr {
    return virtAddr(this.get(ELR));
  }

  set elr(value: bigint) {
    this.set(ELR, value);
  }

  get spsr(): bigint {
    return this.get(SPSR);
  }

  set spsr(value: bigint) {
    this.set(SPSR, value);
  }

  /** ESR_EL1 at entry: valid for a synchronous exception or SError, stale for an interrupt. */
  get esr(): number {
    return Number(BigInt.asUintN(32, this.get(ESR)));
  }

  /** FAR_EL1 at entry: valid for an abort or a PC alignment fault, stale otherwise. */
  get far(): VirtAddr {
    return virtAddr(this.get(FAR));
  }

  /** SP_EL1 before the exception: shows a kernel stack overflow. */
  get kernelSp(): VirtAddr {
    return virtAddr(this.get(SP_EL1));
  }

  /** Clears all registers, including floating point and SIMD. */
  clear(): void {
    this.memory.fill(this.address, TRAP_FRAME_BYTES, 0);
  }

  private get(offset: number): bigint {
    return this.memory.read64(virtAddr(this.address + BigInt(offset)));
  }

  private set(offset: number, value: bigint): void {
    this.memory.write64(virtAddr(this.address + BigInt(offset)), BigInt.asUintN(64, value));
  }
}
