// SPDX-License-Identifier: GPL-2.0-only
/**
 * Data abort of an access by TypeScript code, thrown by implementations of memory by virtual
 * address: the machine's own, and the fakes of tests. Kernel code does not catch it; the gate that
 * entered TypeScript turns it into an exception of the CPU.
 *
 * Specification: Arm ARM DDI 0487 K.a, D24.2.40 (ESR_EL1), D24.2.43 (FAR_EL1).
 */

import { hex, virtAddr, type VirtAddr } from './address.ts';

export class DataAbort extends Error {
  /** ESR_EL1 as hardware would report it, 32 bits. */
  readonly esr: number;
  /** Virtual address that could not be accessed. */
  readonly far: VirtAddr;

  constructor(esr: number, far: bigint) {
    super(`data abort: ESR ${hex(esr)}, FAR ${hex(BigInt.asUintN(64, far))}`);
    this.name = 'DataAbort';
    this.esr = esr;
    this.far = virtAddr(far);
  }
}
