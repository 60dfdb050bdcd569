// SPDX-License-Identifier: GPL-2.0-only
/**
 * Mapping of flash into the cores' memory: plain memory while it is only read, which is fast and
 * executable, and a device while it processes commands (devices/cfi-flash.ts).
 *
 *     memory ── a store that is a command ──► device ── back in array mode ──► memory       each before the next slice
 *
 * A read after a store may have to come from the device, and a store that is not a command must
 * change nothing. So the core executes a store to flash alone, in a slice of one instruction. The
 * engine writes to the memory; then the write is undone and given to the device. The code itself
 * may be in the same flash.
 */

import type { Device } from '#emulator/bus/device.ts';
import type { Bus } from '#emulator/bus/bus.ts';
import type { MachineCore } from '#emulator/cpu/machine-core.ts';
import type { UnmappedAccess } from '#emulator/engine/engine.ts';
import type { FixedMemory } from './machine-options.ts';

interface FlashWindow {
  readonly memory: FixedMemory;
  readonly device: Device;
  mappedAs: 'memory' | 'device';
  /** True when array mode was left or entered: the mapping changes before the next slice. */
  changing: boolean;
}

/** Store by the engine to flash that is mapped as memory. */
interface NotedStore {
  readonly window: FlashWindow;
  readonly offset: number;
  readonly access: UnmappedAccess;
  /** Start offset of the surroundings that the instruction may change. */
  readonly start: number;
  readonly before: Uint8Array;
}

/** Most bytes that one instruction changes: DC ZVA. */
const MOST_BYTES = 64;
/** Width of the bank in bytes. */
const WORD = 4;

export class FlashWindows {
  private readonly windows: FlashWindow[] = [];
  private noted: NotedStore[] = [];
  private readonly cores: () => readonly MachineCore[];

  /** @param cores cores that have an engine, at the time of the call */
  constructor(cores: () => readonly MachineCore[]) {
    this.cores = cores;
  }

  /**
   * Adds `memory` as flash whose writes `device` serves. Returns the function that the device calls
   * when it enters or leaves array mode.
   */
  add(memory: FixedMemory, device: Device, bus: Bus, interruptSlice: () => void): (arrayMode: boolean) => void {
    const { name, base, size } = memory;
    bus.attach({ name, base, size, device });
    const window: FlashWindow = { memory, device, mappedAs: 'memory', changing: false };
    this.windows.push(window);
    return (arrayMode) => {
      window.changing = arrayMode !== (window.mappedAs === 'memory');
      if (window.changing) interruptSlice();
    };
  }

  /** True while `memory` is flash that is mapped as a device. */
  isDevice(memory: FixedMemory): boolean {
    return this.windows.some((window) => window.memory === memory && window.mappedAs === 'device');
  }

  /** True when the access is a store into flash that is mapped as memory. */
  isFlashStore({ type, address }: UnmappedAccess): boolean {
    return type === 'write' && this.windowAt(address)?.mappedAs === 'memory';
  }

  /**
   * Notes the contents before a store to flash mapped as memory, for {@link
   * FlashWindows.storesMade}. The core is about to make it, alone in its slice. Returns false when
   * the store is elsewhere.
   */
  note(access: UnmappedAccess): boolean {
    const window = this.isFlashStore(access) ? this.windowAt(access.address) : undefined;
    if (window === undefined) return false;
    const offset = access.address - window.memory.base;
    // DC ZVA is announced only by its first byte, and the second half of a pair may not be
    // announced.
    const start = offset - (offset % MOST_BYTES);
    this.noted.push({
      window,
      offset,
      access,
      start,
      before: window.memory.bytes.slice(start, start + 2 * MOST_BYTES),
    });
    return true;
  }

  /**
   * Called after that slice: undoes the stores and gives them to the devices. Returns false when
   * there was none.
   */
  storesMade(): boolean {
    const stores = this.noted;
    this.noted = [];
    for (const { window, start, before } of stores.toReversed()) window.memory.bytes.set(before, start);
    for (const { window, offset, access } of stores) {
      const width = Math.min(access.size, WORD);
      for (let at = 0; at < access.size; at += width) {
        const value = Number(BigInt.asUintN(8 * width, access.value >> BigInt(8 * at)));
        window.device.write(offset + at, width as 1 | 2 | 4, value);
      }
    }
    return stores.length > 0;
  }

  saveState() {
    return this.windows.map(({ mappedAs, changing }) => ({ mappedAs, changing }));
  }

  /** The cores that were on must be open already. */
  restoreState(state: ReturnType<FlashWindows['saveState']>): void {
    for (const [index, window] of this.windows.entries()) {
      const saved = state[index];
      if (saved?.mappedAs === 'device') this.mapAs(window, 'device');
      window.changing = saved?.changing ?? false;
    }
  }

  /** Updates the mapping of each flash that has changed mode. Between slices. */
  settle(): void {
    for (const window of this.windows) {
      if (!window.changing) continue;
      window.changing = false;
      this.mapAs(window, window.mappedAs === 'memory' ? 'device' : 'memory');
    }
  }

  private windowAt(address: number): FlashWindow | undefined {
    return this.windows.find(({ memory: { base, size } }) => address >= base && address < base + size);
  }

  private mapAs(window: FlashWindow, what: 'memory' | 'device'): void {
    const { base, bytes, access } = window.memory;
    for (const core of this.cores()) {
      core.engine.unmap(base, bytes.length);
      if (what === 'device') core.mapBus(base, bytes.length);
      else core.engine.mapMemory(base, bytes, access);
    }
    window.mappedAs = what;
  }
}
