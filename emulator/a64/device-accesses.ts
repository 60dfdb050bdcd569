// SPDX-License-Identifier: GPL-2.0-only
/**
 * Accesses that a device must see: those to devices on the bus, and stores to flash. Flash is read
 * directly.
 *
 *     load, store ─► bus                      atomic access to flash ─► a copy; what it has
 *     store into flash ─► its device          changed there goes to the device when it is done
 */

import { BusAccessAbort } from '#emulator/bus/bus-errors.ts';
import type { CoreContext } from '#emulator/cpu/machine-core.ts';
import type { UnmappedAccess } from '#emulator/engine/engine.ts';
import type { CoreState } from './core-state.ts';
import { LAYOUT } from './layout.ts';
import type { MemoryAborts } from './memory-aborts.ts';

export interface DeviceAccessesContext {
  readonly state: CoreState;
  readonly environment: CoreContext;
  /** Requests a call of {@link DeviceAccesses.instructionDone} after this instruction. */
  readonly comeBack: () => void;
  /** Called after code outside the core has written memory, or may have. */
  readonly outsideCalled: () => void;
}

export class DeviceAccesses {
  private readonly parts: DeviceAccessesContext;
  private readonly aborts: MemoryAborts;
  private readonly isOnBus: (address: number) => boolean;
  /** Update of flash by the instruction in progress, which works on LAYOUT.flashCopy. */
  private flashUpdate: { readonly address: number; readonly size: number; readonly before: bigint[] } | null = null;

  /** @param isOnBus true where devices may answer at a physical address */
  constructor(parts: DeviceAccessesContext, aborts: MemoryAborts, isOnBus: (address: number) => boolean) {
    this.parts = parts;
    this.aborts = aborts;
    this.isOnBus = isOnBus;
  }

  /** Returns null when an abort was taken. */
  read(address: number, bytes: number): bigint | null {
    if (isSplit(address, bytes)) {
      const low = this.read(address, 4);
      this.aborts.part += 4;
      const high = low === null ? null : this.read(address + 4, 4);
      return low === null || high === null ? null : low | (high << 32n);
    }
    const { bus } = this.parts.environment;
    return this.onBus({ type: 'read', address, size: bytes, value: 0n }, () =>
      bytes === 8 ? bus.read64(address) : BigInt(bus.read(address, bytes as 1 | 2 | 4)),
    );
  }

  /** Returns false when an abort was taken. */
  write(address: number, bytes: number, value: bigint): boolean {
    if (isSplit(address, bytes)) {
      if (!this.write(address, 4, BigInt.asUintN(32, value))) return false;
      this.aborts.part += 4;
      return this.write(address + 4, 4, value >> 32n);
    }
    const { environment } = this.parts;
    const access = { type: 'write', address, size: bytes, value } as const;
    if (environment.isFlashStore(access)) {
      environment.noteFlashStore(access);
      environment.flashStoresMade();
      this.parts.outsideCalled();
      return true;
    }
    const done = this.onBus(access, () => {
      if (bytes === 8) environment.bus.write64(address, value);
      else environment.bus.write(address, bytes as 1 | 2 | 4, Number(value));
      return true;
    });
    return done === true;
  }

  private onBus<T>(access: UnmappedAccess, make: () => T): T | null {
    const { pc } = this.parts.state;
    const { memory } = this.parts.environment;
    if (!this.isOnBus(access.address)) {
      this.aborts.unanswered(access);
      return null;
    }
    const writes = memory.writes;
    try {
      return make();
    } catch (error) {
      if (!(error instanceof BusAccessAbort)) throw error;
      this.aborts.refused(access.type, error, pc);
      return null;
    } finally {
      if (memory.writes !== writes) this.parts.outsideCalled();
    }
  }

  /**
   * Copies `size` bytes of flash for the instruction in progress to update; the copy's address goes
   * to scratch.
   * @param host their address in the WebAssembly memory
   * @param address their physical address
   */
  updateFlash(host: number, address: number, size: number): void {
    const { state } = this.parts;
    const copy = LAYOUT.flashCopy / 8;
    const bytes = new Uint8Array(state.words.buffer);
    bytes.copyWithin(state.address + LAYOUT.flashCopy, host, host + size);
    this.flashUpdate = { address, size, before: [...state.wide.subarray(copy, copy + 2)] };
    state.wide[LAYOUT.scratch / 8] = BigInt(state.address + LAYOUT.flashCopy);
    this.parts.comeBack();
  }

  /** Stores to flash what the finished instruction has changed in the copy. */
  instructionDone(): void {
    if (this.flashUpdate === null) return;
    const { address, size, before } = this.flashUpdate;
    this.flashUpdate = null;
    before.forEach((old, index) => {
      const part = Math.min(size - 8 * index, 8);
      const value = this.parts.state.wide[LAYOUT.flashCopy / 8 + index] as bigint;
      if (part > 0 && value !== old) this.write(address + 8 * index, part, BigInt.asUintN(8 * part, value));
    });
  }
}

/** True for a doubleword that is only word-aligned: the device sees two words. */
const isSplit = (address: number, bytes: number): boolean => bytes === 8 && address % 8 === 4;
