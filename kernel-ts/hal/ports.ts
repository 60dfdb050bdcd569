// SPDX-License-Identifier: GPL-2.0-only
/**
 * Ports of the kernel to everything outside. The machine implements them; the kernel and its HAL
 * import nothing else.
 *
 * Every address is virtual and is translated by the tables that are live on the CPU at that moment.
 * An access that they do not allow throws a `DataAbort` (common/data-abort.ts). The kernel does not
 * catch it: the gate that entered TypeScript turns it into an exception of the CPU at EL1.
 */

import type { VirtAddr } from '#common/address.ts';
import type { KernelEvents } from './kernel-events.ts';

/**
 * Memory by virtual address, little-endian. Addresses need not be aligned and may cross pages. Each
 * call is charged one access of simulated time for each 8 bytes moved, rounded up.
 * @throws DataAbort where a byte is not mapped, or not writable on a write
 */
export interface MemoryPort {
  read8(va: VirtAddr): number;
  read16(va: VirtAddr): number;
  read32(va: VirtAddr): number;
  read64(va: VirtAddr): bigint;
  write8(va: VirtAddr, value: number): void;
  write16(va: VirtAddr, value: number): void;
  write32(va: VirtAddr, value: number): void;
  write64(va: VirtAddr, value: bigint): void;
  /** Copies `length` bytes. */
  readBytes(va: VirtAddr, length: number): Uint8Array;
  writeBytes(va: VirtAddr, bytes: Uint8Array): void;
  /** Sets `length` bytes to `byte`. */
  fill(va: VirtAddr, length: number, byte: number): void;
  /**
   * Window on [va, va + bytes) for code that accesses an array very often (mem_map). `va` and
   * `bytes` are multiples of 4. The whole range must be mapped writable as normal memory when the
   * window is made and when it is used.
   */
  window(va: VirtAddr, bytes: number): MemoryWindow;
}

/**
 * Already-translated 32-bit words of [va, va + bytes): a cache of a mapping, not a copy. Word i is
 * the one at va + 4 i.
 *
 * `sync()` checks the translation again (cheap when no table, TLB or register changed since) and
 * returns the pieces; word i then is `pieces[(first + i) >>> shift][(first + i) & mask]`, with
 * `first`, `shift` and `mask = 2^shift - 1` constant between two syncs. Pieces stay valid until
 * control returns to the CPU or the caller changes the translation. The caller charges its
 * accesses.
 */
export interface MemoryWindow {
  readonly va: VirtAddr;
  /** Number of 32-bit words. */
  readonly words: number;
  readonly first: number;
  readonly shift: number;
  /** @throws DataAbort when a part of the range is no longer mapped writable */
  sync(): readonly Uint32Array[];
  /** Charges simulated time for `accesses` port accesses. */
  charge(accesses: number): void;
  /**
   * Reads word `index`, with its translation checked and its access charged. @throws RangeError
   * outside the window
   */
  get32(index: number): number;
  set32(index: number, value: number): void;
}

/**
 * Device registers by virtual address; the access has exactly the width named (Device-nGnRE
 * memory).
 * @throws DataAbort
 */
export interface MmioPort {
  read8(va: VirtAddr): number;
  read16(va: VirtAddr): number;
  read32(va: VirtAddr): number;
  write8(va: VirtAddr, value: number): void;
  write16(va: VirtAddr, value: number): void;
  write32(va: VirtAddr, value: number): void;
}

/**
 * Checks whether a device answers. As for an entry in a kernel's exception table, this access may
 * fault without an exception.
 */
export interface ProbePort {
  /** Reads the register at `va`; null when the access faults. */
  read32(va: VirtAddr): number | null;
}

/** System registers that the kernel reads or writes, by their Arm ARM names. */
export type SystemRegister =
  | 'CurrentEL'
  | 'DAIF'
  | 'MIDR_EL1'
  | 'MPIDR_EL1'
  | 'ID_AA64PFR0_EL1'
  | 'ID_AA64MMFR0_EL1'
  | 'SCTLR_EL1'
  | 'TCR_EL1'
  | 'MAIR_EL1'
  | 'TTBR0_EL1'
  | 'TTBR1_EL1'
  | 'VBAR_EL1'
  | 'ESR_EL1'
  | 'FAR_EL1'
  | 'ELR_EL1'
  | 'SPSR_EL1'
  | 'PAR_EL1'
  | 'CNTFRQ_EL0'
  | 'CNTPCT_EL0'
  | 'CNTVCT_EL0'
  | 'CNTP_CTL_EL0'
  | 'CNTP_CVAL_EL0'
  | 'CNTV_CTL_EL0'
  | 'CNTV_CVAL_EL0'
  | 'ICC_PMR_EL1'
  | 'ICC_IAR1_EL1'
  | 'ICC_EOIR1_EL1'
  | 'ICC_BPR1_EL1'
  | 'ICC_CTLR_EL1'
  | 'ICC_SRE_EL1'
  | 'ICC_IGRPEN1_EL1';

/** MRS and MSR of the running core. */
export interface SystemRegisterPort {
  read(register: SystemRegister): bigint;
  write(register: SystemRegister, value: bigint): void;
}

/** TLB maintenance and barriers, broadcast inner shareable (Arm ARM DDI 0487, D8.14). */
export interface TlbPort {
  /** TLBI VMALLE1IS. */
  invalidateAll(): void;
  /** TLBI VAAE1IS for the page of `va`. */
  invalidatePage(va: VirtAddr): void;
  /** DSB ISH. */
  dsb(): void;
  /** ISB. */
  isb(): void;
}

/** Cache maintenance of the running core, broadcast to the inner shareable domain. */
export interface CachePort {
  /**
   * Makes stores to [va, va + bytes) visible to instruction fetches of every core: DC CVAU and IC
   * IVAU for each line, DSB ISH, ISB (Arm ARM DDI 0487 K.a, B2.7.4.2).
   * @throws DataAbort where a byte is not mapped
   */
  syncInstructions(va: VirtAddr, bytes: number): void;
}

/**
 * Trace of the kernel for observers of the machine: the counterpart of a system trace macrocell.
 * The kernel's behaviour does not depend on it.
 */
export interface TracePort {
  /** True when events of this kind are kept: check it before computing costly fields. */
  enabled(kind: keyof KernelEvents): boolean;
  /** Emits an event. Fields given as a function may read memory: that takes no simulated time. */
  emit<K extends keyof KernelEvents>(kind: K, fields: KernelEvents[K] | (() => KernelEvents[K])): void;
}

/** PSCI and SMCCC calls by the conduit in the device tree (Arm DEN 0022, 5). Returns x0. */
export interface FirmwarePort {
  call(conduit: 'hvc' | 'smc', functionId: number, arg1?: bigint, arg2?: bigint, arg3?: bigint): bigint;
}

/** All ports of the kernel. */
export interface Ports {
  readonly memory: MemoryPort;
  readonly mmio: MmioPort;
  readonly probe: ProbePort;
  readonly registers: SystemRegisterPort;
  readonly tlb: TlbPort;
  readonly caches: CachePort;
  readonly trace: TracePort;
  readonly firmware: FirmwarePort;
}
