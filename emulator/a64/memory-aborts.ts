// SPDX-License-Identifier: GPL-2.0-only
/**
 * Aborts of a core's memory accesses: syndrome, target exception level, and reports of unmapped
 * accesses.
 *
 * It keeps the access in progress, because code that refuses a part of it knows only the physical
 * address.
 *
 * Specification: Arm ARM DDI 0487 K.a, D1.3.6 (routing of aborts), D24.2.40 (ISS of aborts).
 */

import type { BusAccessAbort } from '#emulator/bus/bus-errors.ts';
import type { ExceptionDelivery } from '#emulator/cpu/exception-delivery.ts';
import { abortSyndrome, externalAbortTarget, synchronousTarget } from '#emulator/cpu/external-abort.ts';
import { EXTERNAL_ABORT_STATUS } from '#emulator/cpu/syndrome.ts';
import type { AccessType, TranslationFault } from '#emulator/cpu/translate.ts';
import type { CoreRegisters, UnmappedAccess } from '#emulator/engine/engine.ts';
import { systemRegisterNumber } from '#emulator/engine/system-registers.ts';
import type { CoreState } from './core-state.ts';
import type { Stage2Refusal } from './regimes.ts';
import type { RegisterFile } from './system/register-file.ts';
import type { StoredRegister } from './system/registers.ts';
import { transferSyndrome } from './system/transfer-syndrome.ts';

const HPFAR_EL2 = systemRegisterNumber([3, 4, 6, 0, 4]);
/** ISS.S1PTW: stage 2 refused a walk of stage 1. */
const ISS_S1PTW = 1 << 7;
const ALIGNMENT_STATUS = 0b100001;

export interface MemoryAbortsContext {
  readonly state: CoreState;
  readonly registers: RegisterFile;
  /** The same registers, for parts of a core that do not use WebAssembly. */
  readonly engine: CoreRegisters;
  readonly exceptions: () => ExceptionDelivery;
}

/** Virtual address from its halves, as WebAssembly passes them: signed or unsigned. */
export const virtualAddress = (low: number, high: number): bigint => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);

export class MemoryAborts {
  private readonly parts: MemoryAbortsContext;
  private readonly wordAt: (va: bigint) => number | null;
  private low = 0;
  private high = 0;
  /** Offset of the part of the access in progress, in bytes from its address. */
  part = 0;

  /** @param wordAt reads the word of code at an address; null where there is none */
  constructor(parts: MemoryAbortsContext, wordAt: (va: bigint) => number | null) {
    this.parts = parts;
    this.wordAt = wordAt;
  }

  /** Begins an access. */
  begin(low: number, high: number): void {
    this.low = low;
    this.part = 0;
    this.high = high;
  }

  /** Address of the current part of the access. */
  private get address(): bigint {
    return BigInt.asUintN(64, virtualAddress(this.low, this.high) + BigInt(this.part));
  }

  /** Takes an abort, and returns 1. */
  take(
    type: AccessType,
    status: number,
    far: bigint,
    target = synchronousTarget(this.parts.engine, this.parts.state.level),
  ): number {
    const { state, exceptions } = this.parts;
    const esr = abortSyndrome(type, status, state.level < target, far);
    exceptions().enter('synchronous', target, esr, far, state.pc);
    return 1;
  }

  /** Takes the alignment fault of an access. */
  misaligned(low: number, high: number, write: boolean): number {
    return this.take(write ? 'write' : 'read', ALIGNMENT_STATUS, virtualAddress(low, high));
  }

  /** Takes the external abort of an access to unmapped physical memory, and reports it. */
  unanswered(access: UnmappedAccess): void {
    const { state, exceptions } = this.parts;
    exceptions().reportUnmapped(access, state.pc);
    this.takeExternal(access.type, access.type === 'fetch' ? state.pc : this.address);
  }

  /**
   * Takes the external abort of an access that a device refused, made by the instruction at `pc`.
   */
  refused(type: AccessType, refusal: BusAccessAbort, pc: bigint): void {
    this.parts.exceptions().reportRefused(refusal, pc);
    this.takeExternal(type, this.address);
  }

  /**
   * Takes the fault of a table walk.
   * @param lost address of the descriptor that could not be read, for an external abort on the walk
   */
  translationFault(type: AccessType, { kind, status }: TranslationFault, far: bigint, lost: number): void {
    if (kind !== 'external abort on walk') {
      this.take(type, status, far);
      return;
    }
    const { state, exceptions } = this.parts;
    exceptions().reportUnmapped({ type: 'read', address: lost, size: 8, value: 0n }, state.pc);
    this.takeExternal(type, far, status);
  }

  /** Takes to EL2 the abort of an access, or of its table walk, that stage 2 refuses. */
  stage2(type: AccessType, status: number, far: bigint, { ipa, onWalk }: Stage2Refusal): void {
    const { state, registers, exceptions } = this.parts;
    // Code that is being executed can be read.
    const instruction = onWalk || type === 'fetch' ? null : this.wordAt(state.pc);
    const iss = onWalk ? ISS_S1PTW : instruction === null ? 0 : transferSyndrome(instruction);
    registers.write(registers.find(HPFAR_EL2) as StoredRegister, (BigInt(ipa) >> 12n) << 4n);
    exceptions().enter('synchronous', 2, (abortSyndrome(type, status, true, far) | iss) >>> 0, far, state.pc);
  }

  private takeExternal(type: AccessType, far: bigint, status = EXTERNAL_ABORT_STATUS): void {
    const { engine, state } = this.parts;
    this.take(type, status, far, externalAbortTarget(engine, state.level));
  }
}
